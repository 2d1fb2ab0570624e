"""A home with nothing in it, and one with a vault, which is made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_runs import ONE_REPLY, Troth
from servers import ScriptedServer, json_answer, openai_chat_stream, routes


@pytest.fixture
def troth(tmp_path: Path) -> Troth:
    return Troth(tmp_path / "home")


@pytest.fixture(scope="session")
def _made_vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Troth(tmp_path_factory.mktemp("vault") / "home")
    made.unlock_by_file()
    ran = made("vault", "init")
    assert ran.code == 0, ran.err
    return made.home


@pytest.fixture
def with_vault(troth: Troth, _made_vault: Path) -> Troth:
    """A home with an empty vault that opens without a question."""
    shutil.copytree(_made_vault, troth.home)
    troth.unlock_by_file()
    return troth


@pytest.fixture
def provider(troth: Troth) -> Iterator[ScriptedServer]:
    """A provider called `mine` with two models that says hello."""
    script = routes(
        {
            "/v1/chat/completions": openai_chat_stream(ONE_REPLY),
            "/v1/models": json_answer({"data": [{"id": "m1"}, {"id": "m2"}]}),
        }
    )
    with ScriptedServer(script) as server:
        troth.add_provider(server.url)
        yield server

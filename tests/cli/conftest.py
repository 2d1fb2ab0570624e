"""A home with nothing in it, and one with a vault, which is made once and copied."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cli_runs import ONE_REPLY, PASSPHRASE, Ran, Troth
from servers import ScriptedServer, json_answer, openai_chat_stream, routes
from troth.cli.main import run
from troth.vault.vault import Vault

MIN_MEMORY_KIB = 65_536


@pytest.fixture
def troth(tmp_path: Path) -> Troth:
    return Troth(tmp_path / "home")


@pytest.fixture(scope="session")
def _made_vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault at the lowest cost that is allowed: most of these tests open one several times."""
    made = Troth(tmp_path_factory.mktemp("vault") / "home")

    async def make() -> None:
        directory = made.home / "data"
        created = await Vault.create(directory, PASSPHRASE, memory_kib=MIN_MEMORY_KIB)
        await created.vault.close()

    asyncio.run(make())
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


@pytest.fixture
def inside(
    troth: Troth, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Runs a command line in this process: cheaper, for what needs no process and no stdin."""

    def run_inside(*words: str, env: Mapping[str, str] | None = None) -> Ran:
        with monkeypatch.context() as patched:
            patched.setenv("TROTH_HOME", str(troth.home))
            for name, value in {**troth.environ, **(env or {})}.items():
                patched.setenv(name, value)
            code = run(words)
        shown = capsys.readouterr()
        return Ran(int(code), shown.out, shown.err)

    return run_inside

"""Welcome, vault, unlock, lock: the ways in and out, on real files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from gguf_files import SOUND
from servers import ScriptedServer, json_answer, openai_chat_stream, routes
from troth.local import weights
from troth.settings import find_paths
from troth.tui.app import first_kind
from troth.tui.application import TrothApp
from troth.tui.screens.chat import ChatScreen
from troth.tui.screens.choice import ChoiceScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.unlock import UnlockScreen
from troth.tui.screens.vault_setup import VaultScreen
from troth.tui.screens.ways import Found
from troth.tui.screens.welcome import WelcomeScreen
from troth.tui.widgets.row_list import RowList
from troth.vault import vault as vault_module
from troth.vault.vault import Vault
from tui.app_stage import MODELS, Stage, run_app

PASSPHRASE = "forest lamp quiet nine river"
CHEAP_KIB = 65_536


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive with the smallest memory that a vault may have: four times faster."""
    create = Vault.create.__func__  # type: ignore[attr-defined]
    assert "memory_kib" in create.__kwdefaults__
    monkeypatch.setitem(create.__kwdefaults__, "memory_kib", CHEAP_KIB)
    assert vault_module.DEFAULT_MEMORY_KIB > CHEAP_KIB


async def choose(stage: Stage, way: str) -> None:
    """Take one way of the first step."""
    rows = stage.app.screen.query_one(RowList)
    place = next(at for at, row in enumerate(rows.rows) if row.id == way)
    await stage.pilot.press(*["down"] * place, "enter")


async def fill_passphrase(stage: Stage, first: str = PASSPHRASE, second: str = PASSPHRASE) -> None:
    for name, text in (("#first", first), ("#second", second)):
        stage.app.screen.query_one(name, Input).value = text
    stage.app.screen.query_one("#second").focus()
    await stage.pilot.press("enter")


async def type_words_back(stage: Stage) -> list[str]:
    screen = stage.app.screen
    assert isinstance(screen, VaultScreen)
    await stage.until(lambda: screen._words, "the recovery words are shown", 60)
    words = list(screen._words)
    assert len(words) == 12
    for name, at in zip(("#first", "#second"), screen._asked, strict=True):
        screen.query_one(name, Input).value = words[at]
    screen.query_one("#second").focus()
    await stage.pilot.press("enter")
    await stage.until(lambda: "Ready" in stage.text)
    return words


async def test_no_download_is_promised_where_a_model_is_here_already(tmp_path: Path) -> None:
    async with run_app(tmp_path, kind="welcome", with_provider=False) as stage:
        await stage.until(lambda: "93 MB" in stage.text)
    file = tmp_path / "my.gguf"
    file.write_bytes(SOUND)
    await weights.add(find_paths({"TROTH_HOME": str(tmp_path)}).models_dir, file)
    async with run_app(tmp_path, kind="welcome", with_provider=False) as stage:
        await stage.until(lambda: "my, already here" in stage.text)
        assert "93 MB" not in stage.text
        assert "nothing is fetched" in stage.text
        for _ in range(4):
            await stage.pilot.press("down")
        await stage.until(lambda: "SIMULATED" in stage.text)
        assert "93 MB" not in stage.text


async def test_the_first_start_leads_through_vault_and_recovery_words_into_the_chat(
    tmp_path: Path,
) -> None:
    async with run_app(tmp_path, kind="welcome", with_provider=False) as stage:
        assert "A model on this computer" in stage.text
        await choose(stage, "later")
        await stage.until(lambda: isinstance(stage.app.screen, VaultScreen))
        await fill_passphrase(stage)
        await type_words_back(stage)
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        await stage.until(lambda: stage.screen.is_seated)
        assert stage.screen.title_bar.state == "unlocked"
        assert (tmp_path / "data" / "vault.json").exists()
    assert first_kind({"TROTH_HOME": str(tmp_path)}, in_memory=False) == ("unlock", False)


def test_a_database_without_its_key_file_is_no_first_run(tmp_path: Path) -> None:
    environ = {"TROTH_HOME": str(tmp_path)}
    assert first_kind(environ, in_memory=False) == ("welcome", False)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "vault.db").write_bytes(b"x")
    assert first_kind(environ, in_memory=False) == ("unlock", False)


async def test_keep_nothing_makes_no_vault(tmp_path: Path) -> None:
    async with run_app(tmp_path, kind="welcome", with_provider=False) as stage:
        await choose(stage, "later")
        await stage.until(lambda: isinstance(stage.app.screen, VaultScreen))
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: "memory only" in stage.text)
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        await stage.until(lambda: stage.screen.is_seated)
        assert stage.screen.title_bar.state == "memory only"
    assert not (tmp_path / "data" / "vault.json").exists()


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [("password", "password", "Too easy to guess"), (PASSPHRASE, "other", "not the same")],
)
async def test_a_passphrase_that_is_weak_or_mistyped_makes_no_vault(
    tmp_path: Path, first: str, second: str, word: str
) -> None:
    async with run_app(tmp_path, kind="welcome", with_provider=False) as stage:
        await choose(stage, "later")
        await stage.until(lambda: isinstance(stage.app.screen, VaultScreen))
        await fill_passphrase(stage, first, second)
        await stage.until(lambda: word in stage.text)
    assert not (tmp_path / "data").exists()


async def test_what_is_wrong_stands_while_the_model_is_on_its_way(tmp_path: Path) -> None:
    async with run_app(tmp_path, kind="welcome", with_provider=False) as stage:
        never: asyncio.Future[None] = asyncio.Future()
        found = Found(progress="Fetching  12%")
        found.download = stage.app.run_worker(asyncio.wait_for(never, None))  # type: ignore[assignment]
        screen = VaultScreen(stage.app, found)
        stage.app.push_screen(screen)
        await stage.until(lambda: "Fetching  12%" in stage.text)
        await fill_passphrase(stage, PASSPHRASE, "other")
        found.progress = "Fetching  13%"
        await stage.until(lambda: "Fetching  13%" in stage.text)
        assert "The two are not the same." in stage.text


async def test_an_address_is_tried_and_its_model_answers_the_first_message(
    tmp_path: Path,
) -> None:
    table = {
        "GET /v1/models": json_answer(MODELS),
        "POST /v1/chat/completions": openai_chat_stream(["Hello", " you."]),
    }
    async with (
        ScriptedServer(routes(table)) as server,
        run_app(tmp_path, kind="welcome", with_provider=False) as stage,
    ):
        await choose(stage, "address")
        await stage.until(lambda: isinstance(stage.app.screen, TextDialog))
        stage.app.screen.query_one(Input).value = f"{server.url}/v1"
        await stage.pilot.press("enter")
        await stage.until(lambda: "Its key" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ChoiceScreen))
        await stage.type("beta")
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, VaultScreen))
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: "127-0-0-1/beta" in stage.text)
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        await stage.until(lambda: stage.screen.is_seated)
        await stage.until(lambda: stage.screen.title_bar.model == "beta")
        await stage.say("hi")
        assert "Hello you." in stage.text


async def test_a_wrong_address_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    async with run_app(tmp_path, kind="welcome", with_provider=False) as stage:
        await choose(stage, "address")
        await stage.until(lambda: isinstance(stage.app.screen, TextDialog))
        stage.app.screen.query_one(Input).value = "http://127.0.0.1:9/v1"
        await stage.pilot.press("enter")
        await stage.until(lambda: "Its key" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, WelcomeScreen))
        await stage.until(lambda: "127.0.0.1" in stage.text)
    assert not (tmp_path / "config" / "config.toml").exists()


@asynccontextmanager
async def locked_app(home: Path) -> AsyncIterator[Stage]:
    made = await Vault.create(home / "data", PASSPHRASE, memory_kib=CHEAP_KIB)
    await made.vault.close()
    async with run_app(home, kind="unlock") as stage:
        yield stage


async def unlock(stage: Stage, passphrase: str = PASSPHRASE) -> None:
    stage.app.screen.query_one(Input).value = passphrase
    await stage.pilot.press("enter")
    await stage.until(lambda: isinstance(stage.app.screen, ChatScreen), "unlocked", 60)
    await stage.until(lambda: stage.screen.is_seated)


async def test_a_wrong_passphrase_is_told_and_the_right_one_opens(tmp_path: Path) -> None:
    async with locked_app(tmp_path) as stage:
        stage.app.screen.query_one(Input).value = "not it"
        await stage.pilot.press("enter")
        await stage.until(lambda: "does not open" in stage.text, limit_s=60)
        await unlock(stage)
        assert stage.screen.title_bar.state == "unlocked"


async def test_without_the_vault_one_can_chat_and_nothing_is_kept(tmp_path: Path) -> None:
    async with locked_app(tmp_path) as stage:
        await stage.pilot.press("ctrl+g")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        await stage.until(lambda: stage.screen.is_seated)
        await stage.say("hello")
        assert stage.screen.title_bar.state == "memory only"


async def test_locking_shows_nothing_and_unlocking_brings_back_chat_and_draft(
    tmp_path: Path,
) -> None:
    async with locked_app(tmp_path) as stage:
        await unlock(stage)
        await stage.say("a private matter")
        await stage.type("and a draft")
        await stage.pilot.press("f12")
        await stage.until(lambda: isinstance(stage.app.screen, UnlockScreen))
        await stage.until(lambda: stage.app.engine and stage.app.engine.is_locked)
        assert "private" not in stage.text
        assert "draft" not in stage.text
        await unlock(stage)
        await stage.until(lambda: stage.screen.title_bar.chat_title == "a private matter")
        assert stage.screen.prompt.text == "and a draft"


async def test_chat_and_draft_survive_a_restart(tmp_path: Path) -> None:
    async with locked_app(tmp_path) as stage:
        await unlock(stage)
        await stage.say("remember me")
        await stage.type("unfinished")
        await stage.app.action_quit()
    async with run_app(tmp_path, kind="unlock") as stage:
        await unlock(stage)
        assert stage.screen.title_bar.chat_title == "remember me"
        assert stage.screen.prompt.text == "unfinished"


async def test_what_is_typed_before_the_engine_is_there_stays_and_can_be_sent(
    tmp_path: Path,
) -> None:
    table = {"POST /v1/chat/completions": openai_chat_stream(["Hi."])}
    async with ScriptedServer(routes(table)) as server:
        folder = tmp_path / "config"
        folder.mkdir()
        (folder / "config.toml").write_text(
            f'default_model = "s/m"\n[providers.s]\nwire = "openai-chat"\n'
            f'base_url = "{server.url}/v1"\nneeds_key = false\n',
            "utf-8",
        )
        app = TrothApp("chat", environ={"TROTH_HOME": str(tmp_path)})
        async with app.run_test() as pilot:
            assert app.engine is None
            await pilot.press(*"early", "enter", *"more")
            await asyncio.wait_for(server.wait_for_request(), 30)
            screen = app.screen_stack[0]
            assert isinstance(screen, ChatScreen)
            assert screen.prompt.text == "more"
        await app.seal()

"""Importing on the screen: a look before anything is written, whole chats, and the way back."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest
from textual.widgets import Static

from transfer.exports import PNG, gpt_chat, gpt_message, gpt_simple, write_zip
from troth.engine.importing import preview_import, run_import
from troth.tui.screens.import_chats import ImportScreen
from troth.tui.screens.path_rows import matching_entries, plain_path
from tui.app_stage import Stage, run_app


def export(folder: Path, *titles: str) -> Path:
    """Write an export of simple chats, and one broken record."""
    chats = [json.dumps(gpt_simple(f"c-{title}", title)) for title in titles]
    path = folder / "conversations.json"
    path.write_text(f'[{", ".join(chats)}, {{"mapping": oops}}]', "utf-8")
    return path


async def open_import(stage: Stage, line: str) -> ImportScreen:
    stage.screen.prompt.set_text(line)
    await stage.pilot.press("enter")
    await stage.until(lambda: isinstance(stage.app.screen, ImportScreen))
    screen = stage.app.screen
    assert isinstance(screen, ImportScreen)
    await stage.until(lambda: screen.query("#about"))
    return screen


def about(screen: ImportScreen) -> str:
    return str(screen.query_one("#about", Static).content)


async def titles(stage: Stage) -> list[str]:
    return sorted(chat.title for chat in await stage.desk.engine.chats())


async def test_a_file_is_looked_at_taken_in_shown_and_taken_back(tmp_path: Path) -> None:
    path = export(tmp_path, "Knots", "Ropes")
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        await stage.pilot.press("ctrl+b")
        await stage.until(lambda: stage.desk.listing.is_open)
        await stage.pilot.press("escape")
        screen = await open_import(stage, f"/import {path}")
        await stage.until(lambda: "2 chats, 4 messages" in about(screen), "the look", 60)
        assert "Left out: broken records, 1 in all" in about(screen)
        assert "Knots" in stage.text
        assert await titles(stage) == []
        await stage.pilot.press("enter")
        await stage.until(lambda: "4 messages in 2 new chats" in about(screen), "the import", 60)
        assert await titles(stage) == ["Knots", "Ropes"]
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.until(lambda: "Ropes" in stage.text, "the list shows what came")
        screen = await open_import(stage, f"/import {path}")
        await stage.until(lambda: "All of it is here already" in about(screen), "known", 60)
        await stage.pilot.press("escape", "ctrl+l")
        await stage.until(lambda: "2 chats, 4 messages" in stage.text)
        await stage.pilot.press("enter")
        await stage.until(lambda: "Taken back: 4 messages and 2 chats" in about(screen))
        assert await titles(stage) == []


async def test_images_are_counted_before_they_come(tmp_path: Path) -> None:
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-AbCd1234"}
    question = gpt_message("user", content={"content_type": "multimodal_text",
                                            "parts": [image, "What is it?"]})  # fmt: skip
    chat = gpt_chat([("root", None, None), ("q", "root", question)])
    text = json.dumps([chat]).encode()
    path = write_zip(
        tmp_path / "chatgpt.zip", {"conversations.json": text, "file-AbCd1234-knot.png": PNG}
    )
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        screen = await open_import(stage, f"/import {path}")
        await stage.until(lambda: "1 image or file" in about(screen), "the look", 60)


async def test_escape_stops_an_import_and_what_came_can_be_taken_back(tmp_path: Path) -> None:
    path = export(tmp_path, *(f"chat {number}" for number in range(40)))
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        screen = await open_import(stage, f"/import {path}")
        await stage.until(lambda: "40 chats" in about(screen), "the look", 60)
        gate = threading.Event()
        writing = asyncio.ensure_future(
            stage.desk.engine.vault._writer.run(lambda _: gate.wait(60))
        )
        await stage.pilot.press("enter")
        await stage.until(lambda: screen._stage == "import")
        await stage.pilot.press("escape")
        gate.set()
        await writing
        await stage.until(
            lambda: screen._stage == "done" and "Stopped" in about(screen), "stop", 60
        )
        assert len(await titles(stage)) < 40


async def test_what_an_earlier_import_brought_is_not_offered_for_one_that_was_stopped(
    tmp_path: Path,
) -> None:
    (tmp_path / "earlier").mkdir()
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        engine = stage.desk.engine
        earlier = await preview_import(engine, [export(tmp_path / "earlier", "Old")])
        await run_import(engine, earlier)
        [record] = await engine.vault.intake.records()
        cut = json.loads(record.record) | {"is_finished": False}
        await engine.vault.intake.set_record(record.batch_id, json.dumps(cut))
        screen = await open_import(stage, f"/import {export(tmp_path, 'Knots')}")
        await stage.until(lambda: "1 chat" in about(screen), "the look", 60)
        gate = threading.Event()
        writing = asyncio.ensure_future(engine.vault._writer.run(lambda _: gate.wait(60)))
        await stage.pilot.press("enter")
        await stage.until(lambda: screen._stage == "import")
        await stage.pilot.press("escape")
        gate.set()
        await writing
        await stage.until(lambda: screen._stage == "done", "stop", 60)
        if await titles(stage) == ["Old"]:
            assert "Nothing had come in yet" in about(screen)
            assert not screen._batch_id
        else:
            assert "1 chat with 2 messages" in about(screen)
        assert screen._batch_id != record.batch_id


async def test_escape_stops_taking_back_before_it_has_begun(tmp_path: Path) -> None:
    path = export(tmp_path, "Knots")
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        screen = await open_import(stage, f"/import {path}")
        await stage.until(lambda: "1 chat" in about(screen), "the look", 60)
        await stage.pilot.press("enter")
        await stage.until(lambda: "new chat" in about(screen), "the import", 60)
        gate = threading.Event()
        writing = asyncio.ensure_future(
            stage.desk.engine.vault._writer.run(lambda _: gate.wait(60))
        )
        await stage.pilot.press("u")
        await stage.until(lambda: "Taking it back" in about(screen))
        await stage.pilot.press("escape")
        assert stage.app.screen is screen
        gate.set()
        await writing
        await stage.until(lambda: "before anything was taken back" in about(screen))
        assert await titles(stage) == ["Knots"]
        await stage.pilot.press("u")
        await stage.until(lambda: "Taken back: 2 messages" in about(screen))
        assert await titles(stage) == []


async def test_escape_stops_taking_back_and_it_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("troth.vault.withdrawal.MESSAGES_AT_ONCE", 2)
    monkeypatch.setattr("troth.vault.intake.PAUSE_S", 3600)
    path = export(tmp_path, *(f"chat {number}" for number in range(6)))
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        screen = await open_import(stage, f"/import {path}")
        await stage.until(lambda: "6 chats" in about(screen), "the look", 60)
        await stage.pilot.press("enter")
        await stage.until(lambda: "new chats" in about(screen), "the import", 60)
        await stage.pilot.press("u")
        await stage.until(lambda: "2 of 12 messages" in stage.text, "the first slice", 60)
        await stage.pilot.press("escape")
        await stage.until(lambda: "Stopped. 2 messages and 1 chat" in about(screen), "stop", 60)
        assert len(await titles(stage)) == 5
        monkeypatch.setattr("troth.vault.intake.PAUSE_S", 0.01)
        await stage.pilot.press("u")
        await stage.until(lambda: "Taken back: 10 messages and 5 chats" in about(screen), "", 60)
        assert await titles(stage) == []
        assert await stage.desk.engine.vault.intake.records() == []


async def test_a_file_that_is_no_export_says_so_and_lets_another_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text('{"a": 1}', "utf-8")
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        screen = await open_import(stage, f"/import {path}")
        await stage.until(lambda: "cannot be imported" in stage.text, "the refusal", 60)
        assert screen.field.has_focus
        assert screen.field.value == str(path)


async def test_a_path_is_completed_and_entered(tmp_path: Path) -> None:
    folder = tmp_path / "from browser"
    folder.mkdir()
    export(folder, "Knots")
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        screen = await open_import(stage, "/import")
        screen.field.value = f"{tmp_path}/from"
        await stage.until(lambda: "from browser" in stage.text)
        await stage.pilot.press("tab")
        await stage.until(lambda: screen.field.value == f"{folder}/")
        await stage.until(lambda: "conversations.json" in stage.text)
        await stage.pilot.press("enter")
        await stage.until(lambda: "1 chat, 2 messages" in about(screen), "the look", 60)


async def test_a_chat_that_is_taken_back_while_it_is_open_gives_way(tmp_path: Path) -> None:
    path = export(tmp_path, "Knots")
    async with run_app(tmp_path / "home", size=(100, 30)) as stage:
        screen = await open_import(stage, f"/import {path}")
        await stage.until(lambda: "1 chat" in about(screen), "the look", 60)
        await stage.pilot.press("enter")
        await stage.until(lambda: "new chat" in about(screen), "the import", 60)
        [chat] = await stage.desk.engine.chats()
        await stage.desk.talking.open(chat.id)
        await stage.pilot.press("u")
        await stage.until(lambda: "Taken back" in about(screen))
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.chat_title == "New chat")


def test_paths_are_taken_as_a_terminal_drops_them() -> None:
    assert plain_path("'/tmp/my export.zip' ") == "/tmp/my export.zip"
    assert plain_path("/tmp/my\\ export.zip") == "/tmp/my export.zip"
    assert plain_path("'/tmp/half") == "'/tmp/half"


def test_a_folder_offers_exports_first_and_hides_the_rest(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("a.zip", "b.txt", "logs.db"):
        (tmp_path / name).touch()
    names = [entry.name for entry in matching_entries(f"{tmp_path}/")]
    assert names[-1] == "inner"
    assert sorted(names) == ["a.zip", "inner", "logs.db"]
    assert [entry.name for entry in matching_entries(f"{tmp_path}/.h")] == [".hidden"]
    assert matching_entries(f"{tmp_path}/missing/") == []

"""Keeping many chats in order: several at once, folders that forget, tags, and the search line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from troth.domain.conversation import Conversation
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.find import FindScreen
from troth.tui.screens.find_words import FACETS, completed, hint_words
from troth.tui.screens.folders import FoldersScreen
from troth.tui.widgets.sidebar import Sidebar
from tui.app_stage import Stage, run_app

NOW = datetime.now(UTC)
KNOWN = {"in": ["home stuff", "work"], "provider": ["openai", "ollama"]}


async def put_chats(stage: Stage, count: int = 4) -> Sidebar:
    """Put chats into the vault, the newest first, and open the list."""
    for number in range(count):
        moment = NOW - timedelta(days=number * 20)
        await stage.desk.engine.vault.add_conversation(
            Conversation(f"c{number}", f"chat {number}", moment, moment, is_titled=True)
        )
    await stage.pilot.press("ctrl+b")
    await stage.until(lambda: stage.desk.listing.is_open)
    sidebar = stage.screen.query_one(Sidebar)
    await stage.until(lambda: len(titles(sidebar)) == count)
    return sidebar


def titles(sidebar: Sidebar) -> list[str]:
    return [row.title for row in sidebar.chat_list.rows]


async def answer(stage: Stage, text: str) -> None:
    await stage.until(lambda: isinstance(stage.app.screen, TextDialog))
    await stage.type(text)
    await stage.pilot.press("enter")


async def test_selected_chats_are_deleted_together_and_come_back_together(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        sidebar = await put_chats(stage)
        await stage.pilot.press("space", "space")
        await stage.until(lambda: "2 selected" in stage.text)
        await stage.pilot.press("d")
        await stage.until(lambda: titles(sidebar) == ["chat 2", "chat 3"])
        assert "2 chats" in stage.text
        assert sidebar.picked == set()
        await stage.pilot.press("u")
        await stage.until(lambda: len(titles(sidebar)) == 4)


async def test_all_that_the_filter_shows_can_be_selected_and_archived(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        sidebar = await put_chats(stage)
        sidebar.filter_by("chat")
        await stage.pilot.press("asterisk")
        await stage.until(lambda: "4 selected" in stage.text)
        await stage.pilot.press("space", "a")
        await stage.until(lambda: titles(sidebar) == ["chat 0"])
        await stage.pilot.press("A")
        await stage.until(lambda: titles(sidebar) == ["chat 1", "chat 2", "chat 3"])


async def test_selected_chats_go_into_a_folder_that_is_listed_and_shown(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        sidebar = await put_chats(stage)
        await stage.pilot.press("space", "space", "m")
        await answer(stage, "work")
        await stage.until(lambda: "In the folder work" in stage.text)
        await stage.pilot.press("escape", "escape")
        await stage.type("/folders")
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, FoldersScreen))
        await stage.until(lambda: "2 chats" in stage.text and "kept for ever" in stage.text)
        await stage.pilot.press("enter")
        await stage.until(lambda: titles(sidebar) == ["chat 0", "chat 1"])
        await stage.pilot.press("asterisk", "t")
        await answer(stage, "rope")
        await stage.until(lambda: "Tagged rope" in stage.text)
        sidebar.filter_by("tag:rope")
        await stage.until(lambda: titles(sidebar) == ["chat 0", "chat 1"])


async def test_a_folder_forgets_old_chats_only_after_a_yes(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        sidebar = await put_chats(stage)
        engine = stage.desk.engine
        await engine.housekeeping.put(["c0", "c3"], "old")
        stage.app.push_screen(FoldersScreen(stage.app, engine))
        await stage.until(lambda: "2 chats" in stage.text)
        await stage.pilot.press("r")
        await answer(stage, "soon")
        await stage.until(lambda: "whole number" in stage.text)
        await stage.pilot.press("r")
        await answer(stage, "30")
        await stage.until(lambda: "1 chat of old" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, FoldersScreen))
        assert len(await engine.chats()) == 4
        await stage.pilot.press("r")
        await answer(stage, "30")
        await stage.until(lambda: "1 chat of old" in stage.text)
        await stage.pilot.press("enter")
        await stage.until(lambda: "kept 30 days" in stage.text)
        await stage.until(lambda: "chat 3" not in titles(sidebar))
        assert len(await engine.chats()) == 3


async def test_find_says_what_narrows_it_and_tab_completes(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        await stage.say("hello world")
        await stage.pilot.press("ctrl+f")
        await stage.until(lambda: isinstance(stage.app.screen, FindScreen))
        screen = stage.app.screen
        assert isinstance(screen, FindScreen)
        await stage.until(lambda: FACETS in stage.text)
        await stage.type("hello")
        await stage.until(lambda: "found" in stage.text)
        screen.picker.field.value = "hello has:"
        await stage.until(lambda: "image  file  code" in stage.text)
        screen.picker.field.value = "hello fro"
        screen.picker.field.action_end()
        await stage.pilot.press("tab", "m", "e")
        assert screen.picker.field.value == "hello from:me"
        await stage.until(lambda: "1 found" in stage.text or "2 found" in stage.text)
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen)


@pytest.mark.parametrize(
    ("typed", "hint", "whole"),
    [
        ("", FACETS, ""),
        ("rope is:ve", "is:  verified", "rope is:verified "),
        ("in:ho", "in:  home stuff", 'in:"home stuff" '),
        ("-has:im", "has:  image", "-has:image "),
        ("provider:x", "provider:  any word of its name", "provider:x"),
        ("bef", FACETS, "before:"),
    ],
)
def test_the_search_line_is_hinted_and_completed(typed: str, hint: str, whole: str) -> None:
    assert hint_words(typed, KNOWN) == hint
    assert completed(typed, KNOWN) == whole

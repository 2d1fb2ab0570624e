"""Chats as a list: new, rename, pin, archive, delete with undo, find, settings, themes."""

from __future__ import annotations

import json
from pathlib import Path

from servers import openai_chat_stream
from troth.tui.screens.chat_settings import SettingsScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.find import FindScreen
from troth.tui.screens.help import HelpScreen
from troth.tui.screens.palette import PaletteScreen, ThemeScreen
from troth.tui.widgets.sidebar import Sidebar
from tui.app_stage import Stage, run_app


async def two_chats(stage: Stage) -> None:
    await stage.say("about apples")
    await stage.pilot.press("ctrl+n")
    await stage.until(lambda: stage.screen.title_bar.chat_title == "New chat")
    await stage.say("about pears")


async def open_sidebar(stage: Stage) -> Sidebar:
    await stage.pilot.press("ctrl+b")
    await stage.until(lambda: stage.desk.listing.is_open)
    return stage.screen.query_one(Sidebar)


def titles(sidebar: Sidebar) -> list[str]:
    return [row.title for row in sidebar.chat_list.rows]


async def test_ctrl_b_lists_the_chats_newest_first_and_enter_opens_one(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        await two_chats(stage)
        sidebar = await open_sidebar(stage)
        await stage.until(lambda: titles(sidebar) == ["about pears", "about apples"])
        await stage.pilot.press("j", "enter")
        await stage.until(lambda: stage.screen.title_bar.chat_title == "about apples")
        assert not sidebar.has_focus_within


async def test_the_list_points_to_the_open_chat_while_it_has_no_keys(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        await two_chats(stage)
        sidebar = await open_sidebar(stage)
        await stage.until(lambda: "▸ about pears" in stage.text)
        await stage.pilot.press("escape", "alt+pagedown")
        await stage.until(lambda: "▸ about apples" in stage.text)
        await stage.pilot.press("alt+pageup")
        await stage.until(lambda: "▸ about pears" in stage.text)
        await stage.pilot.press("ctrl+n")
        await stage.say("about plums")
        await stage.until(lambda: "▸ about plums" in stage.text)
        assert titles(sidebar) == ["about plums", "about pears", "about apples"]


async def test_a_chat_begins_with_a_persona(tmp_path: Path) -> None:
    persona = '[personas.pirate]\nsystem_prompt = "Arr."\nmodel = "scripted/beta"'
    async with run_app(tmp_path, config=persona) as stage:
        await stage.type("/new pirat")
        await stage.pilot.press("enter")
        await stage.until(lambda: "There is no persona “pirat”" in stage.text)
        assert "Did you mean pirate?" in stage.text
        await stage.pilot.press("ctrl+u")
        await stage.type("/new pirate")
        await stage.pilot.press("enter")
        await stage.say("hello")
        body = json.loads(stage.server.requests[-1].body)
        assert body["model"] == "beta"
        assert body["messages"][0] == {"role": "system", "content": "Arr."}


async def test_ctrl_b_again_hides_the_list(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        await open_sidebar(stage)
        await stage.pilot.press("ctrl+b")
        await stage.until(lambda: not stage.desk.listing.is_open)


async def test_a_chat_is_renamed_pinned_and_archived_from_the_list(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        await two_chats(stage)
        sidebar = await open_sidebar(stage)
        await stage.pilot.press("j", "r")
        await stage.until(lambda: isinstance(stage.app.screen, TextDialog))
        await stage.pilot.press("ctrl+u")
        await stage.type("fruit")
        await stage.pilot.press("enter")
        await stage.until(lambda: "fruit" in titles(sidebar))
        await stage.pilot.press("p")
        await stage.until(lambda: titles(sidebar)[0] == "fruit")
        await stage.pilot.press("a")
        await stage.until(lambda: titles(sidebar) == ["about pears"])
        await stage.pilot.press("A")
        await stage.until(lambda: titles(sidebar) == ["fruit"])


async def test_a_deleted_chat_comes_back_with_undo(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        await two_chats(stage)
        sidebar = await open_sidebar(stage)
        await stage.until(lambda: len(titles(sidebar)) == 2)
        await stage.pilot.press("j", "d")
        await stage.until(lambda: titles(sidebar) == ["about pears"])
        await stage.pilot.press("u")
        await stage.until(lambda: sorted(titles(sidebar)) == ["about apples", "about pears"])


async def test_deleting_the_open_chat_leaves_an_empty_one(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("hello")
        await stage.type("/delete")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.chat_title == "New chat")
        await stage.type("/undelete")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.chat_title == "hello")


async def test_slash_rename_with_a_name_asks_nothing(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("hello")
        await stage.type("/rename Vault design")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.chat_title == "Vault design")


async def test_an_incognito_chat_says_so_and_is_gone_when_left(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.type("/incognito")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.state == "incognito")
        await stage.say("a secret")
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: stage.screen.title_bar.state != "incognito")
        assert stage.app.engine is not None
        assert await stage.app.engine.search("secret") == []


async def test_find_opens_the_chat_at_the_hit(tmp_path: Path) -> None:
    replies = [openai_chat_stream(["apples keep"]), openai_chat_stream(["pears do not"])]
    async with run_app(tmp_path, replies) as stage:
        await two_chats(stage)
        await stage.pilot.press("ctrl+f")
        await stage.until(lambda: isinstance(stage.app.screen, FindScreen))
        await stage.type("apples")
        await stage.until(lambda: "found" in stage.text)
        assert "apples" in stage.text
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.chat_title == "about apples")


async def test_find_shows_the_messages_round_the_hit(tmp_path: Path) -> None:
    replies = [openai_chat_stream([text]) for text in ("apples keep", "so do nuts", "pears do not")]
    async with run_app(tmp_path, replies) as stage:
        for text in ("which fruit keeps", "what else", "what does not"):
            await stage.say(text)
        await stage.pilot.press("ctrl+f")
        await stage.until(lambda: isinstance(stage.app.screen, FindScreen))
        await stage.type("nuts")
        await stage.until(lambda: "what does not" in stage.text)
        lines = [line.strip(" ▌") for line in stage.text.splitlines()[-10:]]
        shown = [line for line in lines if line in {"what else", "so do nuts", "what does not"}]
        assert shown == ["what else", "so do nuts", "what does not"]
        await stage.pilot.press("backspace", "backspace", "backspace", "backspace", *"pears")
        await stage.until(lambda: "pears do not" in stage.text and "what else" not in stage.text)


async def test_find_says_when_nothing_is_there_and_escape_goes_back(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.type("/find zebra")
        await stage.pilot.press("enter")
        await stage.until(lambda: "nothing has these words" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_chat_settings_are_sent_only_when_set(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(80, 40)) as stage:
        await stage.say("before")
        first = json.loads(stage.server.requests[-1].body)
        assert "temperature" not in first
        assert [turn["role"] for turn in first["messages"]] == ["user"]
        await stage.pilot.press("f3")
        await stage.until(lambda: isinstance(stage.app.screen, SettingsScreen))
        stage.app.screen.query_one("#system").focus()
        await stage.pilot.pause()
        await stage.type("Be brief.")
        await stage.pilot.press("tab")
        await stage.type("0.3")
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.say("after")
        second = json.loads(stage.server.requests[-1].body)
        assert second["temperature"] == 0.3
        assert second["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_a_parameter_that_cannot_be_is_named_and_nothing_changes(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(80, 40)) as stage:
        await stage.pilot.press("f3")
        await stage.until(lambda: isinstance(stage.app.screen, SettingsScreen))
        stage.app.screen.query_one("#temperature").focus()
        await stage.pilot.pause()
        await stage.type("hot")
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: "Temperature: 0 to 2" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_the_palette_carries_out_what_is_chosen(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.pilot.press("ctrl+p")
        await stage.until(lambda: isinstance(stage.app.screen, PaletteScreen))
        await stage.type("help")
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))
        assert "While you write" in stage.text


async def test_a_theme_is_worn_while_the_cursor_is_on_it_and_escape_brings_back_the_old(
    tmp_path: Path,
) -> None:
    async with run_app(tmp_path) as stage:
        before = stage.app.theme
        await stage.type("/theme")
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ThemeScreen))
        await stage.type("light")
        await stage.until(lambda: stage.app.theme == "troth-light")
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.app.theme == before)


async def test_a_chosen_theme_is_kept_in_the_settings(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.type("/theme troth-light")
        await stage.pilot.press("enter")
        config = tmp_path / "config" / "config.toml"
        await stage.until(lambda: 'theme = "troth-light"' in config.read_text("utf-8"))
        assert stage.app.theme == "troth-light"


async def test_escape_never_leaves_a_dialog_open_behind(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        for key in ("ctrl+p", "ctrl+o", "f1", "f3", "ctrl+f"):
            await stage.pilot.press(key)
            await stage.until(lambda: stage.app.screen is not stage.screen, f"{key} opens")
            await stage.pilot.press("escape")
            await stage.until(lambda: stage.app.screen is stage.screen, f"esc closes {key}")


async def test_a_chat_is_tagged_filed_and_found_in_the_list_by_both(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        await two_chats(stage)
        await stage.type("/tag fruit")
        await stage.pilot.press("enter")
        await stage.type("/folder home")
        await stage.pilot.press("enter")
        sidebar = await open_sidebar(stage)
        await stage.until(lambda: len(titles(sidebar)) == 2)
        for words in ("tag:fruit", "folder:home", "pears tag:fru"):
            sidebar.field.value = words
            await stage.until(lambda: titles(sidebar) == ["about pears"])
        sidebar.field.value = "tag:nothing"
        await stage.until(lambda: titles(sidebar) == [])

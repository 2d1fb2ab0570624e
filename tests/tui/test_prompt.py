"""The prompt: what sends, what makes a line, and that nothing typed is lost or sent in half."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from troth.tui.widgets.prompt import PromptArea, PromptBar
from troth.tui.widgets.slash_menu import SlashMenu


class Host(App[None]):
    """A prompt with its menu, and what it handed up."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.menu = SlashMenu()

    def compose(self) -> ComposeResult:
        yield self.menu
        yield PromptBar()

    def on_mount(self) -> None:
        self.bar.menu = self.menu
        self.bar.take_focus()

    @property
    def bar(self) -> PromptBar:
        return self.query_one(PromptBar)

    def on_prompt_bar_submitted(self, message: PromptBar.Submitted) -> None:
        self.sent.append(message.text)


@asynccontextmanager
async def prompt() -> AsyncIterator[tuple[Host, Pilot[None]]]:
    host = Host()
    async with host.run_test(size=(60, 16)) as pilot:
        yield host, pilot


async def test_enter_sends_the_text_and_empties_the_field() -> None:
    async with prompt() as (host, pilot):
        await pilot.press("h", "i", "enter")
        assert host.sent == ["hi"]
        assert host.bar.text == ""


async def test_enter_on_nothing_or_spaces_sends_nothing() -> None:
    async with prompt() as (host, pilot):
        await pilot.press("enter", "space", "enter")
        assert host.sent == []


async def test_ctrl_j_alt_enter_shift_enter_and_a_backslash_make_a_line() -> None:
    async with prompt() as (host, pilot):
        await pilot.press("a", "ctrl+j", "b", "alt+enter", "c", "shift+enter", "d")
        await pilot.press("backslash", "enter", "e", "enter")
        assert host.sent == ["a\nb\nc\nd\ne"]


async def test_two_backslashes_at_the_end_are_text() -> None:
    async with prompt() as (host, pilot):
        await pilot.press("backslash", "backslash", "enter")
        assert host.sent == ["\\\\"]


async def test_a_paste_of_many_lines_is_inserted_and_not_sent() -> None:
    async with prompt() as (host, pilot):
        host.bar.area.post_message(events.Paste("one\r\ntwo\rthree\n"))
        await pilot.pause()
        assert host.sent == []
        assert host.bar.text == "one\ntwo\nthree\n"


async def test_a_paste_cannot_bring_control_characters_in() -> None:
    async with prompt() as (host, pilot):
        host.bar.area.post_message(events.Paste("a\x1b]52;c;aGk=\x07b\x9b31mc\u202ed"))
        await pilot.pause()
        assert host.bar.text == "abcd"


async def test_keys_that_come_in_one_burst_are_sent_whole_and_what_follows_stays() -> None:
    async with prompt() as (host, pilot):
        for key, letter in [*((c, c) for c in "hello"), ("enter", "\r"), *((c, c) for c in "xy")]:
            host.post_message(events.Key(key, letter))
        await pilot.pause()
        await pilot.pause()
        assert host.sent == ["hello"]
        assert host.bar.text == "xy"


async def test_up_walks_earlier_prompts_and_down_comes_back_to_what_was_written() -> None:
    async with prompt() as (host, pilot):
        host.bar.earlier = ["first", "second"]
        await pilot.press("n", "e", "w", "up")
        assert host.bar.text == "second"
        await pilot.press("up", "up")
        assert host.bar.text == "first"
        await pilot.press("down", "down")
        assert host.bar.text == "new"


async def test_up_inside_several_lines_moves_the_cursor_first() -> None:
    async with prompt() as (host, pilot):
        host.bar.earlier = ["old"]
        await pilot.press("a", "ctrl+j", "b", "up")
        assert host.bar.text == "a\nb"
        assert host.bar.area.cursor_location[0] == 0
        await pilot.press("up")
        await pilot.pause()
        assert host.bar.text == "old"


async def test_a_slash_opens_the_menu_and_tab_completes() -> None:
    async with prompt() as (host, pilot):
        await pilot.press("slash", "m", "o")
        await pilot.pause()
        assert host.menu.has_class("-open")
        await pilot.press("tab")
        assert host.bar.text == "/model "
        await pilot.pause()
        assert not host.menu.has_class("-open")


async def test_enter_in_the_menu_takes_the_command_under_its_cursor() -> None:
    async with prompt() as (host, pilot):
        await pilot.press("slash", "n", "e")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert host.sent == ["/new"]


async def test_arrows_move_in_the_menu_while_it_is_open() -> None:
    async with prompt() as (host, pilot):
        host.bar.earlier = ["old"]
        await pilot.press("slash")
        await pilot.pause()
        await pilot.press("down", "down", "up")
        assert host.menu.cursor == 1
        assert host.bar.text == "/"


async def test_a_text_that_could_not_be_sent_comes_back_before_what_was_typed_since() -> None:
    async with prompt() as (host, pilot):
        await pilot.press("x")
        host.bar.give_back("lost and found")
        assert host.bar.text == "lost and found\nx"


async def test_the_users_own_send_key_is_obeyed() -> None:
    async with prompt() as (host, pilot):
        host.bar.area.keys = {"prompt.send": "alt+enter", "prompt.newline": "enter"}
        await pilot.press("a", "enter", "b", "alt+enter")
        assert host.sent == ["a\nb"]


async def test_the_field_grows_with_its_lines_and_stops() -> None:
    async with prompt() as (host, pilot):
        area = host.query_one(PromptArea)
        assert area.size.height == 1
        await pilot.press("a", "ctrl+j", "b", "ctrl+j", "c")
        await pilot.pause()
        assert area.size.height == 3

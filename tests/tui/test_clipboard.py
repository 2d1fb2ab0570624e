"""What is copied, and what is taken back: by the person's act only, and never a claim too many."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from troth.tui.clipboard import SECRET_CLEARED_AFTER_S, Clipboard, words_after_copy
from tui.app_stage import Stage, run_app


class Terminal:
    """Takes what is written to it and keeps the clock that was set."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.clocks: list[tuple[float, Callable[[], None]]] = []

    def set_timer(self, delay: float, callback: Callable[[], None]) -> Terminal:
        self.clocks.append((delay, callback))
        return self

    def stop(self) -> None:
        """The clock that was set runs no more."""

    @property
    def holds(self) -> str:
        """What the last sequence put there."""
        return base64.b64decode(self.written[-1].removeprefix("\x1b]52;c;").rstrip("\x07")).decode()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def clipboard(terminal: Terminal) -> Clipboard:
    return Clipboard(terminal.written.append, terminal.set_timer, {})


async def test_what_is_secret_is_taken_back_once_its_time_is_over(
    clipboard: Clipboard, terminal: Terminal
) -> None:
    clipboard.put("a secret", 30)
    assert terminal.holds == "a secret"
    [(delay, take_back)] = terminal.clocks
    assert delay == 30
    take_back()
    assert terminal.holds == ""
    clipboard.forget()
    assert len(terminal.written) == 2, "nothing of ours is there any more: it is left alone"


async def test_ordinary_text_is_left_where_it_is(clipboard: Clipboard, terminal: Terminal) -> None:
    clipboard.put("a reply")
    clipboard.forget()
    assert terminal.clocks == []
    assert terminal.holds == "a reply"


def test_words_say_when_it_goes_and_never_that_it_arrived() -> None:
    words = words_after_copy("The message's source", "text", 30)
    assert "cleared there in 30 s" in words
    assert "sent to" in words
    assert "copied" not in words.lower()


async def copied(stage: Stage) -> str:
    """Copy the last reply and return what the screen says about it."""
    await stage.pilot.press("escape")
    await stage.pilot.press("c")
    await stage.until(lambda: "sent to the terminal's clipboard" in stage.text)
    return stage.text


@pytest.mark.parametrize(
    ("line", "config", "seconds"),
    [
        ("", "", 0),
        ("/incognito", "", SECRET_CLEARED_AFTER_S),
        ("", "clear_clipboard_after_s = 12", 12),
    ],
)
async def test_a_chat_and_the_settings_say_how_long_a_copy_stays(
    tmp_path: Path, line: str, config: str, seconds: int
) -> None:
    async with run_app(tmp_path, size=(100, 24), config=config) as stage:
        if line:
            await stage.type(line)
            await stage.pilot.press("enter")
            await stage.until(lambda: stage.screen.title_bar.state == "incognito")
        await stage.say("hello")
        text = await copied(stage)
        assert stage.app.clipboard == "Hello there."
        assert (f"cleared there in {seconds} s" in text) == bool(seconds)

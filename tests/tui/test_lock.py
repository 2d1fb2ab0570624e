"""Locking on the screen: when it happens by itself, and what unlocking offers where it cannot."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from troth.domain.conversation import Conversation
from troth.tui.application import TrothApp
from troth.tui.idle import Idle
from troth.tui.screens.chat import ChatScreen
from troth.tui.screens.unlock import UnlockScreen
from troth.vault.vault import Vault
from tui.app_stage import run_app

PASSPHRASE = "a passphrase for tests"


@dataclass
class Clocks:
    awake: float = 100.0
    through_sleep: float = 5_000.0

    def idle(self) -> Idle:
        return Idle(lambda: self.awake, lambda: self.through_sleep)

    def run(self, seconds: float, *, asleep: bool = False) -> None:
        self.through_sleep += seconds
        self.awake += 0 if asleep else seconds


def test_it_locks_after_the_minutes_without_a_key() -> None:
    clocks = Clocks()
    idle = clocks.idle()
    clocks.run(299)
    assert not idle.is_over(5)
    idle.touch()
    clocks.run(299)
    assert not idle.is_over(5)
    clocks.run(2)
    assert idle.is_over(5)


def test_a_sleep_locks_at_once_and_is_told_once() -> None:
    clocks = Clocks()
    idle = clocks.idle()
    clocks.run(600, asleep=True)
    assert idle.is_over(15)
    idle.touch()
    assert not idle.is_over(15)


def test_a_clock_that_is_set_by_seconds_locks_nothing() -> None:
    clocks = Clocks()
    idle = clocks.idle()
    clocks.through_sleep -= 3_600  # a wall clock put back
    assert not idle.is_over(15)
    clocks.through_sleep += 5
    assert not idle.is_over(15)


def test_zero_minutes_never_locks() -> None:
    clocks = Clocks()
    idle = clocks.idle()
    clocks.run(1e6)
    clocks.run(1e6, asleep=True)
    assert not idle.is_over(0)


async def unlocking(home: Path) -> tuple[str, TrothApp]:
    """Give the passphrase twice; return what the screen said in between."""
    app = TrothApp("unlock", environ={"TROTH_HOME": str(home)})
    async with app.run_test(size=(100, 30)) as pilot:
        screen = app.screen
        assert isinstance(screen, UnlockScreen)
        said = screen.query_one("#said", Static)
        screen.query_one(Input).value = PASSPHRASE
        await pilot.press("enter")
        while str(said.content) in {"", "Opening ..."}:
            await pilot.pause(0.05)
        words = str(said.content)
        await pilot.press("enter")
        while not isinstance(app.screen, ChatScreen):
            assert str(said.content) in {words, "Opening ..."}
            await pilot.pause(0.05)
        chat = app.screen
        while chat.desk is None or chat.desk.talking.chat is None:
            await pilot.pause(0.05)
    await app.seal()
    return words, app


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    made = await Vault.create(tmp_path / "data", PASSPHRASE, memory_kib=65_536)
    moment = datetime.now(UTC)
    await made.vault.add_conversation(Conversation("chat", "a chat", moment, moment))
    await made.vault.close()
    return tmp_path


async def test_an_older_vault_opens_after_it_was_told(home: Path) -> None:
    before = home / "before"
    shutil.copytree(home / "data", before)
    vault = await Vault.open(home / "data", passphrase=PASSPHRASE)
    await vault.set_state("newer", "1")
    await vault.close()
    shutil.copy2(before / "vault.db", home / "data" / "vault.db")
    words, _ = await unlocking(home)
    assert "older" in words
    assert "Enter once more opens it all the same" in words


async def test_a_damaged_header_is_replaced_by_its_whole_copy(home: Path) -> None:
    header = home / "data" / "vault.json"
    content = header.read_bytes()
    header.write_bytes(content[:-20])
    words, _ = await unlocking(home)
    assert "key file is damaged" in words
    assert "Enter once more puts the whole copy" in words
    assert header.read_bytes() == content


async def test_unlocking_brings_back_the_place_that_was_read(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(80, 12)) as stage:
        for number in range(4):
            await stage.say(f"question {number}")
        page = stage.desk.page
        page.scroll_to_start()
        await stage.pilot.pause()
        place = page.place()
        assert place is not None
        page.scroll_to_tail()
        assert page.place() is None
        page.go_back(place)
        assert page.place() == place

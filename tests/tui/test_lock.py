"""Locking on the screen: when it happens by itself, and what unlocking offers where it cannot."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input, Static

from servers import Gate, gated_after, openai_chat_stream
from troth.domain.conversation import Conversation
from troth.tui.application import TrothApp
from troth.tui.idle import Idle
from troth.tui.screens.chat import ChatScreen
from troth.tui.screens.unlock import UnlockScreen
from troth.vault.vault import Vault
from tui.app_stage import Stage, run_app

PASSPHRASE = "a passphrase for tests"
REPOSITORY = Path(__file__).resolve().parents[2]


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


async def pasted(folder: Path, text: str, *keys: str) -> str:
    """Paste at the unlock screen after `keys`; return what the app's field holds on opening."""
    app = TrothApp("unlock", environ={"TROTH_HOME": str(folder)})
    async with app.run_test(size=(100, 30)) as pilot:
        stage = Stage(app, pilot, None)  # type: ignore[arg-type]
        await pilot.press(*keys)
        app.screen.query_one(Input).post_message(events.Paste(text))
        await pilot.pause()
        held = app.screen.query_one(Input).value
        await pilot.press("enter")
        await stage.until(lambda: isinstance(app.screen, ChatScreen), "the chat", 90)
    await app.seal()
    return held


async def test_a_pasted_passphrase_keeps_its_lines(tmp_path: Path) -> None:
    """As a terminal sends them, with the line end that was copied along."""
    made = await Vault.create(tmp_path / "data", "one\ntwo 🔑", memory_kib=65_536)
    await made.vault.close()
    assert await pasted(tmp_path, "one\rtwo 🔑\r") == "one\ntwo 🔑"


async def test_recovery_words_are_pasted_from_several_lines(tmp_path: Path) -> None:
    made = await Vault.create(tmp_path / "data", PASSPHRASE, memory_kib=65_536)
    await made.vault.close()
    words = made.recovery_words.split()
    rows = "\r\n".join(" ".join(words[at : at + 4]) for at in (0, 4, 8))
    assert await pasted(tmp_path, rows, "ctrl+r") == made.recovery_words


async def test_the_environment_opens_the_vault_at_the_start_and_never_after_a_lock(
    home: Path,
) -> None:
    secret = home / "secret"
    secret.write_text(PASSPHRASE + "\n", "utf-8")
    environ = {"TROTH_HOME": str(home), "TROTH_PASSPHRASE_FILE": str(secret)}
    app = TrothApp("unlock", environ=environ)
    async with app.run_test(size=(100, 30)) as pilot:
        stage = Stage(app, pilot, None)  # type: ignore[arg-type]
        await stage.until(lambda: isinstance(app.screen, ChatScreen), "the chat", 60)
        await stage.until(lambda: stage.screen.desk is not None)
        await pilot.press("f12")
        await stage.until(lambda: app.engine is not None and app.engine.is_locked, "the lock", 60)
        await pilot.pause(0.5)
        assert isinstance(app.screen, UnlockScreen)
        assert str(app.screen.query_one("#said", Static).content) == ""
    await app.seal()


async def test_a_file_that_leads_nowhere_leaves_the_question(home: Path) -> None:
    environ = {"TROTH_HOME": str(home), "TROTH_PASSPHRASE_FILE": str(home / "none")}
    app = TrothApp("unlock", environ=environ)
    async with app.run_test(size=(100, 30)) as pilot:
        stage = Stage(app, pilot, None)  # type: ignore[arg-type]
        await app.wait_until_warm()
        await pilot.press(*PASSPHRASE, "enter")
        await stage.until(lambda: isinstance(app.screen, ChatScreen), "the chat", 60)
    await app.seal()


async def test_a_wrong_passphrase_does_not_stand_before_the_next_one(home: Path) -> None:
    app = TrothApp("unlock", environ={"TROTH_HOME": str(home)})
    async with app.run_test(size=(100, 30)) as pilot:
        stage = Stage(app, pilot, None)  # type: ignore[arg-type]
        await pilot.press(*"wrong", "enter")
        await stage.until(lambda: "does not open" in stage.text, "the refusal", 60)
        await pilot.press(*PASSPHRASE, "enter")
        await stage.until(lambda: isinstance(app.screen, ChatScreen), "the chat", 60)
    await app.seal()


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


async def unlock(stage: Stage) -> None:
    await stage.until(lambda: isinstance(stage.app.screen, UnlockScreen), "the unlock screen")
    stage.app.screen.query_one(Input).value = PASSPHRASE
    await stage.pilot.press("enter")
    await stage.until(
        lambda: isinstance(stage.app.screen, ChatScreen) and stage.app.screen.is_seated,
        "the chat after the unlock",
        90,
    )


async def test_a_reply_that_streams_goes_on_behind_the_lock_unseen_and_is_there_after_it(
    home: Path,
) -> None:
    gate = Gate()
    long = openai_chat_stream([f"line {number} of the first\n\n" for number in range(30)])
    arriving = gated_after(openai_chat_stream(["what came early ", "what came late"]), 2, gate)
    async with run_app(home, [long, arriving], size=(80, 20), kind="unlock") as stage:
        await unlock(stage)
        await stage.say("first")
        await stage.type("second")
        await stage.pilot.press("enter")
        await stage.until(lambda: "what came early" in stage.text, "the reply begins")
        await stage.type("a draft")
        stage.desk.page.scroll_to_start()
        await stage.pilot.pause()
        place = stage.desk.page.place()
        await stage.pilot.press("f12")
        await stage.until(lambda: stage.app.engine is not None and stage.app.engine.is_locked)
        gate.open()
        await stage.until(lambda: list((home / "data" / "vault.inbox").glob("*.sealed")), "sealed")
        await stage.pilot.pause()
        assert "Unlock" in stage.text
        assert not [word for word in ("came", "first", "draft", "line") if word in stage.text]
        await unlock(stage)
        await stage.until(lambda: stage.settled == 4, "the reply is in its chat")
        await stage.until(lambda: stage.desk.page.place() == place, "the place that was read")
        assert stage.screen.prompt.text == "a draft"
        assert stage.desk.talking.chat is not None
        assert stage.desk.talking.chat.path[-1].text == "what came early what came late"
        stage.desk.page.scroll_to_tail()
        await stage.until(lambda: "what came early what came late" in stage.text)
    assert not list((home / "data" / "vault.inbox").iterdir())


UNLOCKING = """
import asyncio, resource, sys
from pathlib import Path
from troth.tui.application import TrothApp
from tui.app_stage import Stage
from tui.test_lock import unlock
async def main():
    app = TrothApp("unlock", environ={"TROTH_HOME": sys.argv[1]})
    if sys.argv[2] == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    async with app.run_test(size=(100, 24)) as pilot:
        stage = Stage(app, pilot, None)
        await unlock(stage)
        await pilot.press("ctrl+b")
        await stage.until(lambda: "a chat" in stage.text, "the list of chats")
        print(stage.screen.title_bar.state)
    await app.seal()
asyncio.run(main())
"""


def _bound_by_modes() -> None:
    """Take away what lets root write anywhere (Linux: prctl(2), PR_CAPBSET_DROP, capabilities(7)).

    It is gone after the exec that follows, while all of Python can still be read.
    """
    if sys.platform == "linux" and os.geteuid() == 0:
        ctypes.CDLL(None).prctl(24, 1)  # CAP_DAC_OVERRIDE


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes and limits")
@pytest.mark.parametrize("why", ["closed", "full"])
def test_what_cannot_be_written_is_unlocked_for_reading(home: Path, why: str) -> None:
    """A folder that is closed to this user, and a disk that takes no byte more."""
    for path in (home, *home.rglob("*")) if why == "closed" else ():
        path.chmod(0o500 if path.is_dir() else 0o400)
    paths = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", UNLOCKING, str(home), why],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": paths, "HOME": str(home)},
        preexec_fn=_bound_by_modes,
        check=False,
    )
    for path in (home, home / "data"):
        path.chmod(0o700)  # so that it can be cleared away
    assert done.stdout == "read-only\n", done.stdout + done.stderr[-2_000:]

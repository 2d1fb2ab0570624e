"""The first minute on a real terminal: what a new user types and sees, and what survives."""

from __future__ import annotations

import os
import re
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal is needed", allow_module_level=True)

from servers import (
    Gate,
    Pause,
    ScriptedServer,
    gated_after,
    json_answer,
    openai_chat_stream,
    routes,
)
from troth.domain.message import Finish
from troth.tui.first_frame import frame_lines
from troth.vault.vault import Vault
from tui.pty_app import PtyApp

PASSPHRASE = "forest lamp quiet nine river"
MODELS = {"object": "list", "data": [{"id": "alpha"}, {"id": "beta"}]}
Start = Callable[..., PtyApp]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the program; whatever still runs at the end is killed."""
    running: list[PtyApp] = []

    def starter(*arguments: str, **options: object) -> PtyApp:
        app = PtyApp(tmp_path, *arguments, **options)  # type: ignore[arg-type]
        running.append(app)
        return app

    yield starter
    for app in running:
        app.kill()


def provider(url: str, home: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text(
        f'default_model = "s/alpha"\n[providers.s]\nwire = "openai-chat"\n'
        f'base_url = "{url}/v1"\nneeds_key = false\n',
        "utf-8",
    )


def test_from_nothing_to_a_reply_and_back_again_after_a_restart(
    tmp_path: Path, start: Start
) -> None:
    table = {
        "GET /v1/models": json_answer(MODELS),
        "POST /v1/chat/completions": openai_chat_stream(["Good ", "**morning**."]),
    }
    with ScriptedServer(routes(table)) as server:
        app = start()
        before = app.terminal_flags
        app.until("A model on this computer")
        app.type("\x1b[B\x1b[B\x1b[B\r")
        app.until("Address of an OpenAI-compatible server")
        app.type("\x15" + server.url + "/v1\r")
        app.until("Its key, if it wants one")
        app.type("\x1b")
        app.until("beta")
        app.type("\r")
        app.until("Your vault")
        app.type(PASSPHRASE + "\t" + PASSPHRASE)
        app.until("Strength")
        app.type("\r")
        app.until_true(lambda: len(re.findall(r"Word (\d+)", app.text)) == 2, "the recovery words")
        words = dict(re.findall(r"(?<!\S)(\d{1,2}) ([a-z]+)", app.text))
        first, second = re.findall(r"Word (\d+)", app.text)
        app.type(words[first] + "\t" + words[second] + "\r")
        app.until("Ready")
        app.type("\r")
        app.until("unlocked")
        app.type("good morning\r")
        app.until("Good morning.")
        app.type("half a thought")
        app.until("half a thought")
        app.type("\x11")
        assert app.wait() == 0
        assert b"\x1b[?1049l" in app.received
        assert PASSPHRASE.encode() not in app.received
        del before

        again = start()
        again.until("Passphrase")
        again.type(PASSPHRASE + "\r")
        again.until("Good morning.")
        again.until("half a thought")
        again.type("\x11")
        assert again.wait() == 0


def test_after_a_rest_in_the_shell_the_whole_screen_is_drawn(start: Start) -> None:
    app = start("--memory")
    app.until("Ask, or / for commands")
    app.type("/suspend\r")
    app.until_stopped()
    app.until_true(lambda: b"\x1b[?1049l" in app.received, "the shell's screen")
    app.screen.reset()
    app.send_signal(signal.SIGCONT)
    app.until("Ask, or / for commands")
    app.until(" all")
    app.type("\x11")
    assert app.wait() == 0


def test_keys_typed_while_the_app_is_still_loading_are_kept(start: Start) -> None:
    app = start("--memory")
    app.until_true(lambda: b"troth" in app.received, "the first frame")
    app.type("early bird")
    app.until("early bird")


@pytest.mark.parametrize("keys", ["\x1b\r", "\x1b[13;3u", "\n", "\\\r"])
def test_a_new_line_is_made_and_nothing_sent(start: Start, keys: str) -> None:
    app = start("--memory")
    app.until("memory only")
    app.type("first" + keys + "second")
    app.until("second")
    line = next(at for at, text in enumerate(app.screen.display) if "❯ first" in text)
    assert app.screen.display[line].split() == ["❯", "first"]
    assert app.screen.display[line + 1].split() == ["second"]


@pytest.mark.parametrize(
    ("code", "prompt", "said"),
    [(0, "❯ in the editor", ""), (3, "❯ draft", "The editor ended with code 3")],
)
def test_the_prompt_is_written_in_the_persons_own_editor(
    tmp_path: Path, start: Start, code: int, prompt: str, said: str
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\ngrep -q draft "$1" && echo in the editor > "$1"\nexit {code}\n')
    editor.chmod(0o700)
    app = start("--memory", environ={"EDITOR": str(editor)})
    app.until("memory only")
    app.type("draft")
    app.until("draft")
    app.type("\x07")
    app.until_true(lambda: prompt in app.text and said in app.text, "the prompt after the editor")


@pytest.mark.parametrize(
    ("editor", "said"), [("/none/at/all", "The editor did not start"), ("vim 'x", "is no command")]
)
def test_an_editor_that_does_not_start_is_named(start: Start, editor: str, said: str) -> None:
    app = start("--memory", environ={"EDITOR": editor})
    app.until("memory only")
    app.type("draft")
    app.until("draft")
    app.type("\x07")
    app.until(said)
    app.until("draft")


def test_the_first_frame_stands_before_textual_has_said_a_word(start: Start) -> None:
    app = start("--memory")
    app.until_true(lambda: b"troth" in app.received, "the first frame")
    assert b"\x1b[?1000h" not in app.received
    assert not app.terminal_flags & termios.ECHO


@pytest.mark.parametrize("size", [(40, 12), (46, 16), (250, 80)])
def test_it_fits_and_can_be_resized_at_any_moment(start: Start, size: tuple[int, int]) -> None:
    app = start("--memory")
    app.until("memory only")
    app.resize(*size)
    app.until("❯")
    app.until_true(lambda: app.screen.display[-1].strip().startswith("⏎ send"), "the footer")
    app.resize(80, 24)
    app.until("memory only")


def test_a_quit_gives_the_terminal_back_as_it_was(start: Start) -> None:
    app = start("--memory")
    app.until("memory only")
    assert not app.terminal_flags & termios.ECHO
    app.type("\x11")
    app.until_true(lambda: bool(app.terminal_flags & termios.ECHO), "echo again")
    assert app.terminal_flags & termios.ICANON


def test_quitting_waits_for_no_pipe_that_nobody_writes_to(start: Start, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    app = start("--memory")
    app.until("Ask, or / for commands")
    app.type(f"/attach {pipe}\r")
    app.until("Reading pipe")
    app.type("\x11")
    assert app.wait() == 0


def test_sigterm_leaves_in_order(start: Start) -> None:
    app = start("--memory")
    app.until("memory only")
    app.send_signal(signal.SIGTERM)
    assert app.wait() == 0
    assert b"\x1b[?1049l" in app.received


def test_no_colour_is_sent_where_none_is_wanted(start: Start) -> None:
    app = start("--memory", environ={"NO_COLOR": "1", "COLORTERM": "truecolor"})
    app.until("memory only")
    found = re.findall(rb"\x1b\[(?:\d+;)*[34]8;2;(\d+);(\d+);(\d+)", app.received)
    assert all(red == green == blue for red, green, blue in found)


async def test_a_terminal_that_goes_away_loses_neither_reply_nor_draft(
    tmp_path: Path, start: Start
) -> None:
    made = await Vault.create(tmp_path / "data", PASSPHRASE, memory_kib=65_536)
    await made.vault.close()
    gate = Gate()
    answer = gated_after(openai_chat_stream(["half of the reply", " never"]), 2, gate)
    with ScriptedServer(answer) as server:
        provider(server.url, tmp_path)
        app = start()
        app.until("Passphrase")
        app.type(PASSPHRASE + "\r")
        app.until("unlocked")
        app.type("go on\r")
        app.until("half of the reply")
        app.type("and a draft")
        app.until("and a draft")
        app.take_terminal_away()
        app.wait()
    vault = await Vault.open(tmp_path / "data", passphrase=PASSPHRASE)
    (chat,) = await vault.conversations()
    messages = await vault.messages(chat.id)
    assert [message.text for message in messages] == ["go on", "half of the reply"]
    assert messages[-1].finish is Finish.STOPPED
    assert await vault.draft(chat.id) == "and a draft"
    await vault.close()


@pytest.mark.parametrize(("seconds", "rings"), [(1, True), (20, False), (0, False)])
def test_a_reply_that_took_long_rings_where_nobody_looks(
    tmp_path: Path, start: Start, seconds: int, rings: bool
) -> None:
    long = openai_chat_stream(["slow ", "and ", "steady."])
    answer = replace(long, steps=(*long.steps[:2], Pause(1.2), *long.steps[2:]))
    with ScriptedServer(answer) as server:
        provider(server.url, tmp_path)
        config = tmp_path / "config" / "config.toml"
        config.write_text(f"bell_after_s = {seconds}\n" + config.read_text("utf-8"), "utf-8")
        app = start("--memory")
        app.until("memory only")
        app.type("go on\r")
        app.until("unsigned")
        app.type("x")
        app.until("❯ x")
    commands_end_so = re.compile(rb"\x1b\][^\x07]*\x07")
    assert (b"\x07" in commands_end_so.sub(b"", app.received)) is rings


@pytest.mark.parametrize("kind", ["chat", "unlock", "welcome"])
@pytest.mark.parametrize(("width", "height"), [(20, 5), (46, 16), (80, 24), (250, 80)])
def test_no_line_of_the_first_frame_is_wider_than_the_terminal(
    kind: str, width: int, height: int
) -> None:
    lines = frame_lines(kind, width, height)  # type: ignore[arg-type]
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)

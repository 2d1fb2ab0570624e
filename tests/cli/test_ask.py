"""`troth ask`: text on stdout, words on stderr, and an exit code for each end."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cli_runs import ONE_REPLY, Troth
from servers import (
    Answer,
    Gate,
    ScriptedServer,
    cut_after,
    gated_after,
    html_error,
    json_answer,
    openai_chat_stream,
)
from tui.pictures import image_reply, quarters

TEXT = "".join(ONE_REPLY)
HELLO = openai_chat_stream(ONE_REPLY)
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs signals and terminals of POSIX")


def last_user_text(server: ScriptedServer) -> str:
    content = server.requests[-1].json()["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def test_the_text_alone_is_on_stdout(troth: Troth, provider: ScriptedServer) -> None:
    ran = troth("ask", "-m", "mine/m1", "why", "is", "it?")
    assert (ran.code, ran.out) == (0, f"{TEXT}\n")
    assert "nothing of this is kept" in ran.err
    assert "troth vault init" in ran.err
    assert last_user_text(provider) == "why is it?"
    assert provider.requests[0].header("accept-encoding") == "identity"


def test_stdin_joins_the_prompt(troth: Troth, provider: ScriptedServer) -> None:
    assert troth("ask", "-m", "mine/m1", "Sum this up:", stdin="one\ntwo\n").code == 0
    assert last_user_text(provider) == "Sum this up:\n\none\ntwo"
    assert troth("ask", "-m", "mine/m1", stdin="only this").code == 0
    assert last_user_text(provider) == "only this"
    assert troth("ask", "-m", "mine/m1", "-", stdin="dash").code == 0
    assert last_user_text(provider) == "dash"


def test_a_file_and_a_system_prompt_go_along(
    troth: Troth, provider: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("the canary is yellow")
    ran = troth("ask", "-m", "mine/m1", "-s", "Be brief.", "-f", str(file), "What colour?")
    assert ran.code == 0, ran.err
    sent = json.dumps(provider.requests[-1].json())
    assert "Be brief." in sent
    assert "the canary is yellow" in sent
    assert "notes.txt" in sent


def test_json_is_one_object_with_the_promised_fields(
    troth: Troth, provider: ScriptedServer
) -> None:
    ran = troth("ask", "-m", "mine/m1", "--json", "hello")
    assert ran.code == 0
    answer = ran.json
    assert set(answer) == {
        "chat", "message", "provider", "model", "text", "thinking", "finish", "usage", "timing",
        "left_out", "verdict", "files",
    }  # fmt: skip
    assert (answer["provider"], answer["model"], answer["text"]) == ("mine", "m1", TEXT)
    assert answer["finish"] == "stop"
    assert answer["usage"] == {"input": 10, "output": 5, "cached": None, "thinking": None}
    assert set(answer["timing"]) == {"first_token_ms", "total_ms", "tokens_per_s"}
    assert answer["timing"]["total_ms"] >= answer["timing"]["first_token_ms"] > 0
    assert answer["left_out"] == []
    assert set(answer["verdict"]) == {"state", "scheme", "checks"}
    for check in answer["verdict"]["checks"]:
        assert set(check) == {"name", "outcome", "detail"}


def test_a_server_marked_as_own_is_local(troth: Troth, provider: ScriptedServer) -> None:
    troth.add_provider(provider.url, "own = true")
    assert troth("ask", "-m", "mine/m1", "--json", "x").json["verdict"]["state"] == "local"


def test_thinking_goes_to_stderr_and_only_when_asked_for(troth: Troth) -> None:
    with ScriptedServer(openai_chat_stream(["42"], thinking=["let me see"])) as server:
        troth.add_provider(server.url)
        assert "let me see" not in troth("ask", "-m", "mine/m1", "x").err
        shown = troth("ask", "-m", "mine/m1", "--thinking", "x")
    assert shown.out == "42\n"
    assert "let me see" in shown.err


def test_an_image_is_named_and_written_where_it_is_wanted(troth: Troth, tmp_path: Path) -> None:
    image, folder = quarters(), tmp_path / "made"
    sha256 = hashlib.sha256(image).hexdigest()
    with ScriptedServer(image_reply("Here.", image)) as server:
        troth.add_provider(server.url)
        ran = troth("ask", "-m", "mine/m1", "--images", str(folder), "x")
        answer = troth("ask", "-m", "mine/m1", "--json", "x").json
    assert (ran.code, ran.out) == (0, "Here.\n")
    name = f"{sha256[:8]}.png"
    assert f"Image {name}: image/png, {len(image)} bytes, sha-256 {sha256}" in ran.err
    [file] = folder.iterdir()
    assert file.read_bytes() == image
    assert file.suffix == ".png"
    assert answer["files"] == [
        {"name": name, "media_type": "image/png", "size_bytes": len(image), "sha256": sha256}
    ]


def test_the_first_words_are_printed_before_the_last_ones_exist(troth: Troth) -> None:
    gate = Gate()
    with ScriptedServer(gated_after(HELLO, 2, gate)) as server:
        troth.add_provider(server.url)
        running = troth.start("ask", "-m", "mine/m1", "x")
        assert running.stdout is not None
        first = running.stdout.read(5)
        gate.open()
        rest, _ = running.communicate(timeout=30)
    assert (first, rest) == (b"Hello", b" world.\n")


def error(message: str, status: int, code: str = "", **headers: str) -> Answer:
    body = {"error": {"message": message, "code": code, "type": code}}
    return json_answer(body, status=status, headers=tuple(headers.items()))


NOES = [
    (error("Incorrect API key provided", 401, "invalid_api_key"), "key-rejected", 1),
    (error("model not found", 404, "model_not_found"), "model-unknown", 1),
    (error("You exceeded your quota", 429, "insufficient_quota"), "no-credit", 1),
    (error("maximum context length", 400, "context_length_exceeded"), "context-too-long", 1),
    (error("No.", 418, "teapot"), "request-refused", 1),
    (html_error(200, "Please log in"), "reply-malformed", 1),
    (Answer(200, (("content-type", "text/event-stream"),)), "reply-malformed", 1),
]


@pytest.mark.parametrize(("answer", "kind", "code"), NOES, ids=[kind for _, kind, _ in NOES])
def test_each_no_has_its_kind_its_words_and_its_code(
    troth: Troth, answer: Answer, kind: str, code: int
) -> None:
    with ScriptedServer(answer) as server:
        troth.add_provider(server.url)
        ran = troth("ask", "-m", "mine/m1", "--json", "hello")
    assert ran.code == code
    assert ran.json["error"]["kind"] == kind
    assert all(ran.json["error"].values())
    assert len(server.requests) == 1


def test_a_no_leaves_stdout_empty_and_says_what_to_do(troth: Troth) -> None:
    with ScriptedServer(error("Bad \x1b]0;owned\x07key\u202e", 401)) as server:
        troth.add_provider(server.url, 'key_env = "MINE_KEY"')
        ran = troth("ask", "-m", "mine/m1", "hello", env={"MINE_KEY": "sk-canary-1234"})
    assert (ran.code, ran.out) == (1, "")
    assert "mine does not accept the key" in ran.err
    assert "`troth keys set mine`" in ran.err
    assert not {"\x1b", "\u202e"} & set(ran.err)
    assert "canary" not in ran.err


def test_nothing_listens(troth: Troth) -> None:
    troth.add_provider("http://127.0.0.1:9")
    ran = troth("ask", "-m", "mine/m1", "--json", "hello")
    assert (ran.code, ran.json["error"]["kind"]) == (1, "connect-failed")


def test_no_key_ends_with_3_and_names_the_variable(troth: Troth) -> None:
    ran = troth("ask", "-m", "openai/gpt-5.5", "hello")
    assert (ran.code, ran.out) == (3, "")
    assert "OPENAI_API_KEY" in ran.err
    assert "troth keys set openai" in ran.err


def test_a_model_that_could_not_be_asked_is_no_default(with_vault: Troth) -> None:
    assert with_vault("ask", "-m", "openai/gpt-5.5", "hello").code == 3
    again = with_vault("ask", "hello")
    assert again.code == 2
    assert "No model is chosen yet" in again.err


def test_no_model_no_prompt_and_unknown_names_end_with_2(troth: Troth) -> None:
    assert "troth local install" in troth("ask", "hello").err
    assert troth("ask").code == 2
    unknown = troth("ask", "-m", "nobody/nothing", "hello")
    assert unknown.code == 2
    assert "troth models" in unknown.err
    assert troth("ask", "-f", "/no/such/file", "-m", "ollama/x", "hello").code == 2
    assert troth("ask", "-m", "ollama/x", stdin=b"\xff\xfe\x00").code == 2


def test_a_provider_that_asks_to_wait_is_waited_for_and_that_is_said(troth: Troth) -> None:
    busy = error("slow down", 429, "rate_limit_exceeded", **{"retry-after-ms": "10"})
    with ScriptedServer([busy, HELLO]) as server:
        troth.add_provider(server.url)
        ran = troth("ask", "-m", "mine/m1", "hello")
    assert (ran.code, ran.out) == (0, f"{TEXT}\n")
    assert "mine asks to slow down" in ran.err
    assert len(server.requests) == 2


def test_a_cut_reply_keeps_what_came_and_says_so(troth: Troth) -> None:
    with ScriptedServer(cut_after(HELLO, 3)) as server:
        troth.add_provider(server.url)
        ran = troth("ask", "-m", "mine/m1", "hello")
        as_json = troth("ask", "-m", "mine/m1", "--json", "hello")
    assert (ran.code, ran.out) == (1, "Hello wor\n")
    assert "cut short" in ran.err
    assert as_json.code == 1
    assert as_json.json["text"] == "Hello wor"
    assert as_json.json["finish"] == "cut"
    assert as_json.json["verdict"]["state"] == "incomplete"
    assert as_json.json["error"]["kind"] == "reply-cut"
    assert len(server.requests) == 2  # nothing is tried again after the first byte


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_reply_and_keeps_what_came(troth: Troth, number: int) -> None:
    with ScriptedServer(gated_after(HELLO, 2, Gate())) as server:
        troth.add_provider(server.url)
        running = troth.start("ask", "-m", "mine/m1", "x")
        assert running.stdout is not None
        first = running.stdout.read(5)
        running.send_signal(number)
        rest, errors = running.communicate(timeout=30)
        server.wait_until(lambda: server.requests[0].disconnected_at is not None)
    assert running.returncode == 130
    assert first + rest == b"Hello\n"
    assert b"Traceback" not in errors


@POSIX
def test_a_reader_that_leaves_ends_it_quietly(troth: Troth) -> None:
    endless = openai_chat_stream(["words " * 2000] * 40)
    with ScriptedServer(endless) as server:
        troth.add_provider(server.url)
        running = troth.start("ask", "-m", "mine/m1", "x")
        assert running.stdout is not None
        assert running.stdout.read(5) == b"words"
        running.stdout.close()
        assert running.stderr is not None
        with running.stderr as stream:
            errors = stream.read().decode()
        assert running.wait(timeout=30) == 0
    assert "roken" not in errors
    assert "Traceback" not in errors


HOSTILE = "a\x1b[2J\x1b]52;c;aGk=\x07b\x9b31mc\x1b]8;;http://x\x1b\\d\u202ee\x00f\u200bg"


def test_a_pipe_gets_the_text_as_it_came(troth: Troth) -> None:
    with ScriptedServer(openai_chat_stream([HOSTILE])) as server:
        troth.add_provider(server.url)
        assert troth("ask", "-m", "mine/m1", "x").out == f"{HOSTILE}\n"


@POSIX
def test_a_terminal_gets_no_control_of_the_model(troth: Troth) -> None:
    cuts = [*HOSTILE]
    with ScriptedServer(openai_chat_stream(cuts)) as server:
        troth.add_provider(server.url)
        screen = on_terminal(troth, "ask", "--plain", "-m", "mine/m1", "x")
    assert b"\x1b" not in screen
    assert b"\x9b" not in screen.replace("›".encode(), b"")
    assert b"abcdefg" in screen


@POSIX
def test_plain_says_the_verdict_in_words_and_the_usual_look_in_a_badge(
    troth: Troth, provider: ScriptedServer
) -> None:
    troth.add_provider(provider.url, "own = true")
    plain = on_terminal(troth, "ask", "--plain", "-m", "mine/m1", "x").decode()
    assert "It was made on this computer, or on one that you call your own" in plain
    usual = on_terminal(troth, "ask", "-m", "mine/m1", "x").decode()
    assert "- local, mine/m1, " in usual
    assert "5 tokens" in usual


def on_terminal(troth: Troth, *words: str) -> bytes:
    """Run on a pseudo-terminal and return every byte that it was sent."""
    import pty

    keyboard, screen = pty.openpty()
    running = subprocess.Popen(
        Troth.command(*words),
        stdin=subprocess.DEVNULL,
        stdout=screen,
        stderr=screen,
        env=troth.full_environ({"TERM": "xterm-256color"}),
    )
    os.close(screen)
    seen = b""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            received = os.read(keyboard, 65_536)
        except OSError:  # Linux says so when the last writer has gone
            break
        if not received:
            break
        seen += received
    os.close(keyboard)
    running.wait(timeout=30)
    return seen


def test_broken_settings_are_said_and_the_question_is_answered(
    troth: Troth, provider: ScriptedServer
) -> None:
    troth.write_config(
        f'theme = 3\n[providers.mine]\nwire = "openai-chat"\nbase_url = "{provider.url}/v1"\n'
    )
    ran = troth("ask", "-m", "mine/m1", "hello")
    assert (ran.code, ran.out) == (0, f"{TEXT}\n")
    assert "config.toml, line 1: theme must be text" in ran.err


def test_a_provider_whose_address_is_broken_is_not_asked_elsewhere(troth: Troth) -> None:
    troth.write_config('[providers.openai]\nbase_url = "proxy.example"\n')
    ran = troth("ask", "-m", "openai/gpt-5.5", "hello", env={"OPENAI_API_KEY": "sk-canary"})
    assert ran.code == 2
    assert "base_url" in ran.err


def test_a_folder_is_attached_and_said_what_of_it(troth: Troth, provider: ScriptedServer) -> None:
    folder = troth.home.parent / "src"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text("print(1)", "utf-8")
    (folder / "b.bin").write_bytes(b"\0")
    ran = troth("ask", "-m", "mine/m1", "-f", str(folder), "What does it do?")
    assert ran.code == 0
    assert "1 text file of src goes along" in ran.err
    assert "src/a.py" in ran.err
    assert "Left behind: b.bin (not text)." in ran.err
    assert b"print(1)" in provider.requests[-1].body


def test_a_first_question_is_told_where_answers_come_from(troth: Troth) -> None:
    ran = troth("ask", "--json", "Why?")
    assert ran.code == 2
    assert ran.json["error"]["detail"] == "No model is chosen yet."
    assert "`troth local install`" in ran.json["error"]["next_step"]


def test_a_missing_file_is_told_before_a_missing_model(troth: Troth) -> None:
    ran = troth("ask", "-f", "no-such-file", "What does it say?")
    assert ran.code == 2
    assert "no-such-file" in ran.err
    assert "no model" not in ran.err

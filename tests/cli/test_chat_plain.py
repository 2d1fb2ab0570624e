"""`troth chat --plain`: a conversation in lines that stay as they were printed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path

import pytest

from cli_runs import ONE_REPLY, PASSPHRASE, Troth
from servers import Gate, ScriptedServer, cut_after, gated_after, openai_chat_stream
from troth.vault.vault import Vault
from tui.pictures import image_reply, quarters

TEXT = "".join(ONE_REPLY)


def contents(server: ScriptedServer) -> list[str]:
    return [turn["content"] for turn in server.requests[-1].json()["messages"]]


def test_a_conversation_goes_line_by_line(troth: Troth, provider: ScriptedServer) -> None:
    lines = "first\nsecond \\\nline\n//slash\n"
    ran = troth("chat", "--plain", "-m", "mine/m1", stdin=lines)
    assert ran.code == 0, ran.err
    assert "mine/m1 answers." in ran.out
    assert "Nothing is kept" in ran.out
    assert ran.out.count(f"mine/m1:\n{TEXT}\n") == 3
    assert contents(provider) == ["first", TEXT, "second \nline", TEXT, "/slash"]
    for drawn in "\x1b\r─│┌█▌✓":
        assert drawn not in ran.out


def test_an_image_is_told_in_words(troth: Troth) -> None:
    image = quarters()
    with ScriptedServer(image_reply("Here.", image)) as server:
        troth.add_provider(server.url)
        ran = troth("chat", "--plain", "-m", "mine/m1", stdin="draw\n")
    told = f".png: image/png, {len(image)} bytes, sha-256 {hashlib.sha256(image).hexdigest()}\n"
    assert told in ran.out


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("~no-such-person/x.txt", "no file “~no-such-person/x.txt”"),
        ("a" * 300, "File name too long"),
    ],
    ids=["home", "long"],
)
def test_a_path_that_cannot_be_ends_no_conversation(
    troth: Troth, provider: ScriptedServer, path: str, said: str
) -> None:
    troth.add_provider(provider.url)
    lines = f"/attach {path}\n/save {path}/chat.md\nhello\n"
    ran = troth("chat", "--plain", "-m", "mine/m1", stdin=lines)
    assert ran.code == 0, ran.err
    assert said in ran.err + ran.out
    assert "no folder" in ran.err + ran.out
    assert TEXT in ran.out


def test_files_are_taken_off_again_and_a_chat_begins_with_a_persona(
    troth: Troth, provider: ScriptedServer, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("on paper", "utf-8")
    troth.add_provider(provider.url)
    troth("config", "set", "personas.poet.system_prompt", "You rhyme.")
    lines = f"/attach {note}\n/detach\n/detach\nhello\n/new nobody\n/new poet\nrhyme\n"
    ran = troth("chat", "--plain", "-m", "mine/m1", stdin=lines)
    assert ran.code == 0, ran.err
    assert "1 file stays behind." in ran.out
    assert "Nothing is attached" in ran.err + ran.out
    assert "no persona “nobody”" in ran.err + ran.out
    assert [request.json()["messages"][0]["content"] for request in provider.requests] == [
        "hello",
        "You rhyme.",
    ]


def test_the_verdict_is_a_sentence(troth: Troth, provider: ScriptedServer) -> None:
    troth.add_provider(provider.url, "own = true")
    ran = troth("chat", "--plain", "-m", "mine/m1", stdin="hi\n/verify\n")
    assert ran.out.count("local. It was made on this computer, or") == 2


def test_commands_change_the_model_and_the_past(
    troth: Troth, provider: ScriptedServer, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("the canary is yellow")
    saved = tmp_path / "chat.md"
    lines = (
        f"hi\n/model mine/m2\n/regenerate\n/edit hello\n/system Be brief.\n/attach {note}\n"
        f"and this\n/save {saved}\n/new\nfresh\n/quit\nnever sent\n"
    )
    ran = troth("chat", "--plain", "-m", "mine/m1", stdin=lines)
    assert (ran.code, ran.err) == (0, "")
    bodies = [request.json() for request in provider.requests]
    assert [body["model"] for body in bodies] == ["m1", "m2", "m2", "m2", "m2"]
    assert [turn["content"] for turn in bodies[2]["messages"]] == ["hello"]
    assert bodies[3]["messages"][0]["content"] == "Be brief."
    assert "the canary is yellow" in str(bodies[3]["messages"][-1])
    assert [turn["content"] for turn in bodies[4]["messages"]] == ["fresh"]
    assert TEXT in saved.read_text()


def test_a_command_that_fails_says_why_and_the_session_goes_on(
    troth: Troth, provider: ScriptedServer
) -> None:
    lines = "/nonsense\n/continue\n/model nobody/x\n/open 1234\n/attach /none\nhi\n"
    ran = troth("chat", "--plain", "-m", "mine/m1", stdin=lines)
    assert ran.code == 0
    assert "There is no command /nonsense" in ran.err
    assert "/model shows those that exist." in ran.err
    assert "/chats shows those that exist." in ran.err
    assert TEXT in ran.out


def test_a_failed_and_a_cut_reply_are_explained_and_can_be_gone_on_with(troth: Troth) -> None:
    reply = openai_chat_stream(ONE_REPLY)
    with ScriptedServer([cut_after(reply, 3), reply]) as server:
        troth.add_provider(server.url)
        ran = troth("chat", "--plain", "-m", "mine/m1", stdin="hi\n/continue\n")
    assert "cut short" in ran.err
    assert "/continue lets the model go on" in ran.err
    assert ran.out.count("mine/m1:") == 2
    assert len(server.requests) == 2


def test_chats_are_listed_found_and_opened_again(
    with_vault: Troth, provider: ScriptedServer
) -> None:
    troth = with_vault
    first = troth("chat", "--plain", "-m", "mine/m1", stdin="the canary is yellow\n")
    assert "Nothing is kept" not in first.out
    ran = troth(
        "chat", "--plain", "-c", stdin="/find canary\n/rename Birds\n/new\n/open Birds\nand?\n"
    )
    assert ran.code == 0, ran.err
    assert "the canary is yellow" in ran.out
    assert "This chat is called Birds now." in ran.out
    assert contents(provider) == ["the canary is yellow", TEXT, "and?"]


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of POSIX")
def test_at_a_terminal_a_reply_is_stopped_and_a_paste_is_one_message(troth: Troth) -> None:
    from terminal import Terminal

    reply = openai_chat_stream(ONE_REPLY)
    with ScriptedServer([gated_after(reply, 2, Gate()), reply]) as server:
        troth.add_provider(server.url)
        command = Troth.command("chat", "--plain", "-m", "mine/m1")
        with Terminal(command, troth.full_environ()) as screen:
            screen.wait_for("You: ")
            screen.type("tell me\r")
            screen.wait_for("Hello")
            screen.type("/stop\r")
            screen.wait_for("stopped]")
            screen.wait_for("You: ")
            screen.type("one\rtwo\rthree\r")
            screen.wait_for("world.")
            screen.wait_for("You: ")
            screen.type("/quit\r")
            assert screen.end() == 0
    assert contents(server)[-1] == "one\ntwo\nthree"
    assert "\x1b" not in screen.text


def test_messages_that_waited_at_the_last_end_are_read_out_and_sent_one_by_one(
    with_vault: Troth, provider: ScriptedServer
) -> None:
    with_vault("ask", "-m", "mine/m1", "hi")

    async def leave_waiting() -> None:
        vault = await Vault.open(with_vault.home / "data", passphrase=PASSPHRASE)
        chat = (await vault.conversations())[0]
        rows = [
            {"id": f"01J0000000000000000000000{n}", "text": text, "parts": None}
            for n, text in enumerate(("and then", "and why", "never mind"))
        ]
        await vault.save_queue(chat.id, json.dumps(rows), {})
        await vault.close()

    asyncio.run(leave_waiting())
    ran = with_vault("chat", "--plain", "-c", stdin="/next\n/next\n/drop\n/next\n")
    assert "Waiting from last time: and then" in ran.out
    assert contents(provider) == ["hi", TEXT, "and then", TEXT, "and why"]
    assert "no message waits" in (ran.out + ran.err).lower()

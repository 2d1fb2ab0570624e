"""The vault from the command line: made once, opened without a secret on argv, kept in order."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli_runs import ONE_REPLY, PASSPHRASE, Ran, Troth
from servers import Gate, ScriptedServer, gated_after, openai_chat_stream

TEXT = "".join(ONE_REPLY)
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs permissions and signals of POSIX")


def test_making_a_vault_prints_twelve_words_once(troth: Troth) -> None:
    troth.unlock_by_file()
    ran = troth("vault", "init")
    assert ran.code == 0
    assert len(ran.out.split()) == 12
    assert "shown this once" in ran.err
    again = troth("vault", "init")
    assert again.code == 3
    assert "There is a vault already" in again.err
    status = troth("vault", "status", "--json").json
    assert status["exists"]
    assert status["slots"] == {"passphrase": True, "keyring": False, "recovery": True}
    assert status["problem"] is None
    everything = [file for file in troth.home.rglob("*") if file.is_file()]
    assert not any(PASSPHRASE.encode() in file.read_bytes() for file in everything)


def test_without_a_terminal_or_a_source_no_vault_is_made(troth: Troth) -> None:
    ran = troth("vault", "init", stdin="secret\nsecret\n")
    assert ran.code == 2
    assert "TROTH_PASSPHRASE_FILE" in ran.err
    assert not (troth.home / "data" / "vault.json").exists()


def test_no_vault_is_made_with_a_passphrase_that_cannot_be_read(
    troth: Troth, tmp_path: Path
) -> None:
    ran = troth("vault", "init", env={"TROTH_PASSPHRASE_FILE": str(tmp_path / "none")})
    assert ran.code == 3
    assert "passphrase could not be read" in ran.err
    assert str(tmp_path / "none") in ran.err
    assert "locked" not in ran.err
    assert not (troth.home / "data" / "vault.json").exists()


def test_no_option_takes_a_secret(troth: Troth) -> None:
    for words in (["vault", "init", "--passphrase", "x"], ["keys", "set", "openai", "sk-1"]):
        assert troth(*words).code == 2


def test_what_is_asked_is_kept_and_gone_on_with(
    with_vault: Troth, inside: Callable[..., Ran], provider: ScriptedServer
) -> None:
    troth = with_vault
    first = troth("ask", "-m", "mine/m1", "--json", "the canary is yellow")
    assert first.code == 0, first.err
    assert first.err == ""
    chat = first.json["chat"]

    # The model of the chat answers, and is given all that was said.
    assert troth("ask", "-c", "what colour?").code == 0
    sent = provider.requests[-1].json()
    assert sent["model"] == "m1"
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert sent["messages"][1]["content"] == TEXT

    other = troth("ask", "--chat", chat[-6:], "-m", "mine/m2", "--json", "and now?")
    assert other.json["chat"] == chat
    assert other.json["model"] == "m2"

    chats = inside("chats", "--json").json
    assert [(row["id"], row["title"], row["messages"]) for row in chats] == [
        (chat, "the canary is yellow", 6)
    ]
    assert inside("chats").out.split("\t")[0] == chat

    hits = inside("search", "canary", "--json").json
    assert {hit["chat"] for hit in hits} == {chat}
    assert any(hit["message"] and "canary" in hit["snippet"] for hit in hits)
    places = [line.split("\t")[3] for line in inside("search", "canary").out.splitlines()]
    assert {"title", "you"} <= set(places)
    assert inside("search", "nowhere", "--json").json == []


def test_no_save_keeps_nothing_and_still_finds_the_key(
    with_vault: Troth, inside: Callable[..., Ran], provider: ScriptedServer
) -> None:
    troth = with_vault
    troth.add_provider(provider.url, "needs_key = true")
    assert troth("ask", "-m", "mine/m1", "x").code == 3
    assert troth("keys", "set", "mine", "--stdin", stdin="sk-secret-7890\n").code == 0
    ran = troth("ask", "--no-save", "-m", "mine/m1", "hello")
    assert (ran.code, ran.out, ran.err) == (0, f"{TEXT}\n", "")
    assert provider.requests[-1].header("authorization") == "Bearer sk-secret-7890"
    assert inside("chats", "--json").json == []


def test_keys_are_shown_by_their_source_and_last_four(
    with_vault: Troth, inside: Callable[..., Ran], provider: ScriptedServer
) -> None:
    troth = with_vault
    troth("keys", "set", "mine", "--stdin", stdin="sk-secret-7890\n")
    env = {"OPENAI_API_KEY": "sk-elsewhere-4321"}
    listed = inside("keys", "list", "--json", env=env)
    rows = {row.pop("provider"): row for row in listed.json}
    assert rows == {
        "openai": {"source": "environment", "variable": "OPENAI_API_KEY", "last4": "4321"},
        "mine": {"source": "vault", "variable": "", "last4": "7890"},
    }
    assert "secret" not in listed.out
    assert "elsewhere" not in listed.out
    assert "secret" not in (troth.home / "config" / "config.toml").read_text()
    assert inside("keys", "remove", "mine").code == 0
    assert inside("keys", "list", "--json").json == []
    assert inside("keys", "remove", "mine").code == 2
    assert troth("keys", "set", "nobody", "--stdin", stdin="sk").code == 2
    assert troth("keys", "set", "openai", "--stdin", stdin="").code == 2


def test_a_key_does_not_follow_an_address_that_changed(
    with_vault: Troth, inside: Callable[..., Ran], provider: ScriptedServer
) -> None:
    troth = with_vault
    troth("keys", "set", "mine", "--stdin", stdin="sk-secret-7890\n")
    with ScriptedServer(openai_chat_stream(["x"])) as elsewhere:
        troth.add_provider(elsewhere.url)
        assert troth("ask", "-m", "mine/m1", "hello").code == 0
        assert elsewhere.requests[0].header("authorization") is None
    listed = inside("keys", "list")
    assert "another address" in listed.err


def test_locked_and_wrong_end_with_3_and_say_so(
    with_vault: Troth, provider: ScriptedServer, tmp_path: Path
) -> None:
    troth = with_vault
    del troth.environ["TROTH_PASSPHRASE_FILE"]
    locked = troth("ask", "-m", "mine/m1", "--json", "hello")
    assert (locked.code, locked.json["error"]["kind"]) == (3, "vault-locked")
    assert "TROTH_PASSPHRASE_COMMAND" in locked.json["error"]["next_step"]
    wrong = tmp_path / "wrong"
    wrong.write_text("not it")
    refused = troth("chats", "--json", env={"TROTH_PASSPHRASE_FILE": str(wrong)})
    assert (refused.code, refused.json["error"]["kind"]) == (3, "wrong-passphrase")
    missing = troth("chats", env={"TROTH_PASSPHRASE_FILE": str(tmp_path / "none")})
    assert missing.code == 3
    assert "passphrase could not be read" in missing.err
    failing = f'"{sys.executable}" -c "raise SystemExit(1)"'
    assert troth("chats", env={"TROTH_PASSPHRASE_COMMAND": failing}).code == 3
    assert len(provider.requests) == 0


def test_a_command_may_give_the_passphrase(with_vault: Troth) -> None:
    troth = with_vault
    del troth.environ["TROTH_PASSPHRASE_FILE"]
    command = f'"{sys.executable}" -c "print(\'{PASSPHRASE}\')"'
    ran = troth("chats", "--json", env={"TROTH_PASSPHRASE_COMMAND": command})
    assert (ran.code, ran.json) == (0, [])


def test_a_file_and_a_command_give_the_same_passphrase(troth: Troth, tmp_path: Path) -> None:
    """Line ends within it count, and only the last one is taken off."""
    file = tmp_path / "lines"
    file.write_bytes(b"one\r\ntwo\n\n")
    troth.environ["TROTH_PASSPHRASE_FILE"] = str(file)
    assert troth("vault", "init").code == 0
    for printed, code in ((r"one\r\ntwo\n\n", 0), (r"one\ntwo\n\n", 3), (r"one\r\ntwo", 3)):
        command = f'"{sys.executable}" -c "import sys; sys.stdout.write(\'{printed}\')"'
        del troth.environ["TROTH_PASSPHRASE_FILE"]
        ran = troth("chats", env={"TROTH_PASSPHRASE_COMMAND": command})
        assert ran.code == code, printed
        troth.environ["TROTH_PASSPHRASE_FILE"] = str(file)


def test_without_a_vault_the_commands_that_need_one_say_how_to_make_it(troth: Troth) -> None:
    for words in (["chats"], ["search", "x"], ["export", "x"], ["ask", "-c", "x"]):
        ran = troth(*words)
        assert ran.code == 3
        assert "`troth vault init`" in ran.err


@POSIX
def test_an_interrupted_reply_is_in_the_vault(with_vault: Troth) -> None:
    import signal

    with ScriptedServer(gated_after(openai_chat_stream(ONE_REPLY), 2, Gate())) as server:
        with_vault.add_provider(server.url)
        running = with_vault.start("ask", "-m", "mine/m1", "tell me")
        assert running.stdout is not None
        assert running.stdout.read(5) == b"Hello"
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
    assert running.returncode == 130
    document = with_vault("export", "tell me", "--format", "json").json
    assert [message["finish"] for message in document["messages"]] == [None, "stopped"]
    assert document["messages"][1]["parts"] == [{"type": "TextPart", "text": "Hello"}]


def test_a_chat_is_exported_as_markdown_and_as_json_that_loses_nothing(
    with_vault: Troth, provider: ScriptedServer, tmp_path: Path
) -> None:
    troth = with_vault
    file = tmp_path / "picture.bin"
    file.write_bytes(b"\x00\x01canary")
    troth("ask", "-m", "mine/m1", "-s", "Be kind.", "-f", str(file), 'say "hi": #1')
    target = tmp_path / "out.md"
    assert troth("export", 'say "hi": #1', "-o", str(target)).code == 0
    markdown = target.read_text()
    assert markdown.startswith('---\ntitle: "say \\"hi\\": #1"\n')
    assert 'system_prompt: "Be kind."' in markdown
    assert "## You\n" in markdown
    assert "## mine/m1\n" in markdown
    assert TEXT in markdown
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    document = troth("export", 'say "hi": #1', "--format", "json").json
    assert (document["format"], document["version"]) == ("troth-chat", 1)
    assert document["conversation"]["system_prompt"] == "Be kind."
    reply = document["messages"][1]
    assert reply["model"] == {"provider": "mine", "model": "m1"}
    assert reply["exchange"]["status"] == 200
    assert reply["verdict"]["state"]
    assert len(document["blobs"]) == 1
    assert troth("export", "no such chat").code == 2
    assert json.dumps(document).isascii()


@POSIX
def test_a_terminal_is_asked_unseen_and_the_words_are_asked_back(troth: Troth) -> None:
    from terminal import Terminal

    with Terminal(Troth.command("vault", "init"), troth.full_environ()) as screen:
        screen.wait_for("Passphrase for the vault: ")
        screen.type("open sesame street\r")
        screen.wait_for("The same again: ")
        screen.type("open sesame street\r")
        screen.wait_for("from your paper: ")
        words = dict(screen.numbered_words())
        for _ in range(2):
            place = screen.last_number()
            screen.type(f"{words[place]}\r")
            screen.wait_for("from your paper: ", "Right.")
        assert screen.end() == 0
    assert "sesame" not in screen.text
    with Terminal(Troth.command("chats"), troth.full_environ()) as screen:
        screen.wait_for("Passphrase: ")
        screen.type("wrong\r")
        # The prompt must stand again before anything is typed: getpass throws away what came early.
        screen.wait_for("does not open this vault.\r\nPassphrase: ")
        screen.type("open sesame street\r")
        screen.wait_for("There are no chats yet.")
        assert screen.end() == 0


def test_the_passphrase_is_changed_by_who_knows_the_old_one(
    with_vault: Troth, inside: Callable[..., Ran], tmp_path: Path
) -> None:
    new = tmp_path / "new"
    new.write_text("another long passphrase\n")
    changed = inside("vault", "passphrase", "--new-file", str(new))
    assert changed.code == 0, changed.err
    assert inside("chats").code == 3
    assert inside("chats", env={"TROTH_PASSPHRASE_FILE": str(new)}).code == 0


def test_a_backup_is_made_checked_and_restored(
    with_vault: Troth, inside: Callable[..., Ran], provider: ScriptedServer, tmp_path: Path
) -> None:
    troth = with_vault
    assert troth("ask", "-m", "mine/m1", "the canary is yellow").code == 0
    checked = inside("vault", "check", "--json")
    assert (checked.code, checked.json["is_sound"], checked.json["messages"]) == (0, True, 2)
    made = inside("vault", "backup", str(tmp_path / "backups"))
    assert made.code == 0, made.err
    elsewhere = Troth(tmp_path / "elsewhere", dict(troth.environ))
    restored = elsewhere("vault", "restore", made.out.strip())
    assert restored.code == 0, restored.err
    assert [chat["title"] for chat in elsewhere("chats", "--json").json] == ["the canary is yellow"]


def test_damage_is_told_apart_from_a_wrong_passphrase(with_vault: Troth) -> None:
    header = with_vault.home / "data" / "vault.json"
    header.write_bytes(header.read_bytes()[:-9])
    ran = with_vault("chats", "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (3, "header-damaged")
    assert "not to blame" in ran.json["error"]["detail"]


def made_vault(troth: Troth) -> str:
    """Make a vault that opens by a file; return its recovery words."""
    troth.unlock_by_file()
    ran = troth("vault", "init")
    assert ran.code == 0, ran.err
    return ran.out


def test_a_damaged_key_file_is_mended_from_its_copy(troth: Troth) -> None:
    made_vault(troth)
    header = troth.home / "data" / "vault.json"
    whole = header.read_bytes()
    assert "nothing to mend" in troth("vault", "mend").err
    header.write_bytes(whole[:100])
    refused = troth("vault", "status")
    assert refused.code == 3
    assert "troth vault mend" in refused.err
    assert troth("vault", "mend").code == 0
    assert header.read_bytes() == whole
    header.unlink()
    assert "missing" in troth("vault", "init").err
    assert troth("vault", "mend").code == 0
    assert troth("vault", "check").code == 0


def test_the_ways_in_are_listed_without_a_key(troth: Troth) -> None:
    made_vault(troth)
    assert troth("vault", "slots", "--json").json == ["passphrase", "recovery words"]


def test_a_backup_is_restored_with_piped_recovery_words_alone(troth: Troth, tmp_path: Path) -> None:
    words = made_vault(troth)
    saved = troth("vault", "backup", str(tmp_path / "backups"))
    elsewhere = Troth(tmp_path / "elsewhere")
    restored = elsewhere("vault", "restore", "--recovery", saved.out.strip(), stdin=words)
    assert restored.code == 0, restored.err
    assert (tmp_path / "elsewhere" / "data" / "vault.db").exists()

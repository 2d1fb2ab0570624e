"""The door: what it imports, what it says, and its exit codes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli_runs import Ran, Troth
from servers import ScriptedServer
from troth import __version__
from troth.cli.command import COMMANDS, Arguments, parser_for, usage_of
from troth.cli.completion import SHELLS
from troth.cli.main import unknown_command
from troth.cli.output import ExitCode, exit_code_for
from troth.domain.error import UsageError
from troth.explain.words import ALL

IMPORTED = (
    "import sys; sys.argv[:] = ['troth', *sys.argv[1:]]; from troth.__main__ import main; main(); "
    "print(*sorted(sys.modules), file=sys.stderr)"
)


def imported_by(troth: Troth, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words],
        capture_output=True,
        text=True,
        env=troth.full_environ(),
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    return set(done.stderr.split())


def test_the_version_is_told_with_nothing_imported(troth: Troth) -> None:
    assert troth("--version").out == f"troth {__version__}\n"
    ours = {name for name in imported_by(troth, "--version") if name.startswith("troth")}
    assert ours == {"troth", "troth.__main__"}


def test_a_question_is_asked_without_textual_and_without_other_commands(
    troth: Troth, provider: ScriptedServer
) -> None:
    modules = imported_by(troth, "ask", "-m", "mine/m1", "hello")
    assert len(provider.requests) == 1
    assert not {name.split(".")[0] for name in modules} & {"textual", "rich", "pydantic", "keyring"}
    assert not modules & {"troth.cli.doctor", "troth.cli.export", "troth.tui.theme"}


def test_without_a_terminal_the_app_says_what_else_there_is(troth: Troth) -> None:
    ran = troth()
    assert ran.code == 2
    assert ran.out == ""
    assert "needs a terminal" in ran.err
    assert "troth ask" in ran.err
    assert "troth chat --plain" in ran.err


def test_the_help_names_every_command_and_exit_code(troth: Troth) -> None:
    ran = troth("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert f"\n  {command.name} " in ran.out
    assert "130 interrupted" in ran.out
    assert usage_of(COMMANDS) == ran.out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_and_subcommand_explains_itself(
    command: object, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = parser_for(command)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--help"], namespace=Arguments())
    assert caught.value.code == 0
    assert "exit codes:" in capsys.readouterr().out or parser.epilog
    for action in parser._actions:
        assert action.help or action.metavar or action.choices, action


def test_a_misspelt_command_gets_the_right_one_suggested(inside: Callable[..., Ran]) -> None:
    ran = inside("modles")
    assert ran.code == 2
    assert "Did you mean `troth models`?" in ran.err
    assert "troth ask" in unknown_command("why is the sky blue")


@pytest.mark.parametrize(
    "words", [["ask", "--nonsense"], ["providers", "add", "x"], ["export", "--format", "pdf", "x"]]
)
def test_wrong_usage_ends_with_2_and_says_how_it_goes(
    inside: Callable[..., Ran], words: list[str]
) -> None:
    ran = inside(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert "Usage: troth" in ran.err


def test_wrong_usage_is_told_in_one_line(troth: Troth) -> None:
    ran = troth("ask", "--json", "--nonsense")
    detail = ran.json["error"]["detail"]
    assert detail.startswith("Unrecognized arguments: --nonsense. Usage: troth ask [-h] [-m PRO")
    assert detail == " ".join(detail.split())
    assert ran.json["error"]["next_step"] == "`troth ask --help` explains it."
    assert detail in troth("ask", "--nonsense").err
    assert "`troth trust pin --help` explains it." in troth("trust", "pin", "no-such.pem").err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "line",
    ["--version", "--help", "ask --help", "models", "providers list --json", "ask -m mine/m1 x"],
)
def test_output_that_cannot_be_written_is_said_with_its_reason(
    troth: Troth, provider: ScriptedServer, line: str
) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            troth.command(*line.split()),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=troth.full_environ(),
            timeout=60,
            check=False,
        )
    assert done.returncode == ExitCode.PROVIDER
    assert b"The output cannot be written" in done.stderr
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("line", ["--version", "--help", "ask --help", "models", "completion bash"])
def test_a_reader_who_has_enough_is_left_without_a_word(troth: Troth, line: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            troth.command(*line.split()),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            env=troth.full_environ(),
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="shells of Windows close no stream")
def test_closed_streams_are_as_good_as_nowhere(troth: Troth) -> None:
    command = " ".join(map(shlex.quote, troth.command("ask", "--nonsense")))
    done = subprocess.run(
        ["sh", "-c", f"{command} <&- >&- 2>&-"], env=troth.full_environ(), timeout=60, check=False
    )
    assert done.returncode == ExitCode.USAGE


def test_wrong_usage_is_one_json_object_where_json_was_asked_for(troth: Troth) -> None:
    ran = troth("ask", "--json", "--nonsense")
    assert ran.code == 2
    assert set(ran.json["error"]) == {"kind", "title", "detail", "next_step"}
    assert ran.json["error"]["kind"] == "usage"


def test_a_command_without_its_action_shows_its_help(inside: Callable[..., Ran]) -> None:
    ran = inside("keys")
    assert ran.code == 2
    assert "set" in ran.out
    assert "remove" in ran.out


@pytest.mark.parametrize("kind", ALL)
def test_every_error_kind_has_an_exit_code_of_the_contract(kind: str) -> None:
    assert exit_code_for(kind) in set(ExitCode) - {ExitCode.OK, ExitCode.INTERRUPTED}


def test_exit_codes_tell_provider_usage_and_lock_apart() -> None:
    assert exit_code_for("rate-limited") == 1
    assert exit_code_for("host-unknown") == 1
    assert exit_code_for("usage") == 2
    assert exit_code_for("not-found") == 2
    assert exit_code_for("vault-locked") == 3
    assert exit_code_for("key-missing") == 3
    assert exit_code_for("policy-refused") == 4


def test_unknown_options_of_the_app_are_refused(troth: Troth) -> None:
    assert troth("--chat").code == 2
    assert troth("--memory", "now").code == 2
    with pytest.raises(UsageError, match="--nope"):
        raise UsageError(unknown_command("--nope"))


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts_know_every_command(inside: Callable[..., Ran], shell: str) -> None:
    ran = inside("completion", shell)
    assert ran.code == 0
    for command in COMMANDS:
        assert command.name in ran.out


def test_bash_completes_commands_subcommands_and_options(troth: Troth) -> None:
    script = troth("completion", "bash").out

    def completed(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in words)
        probe = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _troth; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(
            ["bash", "-c", f"{script}\n{probe}"], capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert completed("troth", "mod") == ["models"]
    assert completed("troth", "keys", "") == ["set", "list", "remove", "-h", "--help"]
    assert "--no-save" in completed("troth", "ask", "--no")
    assert completed("troth", "ask", "-m", "x", "--js") == ["--json"]

"""The passphrase that the environment leads to, for scripts: from a file, or from a command.

Never from the arguments, where every user of the machine could read it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from troth.domain.error import PassphraseUnreadable

_COMMAND_TIMEOUT_S = 120


def given_passphrase(environ: Mapping[str, str]) -> str | None:
    """Return the passphrase that the environment leads to; None when it leads to none.

    One line end at its end is taken off. Raises PassphraseUnreadable when the way leads
    nowhere.
    """
    if file := environ.get("TROTH_PASSPHRASE_FILE"):
        try:
            # As bytes: reading as text would turn the line ends within it into others.
            return _without_line_end(Path(os.path.expanduser(file)).read_bytes().decode("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            detail = f"TROTH_PASSPHRASE_FILE names {file}, which cannot be read"
            raise PassphraseUnreadable(file, detail) from error
    if command := environ.get("TROTH_PASSPHRASE_COMMAND"):
        return _without_line_end(_output_of(command))
    return None


def command_line(command: str, *, is_windows: bool) -> str | list[str]:
    """Return a command as `subprocess` takes it. Raises ValueError for an open quote.

    Windows cuts the line itself, and there a backslash parts folders: `C:\\bin\\pass.exe`.
    """
    return command if is_windows else shlex.split(command)


def _output_of(command: str) -> str:
    failed = "TROTH_PASSPHRASE_COMMAND did not give a passphrase"
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            command_line(command, is_windows=os.name == "nt"),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=_COMMAND_TIMEOUT_S,
        )
        return done.stdout.decode("utf-8")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise PassphraseUnreadable("", failed) from error


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")

"""A draft in the person's own editor: in a file that nobody else can read and that goes away.

An editor needs plain text. It lies in a folder of its own, in memory where the system has such a
place, and is removed with all that the editor left there. A kill can leave it: the next start
removes what belongs to no living process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from troth.private import environment_for_child

PREFIX = "troth-editor-"


def edit(command: Sequence[str], text: str) -> str:
    """Return what was written. Raises OSError, CalledProcessError for an editor that failed."""
    prefix = f"{PREFIX}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=memory_folder()) as folder:  # 0700
        file = Path(folder, "message.md")
        file.touch(0o600)
        file.write_text(text, "utf-8")
        subprocess.run(  # noqa: S603 - the person's own command, without a shell
            [*command, str(file)], check=True, env=environment_for_child(os.environ)
        )
        # Editors write a new file in the old one's place: read by name.
        return file.read_text("utf-8", errors="replace")


def remove_left_over() -> None:
    """Remove the drafts of programs that were killed while an editor had them."""
    if sys.platform == "win32":
        return  # there is no asking whether a process lives without the risk of ending it
    for folder in Path(memory_folder() or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        if number.isdigit() and not _lives(int(number)):
            shutil.rmtree(folder, ignore_errors=True)  # one of another user stays


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def memory_folder() -> str | None:
    """Return a folder that lies in memory, where there is one; None is the system's own choice."""
    for folder in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108
        if folder and os.access(folder, os.W_OK):
            return folder
    return None

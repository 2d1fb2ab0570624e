"""What every face does so that nothing of the user's gets out sideways.

No core dumps, no debugger of another program, no keys in a child's environment, and reports of
faults that say where, but never what: no message, no local variable, no text of anybody's.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

_PR_SET_DUMPABLE = 4
"""prctl(2), read November 2026: 0 also gives /proc/PID to root and refuses ptrace by equals."""
_KEPT_REPORTS = 5


def close_to_others() -> None:
    """Turn core dumps off and, on Linux, keep other processes of the user out of our memory.

    Does what the system allows: where it refuses, the vault is no less encrypted.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def environment_for_child(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what looks like a key: a child has no business with it."""
    return {name: value for name, value in environ.items() if not is_secret_name(name)}


def is_secret_name(name: str) -> bool:
    """Whether an environment variable of this name holds a key, as providers name theirs."""
    name = name.upper()
    return name.startswith("TROTH_") or name.endswith(("_API_KEY", "_TOKEN", "_PRIVATE_KEY"))


def where_of(error: BaseException) -> list[str]:
    """Return the kinds of errors and the places they went through, outermost first."""
    lines: list[str] = []
    seen: set[int] = set()
    step: BaseException | None = error
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        lines.append(type(step).__qualname__)
        for frame in traceback.extract_tb(step.__traceback__):
            lines.append(f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}")
        step = step.__cause__ or step.__context__
    return lines


def write_report(error: BaseException, folder: Path, version: str) -> Path | None:
    """Write where a fault was into a file of its own; None where the disk does not take it.

    Only the newest reports are kept. The file is 0600 and holds nothing that anybody wrote.
    """
    now = datetime.now(UTC)
    python = sys.version.split()[0]
    head = f"troth {version}, Python {python}, {sys.platform}, {now:%Y-%m-%d %H:%M} UTC"
    lines = [head, *where_of(error)]
    path = folder / f"crash-{now:%Y%m%dT%H%M%S%f}.txt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        for old in sorted(folder.glob("crash-*.txt"))[:-_KEPT_REPORTS]:
            old.unlink(missing_ok=True)
    except OSError:
        return None
    return path


def _short(file: str) -> str:
    """Return a source file's name without the folders of this user."""
    parts = Path(file).parts
    for mark in ("site-packages", "src"):
        if mark in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(mark) :])
    return parts[-1] if parts else file

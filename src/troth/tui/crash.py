"""What the terminal shows after a fault of ours: where it was, and nothing of what was on it.

Textual prints the local variables of every frame, which hold chats, drafts and passphrases.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping

from rich.text import Text
from textual.worker import WorkerFailed

from troth import __version__
from troth.private import write_report
from troth.settings import find_paths


def told(error: BaseException, environ: Mapping[str, str]) -> Text:
    """Write a report without contents and return what to say on the terminal.

    TROTH_DEBUG=1 shows the whole traceback instead, which may quote what was written.
    """
    if isinstance(error, WorkerFailed):
        error = error.error  # what the worker met; the wrapper quotes its message
    if environ.get("TROTH_DEBUG"):
        return Text("".join(traceback.format_exception(error)))
    path = write_report(error, find_paths(environ).log_dir, __version__)
    frames = traceback.extract_tb(error.__traceback__)
    where = (
        f" in {os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else ""
    )
    lines = [f"troth: A fault of Troth's own: {type(error).__name__}{where}."]
    lines.append("  What had come and what you were typing is kept.")
    if path is not None:
        lines.append(f"  Where it was, and nothing that you wrote: {os.fspath(path)}")
    return Text("\n".join(lines))

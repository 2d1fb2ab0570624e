"""The door: `troth` and `python -m troth`.

Imports nothing but the package itself until it is known what was asked: the app paints its first
frame before anything heavy is loaded, and `--version` needs nothing at all.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress


def main() -> int:
    """Run the command line of `sys.argv` and return the exit code."""
    words = sys.argv[1:]
    if words in (["--version"], ["-V"]):
        from troth import __version__

        with suppress(OSError):  # `run` says why it cannot be written
            os.write(1, f"troth {__version__}\n".encode())
            return 0
    if not words or words[0] in {"--memory", "--chat"}:
        return _open_app(words)
    if words == ["chat"] and _has_terminal():
        return _open_app([])
    # Nothing of an import is garbage, and collecting while importing costs a tenth of it.
    gc.disable()
    from troth.cli.main import run
    from troth.private import close_to_others

    close_to_others()

    return run(words)


def _open_app(words: list[str]) -> int:
    is_memory = words == ["--memory"]
    chat_id = words[1] if len(words) == 2 and words[0] == "--chat" else ""
    if words and not is_memory and not chat_id:
        sys.stderr.write("usage: troth [--memory | --chat ID]\n")
        return 2
    if not _has_terminal():
        sys.stderr.write(
            "troth: The app needs a terminal, and this is none.\n"
            "  To ask one question: troth ask 'QUESTION'. Line by line: troth chat --plain.\n"
            "  `troth --help` shows every command.\n"
        )
        return 2
    from troth.tui.app import run

    return run(in_memory=is_memory, chat_id=chat_id)


def _has_terminal() -> bool:
    """Whether keys come from a terminal, and what is drawn goes to one that can be drawn on."""
    if os.environ.get("TERM") == "dumb":
        return False
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams)


if __name__ == "__main__":
    raise SystemExit(main())

"""The child that reads a PDF's text: the file on stdin, a line of JSON a page on stdout.

A PDF is a stranger's program: it can loop, nest and unpack without end. Here it can be killed, its
memory has a ceiling, and nothing of the app's screen waits for it. Imports nothing of Troth.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from io import BytesIO
from threading import Timer

from pypdf import PageObject, PdfReader
from pypdf.errors import PyPdfError

LIFE_S = 30
"""The parent waits less; this ends a child whose parent was killed while it was in a loop."""
MEMORY_BYTES = 1 << 30
PAGES = 2_000

_BROKEN = (
    PyPdfError, ArithmeticError, AttributeError, LookupError, MemoryError, NotImplementedError,
    RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What pypdf raises for files that are not as they should be (its own fuzzing reports)."""


def main() -> None:
    watchdog = Timer(LIFE_S, os._exit, [1])
    watchdog.daemon = True
    watchdog.start()
    _limit_memory()
    with suppress(*_BROKEN):
        reader = PdfReader(BytesIO(sys.stdin.buffer.read()))
        if reader.is_encrypted:
            reader.decrypt("")  # many files are locked against changes only
        _say({"pages": len(reader.pages)})
        for number in range(min(len(reader.pages), PAGES)):
            _say({"text": _text_of(reader, number)})


def _text_of(reader: PdfReader, number: int) -> str:
    """Return a page's words; a broken page costs itself and no other."""
    with suppress(*_BROKEN):
        page: PageObject = reader.pages[number]
        return page.extract_text().strip()
    return ""


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _limit_memory() -> None:
    """Set a ceiling where the system has one (not on Windows; macOS may refuse)."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()

"""The words in a PDF, for models that read none. Read once, when the file is attached, and kept
beside it: what was sent must stay the same when the library that reads PDFs changes.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import cast

from troth.private import environment_for_child
from troth.providers.wirejson import mend_surrogates

TIME_S = 20.0
"""Some 300 pages: pypdf 7.1 reads 15 to 40 of them a second."""
TEXT_LIMIT_BYTES = 4 << 20
"""As much as the largest context of 2026 holds, about a million tokens."""


async def pdf_text(content: bytes, *, time_s: float = TIME_S) -> str:
    """Return the words of a PDF; "" where there are none (a scan, a lock, no PDF at all).

    Pages that came before the time or the limit was up are kept, and the text says which are
    missing.
    """
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "troth.engine.pdf_child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment_for_child(os.environ),
            # A ctrl+c in the terminal is meant for the app.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError:
        return ""  # no more processes: the file goes as it is, or is told to be left out
    lines = bytearray()
    try:
        async with asyncio.timeout(time_s), asyncio.TaskGroup() as group:
            group.create_task(_write(child, content))
            group.create_task(_read(child, lines))
    except TimeoutError:
        pass  # what came is kept
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.communicate()  # `wait` alone never ends where unread words fill the pipe
    return _joined(lines)


async def _write(child: asyncio.subprocess.Process, content: bytes) -> None:
    assert child.stdin is not None, "asked for above"
    with suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(content)
        await child.stdin.drain()
    child.stdin.close()


async def _read(child: asyncio.subprocess.Process, lines: bytearray) -> None:
    assert child.stdout is not None, "asked for above"
    while len(lines) < TEXT_LIMIT_BYTES and (piece := await child.stdout.read(1 << 16)):
        lines += piece


def _joined(lines: bytes | bytearray) -> str:
    """Return the pages' words; a last line that was cut is no page."""
    values = [cast("dict[str, object]", json.loads(line)) for line in lines.split(b"\n")[:-1]]
    if not values:
        return ""
    total = cast(int, values[0]["pages"])
    pages = [mend_surrogates(str(value["text"])).replace("\0", "") for value in values[1:]]
    text = "\n\n".join(filter(None, pages))
    if text and len(pages) < total:
        text += f"\n\n[The text from page {len(pages) + 1} to {total} is not here.]"
    return text

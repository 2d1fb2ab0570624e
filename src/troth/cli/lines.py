"""Read lines from stdin beside a running event loop, also while a reply is being printed."""

from __future__ import annotations

import asyncio
import codecs
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable

_CHUNK = 65_536
_PASTE_GAP_S = 0.03
"""Lines that come this close together were pasted, not typed."""


class LineReader:
    """Lines of stdin as they come; what was pasted together stays one message.

    A thread reads the descriptor itself: `sys.stdin` would hold a lock at exit that the
    interpreter waits for, and a terminal must not be switched to non-blocking, for its other users
    would see that too.
    """

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._has_ended = False
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._descriptor = sys.stdin.fileno()
        self.is_terminal = sys.stdin.isatty()
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    async def next(self) -> str | None:
        """Return the next line without its end; None when there will be no more."""
        while not self._waiting:
            if self._has_ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    async def watch(self, wanted: str, found: Callable[[], None]) -> None:
        """Call `found` for each line that is `wanted` and take it out; the others wait. Endless."""
        while True:
            for line in [line for line in self._waiting if line.strip() == wanted]:
                self._waiting.remove(line)
                found()
            self._changed.clear()
            await self._changed.wait()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        held = ""
        while True:
            try:
                received = os.read(self._descriptor, _CHUNK)
            except OSError:
                received = b""  # the terminal went away
            held += decoder.decode(received, final=not received)
            if self.is_terminal and held.endswith("\n") and received and self._more_is_there():
                continue
            *lines, held = held.split("\n")
            if self.is_terminal and len(lines) > 1 and not lines[0].startswith("/"):
                lines = ["\n".join(lines)]
            if not received and held:
                lines.append(held)
            try:
                self._loop.call_soon_threadsafe(self._take, lines, not received)
            except RuntimeError:
                return  # the loop is closed: nobody listens any more
            if not received:
                return

    def _more_is_there(self) -> bool:
        if sys.platform == "win32":
            return False  # select takes sockets only there
        return bool(select.select([self._descriptor], [], [], _PASTE_GAP_S)[0])

    def _take(self, lines: list[str], has_ended: bool) -> None:
        self._waiting.extend(line.removesuffix("\r") for line in lines)
        self._has_ended = has_ended
        self._changed.set()

"""A person at a pseudo-terminal: types, waits for words, and keeps every byte that was shown."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

TIMEOUT_S = 60


class Terminal:
    """Runs a command on a terminal of its own; POSIX only."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        import pty

        self._keyboard, screen = pty.openpty()
        self.seen = b""
        self._waited_to = 0
        self._running = subprocess.Popen(
            command,
            stdin=screen,
            stdout=screen,
            stderr=screen,
            env={**environ, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(screen)

    @property
    def text(self) -> str:
        return self.seen.decode("utf-8", "replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running.poll() is None:
            self._running.kill()
            self._running.wait()
        os.close(self._keyboard)

    def type(self, text: str) -> None:
        os.write(self._keyboard, text.encode())

    def wait_for(self, *words: str) -> str:
        """Wait until one of `words` is shown after what was waited for before; return it."""
        until = time.monotonic() + TIMEOUT_S
        while True:
            fresh = self.text[self._waited_to :]
            found = [(fresh.index(word), word) for word in words if word in fresh]
            if found:
                place, word = min(found)
                self._waited_to += place + len(word)
                return word
            if time.monotonic() > until or not self._read():
                raise AssertionError(f"none of {words} in {self.text!r}")

    def numbered_words(self) -> Iterator[tuple[int, str]]:
        """The words of rows such as ` 1 crazy   2 wear`."""
        rows = self.text.partition("Word ")[0]
        for number, word in re.findall(r"(?<!\S)(\d{1,2}) ([a-z]+)", rows):
            yield int(number), word

    def last_number(self) -> int:
        """The number in the last question `Word 7 from ...`."""
        return int(re.findall(r"Word (\d+) from", self.text)[-1])

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self._running.wait(timeout=TIMEOUT_S)

    def _read(self) -> bool:
        if not select.select([self._keyboard], [], [], TIMEOUT_S)[0]:
            return False
        try:
            received = os.read(self._keyboard, 65_536)
        except OSError:  # Linux: the last writer has gone
            return False
        self.seen += received
        return bool(received)


def _take_terminal() -> None:
    """Make the terminal the controlling one, as a login does: /dev/tty leads to it then."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

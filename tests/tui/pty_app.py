"""The real program on a real pseudo-terminal, seen through a terminal emulator. POSIX only."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pyte

SOURCE = Path(__file__).resolve().parents[2] / "src"
LIMIT_S = 90

_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p")


class PtyApp:
    """One run of `python -m troth` on a terminal of `size` (columns, lines)."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.received = b""
        variables = {
            "PATH": os.environ["PATH"],
            "TROTH_HOME": str(home),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(SOURCE),
            **(environ or {}),
        }
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            _set_size(0, size)
            os.execvpe(sys.executable, [sys.executable, "-m", "troth", *arguments], variables)
        self.exit_code: int | None = None

    # -- what is seen

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def pump(self, seconds: float) -> bool:
        """Read what has come; False when the program's side is closed."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:
            return False
        self.received += data
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))
        return bool(data)

    def until(self, *words: str, gone: str = "", limit_s: float = LIMIT_S) -> str:
        """Wait until one of `words` stands on the screen and `gone` does not; return it."""
        return self.until_true(
            lambda: (
                next((w for w in words if w in self.text), "")
                if not gone or gone not in self.text
                else ""
            ),
            f"{words} in",
            limit_s,
        )

    def until_true(
        self, holds: Callable[[], str | bool], what: str, limit_s: float = LIMIT_S
    ) -> str:
        end = time.monotonic() + limit_s
        while not (found := holds()):
            assert time.monotonic() < end, f"never saw {what}:\n{self.text}"
            assert self.pump(0.05) or holds(), f"ended before {what}:\n{self.text}"
        return str(found)

    # -- what is done

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        _set_size(self._fd, (columns, lines))

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def until_stopped(self, limit_s: float = LIMIT_S) -> None:
        """Wait as a shell does until the program has stopped: a SIGCONT before that is lost."""
        end = time.monotonic() + limit_s
        while os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED) == (0, 0):
            assert time.monotonic() < end, f"never stopped:\n{self.text}"
            self.pump(0.05)

    @property
    def terminal_flags(self) -> int:
        """The terminal's local modes: whether it echoes and reads lines."""
        return int(termios.tcgetattr(self._fd)[3])

    def take_terminal_away(self) -> None:
        """Close the master side: the program gets SIGHUP and nothing can be written any more."""
        os.close(self._fd)

    def wait(self, limit_s: float = LIMIT_S) -> int:
        """Wait for the end of the program; return its exit code, negative for a signal."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
                self._read_rest()
                return self.exit_code
            try:
                self.pump(0.05)
            except (OSError, ValueError):
                time.sleep(0.02)  # the terminal is gone: nothing to wait on but the clock
        raise AssertionError(f"still runs:\n{self.text}")

    def _read_rest(self) -> None:
        """Take in what was written last: the end of a program outruns its own words."""
        with suppress(OSError, ValueError):  # the terminal was taken away
            while select.select([self._fd], [], [], 0)[0] and self.pump(0):
                pass

    def kill(self) -> None:
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def _set_size(fd: int, size: tuple[int, int]) -> None:
    columns, lines = size
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

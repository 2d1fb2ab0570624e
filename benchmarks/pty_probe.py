"""A person at a terminal with a stopwatch: starts a program, types, reads, and notes when.

Measures from outside, through a pseudo-terminal, so that any program can be compared. Each typed
character is a different Cyrillic letter that neither program prints by itself: the first time its
bytes come back is its echo, and no terminal emulator stands in the loop. Linux only.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
LETTERS = [chr(code) for code in (*range(0x410, 0x482), *range(0x48A, 0x530))]
ESCAPES = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P_^X][^\x1b]*\x1b\\|\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1b[()*+][A-Za-z0-9]|\x1b[ -/]?[0-~]"
)
SPACES = re.compile(rb"\s+|\xc2\xa0")
ANSWERS = (
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),
    (re.compile(rb"\x1b\[\?2048\$p"), b"\x1b[?2048;0$y"),
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
)


class Echoes(NamedTuple):
    """Milliseconds from a key to its letter on the terminal."""

    p50: float
    p95: float
    lost: int


def squashed(text: str) -> bytes:
    return SPACES.sub(b"", text.encode())


def cpu_clock_s(pid: int) -> float:
    """Return the processor time of a running process, all its threads, to the nanosecond.

    `/proc/PID/stat` counts in ticks of 10 ms. The clock's number is what `clock_getcpuclockid`
    returns on Linux. Raises OSError for a process that is gone.
    """
    return time.clock_gettime(~pid << 3 | 2)


def process_tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                line = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue
            parent = int(line[line.rindex(")") + 2 :].split()[1])
            children.setdefault(parent, []).append(int(name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


class Probe:
    """One run of a program on a terminal; `size` is columns and rows."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        size: tuple[int, int] = (120, 40),
    ) -> None:
        self.received = bytearray()
        """Visible characters since the last `forget`, without white space."""
        self.last_read_at = 0.0
        self.first_paint_at: float | None = None
        self._tail = b""
        self._carry = b""
        self._waiting: dict[bytes, float] = {}
        self._echoes: list[float] = []
        self._visible = 0
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        variables = {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environ}
        self.started_at = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            columns, rows = size
            window = struct.pack("HHHH", rows, columns, 10 * columns, 20 * rows)
            fcntl.ioctl(0, termios.TIOCSWINSZ, window)
            run_first()
            os.execvpe(command[0], list(command), variables)
        os.set_blocking(self._fd, False)

    # -- reading

    def pump(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            received = os.read(self._fd, 1 << 16)
        except OSError as error:
            raise RuntimeError(f"the program ended: {bytes(self.received[-300:])!r}") from error
        self._take(received, time.monotonic())
        return True

    def _take(self, received: bytes, now: float) -> None:
        self.last_read_at = now
        near = self._tail[-3:] + received
        for letter in [letter for letter in self._waiting if letter in near]:
            self._echoes.append(now - self._waiting.pop(letter))
        around = self._tail + received
        for question, answer in ANSWERS:
            for match in question.finditer(around):
                if match.end() > len(self._tail):
                    os.write(self._fd, answer)
        whole = self._carry + received
        cut = whole.rfind(b"\x1b")
        self._carry = b""
        if cut >= 0 and len(whole) - cut < 4096 and not ESCAPES.match(whole, cut):
            whole, self._carry = whole[:cut], whole[cut:]
        seen = SPACES.sub(b"", ESCAPES.sub(b"", whole))
        self.received += seen
        self._visible += len(seen)
        if self.first_paint_at is None and self._visible >= 10:
            self.first_paint_at = now
        self._tail = around[-64:]

    def pump_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self.pump(left)

    def forget(self) -> None:
        self.received = bytearray()

    def wait_for(self, text: str, limit_s: float = 60) -> float:
        """Return when `text` was on the terminal, counted from `forget`."""
        wanted, seen, end = squashed(text), 0, time.monotonic() + limit_s
        while self.received.find(wanted, max(0, seen - len(wanted))) < 0:
            seen = len(self.received)
            if time.monotonic() > end:
                raise TimeoutError(f"{text!r} never came: {bytes(self.received[-300:])!r}")
            self.pump(0.5)
        return self.last_read_at

    def wait_until_idle(self, limit_s: float = 30) -> None:
        """Wait until the program used less than 8 % of a core for half a second."""
        end, history = time.monotonic() + limit_s, [(time.monotonic(), self.cpu_s())]
        while time.monotonic() < end:
            self.pump_until(history[-1][0] + 0.1)
            history.append((time.monotonic(), self.cpu_s()))
            if len(history) > 5:
                (then, before), (now, used) = history[-6], history[-1]
                if used - before <= 0.08 * (now - then) + 0.01:
                    return

    # -- typing

    def send(self, keys: str) -> float:
        moment = time.monotonic()
        os.write(self._fd, keys.encode())
        return moment

    def first_echo(self) -> float:
        """Type another letter each 25 ms until one is shown; return when."""
        self._echoes, self._waiting = [], {}
        for place in range(800):
            letter = LETTERS[place % len(LETTERS)]
            self._waiting[letter.encode()] = self.send(letter)
            stop = time.monotonic() + 0.025
            while time.monotonic() < stop and not self._echoes:
                self.pump(stop - time.monotonic())
            if self._echoes:
                self._waiting = {}
                return self.last_read_at
        raise TimeoutError("no typed letter was ever shown")

    def type_letters(self, count: int = 150, rate: float = 30.0) -> Echoes:
        """Type as fast as a good typist, not in step with any timer."""
        self._echoes, self._waiting = [], {}
        began, chance = time.monotonic(), random.Random(7)
        for place in range(count):
            self.pump_until(began + (place + chance.uniform(-0.45, 0.45)) / rate)
            letter = LETTERS[place % len(LETTERS)]
            self._waiting[letter.encode()] = self.send(letter)
        end = time.monotonic() + 10
        while self._waiting and time.monotonic() < end:
            self.pump(0.1)
        times = sorted(self._echoes)
        lost, self._waiting = len(self._waiting), {}

        def at(share: float) -> float:
            return 1000 * times[min(len(times) - 1, int(share * len(times)))] if times else 0.0

        return Echoes(at(0.5), at(0.95), lost)

    # -- what it costs

    def cpu_s(self) -> float:
        """Return the processor time of the program and its children, those that ended too."""
        total = 0.0
        for pid in process_tree(self.pid):
            try:
                line = Path(f"/proc/{pid}/stat").read_text()
                total += cpu_clock_s(pid)
            except OSError:
                continue
            total += sum(map(int, line[line.rindex(")") + 2 :].split()[13:15])) / TICK
        return total

    def memory_mb(self) -> float:
        total = 0
        for pid in process_tree(self.pid):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            if found := re.search(r"VmRSS:\s+(\d+)", status):
                total += int(found.group(1))
        return total / 1024

    def close(self) -> None:
        for pid in process_tree(self.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        os.waitpid(self.pid, 0)
        os.close(self._fd)


def run_first() -> None:
    """On a machine that does other work, too, let this program run first (root only)."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return

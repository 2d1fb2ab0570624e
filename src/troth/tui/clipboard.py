"""The terminal's clipboard, by OSC 52. A terminal never says whether it took it: neither do we.

Source: XTerm Control Sequences, "Operating System Commands", Ps = 52 (read November 2026); tmux(1),
`allow-passthrough` and `set-clipboard`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Protocol

MAX_BYTES = 74_000
"""More than this is cut or refused by common terminals (xterm, hterm: 75 kB of base64)."""


def osc52(text: str, environ: Mapping[str, str]) -> list[str]:
    """Return the sequences to write, one after another.

    tmux hands on a plain one only with `set-clipboard on`, and a wrapped one only with
    `allow-passthrough on`: it gets both. GNU screen takes 768 bytes at a time.
    """
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    plain = f"\x1b]52;c;{encoded}\x07"
    if environ.get("TMUX"):
        inner = plain.replace("\x1b", "\x1b\x1b")
        return [plain, f"\x1bPtmux;{inner}\x1b\\"]
    if environ.get("STY"):
        pieces = [plain[at : at + 700] for at in range(0, len(plain), 700)]
        return ["".join(f"\x1bP{piece}\x1b\\" for piece in pieces)]
    return [plain]


SECRET_CLEARED_AFTER_S = 30
"""How long what nobody else may see stays on the clipboard."""


def is_too_long(text: str) -> bool:
    """Whether common terminals will not take this much."""
    return len(text.encode("utf-8", "replace")) * 4 // 3 > MAX_BYTES


def words_after_copy(what: str, text: str, clear_after_s: int = 0) -> str:
    """Say what was done, and nothing that cannot be known."""
    if is_too_long(text):
        return f"{what} is long: many terminals refuse it. s saves it to a file."
    cleared = f" and cleared there in {clear_after_s} s" if clear_after_s else ""
    return f"{what}: sent to the terminal's clipboard{cleared}; s saves it to a file."


class RunningClock(Protocol):
    """Can still be stopped."""

    def stop(self) -> None: ...


class SetTimer(Protocol):
    """Calls back once, after `delay` seconds."""

    def __call__(self, delay: float, callback: Callable[[], None]) -> RunningClock: ...


class Clipboard:
    """What was sent to the terminal's clipboard, and taking it back in time."""

    def __init__(
        self, write: Callable[[str], None], set_timer: SetTimer, environ: Mapping[str, str]
    ) -> None:
        self._write = write
        self._set_timer = set_timer
        self._environ = environ
        self._timer: RunningClock | None = None

    def put(self, text: str, clear_after_s: int = 0) -> None:
        """Send `text`; whether the terminal took it cannot be known. 0 s leaves it there."""
        self.forget()
        self._send(text)
        if clear_after_s:
            self._timer = self._set_timer(clear_after_s, self.forget)

    def forget(self) -> None:
        """Take back what was to be taken back.

        A terminal does not tell whether another program has copied since: so ordinary text stays,
        unless the settings ask for the other.
        """
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.stop()
            self._send("")

    def _send(self, text: str) -> None:
        for sequence in osc52(text, self._environ):
            self._write(sequence)

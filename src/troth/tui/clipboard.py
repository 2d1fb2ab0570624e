"""The terminal's clipboard, by OSC 52. A terminal never says whether it took it: neither do we.

Source: XTerm Control Sequences, "Operating System Commands", Ps = 52 (read November 2026); tmux(1),
`allow-passthrough` and `set-clipboard`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

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


def is_too_long(text: str) -> bool:
    """Whether common terminals will not take this much."""
    return len(text.encode("utf-8", "replace")) * 4 // 3 > MAX_BYTES


def words_after_copy(what: str, text: str) -> str:
    """Say what was done, and nothing that cannot be known."""
    if is_too_long(text):
        return f"{what} is long: many terminals refuse it. s saves it to a file."
    return f"{what}: sent to the terminal's clipboard; s saves it to a file."

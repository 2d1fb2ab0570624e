"""Status glyphs and badges: one cell each, told apart without colour, in words without glyphs.

None of the glyphs is East-Asian-ambiguous, so a badge is as wide in every terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "warn", "plain", "live"]

GOOD = "✓"
BAD = "✗"
UNSURE = "?"
PLAIN = "-"
LIVE = "~"

GLYPHS: dict[Tone, str] = {
    "good": GOOD,
    "bad": BAD,
    "warn": UNSURE,
    "plain": PLAIN,
    "live": LIVE,
}

WORDS: dict[Tone, str] = {
    "good": "verified",
    "bad": "FAILED",
    "warn": "can't check",
    "plain": "unsigned",
    "live": "arriving",
}


@dataclass(frozen=True, slots=True)
class Badge:
    """What is known about a reply, at a glance. `tone` chooses the colour, never the meaning."""

    tone: Tone
    glyph: str
    words: str

    @property
    def text(self) -> str:
        """Return the badge as drawn. A failure carries brackets: loud without colour, too."""
        words = f"{self.glyph} {self.words}".strip()
        return f"[{words}]" if self.tone == "bad" else words


def badge(tone: Tone, words: str = "") -> Badge:
    """Return the badge of a tone with its glyph, and its usual words unless others are given."""
    return Badge(tone, GLYPHS[tone], words or WORDS[tone])

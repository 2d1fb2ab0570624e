"""A few words between the transcript and the prompt: what will be left out, what went wrong."""

from __future__ import annotations

from typing import Literal, NamedTuple

from textual.content import Content
from textual.widgets import Static

from troth.tui.safe import clean

Tone = Literal["plain", "warn", "bad"]


class Words(NamedTuple):
    """What the bar says. All three may hold foreign text."""

    title: str
    detail: str = ""
    next_step: str = ""
    tone: Tone = "plain"


class NoticeBar(Static):
    """Shows one notice, four lines at most; hidden when there is none."""

    DEFAULT_CSS = """
    NoticeBar { height: auto; max-height: 5; padding: 0 1; display: none; color: $foreground; }
    NoticeBar.-plain { display: block; color: $text-muted; }
    NoticeBar.-warn { display: block; color: $warning; }
    NoticeBar.-bad { display: block; color: $error; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", markup=False, id=id)
        self.words: Words | None = None

    def say(self, words: Words | None) -> None:
        """Show these words, or nothing."""
        if words == self.words:
            return
        self.words = words
        for tone in ("plain", "warn", "bad"):
            self.set_class(words is not None and words.tone == tone, f"-{tone}")
        if words is None:
            self.update("")
            return
        parts: list[str | tuple[str, str]] = [(clean(words.title), "bold")]
        if words.detail:
            parts.append("  " + clean(words.detail))
        if words.next_step:
            parts.append("\n" + clean(words.next_step))
        self.update(Content.assemble(*parts))

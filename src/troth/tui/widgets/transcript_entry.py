"""What the transcript is given: one entry per message, already in words.

Plain values: no engine, no clock, no markup. Strings in it are foreign unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from troth.tui.glyph import Badge

EntryRole = Literal["user", "assistant", "tool", "note"]


@dataclass(frozen=True, slots=True)
class Source:
    """A citation that came with a reply."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that a message carries; its bytes are elsewhere, under their digest."""

    sha256: str
    name: str
    media_type: str
    size: str
    """Of the bytes, in words."""
    note: str = ""
    """What is to be known of it, in our own words: that no signature covers it."""
    is_note_quiet: bool = False
    """The note is no warning."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no reply, or only a part of one, in our own words (from `explain`)."""

    title: str
    detail: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as the reader sees it.

    `text` and `thinking` are Markdown as received; the transcript cleans them. `is_failed` marks a
    reply that failed verification: it is drawn folded and loud until the reader opens it.
    """

    id: str
    role: EntryRole
    title: str
    """Who speaks: "You", or the name of the model."""
    meta: str = ""
    """Beside the title: a time, seconds taken, "arriving"."""
    badge: Badge | None = None
    text: str = ""
    thinking: str = ""
    thinking_seconds: float | None = None
    is_streaming: bool = False
    lead_notes: tuple[str, ...] = ()
    """Under the head line: what was left out before sending."""
    notes: tuple[str, ...] = ()
    """Below the text: "stopped by you", "cut off"."""
    problem: Problem | None = None
    variant: tuple[int, int] | None = None
    """(which, of how many), counted from 1; None or of one: nothing is drawn."""
    attachments: tuple[str, ...] = ()
    """One line each: name, type, size."""
    pictures: tuple[Picture, ...] = ()
    sources: tuple[Source, ...] = ()
    is_failed: bool = False
    fold_reason: str = "failed verification"
    """What a reply that is folded did: `This reply ... and is folded`."""
    is_imported: bool = False

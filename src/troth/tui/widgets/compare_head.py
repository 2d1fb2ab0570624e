"""What stands over the columns of a comparison: each one's head, and a strip of them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from troth.tui.glyph import Badge
from troth.tui.safe import clean_line


class Head(NamedTuple):
    """What stands above one column, and on the strip."""

    number: int
    title: str
    badge: Badge | None
    numbers: str
    """Seconds, tokens, cost, speed of the newest answer; "" while they are hidden."""


class ColumnHead(Widget):
    """Number, name and badge; below them what the newest answer took."""

    DEFAULT_CSS = """
    ColumnHead { height: 2; width: 1fr; color: $foreground; }
    ColumnHead .head--number { color: $text-muted; }
    ColumnHead .head--current { color: $accent; text-style: bold reverse; }
    ColumnHead .head--title { color: $foreground; text-style: bold; }
    ColumnHead .head--muted { color: $text-muted; }
    ColumnHead .head--good { color: $badge-good; }
    ColumnHead .head--bad { color: $badge-bad; text-style: bold; }
    ColumnHead .head--warn { color: $badge-warn; }
    ColumnHead .head--plain { color: $badge-plain; }
    ColumnHead .head--live { color: $badge-live; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "head--number", "head--current", "head--title", "head--muted", "head--good", "head--bad",
        "head--warn", "head--plain", "head--live",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._head: Head | None = None
        self._is_current = False

    @property
    def head(self) -> Head | None:
        """What it says now."""
        return self._head

    def say(self, head: Head, *, is_current: bool) -> None:
        """Show this; the column that has the keys is marked."""
        if (head, is_current) != (self._head, self._is_current):
            self._head, self._is_current = head, is_current
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width, head = self.size.width, self._head
        style = self.get_component_rich_style
        if head is None or y > 1:
            return Strip.blank(width, self.rich_style)
        if y == 1:
            text = set_cell_size("     " + head.numbers, width)
            return Strip([Segment(text, style("head--muted"))]).crop(0, width)
        badge = head.badge.text if head.badge is not None else ""
        room = max(1, width - 5 - cell_len(badge) - 1)
        mark = style("head--current" if self._is_current else "head--number")
        segments = [
            Segment(" ", self.rich_style),
            Segment(f" {head.number} ", mark),
            Segment(" ", self.rich_style),
            Segment(_fitted(clean_line(head.title), room), style("head--title")),
        ]
        if head.badge is not None:
            segments.append(Segment(badge, style(f"head--{head.badge.tone}")))
        return Strip(segments).extend_cell_length(width, self.rich_style).crop(0, width)


class CompareStrip(Widget):
    """One line with every column and its state, for screens that cannot show all at once."""

    DEFAULT_CSS = """
    CompareStrip { height: 1; width: 1fr; color: $text-muted; }
    CompareStrip .strip--current { color: $accent; text-style: bold reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"strip--current"}

    class Chosen(Message):
        """A column's name was clicked."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self) -> None:
        super().__init__()
        self._heads: Sequence[Head] = ()
        self._current = 0
        self._cells: list[range] = []

    def say(self, heads: Sequence[Head], current: int) -> None:
        """Show all columns; `current` is marked."""
        if (list(heads), current) != (list(self._heads), self._current):
            self._heads, self._current = tuple(heads), current
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        count = max(1, len(self._heads))
        room = max(4, (width - 1) // count)
        segments, at = [Segment(" ", self.rich_style)], 1
        self._cells = []
        for place, head in enumerate(self._heads):
            glyph = head.badge.glyph if head.badge is not None else "-"
            text = _fitted(f" {head.number} {glyph} {clean_line(head.title)}", room - 1)
            is_current = place == self._current
            style = self.get_component_rich_style("strip--current") if is_current else None
            segments += [Segment(text, style or self.rich_style), Segment(" ", self.rich_style)]
            self._cells.append(range(at, at + room))
            at += room
        return Strip(segments).extend_cell_length(width, self.rich_style).crop(0, width)

    def on_click(self, event: events.Click) -> None:
        for place, cells in enumerate(self._cells):
            if event.x in cells:
                self.post_message(self.Chosen(place))


def _fitted(text: str, room: int) -> str:
    if cell_len(text) > room:
        return set_cell_size(text, max(0, room - 1)) + "…"
    return set_cell_size(text, room)

"""The footer: one line that is never cut. What has no room is left out, the least needed first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from troth.tui.keys import FooterItem

_GAP = 2


def fit_items(items: Sequence[FooterItem], width: int) -> list[FooterItem]:
    """Return the items that fit in `width` cells, in their order.

    Ranks decide who stays: 1 before 2, and right-hand items as well as left-hand ones.
    """
    kept = list(items)
    while kept and _length(kept) > width:
        last = max(range(len(kept)), key=lambda at: (kept[at].rank, at))
        del kept[last]
    return kept


def _item_length(item: FooterItem) -> int:
    return cell_len(item.key) + 1 + cell_len(item.text)


def _length(items: Sequence[FooterItem]) -> int:
    """Cells that the items need: one before the first, one after the last, gaps between."""
    return sum(_item_length(item) + _GAP for item in items) - _GAP + 2


class FooterBar(Widget):
    """Keys and what they do, for what has the focus now."""

    DEFAULT_CSS = """
    FooterBar { height: 1; width: 1fr; color: $text-muted; }
    FooterBar .footer--key { color: $accent; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"footer--key"}

    items: reactive[tuple[FooterItem, ...]] = reactive(())

    class Pressed(Message):
        """An item was clicked."""

        def __init__(self, command_id: str) -> None:
            super().__init__()
            self.command_id = command_id

    def __init__(self, items: Sequence[FooterItem] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_reactive(FooterBar.items, tuple(items))
        self._places: list[tuple[range, str]] = []

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        kept = fit_items(self.items, width)
        left = [item for item in kept if not item.is_right]
        right = [item for item in kept if item.is_right]
        key_style = self.get_component_rich_style("footer--key")
        text_style = self.rich_style
        segments: list[Segment] = [Segment(" ", text_style)]
        self._places = []
        at = 1
        for place, item in enumerate([*left, *right]):
            gap = _GAP if place else 0
            if place == len(left):
                gap = max(0, width - 1 - at - self._run_length(right))
            segments.append(Segment(" " * gap, text_style))
            segments.append(Segment(item.key, key_style))
            segments.append(Segment(f" {item.text}", text_style))
            self._places.append((range(at + gap, at + gap + _item_length(item)), item.command_id))
            at += gap + _item_length(item)
        return Strip(segments).extend_cell_length(width, self.rich_style).crop(0, width)

    @staticmethod
    def _run_length(items: Sequence[FooterItem]) -> int:
        return sum(_item_length(item) + _GAP for item in items) - _GAP if items else 0

    def on_click(self, event: events.Click) -> None:
        for cells, command_id in self._places:
            if event.x in cells:
                self.post_message(self.Pressed(command_id))

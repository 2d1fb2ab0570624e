"""The columns of a comparison: a head over a transcript each, and how they scroll."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.getters import query_one
from textual.message import Message
from textual.screen import Screen

from troth.tui.screens.page import Page
from troth.tui.widgets.compare_head import ColumnHead
from troth.tui.widgets.transcript_events import PictureWanted as Wanted
from troth.tui.widgets.transcript_picture import PictureKey


class ColumnPage(Page, can_focus=False, inherit_bindings=False):
    """A transcript that never takes the focus: the keys belong to all columns at once."""


class ColumnView(Vertical):
    """What stands at one place from the left."""

    DEFAULT_CSS = """
    ColumnView { width: 1fr; height: 1fr; border-left: solid $rule; }
    ColumnView.-first { border-left: none; }
    """

    class Chosen(Message):
        """The column was clicked."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    class PictureWanted(Message):
        """A picture came into view; this column's page takes it."""

        def __init__(self, place: int, key: PictureKey) -> None:
            super().__init__()
            self.place = place
            self.key = key

    head = query_one(ColumnHead)
    page = query_one(ColumnPage)

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def compose(self) -> ComposeResult:
        yield ColumnHead()
        yield ColumnPage()

    def on_transcript_picture_wanted(self, message: Wanted) -> None:
        message.stop()
        self.post_message(self.PictureWanted(self.place, message.key))

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen(self.place))


WIDE, MIDDLE = 200, 120
_COLUMN_CELLS = 60


def columns_that_fit(width: int) -> int:
    """Return how many columns stand side by side: three and more, two, or one."""
    if width >= WIDE:
        return max(3, width // _COLUMN_CELLS)
    return 2 if width >= MIDDLE else 1


class ColumnsScreen(Screen[str | None]):
    """A screen of columns: which of them are in sight, and how they scroll.

    Gives back the id of a chat that is to be opened, or None for the one below.
    """

    def __init__(self) -> None:
        super().__init__()
        self.current = 0
        """The place that has the keys, counted from 0 at the left."""
        self.scrolls_together = True
        self.places: list[ColumnView] = []
        """The columns' widgets, from the left. Kept: asked for with every batch that arrives."""
        self.is_zoomed = False
        self._first_shown = 0

    @property
    def shown(self) -> range:
        """The places that are on screen now, the current one among them."""
        count = len(self.places)
        room = 1 if self.is_zoomed else min(count, columns_that_fit(self.size.width))
        first = min(max(self._first_shown, self.current - room + 1), self.current, count - room)
        self._first_shown = max(0, first)
        return range(self._first_shown, self._first_shown + room)

    def _pages(self) -> list[ColumnPage]:
        return [
            view.page for view in self.places if self.scrolls_together or view.place == self.current
        ]

    def scroll_by_lines(self, lines: int) -> None:
        for page in self._pages():
            page.scroll_lines(lines)

    def scroll_by_pages(self, share: float) -> None:
        for page in self._pages():
            page.scroll_pages(share)

    def scroll_to_top(self) -> None:
        for page in self._pages():
            page.scroll_to_start()

    def scroll_to_tail(self) -> None:
        for page in self._pages():
            page.scroll_to_tail()

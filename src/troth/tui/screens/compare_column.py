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

    head = query_one(ColumnHead)
    page = query_one(ColumnPage)

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def compose(self) -> ComposeResult:
        yield ColumnHead()
        yield ColumnPage()

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen(self.place))


class ColumnsScreen(Screen[None]):
    """A screen of columns that scroll together, or the current one alone."""

    def __init__(self) -> None:
        super().__init__()
        self.current = 0
        """The place that has the keys, counted from 0 at the left."""
        self.scrolls_together = True

    @property
    def places(self) -> list[ColumnView]:
        """The columns' widgets, from the left."""
        return sorted(self.query(ColumnView), key=lambda view: view.place)

    def _pages(self) -> list[ColumnPage]:
        views = self.places
        return [view.page for view in views if self.scrolls_together or view.place == self.current]

    def action_down(self) -> None:
        for page in self._pages():
            page.scroll_lines(1)

    def action_up(self) -> None:
        for page in self._pages():
            page.scroll_lines(-1)

    def action_page_down(self) -> None:
        for page in self._pages():
            page.scroll_pages(0.9)

    def action_page_up(self) -> None:
        for page in self._pages():
            page.scroll_pages(-0.9)

    def action_top(self) -> None:
        for page in self._pages():
            page.scroll_to_start()

    def action_end(self) -> None:
        for page in self._pages():
            page.scroll_to_tail()

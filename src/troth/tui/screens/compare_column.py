"""One column of a comparison: a head of two lines over a transcript of its own."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.getters import query_one
from textual.message import Message

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

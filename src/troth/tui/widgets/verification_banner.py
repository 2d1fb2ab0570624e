"""The line under the title that says that something failed. It cannot be scrolled away."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Static

from troth.tui.safe import clean_line


class VerificationBanner(Static):
    """Hidden while nothing is wrong. A click goes where it points."""

    DEFAULT_CSS = """
    VerificationBanner {
        display: none; height: auto; max-height: 2; padding: 0 1; color: $badge-bad;
        text-style: bold;
    }
    """

    class Pressed(Message):
        """The person wants to see what failed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", markup=False, id=id)
        self.words = ""

    def say(self, words: str) -> None:
        """Show these words of the app's own; "" hides the line."""
        if words != self.words:
            self.words = words
            self.display = bool(words)
            self.update(clean_line(words))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Pressed())

"""One of a few choices on one line: `< signed replies only >`. Left, right and space change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget


class Chooser(Widget, can_focus=True):
    """Holds the id of a choice."""

    DEFAULT_CSS = """
    Chooser { height: 1; width: 1fr; color: $text-muted; }
    Chooser:focus { color: $foreground; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space,l", "turn(1)", "Next", show=False, tooltip="The next choice",
                id="chooser.next"),
        Binding("left,h", "turn(-1)", "Previous", show=False, tooltip="The choice before",
                id="chooser.previous"),
    ]  # fmt: skip

    at: reactive[int] = reactive(0)

    class Changed(Message):
        """Another choice was made."""

        def __init__(self, chooser: Chooser, choice: str) -> None:
            super().__init__()
            self.chooser = chooser
            self.choice = choice

    def __init__(
        self, choices: Sequence[tuple[str, str]], chosen: str, *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._choices = tuple(choices)
        """(id, words of the app's own)."""
        ids = [choice for choice, _ in self._choices]
        self.set_reactive(Chooser.at, ids.index(chosen) if chosen in ids else 0)

    @property
    def choice(self) -> str:
        return self._choices[self.at][0]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        strip = Strip([Segment(f"< {self._choices[self.at][1]} >", self.rich_style)])
        return strip.extend_cell_length(width, self.rich_style).crop(0, width)

    def action_turn(self, by: int) -> None:
        self.at = (self.at + by) % len(self._choices)
        self.post_message(self.Changed(self, self.choice))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_turn(1)

"""A yes or no that reads without colour: `[x] Keep it`."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget


class Toggle(Widget, can_focus=True):
    """One line. Space or a click turns it over."""

    DEFAULT_CSS = """
    Toggle { height: 1; width: 1fr; color: $text-muted; }
    Toggle:focus { color: $foreground; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "flip", "Yes or no", show=False, tooltip="Turn it over", id="toggle.flip")
    ]

    is_on: reactive[bool] = reactive(False)  # noqa: FBT003 - the reactive's first value

    def __init__(self, label: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label

    def render_line(self, y: int) -> Strip:
        text = f"[{'x' if self.is_on else ' '}] {self._label}"
        width = self.size.width
        strip = Strip([Segment(text, self.rich_style)])
        return strip.extend_cell_length(width, self.rich_style).crop(0, width)

    def action_flip(self) -> None:
        self.is_on = not self.is_on

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_flip()

"""What waits to be sent when the reply that is arriving has ended: seen, edited, dropped."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from troth.tui.safe import clean_line

_MAX_LINES = 3


class QueueBar(Widget):
    """One line for each waiting message, three at most, and how to take one back."""

    DEFAULT_CSS = """
    QueueBar { height: auto; display: none; }
    QueueBar.-waiting { display: block; }
    QueueBar .queue--head { color: $warning; }
    QueueBar .queue--text { color: $foreground; }
    QueueBar .queue--muted { color: $text-muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"queue--head", "queue--text", "queue--muted"}

    texts: reactive[tuple[str, ...]] = reactive((), layout=True)
    hint: reactive[str] = reactive("")
    """The keys that edit and remove, as words."""

    class EditPressed(Message):
        """A waiting message was clicked: take it back into the prompt."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def watch_texts(self, texts: tuple[str, ...]) -> None:
        self.set_class(bool(texts), "-waiting")

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return min(_MAX_LINES, len(self.texts))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        style = self.get_component_rich_style
        if y >= len(self.texts):
            return Strip.blank(width, self.rich_style)
        is_rest = y == _MAX_LINES - 1 and len(self.texts) > _MAX_LINES
        if is_rest:
            text = f"and {len(self.texts) - y} more"
        else:
            text = clean_line(self.texts[y].strip().replace("\n", " "))
        hint = f"  {self.hint} " if y == min(len(self.texts), _MAX_LINES) - 1 else ""
        room = max(1, width - 7 - len(hint))
        strip = Strip(
            [
                Segment(" next  " if y == 0 else "       ", style("queue--head")),
                Segment(text, style("queue--muted" if is_rest else "queue--text")),
            ]
        )
        strip = strip.extend_cell_length(7 + room, self.rich_style).crop(0, 7 + room)
        return Strip.join([strip, Strip([Segment(hint, style("queue--muted"))])]).crop(0, width)

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self.texts):
            self.post_message(self.EditPressed(event.y))

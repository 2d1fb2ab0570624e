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
_NEXT = " next  "
_HELD = " waits "
_INDENT = " " * 7


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
    note: reactive[str] = reactive("", layout=True)
    """Why the first one does not go by itself; "" where it only waits for its turn."""
    hint: reactive[str] = reactive("")
    """The keys that send, edit and remove, as words."""

    class EditPressed(Message):
        """A waiting message was clicked: take it back into the prompt."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def watch_texts(self, texts: tuple[str, ...]) -> None:
        self.set_class(bool(texts), "-waiting")

    @property
    def _text_lines(self) -> int:
        return min(_MAX_LINES, len(self.texts))

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return self._text_lines + bool(self.note and self.texts)

    def render_line(self, y: int) -> Strip:
        style = self.get_component_rich_style
        if y == self._text_lines and self.note:
            note = Segment(clean_line(self.note), style("queue--head"))
            return self._line([Segment(_INDENT), note], has_hint=True)
        if y >= len(self.texts):
            return Strip.blank(self.size.width, self.rich_style)
        head = (_HELD if self.note else _NEXT) if y == 0 else _INDENT
        if y == _MAX_LINES - 1 and len(self.texts) > _MAX_LINES:
            text = Segment(f"and {len(self.texts) - y} more", style("queue--muted"))
        else:
            words = clean_line(self.texts[y].strip().replace("\n", " "))
            text = Segment(words, style("queue--text"))
        has_hint = not self.note and y == self._text_lines - 1
        return self._line([Segment(head, style("queue--head")), text], has_hint=has_hint)

    def _line(self, segments: list[Segment], *, has_hint: bool) -> Strip:
        """Return one line: the words cut where the hint begins, the hint at the right edge."""
        width = self.size.width
        hint = Strip([Segment(f"  {self.hint} ", self.get_component_rich_style("queue--muted"))])
        room = max(len(_INDENT) + 1, width - hint.cell_length) if has_hint else width
        strip = Strip(segments).extend_cell_length(room, self.rich_style).crop(0, room)
        return (Strip.join([strip, hint]) if has_hint else strip).crop(0, width)

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self.texts):
            self.post_message(self.EditPressed(event.y))

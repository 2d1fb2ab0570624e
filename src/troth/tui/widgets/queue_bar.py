"""What waits to be sent when the reply that is arriving has ended: seen, edited, dropped."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from troth.tui.safe import clean_line
from troth.tui.widgets.markdown_wrap import fit

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
        lines = bool(self.note and self.texts)
        return self._text_lines + lines + (lines and not self._fits_beside_note(width))

    def _fits_beside_note(self, width: int) -> bool:
        """Whether the hint has room behind the note; else it has a line of its own."""
        return len(_INDENT) + cell_len(clean_line(self.note)) + cell_len(self.hint) + 3 <= width

    def render_line(self, y: int) -> Strip:
        style = self.get_component_rich_style
        if y == self._text_lines and self.note:
            has_hint = self._fits_beside_note(self.size.width)
            return self._line("", Segment(clean_line(self.note), style("queue--head")), has_hint)
        if y == self._text_lines + 1:
            return self._line("", Segment(""), has_hint=True)
        if y >= len(self.texts):
            return Strip.blank(self.size.width, self.rich_style)
        head = (_HELD if self.note else _NEXT) if y == 0 else ""
        if y == _MAX_LINES - 1 and len(self.texts) > _MAX_LINES:
            text = Segment(f"and {len(self.texts) - y} more", style("queue--muted"))
        else:
            words = clean_line(self.texts[y].strip().replace("\n", " "))
            text = Segment(words, style("queue--text"))
        return self._line(head, text, has_hint=not self.note and y == self._text_lines - 1)

    def _line(self, head: str, text: Segment, has_hint: bool) -> Strip:
        """Return one line: the words end where the hint begins, the hint at the right edge."""
        width, style = self.size.width, self.get_component_rich_style
        hint = Strip([Segment(f"  {self.hint} ", style("queue--muted"))])
        room = max(len(_INDENT) + 1, width - hint.cell_length) if has_hint else width - 1
        words = Segment(fit(text.text, room - len(_INDENT)), text.style)
        strip = Strip([Segment(head or _INDENT, style("queue--head")), words])
        strip = strip.extend_cell_length(room, self.rich_style)
        return (Strip.join([strip, hint]) if has_hint else strip).crop(0, width)

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self.texts):
            self.post_message(self.EditPressed(event.y))

"""Bytes on the screen: as text with every control character named, or as hex. Drawn row by row."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from troth.tui.safe import reveal
from troth.tui.widgets.markdown_wrap import chop

_PER_ROW = 16
_MOST_TEXT = 4 << 20
"""Bytes that are laid out as text; what is larger is looked at as hex, which costs nothing."""


class ByteView(ScrollView, can_focus=True):
    """Shows one run of bytes."""

    DEFAULT_CSS = """
    ByteView { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; }
    ByteView .byte-view--muted { color: $text-muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"byte-view--muted"}

    is_hex: var[bool] = var(default=False, init=False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = b""
        self._text = ""
        self._rows: list[tuple[int, int]] = []

    def show(self, content: bytes) -> None:
        """Show these bytes, from their start."""
        self._content = content
        decoded = content[:_MOST_TEXT].decode("utf-8", "backslashreplace")
        self._text = reveal(decoded.replace("\r", "␍")).replace("\t", "    ")
        if len(content) > _MOST_TEXT:
            self._text += f"\n... {len(content) - _MOST_TEXT:,} bytes more; h shows them as hex"
        self._lay_out()
        self.scroll_to(y=0, animate=False)

    def watch_is_hex(self) -> None:
        self._lay_out()
        self.scroll_to(y=0, animate=False)

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        if self.is_hex:
            count = -(-len(self._content) // self._per_row)
        else:
            self._rows = []
            start = 0
            for line in self._text.split("\n"):
                self._rows += [(start + a, start + b) for a, b in chop(line, width - 2)]
                start += len(line) + 1
            count = len(self._rows)
        self.virtual_size = Size(width, max(1, count))
        self.refresh()

    @property
    def _per_row(self) -> int:
        """Bytes in a row of hex: 8 where 16 do not fit."""
        return _PER_ROW if self.scrollable_content_region.width >= 78 else _PER_ROW // 2

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = y + self.scroll_offset.y
        segments = self._hex_row(at) if self.is_hex else self._text_row(at)
        return Strip(segments).extend_cell_length(width, self.rich_style).crop(0, width)

    def _text_row(self, at: int) -> list[Segment]:
        if not self._content:
            muted = self.get_component_rich_style("byte-view--muted")
            return [Segment(" nothing", muted)] if at == 0 else []
        if not 0 <= at < len(self._rows):
            return []
        start, end = self._rows[at]
        return [Segment(" " + self._text[start:end], self.rich_style)]

    def _hex_row(self, at: int) -> list[Segment]:
        per_row = self._per_row
        piece = self._content[at * per_row : (at + 1) * per_row]
        if not piece:
            return []
        muted = self.get_component_rich_style("byte-view--muted")
        half = per_row // 2
        digits = f"{piece[:half].hex(' ')}  {piece[half:].hex(' ')}"
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        return [
            Segment(f" {at * per_row:08x}  ", muted),
            Segment(f"{digits:<{per_row * 3 + 1}}", self.rich_style),
            Segment(f"  {shown}", muted),
        ]

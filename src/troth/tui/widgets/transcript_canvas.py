"""The drawn half of the transcript: when to draw, and which lines.

No layout pass when a reply grows. Changes are gathered and shown at most 30 times a second; a
frame repaints only the lines that differ. Reads no clock, does no I/O.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rich.segment import Segment
from textual import getters
from textual.app import App
from textual.geometry import Region
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from troth.tui.widgets.markdown_wrap import fit
from troth.tui.widgets.transcript_events import (
    PictureWanted,
    StartNear,
    TailLeft,
    TailReached,
)
from troth.tui.widgets.transcript_layout import Spot, TranscriptLayout
from troth.tui.widgets.transcript_paint import (
    Line,
    content_width,
    paint,
    probe,
    text_ordinal,
)
from troth.tui.widgets.transcript_palette import Palette, build_palette
from troth.tui.widgets.transcript_row import BLANK
from troth.tui.widgets.transcript_select import span_in
from troth.tui.widgets.transcript_thumb import thumb_rows
from troth.tui.widgets.transcript_units import Part

if TYPE_CHECKING:
    from asyncio import TimerHandle

FRAME_S = 1 / 30
NEAR_START = 40
"""Messages from the first, within which older ones are asked for."""


class TranscriptCanvas(Widget):
    """A window onto messages, drawn line by line. What moves it is in `TranscriptView`."""

    DEFAULT_CSS = "TranscriptCanvas { width: 1fr; height: 1fr; }"
    can_focus = True
    app = getters.app(cast("type[App[object]]", App))

    is_following: var[bool] = var(default=True, init=False)
    """Whether the view stays at the end while text arrives: explicit, never guessed."""
    empty_text: var[str] = var("", init=False)
    """What stands in the middle while there is no message; our own words."""

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.layout_rows = TranscriptLayout()
        self.selected_id: str | None = None
        self._spots: list[Spot] = []
        self._lines: list[Line] = []
        self._strips: list[Strip | None] = []
        self._hits: re.Pattern[str] | None = None
        self._palette: Palette | None = None
        self._is_palette_known = False
        self._palette_key: tuple[object, object] | None = None
        self._frame_timer: TimerHandle | None = None
        self._is_dirty = False
        self._reads_on = False
        self._drawn_width = 0
        self._pressed: tuple[int, int] | None = None
        self._is_start_near = False

    # --- frames -----------------------------------------------------------------------------

    def gather(self) -> None:
        """Take in what has arrived since the last frame. `Transcript` does the work."""

    def wake(self) -> None:
        """Ask for a frame: at once if the last one was long ago, else when its time has come."""
        self._is_dirty = True
        if self._frame_timer is None and self.is_running:
            self._begin_frame()

    def _begin_frame(self) -> None:
        """Draw with the next message; the loop's own timer, for Textual's is a task each time."""
        self._frame_timer = asyncio.get_running_loop().call_later(FRAME_S, self._end_frame)
        self.call_later(self._frame)

    def _end_frame(self) -> None:
        self._frame_timer = None
        if self._is_dirty and self.is_running:
            self._begin_frame()

    def _frame(self) -> None:
        if self._is_dirty:
            self._is_dirty = False
            self.gather()
            self.redraw()

    def _read_on(self) -> None:
        """Read the next slice of a long text; what else happens comes in between."""
        self._reads_on = False
        if self.layout_rows.unread:
            self.layout_rows.read_on()
            self.wake()
            self._go_on_reading()

    def _go_on_reading(self) -> None:
        if self.layout_rows.unread and not self._reads_on:
            self._reads_on = True
            # Not at once: a pump that finds a message waiting never lets go of the loop.
            asyncio.get_running_loop().call_soon(self.call_later, self._read_on)

    def on_mount(self) -> None:
        self.wake()

    def on_unmount(self) -> None:
        if self._frame_timer is not None:
            self._frame_timer.cancel()

    def redraw(self) -> None:
        """Work out the lines on screen and repaint those that differ."""
        if not self.is_attached or not self.size:
            return
        self._prepare_palette()
        width, height = self.size
        palette = self._palette
        assert palette is not None
        is_other = palette is not self.layout_rows.palette or self._drawn_width != width
        is_other = is_other or len(self._strips) != height
        self._drawn_width = width
        self.layout_rows.set_window(content_width(width), height, palette)
        was_empty = not self._spots
        self._spots = self.layout_rows.arrange()
        is_other = is_other or was_empty != (not self._spots)
        lines = self._decorated(height)
        old, self._lines = self._lines, lines
        if is_other or len(old) != height:
            self._strips = [None] * height
            self.refresh()
        else:
            changed = [y for y in range(height) if lines[y] != old[y]]
            self._reuse_strips(old, changed)
            self._refresh_lines(changed, height)
        self._tell_following()
        if (album := self.layout_rows.album) is not None:
            for key in album.take_wanted():
                self.post_message(PictureWanted(key))
        self._go_on_reading()

    def _reuse_strips(self, old: list[Line], changed: list[int]) -> None:
        """Give lines that only moved the strips that were painted for them."""
        if not changed:
            return
        painted = dict(zip(old, self._strips, strict=True))
        for y in changed:
            self._strips[y] = painted.get(self._lines[y])

    def _refresh_lines(self, changed: Sequence[int], height: int) -> None:
        if len(changed) * 2 > height:
            self.refresh()
        elif changed:
            width = self.size.width
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def repaint(self) -> None:
        """Paint all lines again: hits or colours changed, rows did not."""
        self._strips = [None] * len(self._strips)
        self.refresh()

    def _prepare_palette(self) -> None:
        if self._palette is not None and self._is_palette_known:
            return  # asking for the style walks up the whole tree, which no frame should pay
        self._is_palette_known = True
        variables, ground = self.app.theme_variables, self.rich_style
        key = (variables, ground)
        if self._palette is None or self._palette_key != key:
            self._palette_key = key
            self._palette = build_palette(variables, ground)

    def _decorated(self, height: int) -> list[Line]:
        thumb_start, thumb_size = thumb_rows(self.layout_rows)
        selection = self.text_selection
        lines: list[Line] = []
        for y in range(height):
            has_thumb = thumb_start <= y < thumb_start + thumb_size
            spot = self._spots[y] if y < len(self._spots) else None
            if spot is None or spot.unit.part is Part.GAP:
                lines.append(Line(BLANK, has_thumb=has_thumb))
                continue
            entry = spot.message.entry
            is_selected = entry.id == self.selected_id
            rail = "failed" if entry.is_failed else "selected" if is_selected else entry.role
            span = None
            if selection is not None and spot.unit.block is not None:
                span = span_in(selection, text_ordinal(spot.message.ordinal, spot.unit.part))
            lines.append(Line(spot.row, rail, is_selected and spot.is_first, has_thumb, span))
        return lines

    def _tell_following(self) -> None:
        if self.layout_rows.is_following != self.is_following:
            self.set_reactive(TranscriptCanvas.is_following, self.layout_rows.is_following)
            self.post_message(TailReached() if self.is_following else TailLeft())
        rows = self.layout_rows
        is_near = not rows.is_following and rows.top.message < NEAR_START
        if is_near and not self._is_start_near:
            self.post_message(StartNear())
        self._is_start_near = is_near

    def watch_is_following(self, is_following: bool) -> None:
        """A screen may send the view to the end by setting it."""
        self.layout_rows.is_following = is_following
        self.redraw()

    def watch_empty_text(self) -> None:
        self.repaint()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._is_palette_known = False
        if self.is_attached and self._strips:
            self.redraw()

    # --- lines ------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return painted lines. Textual's style cache is passed by: lines are kept here, whole."""
        width, height = self.size
        if len(self._lines) != height or self._drawn_width != width:
            self.redraw()
        strips = [self._strip(y) for y in crop.line_range]
        filters = self.get_line_filters()
        if filters:
            background = self.background_colors[1]
            for line_filter in filters:
                strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """Return a line that tells its places in the source: Textual's mouse selection asks."""
        strip = self._strip(y)
        if not 0 <= y < len(self._spots):
            if not self._spots:
                return strip
            y = len(self._spots) - 1
            offset = 1 << 40
        else:
            offset = 0
        spot = self._spots[y]
        part = spot.unit.part
        for above in range(y, -1, -1):
            known = self._spots[above]
            if known.message is not spot.message:
                break
            ends = [p.start + len(p.text) for p in known.row.pieces if p.start >= 0]
            if ends and known.unit.block is not None:
                part, offset = known.unit.part, max(offset, ends[-1])
                break
        return probe(strip, spot.row, (offset, text_ordinal(spot.message.ordinal, part)))

    def _strip(self, y: int) -> Strip:
        palette, width = self._palette, self._drawn_width
        if palette is None or not 0 <= y < len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        strip = self._strips[y]
        if strip is None:
            if not self.layout_rows.messages:
                strip = self._empty_line(y, palette)
            else:
                strip = paint(self._lines[y], palette, width, self._hits)
            self._strips[y] = strip
        return strip

    def _empty_line(self, y: int, palette: Palette) -> Strip:
        width = self._drawn_width
        texts = self.empty_text.split("\n") if self.empty_text else []
        index = y - (len(self._lines) - len(texts)) // 2
        text = fit(texts[index], width) if 0 <= index < len(texts) else ""
        segment = Segment(text.center(width), palette.muted)
        return Strip([segment]).adjust_cell_length(width, palette.text)

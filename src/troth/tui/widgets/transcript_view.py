"""The transcript's window moves: by lines, pages and messages, by wheel, thumb and the eye.

The eye is the message that reading mode is on; everything else of a conversation is in
`Transcript`.
"""

from __future__ import annotations

from collections import Counter

from textual import events
from textual.selection import Selection

from troth.tui.widgets import transcript_events as told
from troth.tui.widgets.transcript_canvas import TranscriptCanvas
from troth.tui.widgets.transcript_layout import Spot
from troth.tui.widgets.transcript_paint import LEFT_MARGIN, link_at
from troth.tui.widgets.transcript_select import selected_text
from troth.tui.widgets.transcript_thumb import go_to_share, thumb_rows
from troth.tui.widgets.transcript_units import Part

WHEEL_ROWS = 3
PAGE_OVERLAP_ROWS = 2


class TranscriptView(TranscriptCanvas):
    """A window onto messages that scrolls, and an eye that goes from one to the next."""

    # --- moving -----------------------------------------------------------------------------

    def scroll_lines(self, rows: int) -> None:
        """Move by rows; up leaves the tail, down to the end follows it again."""
        self.layout_rows.scroll(rows)
        self.redraw()

    def scroll_pages(self, pages: float) -> None:
        """Move by pages: -0.5 is half a page up."""
        rows = max(1, self.size.height - PAGE_OVERLAP_ROWS)
        self.scroll_lines(round(pages * rows) or (1 if pages > 0 else -1))

    def scroll_to_start(self) -> None:
        """Show the first line."""
        self.layout_rows.go_to(0)
        self.redraw()

    def scroll_to_tail(self) -> None:
        """Show the end and follow what arrives."""
        self.layout_rows.follow()
        self.redraw()

    # --- the mouse --------------------------------------------------------------------------

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(-WHEEL_ROWS)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(WHEEL_ROWS)

    def spot_at(self, y: int) -> Spot | None:
        """Return what is drawn at a line of the widget."""
        return self._spots[y] if 0 <= y < len(self._spots) else None

    def target_at(self, x: int, y: int) -> str:
        """Return the address or action at a cell of the widget; "" for none."""
        spot = self.spot_at(y)
        return link_at(spot.row, x - LEFT_MARGIN) if spot else ""

    @property
    def allow_select(self) -> bool:
        """The thumb's column moves the view and selects nothing."""
        is_on_thumb = self.app.mouse_position.x == self.region.right - 1
        return super().allow_select and not is_on_thumb

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._pressed = (event.x, event.y)
        if event.x == self.size.width - 1 and thumb_rows(self.layout_rows)[1]:
            self.capture_mouse()
            self._drag_thumb(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._drag_thumb(event.y)
        elif event.button and self._pressed and self.text_selection is not None:
            if event.y <= 0:
                self.scroll_lines(-1)
            elif event.y >= self.size.height - 1:
                self.scroll_lines(1)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self.app.mouse_captured is self:
            self.release_mouse()

    def _drag_thumb(self, y: int) -> None:
        _, size = thumb_rows(self.layout_rows)
        go_to_share(self.layout_rows, (y - size // 2) / max(1, self.size.height - size))
        self.redraw()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected source text."""
        text = selected_text(self.layout_rows.messages, selection)
        return (text, "\n") if text else None

    def selection_updated(self, selection: Selection | None) -> None:
        self.redraw()

    # --- reading mode -----------------------------------------------------------------------

    def select(self, entry_id: str | None) -> None:
        """Put the reader's eye on a message, or nowhere; it is scrolled into view."""
        if entry_id is not None:
            self._bring(entry_id)
        self._look_at(entry_id)

    def _look_at(self, entry_id: str | None) -> None:
        if entry_id != self.selected_id:
            self.selected_id = entry_id
            if entry_id is not None:
                self.post_message(told.Selected(entry_id))
        self.redraw()

    def select_seen(self) -> None:
        """Put the eye on the message that fills most of the screen; nothing scrolls."""
        index = self.index_on_screen()
        if index is not None:
            self._look_at(self.layout_rows.messages[index].entry.id)

    def index_on_screen(self) -> int | None:
        """Return the index of the message that has most rows on screen."""
        counts = Counter(s.message.ordinal for s in self._spots if s.unit.part is not Part.GAP)
        if not counts:
            return None
        best = max(counts, key=lambda ordinal: (counts[ordinal], ordinal))
        return best - self.layout_rows.messages[0].ordinal

    def select_next(self) -> None:
        """Go to the next message."""
        self._select_step(1)

    def select_previous(self) -> None:
        """Go to the message before."""
        self._select_step(-1)

    def select_first(self) -> None:
        """Go to the first message."""
        if self.layout_rows.messages:
            self.select(self.layout_rows.messages[0].entry.id)

    def select_last(self) -> None:
        """Go to the last message."""
        if self.layout_rows.messages:
            self.select(self.layout_rows.messages[-1].entry.id)

    def _select_step(self, step: int) -> None:
        messages = self.layout_rows.messages
        if not messages:
            return
        at = self.layout_rows.index_of(self.selected_id) if self.selected_id else None
        if at is None:
            seen = self.index_on_screen()
            at = len(messages) - 1 if seen is None else seen
        else:
            at = min(len(messages) - 1, max(0, at + step))
        self.select(messages[at].entry.id)

    def _bring(self, entry_id: str) -> None:
        """Scroll a message into view, by as little as shows its beginning and most of it."""
        index = self.layout_rows.index_of(entry_id)
        if index is None:
            return
        view = self.layout_rows.messages[index]
        shown = [spot for spot in self._spots if spot.message is view]
        is_whole = shown and shown[0].is_first and shown[-1].unit is view.units[-1]
        if not is_whole and not (shown and shown[0] is self._spots[0] and shown[0].is_first):
            self.layout_rows.go_to(index)

    def scroll_to_message(self, entry_id: str) -> None:
        """Show a message with its head line at the top."""
        index = self.layout_rows.index_of(entry_id)
        if index is not None:
            self.layout_rows.go_to(index)
            self.redraw()

    def scroll_to_hit(self, entry_id: str, term: str) -> None:
        """Show the first place where a message says `term`, else the message's head."""
        index = self.layout_rows.index_of(entry_id)
        if index is None:
            return
        self.redraw()
        unit, row = self._find(index, term)
        self.layout_rows.go_to(index, unit, row, above=self.size.height // 3 if unit else 0)
        self.redraw()

    def _find(self, index: int, term: str) -> tuple[int, int]:
        if not self.layout_rows.palette or not term:
            return 0, 0
        wanted = term.casefold()
        view = self.layout_rows.prepare(index)
        view.read_up_to(None)
        for number, unit in enumerate(view.units):
            if unit.block is None:
                continue
            if not any(wanted in line.text.casefold() for line in unit.block.lines):
                continue
            rows = self.layout_rows.rows_at(index, number)
            texts = [row.text.casefold() for row in rows]
            return number, next((at for at, text in enumerate(texts) if wanted in text), 0)
        return 0, 0

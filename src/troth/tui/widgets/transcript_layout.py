"""Which rows are on screen: an anchor in the messages, and walking from it.

The top row is held as (message, unit, row), never as a number of rows from the start: whatever
changes height above it cannot move the line under the reader's eye. Only what is seen is drawn;
numbers of rows are needed for the scroll thumb alone and may be guesses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from troth.tui.widgets.transcript_album import Album
from troth.tui.widgets.transcript_message import MessageView
from troth.tui.widgets.transcript_palette import Palette
from troth.tui.widgets.transcript_row import Row
from troth.tui.widgets.transcript_units import Unit

MOST_KEPT_ROWS = 4000
"""Drawn rows that are kept for later; the ones seen longest ago go first."""
PICTURE_WEIGHT = 20
"""As how many rows one of a picture counts: each of its cells may have a style of its own."""


class Place(NamedTuple):
    """A row of the transcript."""

    message: int
    unit: int
    row: int


class Spot(NamedTuple):
    """A row on screen and what it belongs to."""

    message: MessageView
    unit: Unit
    row: Row
    is_first: bool
    """Whether it is the first row of its message."""


class TranscriptLayout:
    """Messages, a window of `width` by `height` cells onto them, and where it stands."""

    def __init__(self) -> None:
        self.messages: list[MessageView] = []
        self.heights: list[int] = []
        self.width = 0
        self.height = 0
        self.palette: Palette | None = None
        self.album: Album | None = None
        """Where pictures are drawn from; None: they are named."""
        self.show_hidden = False
        self.top = Place(0, 0, 0)
        self.is_following = True
        self.is_end_seen = True
        self.unread: dict[MessageView, None] = {}
        """Messages of which some text is still to be read, in the order of their turn."""
        self._kept: dict[Unit, int] = {}
        self._kept_rows = 0

    # --- messages ---------------------------------------------------------------------------

    def set_window(self, width: int, height: int, palette: Palette) -> None:
        """Change size or colours; the line at the top stays the line at the top."""
        self.height = height
        if width == self.width and palette is self.palette:
            return
        was_wide = self.width
        row_share = self._share_of_top() if was_wide else 0.0
        self.width, self.palette = width, palette
        self._kept.clear()
        self._kept_rows = 0
        self.heights = [message.guess_height(width) for message in self.messages]
        if self.messages and was_wide:
            message, unit, _ = self.top
            rows = self.rows_at(message, unit)
            self.top = Place(message, unit, min(len(rows) - 1, round(row_share * len(rows))))

    def _share_of_top(self) -> float:
        message, unit, row = self.top
        if message >= len(self.messages) or unit >= len(self.messages[message].units):
            return 0.0
        return row / max(1, self.messages[message].heights[unit])

    def insert(self, index: int, views: list[MessageView]) -> None:
        """Put messages in; what is on screen stays where it is."""
        self.messages[index:index] = views
        self.heights[index:index] = [view.guess_height(self.width or 80) for view in views]
        if index <= self.top.message and len(self.messages) > len(views):
            self.top = self.top._replace(message=self.top.message + len(views))

    def remove_from(self, index: int) -> None:
        """Drop the messages from `index` on."""
        del self.messages[index:], self.heights[index:]
        if self.top.message >= index:
            self.top = Place(max(0, index - 1), 0, 0)

    def remeasure(self, index: int) -> None:
        """Take note that a message changed its units."""
        self.heights[index] = self.messages[index].guess_height(self.width or 80)
        message, unit, row = self.top
        if message == index:
            unit = min(unit, max(0, len(self.messages[index].units) - 1))
            self.top = Place(message, unit, row)

    def redraw_pictures(self, sha256: str = "") -> None:
        """Draw one picture, or all, again; what stands below one at the top stays in its place."""
        for view in self.messages:
            for drawn in view.units if view.entry.pictures else ():
                if drawn.picture is not None and sha256 in {"", drawn.picture.sha256}:
                    drawn.rows = None
        message, unit, row = self.top
        units = self.messages[message].units if message < len(self.messages) else ()
        if row and unit < len(units) and units[unit].rows is None:
            in_sight = self.messages[message].heights[unit] - row
            self.top = self._above(Place(message, unit + 1, 0), in_sight)

    def rebuild(self, index: int) -> None:
        """Lay out a message again after a fold; the row at the top stays if it is still there."""
        view = self.messages[index]
        message, unit, row = self.top
        owner = view.units[unit] if message == index and unit < len(view.units) else None
        view.rebuild_kept()
        self.remeasure(index)
        if owner is not None:
            block = owner.block
            same = [n for n, u in enumerate(view.units) if block is not None and u.block is block]
            self.top = Place(message, same[0], row) if same else Place(message, min(unit, 1), 0)

    # --- rows -------------------------------------------------------------------------------

    def prepare(self, index: int) -> MessageView:
        """Return a message with its units laid out for this window."""
        view = self.messages[index]
        assert self.palette is not None
        view.prepare(self.palette, self.width, self.album, show_hidden=self.show_hidden)
        self.note_unread(view)
        return view

    def note_unread(self, view: MessageView) -> None:
        """Let the rest of a long text be read by and by."""
        if view.has_more:
            self.unread.setdefault(view)

    def read_on(self) -> None:
        """Read a slice of the message whose turn it is, if it is still here."""
        view = next(iter(self.unread))
        index = self.index_of(view.entry.id)
        if index is not None and self.messages[index] is view:
            view.read_on()
            self.remeasure(index)
            if view.has_more:
                return
        del self.unread[view]

    def rows_at(self, message: int, unit: int) -> list[Row]:
        """Return a unit's rows, drawn now if need be."""
        view = self.prepare(message)
        unit = min(unit, len(view.units) - 1)
        was_high = view.heights[unit]
        rows = view.rows_at(unit)
        if len(rows) != was_high:
            self.heights[message] += len(rows) - was_high
        owner = view.units[unit]
        self._keep(owner, len(rows) * (PICTURE_WEIGHT if owner.picture else 1))
        return rows

    def _keep(self, unit: Unit, rows: int) -> None:
        if unit.is_passing:
            return
        self._kept_rows += rows - self._kept.pop(unit, 0)
        self._kept[unit] = rows
        while self._kept_rows > MOST_KEPT_ROWS and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self._kept_rows -= self._kept.pop(oldest)
            oldest.rows = None

    def _units_from(self, message: int, unit: int) -> Iterator[tuple[int, int]]:
        while message < len(self.messages):
            count = len(self.prepare(message).units)
            self._refine(message)
            while unit < count:
                yield message, unit
                unit += 1
            message, unit = message + 1, 0

    def _units_before(self, message: int, unit: int) -> Iterator[tuple[int, int]]:
        while True:
            while unit > 0:
                unit -= 1
                yield message, unit
            if message == 0:
                return
            message -= 1
            unit = len(self.prepare(message).units)
            self._refine(message)

    def _refine(self, message: int) -> None:
        self.heights[message] = self.messages[message].guess_height(self.width)

    # --- the window -------------------------------------------------------------------------

    def arrange(self) -> list[Spot]:
        """Return the rows on screen, from the top; fewer than the height if there are no more."""
        if not self.messages or not self.width or not self.height:
            self.is_end_seen = self.is_following = True
            return []
        if self.is_following:
            self.top = self._tail_top()
        spots = self._spots()
        if len(spots) < self.height and self.top != Place(0, 0, 0):
            # The window hangs over the end: something there became shorter.
            self.top = self._tail_top()
            spots = self._spots()
        if self.is_end_seen and self.top == Place(0, 0, 0):
            self.is_following = True
        return spots

    def _spots(self) -> list[Spot]:
        spots: list[Spot] = []
        skip = self.top.row
        self.is_end_seen = True
        for message, unit in self._units_from(self.top.message, self.top.unit):
            view = self.messages[message]
            rows = self.rows_at(message, unit)
            owner = view.units[unit]
            for index in range(min(skip, len(rows)), len(rows)):
                if len(spots) == self.height:
                    self.is_end_seen = False
                    return spots
                spots.append(Spot(view, owner, rows[index], unit == 0 and index == 0))
            skip = 0
        return spots

    def _tail_top(self) -> Place:
        """Return the top of a window that ends with the last row (without its empty row)."""
        return self._above(Place(len(self.messages), 0, 0), self.height)

    def _above(self, place: Place, rows: int) -> Place:
        """Return the place `rows` above, or the start."""
        if place.message < len(self.messages) and place.row >= rows:
            return place._replace(row=place.row - rows)
        left = rows - (place.row if place.message < len(self.messages) else 0)
        if place.message >= len(self.messages):
            start = (len(self.messages) - 1, len(self.prepare(len(self.messages) - 1).units))
            self._refine(start[0])
        else:
            start = (place.message, place.unit)
        for message, unit in self._units_before(*start):
            height = len(self.rows_at(message, unit))
            if height >= left:
                return Place(message, unit, height - left)
            left -= height
        return Place(0, 0, 0)

    def _below(self, place: Place, rows: int) -> Place:
        skip = place.row + rows
        last = place
        for message, unit in self._units_from(place.message, place.unit):
            height = len(self.rows_at(message, unit))
            if skip < height:
                return Place(message, unit, skip)
            skip -= height
            last = Place(message, unit, max(0, height - 1))
        return last

    # --- moving -----------------------------------------------------------------------------

    def scroll(self, rows: int) -> None:
        """Move the window down (or up, if negative) and know from then on whether to follow."""
        if not self.messages or not self.palette:
            return
        before = self.top
        if rows < 0:
            self.top = self._above(self.top, -rows)
            if self.top != before:
                self.is_following = False
        elif rows > 0 and not self.is_following:
            self.top = min(self._below(self.top, rows), self._tail_top())
            self.is_following = self.top == self._tail_top()

    def go_to(self, message: int, unit: int = 0, row: int = 0, *, above: int = 0) -> None:
        """Show a place at the top, or `above` rows below it; the end stays at the bottom edge."""
        if not self.palette:
            self.top, self.is_following = Place(message, unit, row), False
            return
        self.is_following = False
        if unit:
            self.prepare(message).read_up_to(unit)
        place = Place(message, unit, row)
        self.top = self._above(place, above) if above else place
        self.top = min(self.top, self._tail_top())

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.is_following = True

    def index_of(self, entry_id: str) -> int | None:
        """Return where a message stands; the newest are found first."""
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].entry.id == entry_id:
                return index
        return None

"""What one message is laid out as: units, and how high each of them is.

The lead stands before the body and the tail behind it; only the body grows while a reply streams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from troth.tui.widgets.markdown_blocks import Block
from troth.tui.widgets.markdown_text import Canvas
from troth.tui.widgets.transcript_entry import Picture
from troth.tui.widgets.transcript_row import Row

MOST_MEASURED = 3000
"""Units of a message whose heights are guessed anew for another width; of more, the old guesses
stay, which only the scroll thumb can tell."""


class Part(Enum):
    """What a unit belongs to."""

    HEAD = auto()
    FURNITURE = auto()
    THINKING = auto()
    BODY = auto()
    GAP = auto()


@dataclass(slots=True, eq=False)
class Unit:
    """A few rows that are drawn together: a block of text, or something of the app's own."""

    part: Part
    block: Block | None = None
    draw: Callable[[Canvas], list[Row]] | None = None
    rows: list[Row] | None = None
    is_passing: bool = False
    """Whether it is the unfinished end of a stream, to be replaced at the next flush."""
    picture: Picture | None = None


class Units:
    """The units of a message. `heights` are true for drawn ones and guesses for the others."""

    __slots__ = ("body_end", "body_start", "heights", "settled_rows", "units")

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.heights: list[int] = []
        self.body_start = self.body_end = 0
        self.settled_rows = 0
        """Rows above the tail."""

    @property
    def rows(self) -> int:
        """Return the height of all."""
        return self.settled_rows + sum(self.heights[self.body_end :])

    def set_height(self, index: int, rows: int) -> None:
        """Note how high a unit is now that it is drawn."""
        if index < self.body_end:
            self.settled_rows += rows - self.heights[index]
        self.heights[index] = rows

    def redress(self, guess: Callable[[Unit], int]) -> None:
        """Let everything be drawn again, for another width or other colours."""
        for unit in self.units:
            unit.rows = None
        if len(self.units) <= MOST_MEASURED:
            self.heights = [guess(unit) for unit in self.units]
        self.settled_rows = sum(self.heights[: self.body_end])

    def put_lead(self, lead: list[Unit], guess: Callable[[Unit], int]) -> None:
        """Put `lead` before the body; a block that it has already keeps its unit and its rows."""
        known = {
            id(unit.block): unit
            for unit in self.units[: self.body_start]
            if unit.block is not None and not unit.is_passing
        }
        lead = [unit if unit.is_passing else known.get(id(unit.block), unit) for unit in lead]
        heights = [guess(unit) for unit in lead]
        self.settled_rows += sum(heights) - sum(self.heights[: self.body_start])
        self.units[: self.body_start], self.heights[: self.body_start] = lead, heights
        self.body_end += len(lead) - self.body_start
        self.body_start = len(lead)

    def drop_body(self) -> None:
        """Keep the lead alone."""
        self.body_end = self.body_start
        self.drop_tail()
        self.settled_rows = sum(self.heights)

    def drop_tail(self) -> None:
        """Keep the lead and the body."""
        del self.units[self.body_end :], self.heights[self.body_end :]

    def add_to_body(self, blocks: list[Block], guess: Callable[[Unit], int]) -> None:
        """Let the body grow by `blocks`; there must be no tail."""
        for block in blocks:
            unit = Unit(Part.BODY, block)
            self.units.append(unit)
            self.heights.append(guess(unit))
            self.settled_rows += self.heights[-1]
        self.body_end = len(self.units)

    def add_tail(self, tail: list[Unit], guess: Callable[[Unit], int]) -> None:
        """Put `tail` behind the body."""
        self.units += tail
        self.heights += [guess(unit) for unit in tail]

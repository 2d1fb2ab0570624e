"""One row of the transcript before it is painted: pieces of text that know where they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style

FOLD_THINKING = "fold:thinking"
FOLD_BODY = "fold:body"
VARIANT_BACK = "variant:-1"
VARIANT_ON = "variant:+1"
"""What a click on a piece does. Foreign text can only ever carry web and mail addresses here."""


class Piece(NamedTuple):
    """Some text in one style."""

    text: str
    style: Style
    start: int = -1
    """Where it begins in the cleaned source; -1 for what is not in it: markers, rules, padding."""
    link: str = ""
    """An address, or one of the actions above."""


class Row(NamedTuple):
    """The pieces of a row from the left. What they leave free is filled with `fill`."""

    pieces: tuple[Piece, ...] = ()
    fill: Style | None = None

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def cells(self) -> int:
        return sum(cell_len(piece.text) for piece in self.pieces)


BLANK = Row()


def slice_pieces(pieces: Iterable[Piece], start: int, end: int) -> list[Piece]:
    """Return the pieces between two places of their joined text."""
    found: list[Piece] = []
    at = 0
    for piece in pieces:
        stop = at + len(piece.text)
        if stop > start and at < end:
            if at >= start and stop <= end:
                found.append(piece)
            else:
                first, last = max(start - at, 0), min(end, stop) - at
                source = piece.start + first if piece.start >= 0 else -1
                found.append(Piece(piece.text[first:last], piece.style, source, piece.link))
        at = stop
        if at >= end:
            break
    return found

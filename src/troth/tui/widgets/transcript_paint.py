"""From a row to the cells of a line: margin, rail, content, thumb; hits and selection over it.

The rail and the right edge are columns that content cannot reach. A line is exactly as wide as the
widget and carries no control character, whatever a row holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from troth.tui.widgets.transcript_palette import Palette
from troth.tui.widgets.transcript_row import Piece, Row
from troth.tui.widgets.transcript_units import Part

LEFT_MARGIN = 3
"""A mark for the selected message, the rail, a space."""
RIGHT_MARGIN = 2
"""A space and the scroll thumb."""
RAIL, FAILED_RAIL, EYE, THUMB = "▌", "█", ">", "▐"

Over = Callable[[tuple[Piece, ...]], list[Piece]]


class Line(NamedTuple):
    """All that decides how a line looks; equal lines need no repaint."""

    row: Row
    rail: str = ""
    """A key of `Palette.rails`; "" for none."""
    has_eye: bool = False
    has_thumb: bool = False
    span: tuple[int, int] | None = None
    """The part of the source that is selected with the mouse, where it may touch this row."""


def content_width(width: int) -> int:
    """Return the cells that content has in a widget of `width`."""
    return max(1, width - LEFT_MARGIN - RIGHT_MARGIN)


def paint(line: Line, palette: Palette, width: int, hits: re.Pattern[str] | None) -> Strip:
    """Return the line's cells."""
    pieces = line.row.pieces
    if hits is not None:
        pieces = tuple(mark_hits(pieces, hits, palette.hit))
    if line.span is not None:
        pieces = tuple(mark_span(pieces, *line.span, palette.selection))
    segments = [*_left(line, palette), *(Segment(piece.text, piece.style) for piece in pieces)]
    free = width - LEFT_MARGIN - RIGHT_MARGIN - line.row.cells
    if free > 0:
        segments.append(Segment(" " * free, line.row.fill or palette.text))
    segments.append(Segment(" ", palette.text))
    segments.append(Segment(THUMB if line.has_thumb else " ", palette.faint))
    if free >= 0:
        return Strip(segments, width)
    return Strip(segments).adjust_cell_length(width, palette.text)


def _left(line: Line, palette: Palette) -> tuple[Segment, Segment, Segment]:
    eye = Segment(EYE if line.has_eye else " ", palette.rails["selected"])
    if not line.rail:
        return eye, Segment(" ", palette.text), Segment(" ", palette.text)
    glyph = FAILED_RAIL if line.rail == "failed" else RAIL
    return eye, Segment(glyph, palette.rails[line.rail]), Segment(" ", palette.text)


def mark_hits(pieces: tuple[Piece, ...], hits: re.Pattern[str], style: Style) -> list[Piece]:
    """Restyle what `hits` finds in the row's text, across pieces."""
    text = "".join(piece.text for piece in pieces)
    spans = [match.span() for match in hits.finditer(text)]
    if not spans:
        return list(pieces)
    marked: list[Piece] = []
    at = 0
    for piece in pieces:
        cuts = [(start - at, end - at) for start, end in spans]
        marked += _restyled(piece, cuts, style)
        at += len(piece.text)
    return marked


def mark_span(pieces: tuple[Piece, ...], start: int, end: int, style: Style) -> list[Piece]:
    """Restyle the pieces that come from a part of the source."""
    marked: list[Piece] = []
    for piece in pieces:
        if piece.start < 0:
            marked.append(piece)
        else:
            marked += _restyled(piece, [(start - piece.start, end - piece.start)], style)
    return marked


def _restyled(piece: Piece, spans: list[tuple[int, int]], style: Style) -> list[Piece]:
    parts: list[Piece] = []
    at = 0
    for start, end in spans:
        start, end = max(at, start, 0), min(end, len(piece.text))
        if start >= end:
            continue
        if start > at:
            parts.append(_part(piece, at, start))
        inside = _part(piece, start, end)
        parts.append(inside._replace(style=inside.style + style))
        at = end
    if at < len(piece.text):
        parts.append(_part(piece, at, len(piece.text)))
    return parts


def _part(piece: Piece, start: int, end: int) -> Piece:
    source = piece.start + start if piece.start >= 0 else -1
    return Piece(piece.text[start:end], piece.style, source, piece.link)


def link_at(row: Row, cell: int) -> str:
    """Return the address or action under a cell of the content."""
    at = 0
    for piece in row.pieces:
        at += cell_len(piece.text)
        if cell < at:
            return piece.link if cell >= 0 else ""
    return ""


def probe(strip: Strip, row: Row, place: tuple[int, int]) -> Strip:
    """Return a line for Textual's mouse selection: each piece tells its place in the source.

    `place` is (offset, ordinal of the text): what cells without a place of their own give.
    """
    offset, ordinal = place
    first = next((piece.start for piece in row.pieces if piece.start >= 0), offset)
    segments = [_at(" ", first, ordinal) for _ in range(LEFT_MARGIN)]
    for piece in row.pieces:
        if piece.start >= 0:
            segments.append(_at(piece.text, piece.start, ordinal))
            first = piece.start + len(piece.text)
        else:
            segments += [_at(character, first, ordinal) for character in piece.text]
    used = LEFT_MARGIN + row.cells
    segments += [
        _at(" ", max(0, first - 1), ordinal) for _ in range(max(0, strip.cell_length - used))
    ]
    return Strip(segments)


def _at(text: str, offset: int, ordinal: int) -> Segment:
    return Segment(text, Style.from_meta({"offset": (offset, ordinal)}))


def text_ordinal(message_ordinal: int, part: Part) -> int:
    """Number the texts of all messages in reading order: thinking before the reply itself."""
    return message_ordinal * 2 + (part is not Part.THINKING)

"""A picture in the transcript: half-block cells, two pixels each, and beside them what it is.

Draws what it is given and decodes nothing. Where the terminal has no colours of its own to mix,
glyphs of five shades stand for brightness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rich.color import Color, ColorType
from rich.style import Style

from troth.tui.safe import clean_line
from troth.tui.widgets.markdown_render import rows_of
from troth.tui.widgets.markdown_text import Canvas
from troth.tui.widgets.markdown_wrap import fit
from troth.tui.widgets.transcript_entry import Picture
from troth.tui.widgets.transcript_row import BLANK, Piece, Row

SIZES = (6, 10, 16, 24, 36)
"""Rows that a picture may take, from the smallest size to the largest."""
USUAL_SIZE = 1
_COLUMNS_A_ROW = 3
_GAP, _LEAST_BESIDE = 3, 26
_SHADES = " ░▒▓█"

Pixel = tuple[int, int, int]


class Box(NamedTuple):
    """Room for a picture, in cells."""

    columns: int
    rows: int


class PictureKey(NamedTuple):
    """Which picture, drawn for which room."""

    sha256: str
    box: Box


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture made small. `pixels` is RGBA, four bytes a pixel, row by row."""

    kind: str
    """`PNG`, `JPEG`, `WEBP` or `GIF`: as the bytes say, not their name."""
    full_width: int
    full_height: int
    width: int
    height: int
    pixels: bytes

    @property
    def rows(self) -> int:
        return (self.height + 1) // 2


def box_for(width: int, size: int) -> Box:
    """Return the room for a picture of a size in a transcript of `width` cells."""
    rows = SIZES[size]
    return Box(min(width, rows * _COLUMNS_A_ROW), rows)


def is_shaded(canvas: Canvas) -> bool:
    """Whether the ground is a colour of the terminal's own, with which none can be mixed."""
    ground = canvas.palette.text.bgcolor
    return ground is None or ground.type is not ColorType.TRUECOLOR


def draw_picture(
    picture: Picture, preview: Preview | None, box: Box, canvas: Canvas, *, in_shades: bool
) -> list[Row]:
    """Draw a picture, or its empty room while it is not here yet, with what it is."""
    columns = preview.width if preview else box.columns
    drawn = _cells(preview, canvas, in_shades) if preview else [()] * box.rows
    room = canvas.width - columns - _GAP
    if room < _LEAST_BESIDE:
        below = _caption(picture, preview, canvas.width, canvas)
        return [*map(Row, drawn), *(Row((piece,)) for piece in below)]
    beside = _caption(picture, preview, room, canvas)
    rows: list[Row] = []
    for at in range(max(len(drawn), len(beside))):
        cells = drawn[at] if at < len(drawn) and preview else ()
        blank = _GAP + (0 if cells else columns)
        pieces = [*cells]
        if at < len(beside):
            pieces += [Piece(" " * blank, canvas.palette.text), beside[at]]
        rows.append(Row(tuple(pieces)) if pieces else BLANK)
    return rows


def draw_unshown(picture: Picture, canvas: Canvas) -> list[Row]:
    """Draw the line of a picture that cannot be shown here."""
    words = f"{picture.name}  {picture.media_type}  {picture.size}  cannot be shown"
    rows = rows_of([Piece(clean_line(words), canvas.palette.muted)], canvas.width)
    return rows + [Row((piece,)) for piece in _notes(picture, canvas.width, canvas)]


def _caption(picture: Picture, preview: Preview | None, width: int, canvas: Canvas) -> list[Piece]:
    palette = canvas.palette
    if preview is None:
        facts = f"{picture.media_type}  {picture.size}"
    else:
        pixels = f"{preview.full_width} x {preview.full_height}"
        facts = f"{preview.kind}  {pixels}  {picture.size}"
    digest = picture.sha256
    return [
        Piece(fit(clean_line(picture.name), width), palette.text),
        Piece(fit(clean_line(facts), width), palette.muted),
        Piece(fit(f"sha-256 {digest[:4]} {digest[4:8]} .. {digest[-4:]}", width), palette.muted),
        *_notes(picture, width, canvas),
    ]


def _notes(picture: Picture, width: int, canvas: Canvas) -> list[Piece]:
    style = canvas.palette.muted if picture.is_note_quiet else canvas.palette.warn
    return [Piece(fit(picture.note, width), style)] if picture.note else []


def _cells(preview: Preview, canvas: Canvas, in_shades: bool) -> list[tuple[Piece, ...]]:
    ground = _ground(canvas)
    lines = [
        [_over(preview, x, y, ground) for x in range(preview.width)] for y in range(preview.height)
    ]
    if preview.height % 2:
        lines.append([ground] * preview.width)
    pairs = zip(lines[::2], lines[1::2], strict=True)
    if in_shades:
        is_light = sum(ground) > 3 * 128
        text = canvas.palette.text
        return [(Piece(_shades(top, low, is_light), text),) for top, low in pairs]
    return [tuple(_halves(top, low)) for top, low in pairs]


def _ground(canvas: Canvas) -> Pixel:
    colour = canvas.palette.text.bgcolor
    if colour is None or colour.triplet is None:
        return 0, 0, 0
    return colour.triplet.red, colour.triplet.green, colour.triplet.blue


def _over(preview: Preview, x: int, y: int, ground: Pixel) -> Pixel:
    """Return a pixel as it looks over the ground, which shows where it lets light through."""
    at = 4 * (y * preview.width + x)
    red, green, blue, alpha = preview.pixels[at : at + 4]
    if alpha == 255:
        return red, green, blue
    rest = 255 - alpha
    return (
        (red * alpha + ground[0] * rest) // 255,
        (green * alpha + ground[1] * rest) // 255,
        (blue * alpha + ground[2] * rest) // 255,
    )


def _halves(top: list[Pixel], low: list[Pixel]) -> list[Piece]:
    """Draw two lines of pixels as one of cells; cells that look alike are one piece."""
    pieces: list[Piece] = []
    start = 0
    for x in range(1, len(top) + 1):
        if x < len(top) and (top[x], low[x]) == (top[start], low[start]):
            continue
        style = Style(color=Color.from_rgb(*top[start]), bgcolor=Color.from_rgb(*low[start]))
        pieces.append(Piece("▀" * (x - start), style))
        start = x
    return pieces


def _shades(top: list[Pixel], low: list[Pixel], is_light: bool) -> str:
    """Draw two lines of pixels in ink: the denser, the further from the ground's brightness."""
    text = ""
    for first, second in zip(top, low, strict=True):
        bright = sum(
            weight * (one + other)
            for weight, one, other in zip((2126, 7152, 722), first, second, strict=True)
        )
        ink = 2 * 255 * 10_000 - bright if is_light else bright
        text += _SHADES[min(4, ink * 5 // (2 * 255 * 10_000))]
    return text

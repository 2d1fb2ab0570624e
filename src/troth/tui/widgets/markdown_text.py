"""From the lines of a paragraph to styled pieces that know their place in the source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style

from troth.tui.widgets.markdown_blocks import Line
from troth.tui.widgets.markdown_inline import LINK, Run, parse_inline, parse_unfinished
from troth.tui.widgets.markdown_link import URL_START, bare_url
from troth.tui.widgets.markdown_references import Links
from troth.tui.widgets.transcript_palette import Palette
from troth.tui.widgets.transcript_row import Piece

WRAPPED_LINE = 60
"""Characters. A single line end after a longer line is taken for wrapping and flows; after a
shorter one (a poem, an address) it stays. CommonMark leaves this to the renderer (6.8)."""
TAB = 4


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """What a block is drawn on."""

    palette: Palette
    width: int
    """Cells."""
    ground: Style
    """The style of running text."""
    is_plain: bool = False
    """Draw text as typed: line ends and spaces stay, nothing but addresses is read."""
    is_open_ended: bool = False
    """Whether more of the block is arriving: it is drawn again soon, and marks that wait for
    their other half are taken as if that were here."""
    links: Links = ()
    """The definitions that the block refers to."""


def paragraph_pieces(lines: Sequence[Line], canvas: Canvas, ground: Style) -> list[Piece]:
    """Return a paragraph's pieces; `\\n` stands in them where a row must end."""
    if canvas.is_plain:
        text, places = _joined(lines, keeps_breaks=True)
        runs: Iterator[Run] | tuple[Run, ...] = _plain_runs(text)
    else:
        text, places = _joined(lines, keeps_breaks=False)
        parse = parse_unfinished if canvas.is_open_ended else parse_inline
        runs = parse(text, canvas.links)
    if len(places) == 1:
        offset = places[0][1]
        return list(expand_tabs(_piece(run, offset, canvas.palette, ground) for run in runs))
    return list(expand_tabs(_placed(runs, places, canvas.palette, ground)))


def line_pieces(
    text: str, offset: int, palette: Palette, ground: Style, links: Links
) -> list[Piece]:
    """Return the pieces of one line of Markdown: a heading, a table's cell."""
    runs = parse_inline(text.replace("\t", " ").replace("\n", " "), links)
    return [_piece(run, offset, palette, ground) for run in runs]


def expand_tabs(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Put spaces for tabs, up to the next tab stop of the row."""
    column = 0
    for piece in pieces:
        if "\t" not in piece.text:
            _, newline, rest = piece.text.rpartition("\n")
            column = cell_len(rest) + (0 if newline else column)
            yield piece
            continue
        start = piece.start
        for index, part in enumerate(piece.text.split("\t")):
            if index:
                spaces = TAB - column % TAB
                column += spaces
                yield Piece(" " * spaces, piece.style, -1, piece.link)
                start += 1 if start >= 0 else 0
            if part:
                _, newline, rest = part.rpartition("\n")
                column = cell_len(rest) + (0 if newline else column)
                yield Piece(part, piece.style, start, piece.link)
                start += len(part) if start >= 0 else 0


def _piece(run: Run, offset: int, palette: Palette, ground: Style) -> Piece:
    style = palette.inline(run.look, ground) if run.look else ground
    return Piece(run.text, style, run.start + offset if run.start >= 0 else -1, run.link)


def _joined(lines: Sequence[Line], *, keeps_breaks: bool) -> tuple[str, list[tuple[int, int]]]:
    """Join lines; return the text, and (place in it, place in the source) where they go apart."""
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    at = 0
    last = len(lines) - 1
    for index, (text, offset, _) in enumerate(lines):
        if not places or places[-1][1] - places[-1][0] != offset - at:
            places.append((at, offset))
        shown = text if keeps_breaks else text.rstrip(" \t")
        if index < last:
            is_hard = keeps_breaks or text.endswith("  ") or len(shown) < WRAPPED_LINE
            if shown.endswith("\\") and not keeps_breaks:
                shown, is_hard = shown[:-1], True
            shown += "\n" if is_hard else " "
        parts.append(shown)
        at += len(shown)
    return "".join(parts), places or [(0, 0)]


def _placed(
    runs: Iterator[Run] | tuple[Run, ...],
    places: list[tuple[int, int]],
    palette: Palette,
    ground: Style,
) -> Iterator[Piece]:
    """Split runs where the source has something between (prefixes of quotes, indentation)."""
    starts = [start for start, _ in places]
    for run in runs:
        if run.start < 0:
            yield _piece(run, 0, palette, ground)
            continue
        index = bisect_right(starts, run.start) - 1
        at, text = run.start, run.text
        while text:
            stop = starts[index + 1] if index + 1 < len(starts) else at + len(text)
            part, text = text[: stop - at], text[stop - at :]
            if part:
                offset = places[index][1] - places[index][0]
                yield _piece(Run(part, run.look, at, run.link), offset, palette, ground)
            at += len(part)
            index += 1


def _plain_runs(text: str) -> Iterator[Run]:
    at = 0
    for found in URL_START.finditer(text):
        url = bare_url(text, found.start()) if found.start() >= at else ""
        if url:
            if found.start() > at:
                yield Run(text[at : found.start()], 0, at)
            yield Run(url, LINK, found.start(), url)
            at = found.start() + len(url)
    if at < len(text):
        yield Run(text[at:], 0, at)

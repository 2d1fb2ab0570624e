"""Draw one block into rows: pure, from (block, width, palette), so that rows can be kept."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from rich.cells import cell_len
from rich.style import Style

from troth.tui.widgets.markdown_blocks import Block, Container, Kind, Line
from troth.tui.widgets.markdown_code import (
    Token,
    colour_lines,
    colour_quickly,
    language_of,
)
from troth.tui.widgets.markdown_references import Links
from troth.tui.widgets.markdown_table import Cell, Columns, cells_of, columns_for
from troth.tui.widgets.markdown_text import Canvas, expand_tabs, line_pieces, paragraph_pieces
from troth.tui.widgets.markdown_wrap import chop, fit, wrap
from troth.tui.widgets.transcript_palette import Palette
from troth.tui.widgets.transcript_row import BLANK, Piece, Row, slice_pieces

NARROWEST_TEXT = 12
"""Cells. Nesting takes no more than what leaves this; deeper levels are drawn less deep."""

ZWJ = "\u200d"
JOINING = frozenset((ZWJ, "\ufe0f", "\ufe0e", *map(chr, range(0x1F3FB, 0x1F400))))
"""Characters that make one picture with what stands before them."""

WIDEST_TEXT = 112
"""Cells. Longer rows of running text are hard to read; code and tables may be wider."""


def render_block(block: Block, canvas: Canvas) -> list[Row]:
    """Return the block's rows, with the gap before it and the marks of its containers."""
    containers = _shown_containers(block.containers, canvas.width)
    prefix_cells = sum(map(_prefix_cells, containers))
    inner = Canvas(
        canvas.palette,
        max(1, canvas.width - prefix_cells),
        canvas.palette.quote if any(c.is_quote for c in containers) else canvas.ground,
        canvas.is_plain,
        canvas.is_open_ended,
        canvas.links,
    )
    rows = _DRAWERS[block.kind](block, inner)
    if containers:
        hidden = len(block.containers) - len(containers)
        fresh = max(0, block.shared - hidden) if hidden else block.shared
        first = _prefix(containers, fresh, canvas)
        others = _prefix(containers, len(containers), canvas)
        rows = [
            Row((*(others if index else first), *row.pieces), row.fill)
            for index, row in enumerate(rows)
        ]
    if block.has_gap:
        gap = _prefix([c for c in containers[: block.shared] if c.is_quote], 99, canvas)
        rows.insert(0, Row(tuple(gap)) if gap else BLANK)
    return rows


def estimate_rows(block: Block, width: int) -> int:
    """Guess the height of a block that nobody looks at yet; cheap."""
    width = max(1, width)
    if block.kind is Kind.TEXT:
        letters = block.lines[-1].offset + len(block.lines[-1].text) if block.lines else 0
        rows = (letters - block.lines[0].offset) // width + 1 if block.lines else 1
    else:
        rows = sum(len(line.text) // width + 1 for line in block.lines)
        rows += block.kind is Kind.CODE and not block.part
    return rows + block.has_gap


# --- containers -------------------------------------------------------------------------------


def _prefix_cells(container: Container) -> int:
    return 2 if container.is_quote else cell_len(container.marker) + 2


def _shown_containers(containers: tuple[Container, ...], width: int) -> list[Container]:
    """Leave out the outermost where there is no room for all."""
    shown = list(containers)
    while shown and sum(map(_prefix_cells, shown)) > max(0, width - NARROWEST_TEXT):
        del shown[0]
    return shown


def _prefix(containers: list[Container], drawn: int, canvas: Canvas) -> list[Piece]:
    """Return the marks before a row; items before `drawn` show spaces."""
    palette = canvas.palette
    pieces: list[Piece] = []
    for index, container in enumerate(containers):
        if container.is_quote:
            pieces.append(Piece("│ ", palette.faint))
        elif index < drawn:
            pieces.append(Piece(" " * _prefix_cells(container), palette.text))
        else:
            style = palette.muted if container.marker == "[ ]" else palette.marker
            pieces.append(Piece(f" {container.marker} ", style))
    return pieces


# --- leaves -----------------------------------------------------------------------------------


def rows_of(pieces: list[Piece], width: int) -> list[Row]:
    """Break pieces into rows at words."""
    text = "".join(piece.text for piece in pieces)
    if len(text) <= width and text.isascii() and "\n" not in text:
        return [Row(tuple(pieces))]
    return [Row(tuple(slice_pieces(pieces, start, end))) for start, end in wrap(text, width)]


def _draw_text(block: Block, canvas: Canvas) -> list[Row]:
    width = min(canvas.width, WIDEST_TEXT)
    return rows_of(paragraph_pieces(block.lines, canvas, canvas.ground), width)


def _draw_heading(block: Block, canvas: Canvas) -> list[Row]:
    style = canvas.palette.heading[min(block.level, 3) - 1]
    pieces: list[Piece] = []
    for line in block.lines:
        if pieces:
            pieces.append(Piece(" ", style))
        text = line.text.rstrip()
        pieces += line_pieces(text, line.offset, canvas.palette, style, canvas.links)
    return rows_of(pieces, canvas.width)


def _draw_rule(block: Block, canvas: Canvas) -> list[Row]:
    return [Row((Piece("─" * canvas.width, canvas.palette.faint),))]


def _draw_verbatim(block: Block, canvas: Canvas) -> list[Row]:
    rows: list[Row] = []
    for line in block.lines:
        pieces = list(expand_tabs(iter([Piece(line.text, canvas.palette.muted, line.offset)])))
        rows += _chopped(pieces, canvas.width)
    return rows


def _draw_code(block: Block, canvas: Canvas) -> list[Row]:
    palette = canvas.palette
    ground = palette.code_block
    margin = Piece("  ", ground) if canvas.width > NARROWEST_TEXT else Piece("", ground)
    room = max(1, canvas.width - 2 * len(margin.text))
    language = language_of(block.info)
    texts = [line.text for line in block.lines]
    colour = colour_quickly if canvas.is_open_ended else colour_lines
    coloured = colour(texts, tuple(line.text for line in block.before), language)
    rows: list[Row] = []
    for line, tokens in zip(block.lines, coloured, strict=True):
        rows += _code_rows(line, tokens, margin, room, palette)
    if not block.part:
        _label_code(rows, language, f"[{block.level}]", margin, room, canvas)
    return rows


@lru_cache(maxsize=512)
def _code_rows(
    line: Line, tokens: tuple[Token, ...], margin: Piece, room: int, palette: Palette
) -> list[Row]:
    """Draw a line of code. Kept, because most lines of code that arrives stay as they are."""
    pieces: list[Piece] = []
    at = line.offset
    for kind, text in tokens:
        if pieces and (text[0] in JOINING or pieces[-1].text[-1] == ZWJ):
            # A lexer may cut an emoji in two; apart they would be wider than together.
            last = pieces[-1]
            pieces[-1] = last._replace(text=last.text + text)
        else:
            pieces.append(Piece(text, palette.syntax(kind), at))
        at += len(text)
    ground = palette.code_block
    rows = _chopped(list(expand_tabs(iter(pieces))), room)
    return [Row((margin, *row.pieces), ground) for row in rows]


def _label_code(
    rows: list[Row], language: str, number: str, margin: Piece, room: int, canvas: Canvas
) -> None:
    """Put language and number over the code; without a language, beside its first row."""
    style = canvas.palette.code_label
    first = rows[0] if rows else Row()
    free = len(margin.text) + room - first.cells - len(number)
    if rows and not language and free > 1:
        label = Piece(" " * free + number, style)
        rows[0] = first._replace(pieces=(*first.pieces, label))
        return
    number = fit(number, room)
    name = fit(language, room - len(number) - 1)
    space = " " * max(0, room - cell_len(name) - len(number))
    head = Piece(f"{name}{space}{number}", style)
    rows.insert(0, Row((margin, head), canvas.palette.code_block))


def _chopped(pieces: list[Piece], width: int) -> list[Row]:
    text = "".join(piece.text for piece in pieces)
    if len(text) <= width and text.isascii():
        return [Row(tuple(pieces))]
    return [Row(tuple(slice_pieces(pieces, start, end))) for start, end in chop(text, width)]


# --- tables -----------------------------------------------------------------------------------


def _draw_table(block: Block, canvas: Canvas) -> list[Row]:
    columns = columns_for(block.before or block.lines, canvas.width, canvas.links)
    body = block.lines if block.part else block.lines[2:]
    if not columns.widths:
        return list(chain.from_iterable(_listed_row(line, columns.header, canvas) for line in body))
    rows: list[Row] = []
    palette = canvas.palette
    bold = canvas.ground + Style(bold=True)
    if not block.part:
        rows += _table_row(columns.header, columns, palette, bold, canvas.links)
        rule = "─┼─".join("─" * width for width in columns.widths)
        rows.append(Row((Piece(rule, canvas.palette.faint),)))
    for line in body:
        cells = cells_of(line)
        rows += _table_row(cells, columns, palette, canvas.ground, canvas.links)
    return rows


@lru_cache(maxsize=512)
def _table_row(
    cells: tuple[Cell, ...], columns: Columns, palette: Palette, ground: Style, links: Links
) -> list[Row]:
    """Return the rows of one table row: as many as its tallest cell has."""
    widths = columns.widths
    drawn: list[list[list[Piece]]] = []
    for index, (width, side) in enumerate(zip(widths, columns.sides, strict=False)):
        cell = cells[index] if index < len(cells) else Cell("", 0)
        words = line_pieces(cell.text, cell.offset, palette, ground, links)
        drawn.append(_cell_rows(words, width, side, ground))
    bar = Piece(" │ ", palette.faint)
    rows: list[Row] = []
    for level in range(max(map(len, drawn), default=0)):
        pieces: list[Piece] = []
        for index, column in enumerate(drawn):
            if index:
                pieces.append(bar)
            empty = [Piece(" " * widths[index], ground)]
            pieces += column[level] if level < len(column) else empty
        rows.append(Row(tuple(pieces)))
    return rows


def _cell_rows(pieces: list[Piece], width: int, side: str, ground: Style) -> list[list[Piece]]:
    text = "".join(piece.text for piece in pieces)
    rows: list[list[Piece]] = []
    for start, end in wrap(text, width):
        free = max(0, width - cell_len(text[start:end]))
        before = free if side == ">" else free // 2 if side == "^" else 0
        row = slice_pieces(pieces, start, end)
        if before:
            row.insert(0, Piece(" " * before, ground))
        if free - before:
            row.append(Piece(" " * (free - before), ground))
        rows.append(row)
    return rows


def _listed_row(line: Line, header: tuple[Cell, ...], canvas: Canvas) -> Iterable[Row]:
    """Draw a table row as `name: value` lines, where the columns do not fit side by side."""
    for index, cell in enumerate(cells_of(line)):
        name = header[index].text if index < len(header) else ""
        muted = canvas.palette.muted
        links = canvas.links
        pieces = [*line_pieces(name, -1, canvas.palette, muted, links)] if name else []
        pieces += [Piece(": ", muted)] if name else []
        pieces = [piece._replace(start=-1) for piece in pieces]
        pieces += line_pieces(cell.text, cell.offset, canvas.palette, canvas.ground, links)
        yield from rows_of(pieces, canvas.width)
    yield BLANK


_DRAWERS = {
    Kind.TEXT: _draw_text,
    Kind.HEADING: _draw_heading,
    Kind.RULE: _draw_rule,
    Kind.VERBATIM: _draw_verbatim,
    Kind.CODE: _draw_code,
    Kind.TABLE: _draw_table,
}

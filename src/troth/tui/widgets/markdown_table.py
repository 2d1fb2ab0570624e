"""Lay out tables: columns as wide as their content, narrower where the screen is, never cut off."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

from troth.tui.widgets.markdown_blocks import Line
from troth.tui.widgets.markdown_columns import split_row
from troth.tui.widgets.markdown_inline import parse_inline
from troth.tui.widgets.markdown_references import Links

NARROWEST_COLUMN = 5
MOST_COLUMNS = 64
"""Further cells of a row are left out of the grid: no screen shows them."""


class Cell(NamedTuple):
    """A cell's text and where it stands in the source."""

    text: str
    offset: int


class Columns(NamedTuple):
    """How a table is drawn at one width."""

    widths: tuple[int, ...]
    """Cells of each column; empty where they do not fit and rows are drawn as lists."""
    sides: tuple[str, ...]
    """`<`, `>` or `^` for each."""
    header: tuple[Cell, ...]


def cells_of(line: Line) -> tuple[Cell, ...]:
    """Split a row into its cells."""
    cells: list[Cell] = []
    at = 0
    for part in split_row(line.text)[:MOST_COLUMNS]:
        text = part.strip().replace("\\|", "|").replace("\t", " ")
        found = line.text.find(part, at)
        at = max(found, at)
        cells.append(Cell(text, line.offset + at + len(part) - len(part.lstrip())))
        at += len(part)
    return tuple(cells)


@lru_cache(maxsize=64)
def columns_for(shape: tuple[Line, ...], width: int, links: Links) -> Columns:
    """Return the columns of the table that begins with `shape`: header, rule, first rows."""
    header = cells_of(shape[0])
    sides = tuple(_side(cell.text) for cell in cells_of(shape[1]))[: len(header)]
    natural = [max(3, _cells(cell.text, links)) for cell in header]
    for line in shape[2:]:
        for index, cells in enumerate(_natural_widths(line, links)[: len(natural)]):
            natural[index] = max(natural[index], cells)
    room = width - 3 * (len(natural) - 1)
    if room < NARROWEST_COLUMN * len(natural) and sum(natural) > room:
        return Columns((), sides, header)
    return Columns(tuple(_fitted(natural, room)), sides, header)


@lru_cache(maxsize=256)
def _natural_widths(line: Line, links: Links) -> tuple[int, ...]:
    return tuple(_cells(cell.text, links) for cell in cells_of(line))


def _cells(text: str, links: Links) -> int:
    return cell_len("".join(run.text for run in parse_inline(text, links)))


def _side(rule: str) -> str:
    if rule.endswith(":"):
        return "^" if rule.startswith(":") else ">"
    return "<"


def _fitted(natural: list[int], room: int) -> list[int]:
    """Narrow the widest columns, all to the same width, until the table fits."""
    if sum(natural) <= room:
        return natural
    low, high = NARROWEST_COLUMN, max(natural)
    while low < high:
        cap = (low + high + 1) // 2
        if sum(min(cells, cap) for cells in natural) <= room:
            low = cap
        else:
            high = cap - 1
    widths = [min(cells, low) for cells in natural]
    for index, cells in enumerate(natural):
        if widths[index] < cells and sum(widths) < room:
            widths[index] += 1
    return widths

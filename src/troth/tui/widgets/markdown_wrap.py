"""Break text into rows of cells: at words, between wide characters, else anywhere."""

from __future__ import annotations

from rich.cells import cell_len, split_graphemes

_NO_ROW_START = frozenset("、。，．・：；？！）」』】〕〉》”’…ー々ゝヽ)]},.:;!?")
_NO_ROW_END = frozenset("（「『【〔〈《“‘([{")


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """Return (start, end) of each row of `text`, at most `width` cells, at `\\n` in any case.

    Spaces where a row ends are left out of it. A character wider than `width` gets its own row.
    """
    rows: list[tuple[int, int]] = []
    start = 0
    for line in text.split("\n"):
        if line.isascii():
            _wrap_ascii(text, start, start + len(line), width, rows)
        else:
            _wrap_cells(line, start, width, rows)
        start += len(line) + 1
    return rows


def chop(text: str, width: int) -> list[tuple[int, int]]:
    """Return (start, end) of each row when only the width breaks a line: for code."""
    if text.isascii():
        return [(at, min(at + width, len(text))) for at in range(0, len(text), width)] or [(0, 0)]
    rows: list[tuple[int, int]] = []
    row_start, used = 0, 0
    for start, _, cells in split_graphemes(text)[0]:
        if used + cells > width and start > row_start:
            rows.append((row_start, start))
            row_start, used = start, 0
        used += cells
    rows.append((row_start, len(text)))
    return rows


def fit(text: str, width: int) -> str:
    """Return `text` in at most `width` cells, with `…` where it was cut."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    end, used = 0, 1
    for _, grapheme_end, cells in split_graphemes(text)[0]:
        if used + cells > width:
            break
        end, used = grapheme_end, used + cells
    return text[:end].rstrip() + "…"


def _wrap_ascii(text: str, start: int, end: int, width: int, rows: list[tuple[int, int]]) -> None:
    while end - start > width:
        cut = text.rfind(" ", start, start + width + 1)
        if cut <= start or not text[start:cut].strip():
            rows.append((start, start + width))
            start += width
            continue
        stop = cut
        while stop > start and text[stop - 1] == " ":
            stop -= 1
        rows.append((start, stop))
        start = cut + 1
        while start < end and text[start] == " ":
            start += 1
        if start == end:
            return
    rows.append((start, end))


def _wrap_cells(line: str, base: int, width: int, rows: list[tuple[int, int]]) -> None:
    row_start = used = 0
    break_at = -1  # The newest place where the row may end, and what it measures up to there.
    break_cells = 0
    previous_end, previous_cells = 0, 0
    for start, end, cells in split_graphemes(line)[0]:
        character = line[start]
        if start > row_start and _may_break(line, start, previous_cells, cells):
            break_at, break_cells = start, used
        if used + cells > width and start > row_start and character != " ":
            if break_at <= row_start:
                break_at, break_cells = start, used
            rows.append((base + row_start, base + len(line[:break_at].rstrip(" "))))
            row_start, used, break_at = break_at, used - break_cells, -1
        used += cells
        previous_end, previous_cells = end, cells
    rows.append((base + row_start, base + previous_end))


def _may_break(line: str, at: int, cells_before: int, cells_after: int) -> bool:
    before, after = line[at - 1], line[at]
    if before == " ":
        return after != " "
    if cells_before < 2 and cells_after < 2:
        return False
    return after != " " and after not in _NO_ROW_START and before not in _NO_ROW_END

"""What the app itself writes around a message's text: head line, notes, folds, sources.

Content never reaches these rows; strings of models and servers in them are one clean line each.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.style import Style

from troth.tui.safe import clean_line
from troth.tui.widgets.markdown_link import is_clickable
from troth.tui.widgets.markdown_render import rows_of
from troth.tui.widgets.markdown_text import Canvas
from troth.tui.widgets.markdown_wrap import fit
from troth.tui.widgets.transcript_entry import Entry, Problem, Source
from troth.tui.widgets.transcript_row import (
    FOLD_BODY,
    FOLD_THINKING,
    VARIANT_BACK,
    VARIANT_ON,
    Piece,
    Row,
)

FOLDED, OPEN = "▸", "▾"


def draw_head(entry: Entry, meta: str, canvas: Canvas) -> list[Row]:
    """Draw the head line: who and when at the left; variant and badge at the right, uncut."""
    palette, width = canvas.palette, canvas.width
    right: list[Piece] = []
    if entry.variant and entry.variant[1] > 1:
        index, count = entry.variant
        right += [
            Piece("<", palette.marker if index > 1 else palette.faint, link=VARIANT_BACK),
            Piece(f" {index}/{count} ", palette.muted),
            Piece(">", palette.marker if index < count else palette.faint, link=VARIANT_ON),
        ]
    if entry.badge:
        if right:
            right.append(Piece("  ", palette.text))
        text = fit(clean_line(entry.badge.text), width)
        right.append(Piece(text, palette.badges[entry.badge.tone]))
    taken = sum(cell_len(piece.text) for piece in right)
    room = width - taken - (1 if taken else 0)
    title = fit(clean_line(entry.title), room)
    left = [Piece(title, palette.title)]
    if entry.is_imported:
        meta = f"{meta}  imported" if meta else "imported"
    meta_room = room - cell_len(title) - 2
    if meta and meta_room >= 4:
        left.append(Piece(f"  {fit(clean_line(meta), meta_room)}", palette.muted))
    if right:
        free = width - taken - sum(cell_len(piece.text) for piece in left)
        left.append(Piece(" " * max(0, free), palette.text))
    return [Row((*left, *right))]


def draw_notes(notes: Iterable[str], canvas: Canvas) -> list[Row]:
    """Draw short remarks: what was left out, that the reply was stopped."""
    rows: list[Row] = []
    for note in notes:
        rows += rows_of([Piece(clean_line(note), canvas.palette.muted)], canvas.width)
    return rows


def draw_attachments(lines: Iterable[str], canvas: Canvas) -> list[Row]:
    """Draw one row for each attached file."""
    palette = canvas.palette
    return [
        Row(
            (
                Piece("+ ", palette.marker),
                Piece(fit(clean_line(line), canvas.width - 2), palette.muted),
            )
        )
        for line in lines
    ]


def draw_thinking_fold(
    seconds: float | None, canvas: Canvas, *, is_open: bool, is_live: bool
) -> list[Row]:
    """Draw the line that stands for the model's thinking and opens it."""
    words = "thinking" if is_live else "thought"
    if seconds is not None:
        words += f" for {_duration(seconds)}"
    mark = OPEN if is_open else FOLDED
    return [Row((Piece(f"{mark} {words}", canvas.palette.thinking, link=FOLD_THINKING),))]


def draw_body_fold(canvas: Canvas, why: str, *, is_open: bool) -> list[Row]:
    """Draw the line that stands in for a reply that is not to be relied on."""
    palette = canvas.palette
    if is_open:
        words = f"{OPEN} This text {why}. Do not rely on it."
    else:
        words = f"{FOLDED} This reply {why} and is folded."
    style = palette.rails["failed"]
    return [
        Row(tuple(piece._replace(link=FOLD_BODY) for piece in row.pieces))
        for row in rows_of([Piece(words, style)], canvas.width)
    ]


def draw_problem(problem: Problem, canvas: Canvas) -> list[Row]:
    """Draw why there is no reply: what happened, then what to do."""
    palette = canvas.palette
    rows = rows_of(
        [Piece(clean_line(problem.title), palette.warn + Style(bold=True))], canvas.width
    )
    for words in (problem.detail, problem.next_step):
        if words:
            rows += rows_of([Piece(clean_line(words), palette.text)], canvas.width)
    return rows


def draw_sources(sources: Iterable[Source], canvas: Canvas) -> list[Row]:
    """Draw the reply's citations, numbered, each with its address."""
    palette = canvas.palette
    rows: list[Row] = []
    for number, source in enumerate(sources, 1):
        url, title = clean_line(source.url), clean_line(source.title)
        link = url if is_clickable(url) else ""
        pieces = [Piece(f"[{number}] ", palette.muted)]
        if title and title != url:
            pieces += [Piece(title, palette.text, link=link), Piece(" ", palette.text)]
        pieces.append(Piece(url, palette.muted, link=link))
        rows += rows_of(pieces, canvas.width)
    return rows


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 1:
        return "less than 1 s"
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"

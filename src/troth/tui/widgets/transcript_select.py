"""What is copied: always source text, without rail, padding and wrapping."""

from __future__ import annotations

from collections.abc import Iterable

from textual.geometry import Offset
from textual.selection import Selection

from troth.tui.widgets.markdown_blocks import Block, Kind, numbered_code, source_of_lines
from troth.tui.widgets.markdown_inline import parse_inline
from troth.tui.widgets.markdown_reader import BlockReader
from troth.tui.widgets.markdown_references import labels_in
from troth.tui.widgets.transcript_message import MessageView
from troth.tui.widgets.transcript_paint import text_ordinal
from troth.tui.widgets.transcript_units import Part

_END = 1 << 60


def selected_text(messages: Iterable[MessageView], selection: Selection) -> str:
    """Return the selected source, messages apart by an empty line."""
    start = selection.start or Offset(0, -_END)
    end = selection.end or Offset(_END, _END)
    parts: list[str] = []
    for view in messages:
        for part, flow in ((Part.THINKING, view.thought), (Part.BODY, view.body)):
            ordinal = text_ordinal(view.ordinal, part)
            is_seen = view.is_thinking_open if part is Part.THINKING else view.is_body_open
            if not start.y <= ordinal <= end.y or flow is None or not is_seen:
                continue
            source = flow.source
            first = start.x if ordinal == start.y else 0
            last = end.x if ordinal == end.y else len(source)
            if text := source[max(0, first) : last]:
                parts.append(text.rstrip("\n"))
    return "\n\n".join(parts)


def span_in(selection: Selection, ordinal: int) -> tuple[int, int] | None:
    """Return the part of one text that is selected."""
    start, end = selection.start, selection.end
    if (start is not None and ordinal < start.y) or (end is not None and ordinal > end.y):
        return None
    first = start.x if start is not None and start.y == ordinal else 0
    last = end.x if end is not None and end.y == ordinal else _END
    return (first, last) if first < last else None


def read_blocks(source: str, *, is_plain: bool) -> list[Block]:
    """Read a whole cleaned text."""
    reader = BlockReader(is_plain=is_plain)
    return [*reader.feed(source), *reader.close()]


def code_in(blocks: list[Block]) -> tuple[str, ...]:
    """Return the code blocks in the order of their numbers, exactly as in the source."""
    return tuple(source_of_lines(lines) for lines in numbered_code(blocks).values())


def links_in(source: str) -> tuple[str, ...]:
    """Return the addresses of a whole cleaned text, each once, in order."""
    reader = BlockReader()
    found: dict[str, None] = {}
    for block in [*reader.feed(source), *reader.close()]:
        if block.kind in {Kind.CODE, Kind.VERBATIM, Kind.RULE}:
            continue
        links = reader.references.among(labels_in(block))
        for run in parse_inline("\n".join(line.text for line in block.lines), links):
            if run.link:
                found[run.link] = None
    return tuple(found)

"""The blocks that Markdown is made of, as values: what the reader gives and the renderer takes.

A block is small: a long code block, table or paragraph comes in several parts, so that a reply
that is still arriving never has to be read or drawn again as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple


class Kind(Enum):
    """What a block is drawn as."""

    TEXT = auto()
    HEADING = auto()
    CODE = auto()
    TABLE = auto()
    RULE = auto()
    VERBATIM = auto()
    """Raw HTML and display mathematics: shown as written, line by line."""


class Line(NamedTuple):
    """A line of a block without the prefixes of its containers."""

    text: str
    offset: int
    """Where `text` begins in the cleaned source of the message, in characters."""
    is_rest: bool = False
    """Whether it goes on with the line before, which was cut because of its length."""


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """A block quote, or one item of a list. Compared by identity: two items may look alike."""

    marker: str
    """What is drawn before an item's first line: `•`, `3.`, `[x]`; "" for a quote."""
    is_quote: bool = False
    is_done: bool = False
    """A task list's item that is ticked."""
    indent: int = 0
    """Columns before an item's content, from the edge of what it stands in."""


class Block(NamedTuple):
    """One block, or one part of a long one, inside its containers."""

    kind: Kind
    lines: tuple[Line, ...]
    containers: tuple[Container, ...] = ()
    shared: int = 0
    """How many of `containers`, from the outside, the block before stands in as well: their
    markers are drawn already."""
    has_gap: bool = False
    """Whether an empty row stands before it."""
    level: int = 0
    """Of a heading: 1 to 6. Of a code block: its number in the message, from 1."""
    info: str = ""
    """Of a code block: the language as written."""
    part: int = 0
    """0 for a whole block or its first part."""
    before: tuple[Line, ...] = ()
    """Of a later part: the part before it (code: to know the lexer's state), or the first part
    with its header (table: to keep the columns)."""


def numbered_code(blocks: list[Block]) -> dict[int, list[Line]]:
    """Return the lines of each code block by its number, parts put together again."""
    found: dict[int, list[Line]] = {}
    for block in blocks:
        if block.kind is Kind.CODE:
            found.setdefault(block.level, []).extend(block.lines)
    return found


def source_of_lines(lines: list[Line]) -> str:
    """Return lines as text. A line that was cut because of its length is one line again."""
    pieces: list[str] = []
    for line in lines:
        pieces += ("" if line.is_rest or not pieces else "\n", line.text)
    return "".join(pieces)

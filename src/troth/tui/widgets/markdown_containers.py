"""Quotes and list items around a line: which open ones it is in, and whether it opens another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from troth.tui.widgets import markdown_grammar as grammar
from troth.tui.widgets.markdown_blocks import Container
from troth.tui.widgets.markdown_columns import indent_at, skip_columns

DEEPEST_NESTING = 12
"""Containers; further markers are text, so that 10,000 `>` cost no more than 12."""


class Rest(NamedTuple):
    """What of a line is left behind the marks of its containers."""

    containers: int
    """How many containers the line is in."""
    at: int
    """Where the rest begins."""
    spare: int
    """Columns of a tab that the marks did not use up: they count as spaces before the rest."""


class Opening(NamedTuple):
    """A container that begins on a line."""

    container: Container
    at: int
    spare: int


def match_containers(text: str, containers: Sequence[Container]) -> Rest:
    """Return how many of the open containers a line is in, and its rest."""
    at = column = spare = 0
    for index, container in enumerate(containers):
        start, indent = indent_at(text, at, column)
        if container.is_quote:
            if indent > 3 or start == len(text) or text[start] != ">":
                return Rest(index, at, spare)
            at, column = start + 1, column + indent + 1
            at, column, spare = skip_columns(text, at, column, 1)
        elif start == len(text):
            at, spare = start, 0
        elif indent + spare >= container.indent:
            at, column, spare = skip_columns(text, at, column, container.indent - spare)
        else:
            return Rest(index, at, spare)
    return Rest(len(containers), at, spare)


def opening_at(
    text: str, start: int, indent: int, outer: Sequence[Container], *, is_paragraph: bool
) -> Opening | None:
    """Return the quote or item that begins at `start`, `indent` columns from its container.

    `is_paragraph` says that it would interrupt a paragraph, which not every item may.
    """
    if len(outer) >= DEEPEST_NESTING:
        return None
    if text[start] == ">":
        at, _, spare = skip_columns(text, start + 1, start + 1, 1)
        return Opening(Container("", is_quote=True), at, spare)
    item = grammar.ITEM.match(text, start)
    if item is None:
        return None
    marker = item.group()
    if marker in "-*" and grammar.RULE.match(text, start):
        return None
    end = item.end()
    content, gap = indent_at(text, end, end)
    is_empty = content == len(text)
    number = marker[:-1]
    if is_paragraph and (is_empty or (number and int(number) != 1)):
        return None
    gap = 1 if is_empty or gap > 4 else gap
    at, spare = content, 0
    if content != end + gap:  # Tabs, code in an item, or nothing in it.
        at, _, spare = skip_columns(text, end, end, gap)
    task = grammar.TASK.match(text, at) if text.startswith("[", at) else None
    shown, is_done = _shown_marker(marker, task, outer)
    container = Container(shown, is_done=is_done, indent=indent + len(marker) + gap)
    return Opening(container, task.end() if task else at, spare)


def _shown_marker(
    marker: str, task: re.Match[str] | None, outer: Sequence[Container]
) -> tuple[str, bool]:
    if task:
        is_done = task.group(1) != " "
        return ("[x]" if is_done else "[ ]"), is_done
    if marker not in "-+*":
        return marker, False
    depth = sum(1 for container in outer if not container.is_quote)
    return grammar.BULLETS[depth % len(grammar.BULLETS)], False

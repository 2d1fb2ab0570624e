"""Columns of a source line: white space with its tab stops, and the bars of a table's row."""

from __future__ import annotations

import re

_TABLE_RULE = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")
_BAR = re.compile(r"(?<!\\)\|")


def indent_at(text: str, at: int, column: int) -> tuple[int, int]:
    """Return where white space ends and how many columns it takes; tab stops are 4 apart."""
    if at < len(text) and text[at] not in " \t":
        return at, 0
    start = column
    for index in range(at, len(text)):
        character = text[index]
        if character == " ":
            column += 1
        elif character == "\t":
            column += 4 - column % 4
        else:
            return index, column - start
    return len(text), column - start


def skip_columns(text: str, at: int, column: int, columns: int) -> tuple[int, int, int]:
    """Skip up to `columns` of white space; return place, column, columns of a tab left over."""
    goal = column + columns
    while at < len(text) and column < goal:
        if text[at] == " ":
            column += 1
        elif text[at] == "\t":
            column += 4 - column % 4
        else:
            break
        at += 1
    return at, column, max(0, column - goal)


def split_row(row: str) -> list[str]:
    """Split a table's row at its bars; an escaped bar is text."""
    row = row.strip().removeprefix("|")
    if row.endswith("|") and not row.endswith("\\|"):
        row = row[:-1]
    return _BAR.split(row)


def is_table_rule(rule: str, header: str) -> bool:
    """Return whether `rule` makes `header`, the line before it, the header of a table."""
    if "|" not in header or not _TABLE_RULE.match(rule):
        return False
    return len(split_row(header)) == len(split_row(rule))

"""Read TOML that may be broken: leave out the statements that do not parse, keep the rest.

A broken table header takes its whole table with it: the keys below it must never drift into the
table above, where a `base_url` would send one provider's key to another's server.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

TomlTable = dict[str, object]

_HEADER = re.compile(r"\s*\[")
_STATEMENT = re.compile(r"""\s*(?:[A-Za-z0-9_-]|"[^"]*"|'[^']*')[^=]*=""")
_LONG_QUOTES = ('"""', "'''")
_STRING_OR_COMMENT = re.compile(r'''"""|\'{3}|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#''')
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class BrokenStatement:
    """A piece of the file that was left out; `line` counts from 1."""

    line: int
    reason: str
    table: tuple[str, ...] = ()
    """The table that it stands in; () is the top of the file."""


def parse_leniently(text: str) -> tuple[TomlTable, tuple[BrokenStatement, ...]]:
    """Return what `text` says where it is TOML, and each statement that is none. Never raises."""
    try:
        return tomllib.loads(text), ()
    except tomllib.TOMLDecodeError:
        lines = text.splitlines()
    document: TomlTable = {}
    broken: list[BrokenStatement] = []
    for first, last in _sections(lines):
        table, faults = _parse_section(lines[first:last], first)
        broken.extend(faults)
        for key in _merge(document, table):
            broken.append(
                BrokenStatement(first + 1, f"{key} is given twice", _header(lines[first]))
            )
    return document, tuple(sorted(broken, key=lambda fault: fault.line))


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line (from 1) where the dotted `path`, or the nearest thing above it, is said.

    0 when nothing of it is found. For messages only: it looks for keys, it does not parse.
    """
    lines = text.splitlines()
    best_line, best_depth = 0, 0
    for first, last in _sections(lines):
        table: tuple[str, ...] = ()
        start = first
        if first < last and _HEADER.match(lines[first]):
            table = _header(lines[first])
            start = first + 1
            depth = _common_depth(table, path)
            if depth == len(table) and depth > best_depth:
                best_line, best_depth = first + 1, depth
        if path[: len(table)] != table:
            continue
        for number in range(start, last):
            if _STATEMENT.match(lines[number]):
                key = table + _split_key(lines[number].split("=", 1)[0])
                depth = _common_depth(key, path)
                if depth > best_depth and depth > len(table):
                    best_line, best_depth = number + 1, depth
    return best_line


def _sections(lines: list[str]) -> list[tuple[int, int]]:
    """Cut at each table header outside multi-line strings: (first, last) with last excluded."""
    cuts = [0]
    lines = list(lines)
    while (unclosed := _unclosed_string(lines)) is not None:
        lines[unclosed] = ""  # never closed: it must not swallow the tables below it
    quote = ""
    for number, line in enumerate(lines):
        if not quote and number and _HEADER.match(line):
            cuts.append(number)
        quote = _quote_after(line, quote)
    return list(zip(cuts, [*cuts[1:], len(lines)], strict=True))


def _unclosed_string(lines: Sequence[str]) -> int | None:
    """Return the line where a multi-line string opens that nothing closes."""
    quote, opened_at = "", None
    for number, line in enumerate(lines):
        before, quote = quote, _quote_after(line, quote)
        if quote and not before:
            opened_at = number
    return opened_at if quote else None


def _quote_after(line: str, quote: str) -> str:
    """Return which multi-line string is open after `line`: three quotes of a kind, or ""."""
    position = 0
    while True:
        if quote:
            end = line.find(quote, position)
            if end < 0:
                return quote
            position, quote = end + 3, ""
        match = _STRING_OR_COMMENT.search(line, position)
        if match is None or match[0] == "#":
            return ""
        position = match.end()
        quote = match[0] if match[0] in _LONG_QUOTES else ""


def _parse_section(section: Sequence[str], offset: int) -> tuple[TomlTable, list[BrokenStatement]]:
    """Parse one table, blanking statements until the rest is TOML; each round blanks a line."""
    lines = list(section)
    table = _header(lines[0])
    faults: list[BrokenStatement] = []
    while True:
        try:
            return tomllib.loads("\n".join(lines) + "\n"), faults
        except tomllib.TOMLDecodeError as error:
            reason, line = _place_of(error, lines)
        first = line
        while first > 0 and not (_STATEMENT.match(lines[first]) or _HEADER.match(lines[first])):
            first -= 1
        faults.append(BrokenStatement(offset + first + 1, reason, table))
        if _HEADER.match(lines[first]) or not any(map(str.strip, lines[first : line + 1])):
            return {}, faults
        lines[first : line + 1] = [""] * (line + 1 - first)


def _place_of(error: tomllib.TOMLDecodeError, lines: Sequence[str]) -> tuple[str, int]:
    """Return the parser's words without their place, and the line from 0."""
    text = str(error)
    match = _PLACE.search(text)
    reason = text[: match.start()].strip() if match else text
    line = int(match[1]) - 1 if match and match[1] else _unclosed_string(lines)
    return reason, min(len(lines) - 1 if line is None else line, len(lines) - 1)


def _merge(document: TomlTable, table: TomlTable) -> list[str]:
    """Put `table` into `document`; return the keys that were there already and stay as they are."""
    twice: list[str] = []
    for key, value in table.items():
        present = document.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            inner = _merge(cast("TomlTable", present), cast("TomlTable", value))
            twice += [f"{key}.{name}" for name in inner]
        elif key in document:
            twice.append(key)
        else:
            document[key] = value
    return twice


def _header(line: str) -> tuple[str, ...]:
    """Return the name in a table header, also where its bracket is missing; () for other lines."""
    if not _HEADER.match(line):
        return ()
    return _split_key(line.strip().lstrip("[").split("#", 1)[0].split("]", 1)[0])


def _split_key(text: str) -> tuple[str, ...]:
    """Split a dotted key as TOML does, quotes taken off."""
    pieces = re.findall(r'"([^"]*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)', text)
    return tuple(double or single or bare for double, single, bare in pieces)


def _common_depth(key: tuple[str, ...], path: tuple[str, ...]) -> int:
    """How many leading segments of `path` this key says; 0 when it leaves the path."""
    depth = 0
    for mine, theirs in zip(key, path, strict=False):
        if mine != theirs:
            break
        depth += 1
    return depth

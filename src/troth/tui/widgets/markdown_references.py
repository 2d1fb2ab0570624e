"""Link reference definitions (`[label]: address "title"`), and what a label stands for.

CommonMark 0.31.2, 4.7 and 6.3 (spec.commonmark.org, read 2026-11-28), except: a label or a title
does not go over several lines, and `[^1]:` is a footnote's text, never an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from troth.tui.widgets.markdown_blocks import Block, Kind

Links = tuple[tuple[str, str], ...]
"""Label and address of each definition that a block uses: small, and a key for caches."""

MOST_LETTERS = 1000
"""A longer line is no definition: the longest label is 999 characters (6.3)."""

LABEL = re.compile(r"\[((?:[^\[\]\\]|\\.){1,999})\]", re.DOTALL)
_TITLE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\))"""
_TITLE_LINE = re.compile(rf"{_TITLE}[ \t]*\Z")
_BEGINNING = re.compile(rf"{LABEL.pattern}:[ \t]*\Z")
_DEFINITION = re.compile(
    rf"{LABEL.pattern}:\s*(?:<(?P<angled>[^<>\n]*)>|(?P<plain>[^\s<]\S*))"
    rf"(?P<title>[ \t]+{_TITLE})?[ \t]*\Z"
)
UNCLEAR = re.compile(r" {0,3}\[(?:[^\[\]]{0,60}|[^\[\]]{1,999}\](?::[ \t]*)?)\Z")
"""The beginning of a line that may yet become a definition: it is not shown yet."""


class Definition(NamedTuple):
    """What one definition says."""

    label: str
    address: str
    has_title: bool


def normalised(label: str) -> str:
    """Return a label as labels are compared: case folded, runs of white space as one."""
    return " ".join(label.split()).casefold()


def definition_in(text: str) -> Definition | None:
    """Read a line, or a label's line and the one with its address, as a definition."""
    found = _DEFINITION.match(text) if len(text) <= MOST_LETTERS else None
    if found is None:
        return None
    label = normalised(found.group(1))
    if not label or label.startswith("^"):
        return None
    address = found.group("angled") if found.group("plain") is None else found.group("plain")
    return Definition(label, address.replace("\\", ""), found.group("title") is not None)


def begins_definition(text: str) -> bool:
    """Return whether a line is a label whose address may stand on the next one."""
    return len(text) <= MOST_LETTERS and _BEGINNING.match(text) is not None


def is_title(text: str) -> bool:
    """Return whether a line is a title, which may stand below an address."""
    return _TITLE_LINE.match(text) is not None


def labels_in(block: Block) -> set[str]:
    """Return all that stands in brackets in a block: what a definition could make a link."""
    if block.kind in {Kind.CODE, Kind.VERBATIM, Kind.RULE}:
        return set()
    text = "\n".join(line.text for line in (*block.before, *block.lines))
    return {normalised(found) for found in LABEL.findall(text)} if "[" in text else set()


class References:
    """The definitions of one text. The first one of a label counts, wherever it stands."""

    __slots__ = ("_addresses", "_fresh")

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._fresh: list[str] = []

    def define(self, definition: Definition) -> None:
        if definition.label not in self._addresses:
            self._addresses[definition.label] = definition.address
            self._fresh.append(definition.label)

    def taken_fresh(self) -> list[str]:
        """Return the labels that were defined since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def among(self, labels: Iterable[str]) -> Links:
        """Return what these labels stand for, those that are defined."""
        known = self._addresses
        return tuple(sorted((label, known[label]) for label in labels if label in known))

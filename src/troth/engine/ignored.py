"""What a repository's .gitignore files leave out, so that a folder goes along without its litter.

Reads the patterns of gitignore(5) but for backslashes; git itself is never run: the settings of a
repository that somebody else made could name programs to start.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from troth.domain.error import UsageError

_MAX_BYTES = 64 << 10
_MAX_ANY_DEPTH = 3
"""Each `**` of a pattern multiplies the ways in which it can match."""
MAX_RULES = 1_000
"""Each file is held against each of them; the longest lists in use have some 400."""


class _Rule(NamedTuple):
    depth: int
    """How many names lead to the folder of the .gitignore that it stands in."""
    pieces: tuple[str, ...]
    is_exception: bool
    is_for_folders: bool


class Ignored:
    """The rules that hold in one folder; what stands further down, and later, decides."""

    def __init__(self, rules: tuple[_Rule, ...] = ()) -> None:
        self._rules = rules

    @classmethod
    def above(cls, folder: Path) -> Ignored:
        """Return what the repository round `folder` says of it, its own .gitignore left to `in_`.

        Without a repository there is nothing.
        """
        above = [folder, *folder.parents]
        root = next((place for place in above if (place / ".git").exists()), folder)
        found = cls()
        for place in reversed(above[1 : above.index(root) + 1]):
            found = found.in_(place)
        return found

    def in_(self, folder: Path) -> Ignored:
        """Return these rules with those of a folder inside. Raises UsageError for too many."""
        text = ""
        if not (folder / ".gitignore").is_file():
            return self  # a pipe of that name would keep us waiting
        with suppress(OSError, UnicodeDecodeError), (folder / ".gitignore").open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8-sig")
        fresh = tuple(rule for line in text.splitlines() if (rule := _rule(folder, line)))
        if len(self._rules) + len(fresh) > MAX_RULES:
            raise UsageError(f"more than {MAX_RULES:,} patterns of .gitignore hold for {folder}")
        return Ignored(self._rules + fresh) if fresh else self

    def covers(self, path: Path, *, is_folder: bool) -> bool:
        """Whether a file or folder is left out. What lies in such a folder need not be asked."""
        parts = path.parts
        for rule in reversed(self._rules):
            if rule.is_for_folders and not is_folder:
                continue
            if _matches(rule.pieces, parts[rule.depth :]):
                return not rule.is_exception
        return False


def _rule(folder: Path, line: str) -> _Rule | None:
    pattern = line.rstrip()
    if not pattern or pattern.startswith("#"):
        return None
    is_exception = pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    is_for_folders = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    pieces = tuple(pattern.lstrip("/").split("/"))
    if "/" not in pattern:
        pieces = ("**", *pieces)
    if pieces.count("**") > _MAX_ANY_DEPTH or not pieces[-1]:
        return None
    return _Rule(len(folder.parts), pieces, is_exception, is_for_folders)


def _matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**" and "**" not in pattern[1:]:
        skipped = len(path) - len(pattern) + 1  # the one place where the rest can stand
        return skipped >= 0 and _matches(pattern[1:], path[skipped:])
    if pattern[0] == "**":
        return any(_matches(pattern[1:], path[skipped:]) for skipped in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _matches(pattern[1:], path[1:])

"""Completing a path as it is typed: what lies in its folder, the newest export first.

Reads one folder, nothing below it. Names come from the disk and are foreign text.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from troth.settings import typed_path
from troth.tui.screens.entries import written_bytes
from troth.tui.widgets.row_list import Row
from troth.tui.widgets.sidebar import written_time

MAX_ENTRIES = 400
EXPORTS = frozenset({".zip", ".json", ".jsonl", ".html", ".db", ".sqlite", ".sqlite3"})
"""Endings of what other programs export."""

_UNPACKED = frozenset({".json", ".html"})


class PathEntry(NamedTuple):
    """One thing to choose. `typed` is what the field would hold; `path` is where it is."""

    typed: str
    path: Path
    name: str
    is_folder: bool = False
    is_this_folder: bool = False
    size_bytes: int = 0
    modified_at: datetime | None = None


def plain_path(typed: str) -> str:
    """Take off what a terminal puts round a file that is dropped on it: quotes, backslashes."""
    typed = typed.strip()
    if os.sep == "/" and (typed[:1] in {"'", '"'} or "\\ " in typed):
        try:
            pieces = shlex.split(typed)
        except ValueError:
            return typed  # a quote that is not closed yet
        return pieces[0] if len(pieces) == 1 else typed
    return typed


def matching_entries(typed: str, endings: frozenset[str] = EXPORTS) -> list[PathEntry]:
    """Return what `typed` could become: fitting files, the newest first, then folders by name.

    A folder that cannot be read is empty.
    """
    head, begun = os.path.split("~/" if typed == "~" else typed)
    folder = typed_path(head or ".")
    files: list[PathEntry] = []
    folders: list[PathEntry] = []
    is_unpacked = False
    for entry in _entries(folder):
        suffix = os.path.splitext(entry.name)[1].lower()
        is_folder = entry.is_dir()
        is_unpacked = is_unpacked or (suffix in _UNPACKED and not is_folder)
        if not _fits(entry.name, begun) or not (is_folder or suffix in endings):
            continue
        if is_folder:
            written = os.path.join(head, entry.name, "")
            folders.append(PathEntry(written, Path(entry.path), entry.name, is_folder=True))
        elif (file := _file_entry(entry, os.path.join(head, entry.name))) is not None:
            files.append(file)
    files.sort(key=lambda file: file.modified_at or datetime.min.replace(tzinfo=UTC), reverse=True)
    folders.sort(key=lambda found: found.name.casefold())
    found = [*files, *folders][:MAX_ENTRIES]
    if is_unpacked and not begun:
        found.append(PathEntry(typed, folder, "this folder", is_this_folder=True))
    return found


def path_rows(entries: Iterable[PathEntry], now: datetime) -> list[Row]:
    """Write the entries as rows; their ids are their places."""
    rows: list[Row] = []
    for place, entry in enumerate(entries):
        if entry.is_this_folder:
            rows.append(Row(str(place), "this folder", "as an export that was unpacked"))
        elif entry.is_folder:
            rows.append(Row(str(place), entry.name + os.sep, cells=("folder", "")))
        else:
            when = written_time(entry.modified_at, now) if entry.modified_at is not None else ""
            rows.append(Row(str(place), entry.name, cells=(written_bytes(entry.size_bytes), when)))
    return rows


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []  # missing, closed to us, or a file: there is nothing to offer


def _fits(name: str, begun: str) -> bool:
    if name.startswith(".") and not begun.startswith("."):
        return False
    return name.casefold().startswith(begun.casefold())


def _file_entry(entry: os.DirEntry[str], typed: str) -> PathEntry | None:
    try:
        found = entry.stat()
    except OSError:
        return None  # it went away between the two looks
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return PathEntry(
        typed, Path(entry.path), entry.name, size_bytes=found.st_size, modified_at=modified_at
    )

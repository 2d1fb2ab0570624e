"""From a folder to those of its files that go along: text, in sight, and within bounds.

Links are not followed: one in a stranger's folder could name any file of this computer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from troth.domain.error import NotFound, UsageError
from troth.domain.message import BlobPart
from troth.engine.attach import attachment_from
from troth.engine.ignored import Ignored
from troth.settings import typed_path

MAX_FILES = 100
MAX_FILE_BYTES = 256 << 10
MAX_TOGETHER_BYTES = 1 << 20
"""About 260,000 tokens: as much as most models of 2026 read at once, and more than most should."""
MAX_LOOKED_AT = 20_000
"""Entries of a folder; whoever names their whole disk is asked for less."""


@dataclass(slots=True)
class FolderTaken:
    """What of a folder goes along, and what does not."""

    name: str
    parts: list[BlobPart] = field(default_factory=list[BlobPart])
    left: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Path below the folder, and why: `binary`, `empty`, `large`, `full`, `link`, `unreadable`."""
    hidden: int = 0
    """Files and folders whose names begin with a dot."""
    ignored: int = 0
    """Files and folders that .gitignore names."""

    @property
    def size_bytes(self) -> int:
        return sum(part.blob.size_bytes for part in self.parts)


def read_folder(folder: Path) -> tuple[FolderTaken, dict[str, bytes]]:
    """Return the parts of a folder's text files, and their bytes by digest.

    Raises NotFound, and UsageError where it cannot be read, holds too much, or nothing to take.
    """
    folder = typed_path(folder).absolute()
    name = folder.name or folder.resolve().name
    taken, contents = FolderTaken(name or str(folder)), dict[str, bytes]()
    for entry in _walk(folder, Ignored.above(folder), taken):
        inside = Path(entry.path).relative_to(folder).as_posix()
        found = _read(entry, taken)
        if isinstance(found, str):
            taken.left.append((inside, found))
            continue
        part = attachment_from(found, f"{name}/{inside}" if name else inside)
        if part.extracted_text is None:
            taken.left.append((inside, "binary"))
            continue
        taken.parts.append(part)
        contents[part.blob.sha256] = found
    if not taken.parts:
        raise UsageError(f"{folder} holds no text file that can go along")
    return taken, contents


def _walk(folder: Path, ignored: Ignored, taken: FolderTaken) -> Iterator[os.DirEntry[str]]:
    """Yield a folder's files and then those of the folders in it, by name."""
    looked_at = 0
    waiting = [(folder, ignored)]
    while waiting:  # no calls inside calls: a folder may lie a thousand folders deep
        place, rules = waiting.pop()
        entries = _entries(place, taken, is_first=place is folder)
        looked_at += len(entries)
        if looked_at > MAX_LOOKED_AT:
            raise UsageError(f"it holds more than {MAX_LOOKED_AT:,} files; name a folder inside it")
        rules = rules.in_(place)
        below: list[tuple[Path, Ignored]] = []
        for entry in entries:
            if entry.name.startswith("."):
                taken.hidden += 1
            elif rules.covers(Path(entry.path), is_folder=_is_folder(entry)):
                taken.ignored += 1
            elif _is_folder(entry):
                below.append((Path(entry.path), rules))
            else:
                yield entry
        waiting += reversed(below)


def _entries(folder: Path, taken: FolderTaken, *, is_first: bool) -> Sequence[os.DirEntry[str]]:
    """Return what lies in a folder, files first, by name."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: (_is_folder(entry), entry.name))
    except OSError as error:
        if not is_first:
            taken.left.append((folder.name, "unreadable"))
            return ()
        if isinstance(error, FileNotFoundError):
            raise NotFound("file", str(folder)) from error
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _read(entry: os.DirEntry[str], taken: FolderTaken) -> bytes | str:
    """Return a file's bytes, or why it stays behind."""
    try:
        if not entry.is_file(follow_symlinks=False):
            return "link" if entry.is_symlink() else "binary"
        size = entry.stat(follow_symlinks=False).st_size
        if size > MAX_FILE_BYTES:
            return "large"
        if len(taken.parts) == MAX_FILES or taken.size_bytes + size > MAX_TOGETHER_BYTES:
            return "full"
        with Path(entry.path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)  # it may have grown since, or tell no size
    except OSError:
        return "unreadable"
    if len(content) > MAX_FILE_BYTES:
        return "large"
    return content or "empty"

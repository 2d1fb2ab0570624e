"""What an export is made of: one file, a zip, or the folder that the zip was unpacked into.

Nothing is ever unpacked to disk. A name inside an archive is looked at, never used as a path, so
that `../` in it means nothing; links are not followed; what inflates like a bomb is let go.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from troth.domain.error import ImportRefused
from troth.transfer.records import ByteStream

MAX_MEMBERS = 200_000
MAX_INFLATION = 200
"""Chat exports shrink about tenfold; deflate's own limit, which bombs reach, is 1,032."""
FREE_BYTES = 64 << 20
"""Up to here a member may inflate as it likes: small files of one repeated byte exist."""

_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
"""Some disks keep times of the year 11,000, where a clock was wrong; Python has no such dates."""

Opener = Callable[[], AbstractContextManager[ByteStream]]


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an export. `place` is how people are told of it."""

    name: str
    """Its last name only."""
    place: str
    size_bytes: int
    opener: Opener
    folder: str = ""
    """The folders above it, inside the export: to know what it is by, never to open it by."""
    path: Path | None = None
    """Where it lies, if it is a file of its own: databases are opened by path."""

    def open(self) -> AbstractContextManager[ByteStream]:
        return self.opener()

    def head(self, size: int) -> bytes:
        """Return the first bytes."""
        with readable(self.place), self.open() as stream:
            return stream.read(size)


@dataclass(frozen=True, slots=True)
class Export:
    """The files of an export, and when it was made."""

    path: Path
    members: tuple[Member, ...]
    """What may hold chats."""
    others: tuple[Member, ...]
    """What chats may refer to: images, documents, lists of names."""
    made_at: datetime


@contextmanager
def readable(place: str) -> Generator[None]:
    """Turn what can go wrong while a file is read into ImportRefused."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ImportRefused(place, "the archive is damaged or was cut") from error
    except (NotImplementedError, RuntimeError) as error:
        raise ImportRefused(place, "the archive is locked or packed in an unknown way") from error
    except OSError as error:
        raise ImportRefused(place, f"it cannot be read ({error.strerror or 'fault'})") from error


@contextmanager
def opened_export(path: Path) -> Generator[Export]:
    """Open what the user named. Raises ImportRefused."""
    with readable(str(path)):
        status = path.stat()
        made_at = datetime.fromtimestamp(min(max(0, status.st_mtime), _LAST_SECOND), UTC)
    with ExitStack() as stack:
        if path.is_dir():
            found = _walk(path)
            for inner in [member.path for member in found if member.path and _is_part(member)]:
                found += _members(inner, _archive(inner, stack))
        elif path.is_file() and _is_zip(path):
            found = _members(path, _archive(path, stack))
            if not any(map(_may_hold_chats, found)) and any(map(_is_part, found)):
                raise ImportRefused(
                    str(path), "it holds other archives; unpack it and import the folder"
                )
        elif path.is_file():
            yield Export(path, (_member_of(path),), _beside(path), made_at)
            return
        else:
            raise ImportRefused(str(path), "it is neither a file nor a folder")
        chats = tuple(member for member in found if _may_hold_chats(member))
        yield Export(path, chats, found, made_at)


def _archive(path: Path, stack: ExitStack) -> zipfile.ZipFile:
    with readable(str(path)):
        return stack.enter_context(zipfile.ZipFile(path))


def _is_part(member: Member) -> bool:
    """Whether it is an archive inside an export: ChatGPT's largest come as some of these."""
    low = member.name.lower()
    return low.startswith("conversations__") and low.endswith(".zip")


def is_gemini_folder(folder: str) -> bool:
    """Whether Takeout keeps Gemini's records there: its folders have names in every language."""
    last = folder.rstrip("/").rpartition("/")[2].lower()
    return "gemini" in last or "bard" in last


def _may_hold_chats(member: Member) -> bool:
    low = member.name.lower()
    if low.startswith("conversations") and low.endswith(".json"):
        return True  # ChatGPT (one file, or -000, -001, ...) and Claude
    if low in {"myactivity.json", "my activity.json", "myactivity.html", "my activity.html"}:
        return True
    if low.startswith("conversation_") and low.endswith((".txt", ".json")):
        return not low.startswith("conversation_asset_file_names")
    if is_gemini_folder(member.folder) and low.endswith((".json", ".html")):
        return not low.startswith("gemini")  # settings of Gems and of scheduled actions
    return low.endswith((".troth.json", ".db", ".sqlite"))


def _is_zip(path: Path) -> bool:
    with readable(str(path)), path.open("rb") as file:
        return file.read(4) in {b"PK\x03\x04", b"PK\x05\x06"}


def _member_of(path: Path) -> Member:
    size_bytes = path.stat().st_size
    return Member(
        path.name,
        str(path),
        size_bytes,
        lambda: path.open("rb"),
        path.parent.absolute().as_posix(),
        path,
    )


def _walk(folder: Path) -> tuple[Member, ...]:
    found: list[Member] = []
    for directory, names, files in os.walk(folder, followlinks=False):
        names.sort()
        for name in sorted(files):
            path = Path(directory, name)
            if not path.is_symlink() and path.is_file():
                found.append(_member_of(path))
            if len(found) > MAX_MEMBERS:
                raise ImportRefused(str(folder), f"it holds more than {MAX_MEMBERS:,} files")
    return tuple(found)


def _beside(path: Path) -> tuple[Member, ...]:
    """Return what chats in a lone file may refer to, where its export was unpacked round it.

    The folder may as well be a person's downloads: nothing else in it is looked at.
    """
    if is_gemini_folder(path.parent.absolute().as_posix()):
        return _walk(path.parent)
    if not path.name.startswith("conversations"):
        return ()
    folders = [path.parent, *(path.parent.glob("user-*")), path.parent / "dalle-generations"]
    found: list[Member] = []
    for folder in folders:
        if not folder.is_dir() or folder.is_symlink():
            continue
        for file in sorted((*folder.glob("file[-_]*"), *folder.glob("conversation_asset_*.json"))):
            if file.is_file() and not file.is_symlink() and len(found) < MAX_MEMBERS:
                found.append(_member_of(file))
    return tuple(found)


def _members(path: Path, archive: zipfile.ZipFile) -> tuple[Member, ...]:
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise ImportRefused(str(path), f"it holds more than {MAX_MEMBERS:,} files")
    found: list[Member] = []
    for info in sorted(infos, key=lambda info: info.filename):
        folder, _, name = info.filename.replace("\\", "/").rpartition("/")
        if name and not info.is_dir():
            opener = partial(_Inflating, archive, info, f"{path.name}/{info.filename}")
            found.append(Member(name, f"{path.name}/{name}", info.file_size, opener, folder))
    return tuple(found)


class _Inflating:
    """A member of a zip as it is unpacked, which may not grow out of all proportion."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> None:
        with readable(place):
            self._file = archive.open(info)
        self._place = place
        self._limit = max(FREE_BYTES, info.compress_size * MAX_INFLATION)
        self._read = 0

    def read(self, size: int = -1, /) -> bytes:
        """Raises ImportRefused for damage and for a bomb."""
        left = self._limit - self._read + 1
        with readable(self._place):
            content = self._file.read(left if size < 0 else min(size, left))
        self._read += len(content)
        if self._read > self._limit:
            raise ImportRefused(self._place, "it inflates like a zip bomb")
        return content

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

"""The files of a batch: results that survive a kill, and the journal of what was asked.

results.jsonl            one line per reply, on the disk before the reply counts as done
results.jsonl.journal    one key per line, on the disk before its request leaves
results.jsonl.lock       held while a run writes

After a crash, what stands in the journal and not in the results was asked for and may have been
paid. A last line without its end is cut off: it was never acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from troth.domain.error import UsageError
from troth.domain.model import Json
from troth.engine.batch_row import UNSURE, encode_row
from troth.vault.files import sync_folder

KEY_LENGTH = 32


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Raise UsageError with the file's name where the disk is full, or it may not be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


class _Group:
    """Lines that go to the disk together."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.is_kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class DurableLines:
    """A file that only grows, line by line. One sync serves all who append meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with writing(path):
            # Unbuffered: what a full disk refused must not come back when the file is closed.
            self._file = path.open("ab", buffering=0)
        self._next: _Group | None = None
        self._writing: asyncio.Task[None] | None = None

    async def append(self, line: bytes) -> None:
        """Return once `line` is on the disk. Raises UsageError when it cannot get there."""
        if self._next is None:
            self._next = _Group()
        group = self._next
        group.lines.append(line)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        # Shielded: who is cancelled must not take the others' lines along.
        await asyncio.shield(group.is_kept)

    async def _write_all(self) -> None:
        while (group := self._next) is not None:
            self._next = None
            try:
                await asyncio.to_thread(self._write, b"".join(group.lines))
            except UsageError as error:
                group.is_kept.set_exception(error)
            else:
                group.is_kept.set_result(None)
        self._writing = None

    def _write(self, content: bytes) -> None:
        with writing(self._path):
            rest = memoryview(content)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())

    async def close(self) -> None:
        """Finish what is being written."""
        if self._writing is not None:
            await self._writing
        self._file.close()


def repair_end(path: Path) -> int:
    """Cut off a last line that has no end; return how many bytes went."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            step = min(end, 1 << 16)
            file.seek(end - step)
            newline = file.read(step).rfind(b"\n")
            if newline >= 0:
                end = end - step + newline + 1
                break
            end -= step
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
    return size - end


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Json] | None]]:
    """Yield line number and row; None for a line that is no row of ours."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = cast("object", json.loads(line))
            except ValueError:
                row = None
            is_row = isinstance(row, dict) and "key" in row and "prompt_id" in row
            yield number, cast("dict[str, Json]", row) if is_row else None


def read_journal(path: Path) -> set[str]:
    """Return the keys that were asked, as far as their lines are whole."""
    if not path.exists():
        return set()
    with path.open("rb") as file:
        return {
            line[:-1].decode("ascii", "replace") for line in file if len(line) == KEY_LENGTH + 1
        }


def drop_rows(results: Path, journal: Path, doomed: Collection[str]) -> None:
    """Forget the rows that are about to be asked again.

    The journal first: a crash in between leaves rows that are dropped next time, never a key that
    looks as if it had been asked and lost.
    """
    if not doomed:
        return
    kept_keys = sorted(read_journal(journal) - set(doomed))
    _replace(journal, (key.encode("ascii") + b"\n" for key in kept_keys))
    kept_rows = (row for _, row in read_rows(results) if row is not None)
    _replace(results, (encode_row(row) for row in kept_rows if row["key"] not in doomed))


def _replace(path: Path, lines: Iterable[bytes]) -> None:
    fresh = path.with_name(path.name + ".new")
    with writing(path), fresh.open("wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    put_in_place(fresh, path)


def put_in_place(fresh: Path, path: Path) -> None:
    """Let a file that is on the disk take the place of another, to stay there after a crash."""
    fresh.replace(path)
    with suppress(OSError):  # some shares take files and sync no folders
        sync_folder(path.parent)


@dataclass(frozen=True, slots=True)
class Found:
    """The keys that a results file holds already, by what came of them."""

    answered: frozenset[str]
    unsure: frozenset[str]
    """Interrupted, stopped or cut: they may have been paid, and are not whole."""
    failed: frozenset[str]
    """Nothing came, so nothing was paid."""
    spent_usd: Mapping[str, float]
    """What its replies cost, by run."""

    @property
    def all(self) -> frozenset[str]:
        return self.answered | self.unsure | self.failed


def scan(path: Path) -> Found:
    """Look through a results file. Raises UsageError for a line that is no row of ours."""
    kinds: dict[str, set[str]] = {"answered": set(), "unsure": set(), "failed": set()}
    spent: defaultdict[str, float] = defaultdict(float)
    if path.exists():
        for number, row in read_rows(path):
            if row is None:
                raise UsageError(f"line {number} of {path.name} is no row of a comparison")
            finish = str(row.get("finish"))
            kind = "failed" if finish == "failed" else "unsure" if finish in UNSURE else "answered"
            kinds[kind].add(str(row["key"]))
            cost = row.get("cost_usd")
            if isinstance(cost, int | float):
                spent[str(row.get("run"))] += cost
    answered = frozenset(kinds["answered"])
    unsure = frozenset(kinds["unsure"]) - answered
    return Found(answered, unsure, frozenset(kinds["failed"]) - answered - unsure, spent)


class RunLock:
    """Keeps two runs from writing into one results file."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: BinaryIO | None = None

    def take(self) -> None:
        """Raises UsageError when another run holds it. A killed run holds nothing."""
        while self._file is None:
            with writing(self._path):
                file = self._path.open("a+b")
            try:
                _lock(file)
                # The run that held it may have removed it just before: then ours is no lock.
                is_ours = os.path.samestat(os.fstat(file.fileno()), self._path.stat())
            except FileNotFoundError:
                is_ours = False
            except OSError as error:
                file.close()
                raise UsageError("another run is writing into this results file") from error
            if is_ours:
                self._file = file
            else:
                file.close()

    def give_back(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # Windows removes no open file; an empty one may stay
                self._path.unlink()
            self._file.close()
            self._file = None


def _lock(file: BinaryIO) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

"""`troth vault check`: walk everything and say plainly what is not as it was written.

Pages are walked by SQLite (each carries a MAC); every counted row is added up and compared with the
sum that its commits left; every message is hashed again on its parent, with its exchange and raw
items; every blob is hashed; the index is compared with the texts. A fault is reported and the walk
goes on. Nothing is repaired here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import apsw

from troth.domain.error import VaultDamaged, VaultError
from troth.vault import blobs, exchanges, keepsakes, messages
from troth.vault.cjk import cut_words
from troth.vault.errors import from_database
from troth.vault.sql import SqlValue
from troth.vault.store import Store, commit_state
from troth.vault.tally import COUNTED_TABLES, MODULUS, SUM_BYTES, count_row

MAX_PROBLEMS = 200
"""A vault that is this broken needs its backup, not a longer list."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `kind` is the step that found it; `detail` names rows by id."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """How far the walk is: the step, and its part of all work between 0 and 1."""

    step: str
    done: float


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was walked and what was found."""

    problems: tuple[Problem, ...]
    conversations: int
    messages: int
    blobs: int
    pages: int
    commits: int

    @property
    def is_sound(self) -> bool:
        return not self.problems


OnProgress = Callable[[CheckProgress], None]


@dataclass(slots=True)
class _Walk:
    store: Store
    report: OnProgress
    problems: list[Problem] = field(default_factory=list[Problem])

    def found(self, kind: str, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, detail))

    def carry_out(self, kind: str, step: Callable[[_Walk], None]) -> None:
        """Run one step; a page that cannot be read ends the step, not the walk."""
        try:
            step(self)
        except apsw.InterruptError:
            raise
        except apsw.Error as error:
            self.found(kind, from_database(error, self.store.path).detail)
        except VaultError as error:
            self.found(kind, error.detail)


def _ignore(_: CheckProgress) -> None:
    """For callers that do not watch."""


def check(store: Store, report: OnProgress = _ignore) -> CheckReport:
    """Walk the vault in one consistent view of it and return what was found. Raises nothing."""
    walk = _Walk(store, report)
    steps: tuple[tuple[str, float, Callable[[_Walk], None]], ...] = (
        ("pages", 0.0, _pages),
        ("rows", 0.3, _rows),
        ("messages", 0.4, _chains),
        ("blobs", 0.75, _blobs),
        ("keys", 0.8, _secrets),
        ("index", 0.82, _title_index),
    )
    with store.view():
        for name, done, step in steps:
            report(CheckProgress(name, done))
            walk.carry_out(name, step)
    report(CheckProgress("done", 1.0))
    return CheckReport(
        tuple(walk.problems),
        conversations=_count(store, "conversation"),
        messages=_count(store, "message"),
        blobs=_count(store, "blob"),
        pages=_pragma(store, "page_count"),
        commits=_commits(store),
    )


def check_index(store: Store, report: OnProgress = _ignore) -> tuple[Problem, ...]:
    """Compare the full-text index with the texts. Needs the writing connection: FTS5 asks for a
    statement that could write, so others wait for it."""
    walk = _Walk(store, report)

    def compare(_: _Walk) -> None:
        store.connection.set_progress_handler(_tell_of_index(walk), _INDEX_STEPS)
        try:
            store.run("INSERT INTO message_fts(message_fts, rank) VALUES ('integrity-check', 1)")
        finally:
            store.connection.set_progress_handler(None)
        store.run("INSERT INTO conversation_fts(conversation_fts) VALUES ('integrity-check')")

    walk.carry_out("index", compare)
    return tuple(walk.problems)


_STEPS = 1_000
_ROW_STEPS_PER_PAGE = 180
"""SQLite's own steps: one for each page, then so many for the rows of one (of a million messages).
The search index comes after that in too few steps to be told from these."""
_INDEX_STEPS = 100
_INDEX_STEPS_PER_TEXT = 15
_INDEX_STEPS_PER_BLOCK = 3
"""FTS5 reads all texts first, then all blocks of the index, each about half of the time."""


def _tell_of_index(walk: _Walk) -> Callable[[], bool]:
    """Return what SQLite calls while FTS5 compares: 20 s for a million messages."""
    texts = max(1, _INDEX_STEPS_PER_TEXT * _count(walk.store, "message"))
    blocks = max(1, _INDEX_STEPS_PER_BLOCK * _count(walk.store, "message_fts_data"))
    steps, told = 0, 0

    def count() -> bool:
        nonlocal steps, told
        steps += _INDEX_STEPS
        walked = max(0, steps - texts) / blocks
        hundredths = int(50 * min(1.0, steps / texts) + 50 * min(1.0, walked))
        if hundredths > told:
            told = hundredths
            walk.report(CheckProgress("index", hundredths / 100))
        return False  # go on

    return count


def _tell_of_pages(walk: _Walk) -> Callable[[], bool]:
    """Return what SQLite calls while it walks the pages: the longest step would stand still."""
    pages = max(1, _pragma(walk.store, "page_count"))
    steps, told = 0, 0

    def count() -> bool:
        nonlocal steps, told
        steps += _STEPS
        rows = max(0, steps - pages) / _ROW_STEPS_PER_PAGE
        hundredths = int(15 * min(1.0, steps / pages) + 10 * min(1.0, rows / pages))
        if hundredths > told:  # thousands of calls a second are no news
            told = hundredths
            walk.report(CheckProgress("pages", hundredths / 100))
        return False  # go on

    return count


def _pages(walk: _Walk) -> None:
    walk.store.connection.set_progress_handler(_tell_of_pages(walk), _STEPS)
    try:
        _walk_pages(walk)
    finally:
        walk.store.connection.set_progress_handler(None)


def _walk_pages(walk: _Walk) -> None:
    for (line,) in walk.store.all(tuple[str], f"PRAGMA integrity_check({MAX_PROBLEMS})"):
        if line != "ok":
            walk.found("pages", line)
    for row in walk.store.all(tuple[str, int | None, str], "PRAGMA foreign_key_check"):
        walk.found("pages", f"row {row[1]} of {row[0]} refers to a missing row of {row[2]}")


def _rows(walk: _Walk) -> None:
    """Add every counted row up again."""
    store = walk.store
    total = 0
    for table in COUNTED_TABLES:
        for values in _each_row(store, table):
            total += count_row(store.keys.rows, table, values)
    if (total % MODULUS).to_bytes(SUM_BYTES) != commit_state(store)[2]:
        walk.found("rows", "some rows are missing, doubled, or older than the last commit")


def _each_row(store: Store, table: str) -> Iterator[tuple[SqlValue, ...]]:
    """Yield all rows in slices by rowid, so that a million messages are never in memory at once."""
    columns = "id, hash" if table == "message" else "*"
    slice_of = f"SELECT rowid, {columns} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT 2000"  # noqa: S608
    last: SqlValue = -(1 << 62)
    while rows := store.connection.execute(slice_of, (last,)).fetchall():
        for row in rows:
            yield row[1:]
        last = rows[-1][0]


def _chains(walk: _Walk) -> None:
    store = walk.store
    known = store.all(
        tuple[int, str, int, str | None],
        "SELECT id, ulid, message_count, head FROM conversation ORDER BY id",
    )
    for place, (row_id, ulid, count, head) in enumerate(known):
        if place % 64 == 0:
            walk.report(CheckProgress("messages", 0.4 + 0.35 * place / len(known)))
        walk.carry_out("messages", partial(_chain, row_id=row_id, ulid=ulid))
        listed = store.all(
            tuple[str], "SELECT ulid FROM message WHERE conversation_id = ?", (row_id,)
        )
        if len(listed) != count:
            walk.found("messages", f"chat {ulid} has {len(listed)} messages of {count}")
        if head is not None and (head,) not in set(listed):
            walk.found("messages", f"the last message of chat {ulid} is missing")


def _chain(walk: _Walk, row_id: int, ulid: str) -> None:
    """Hash every message of one chat, and what belongs to each."""
    for fault in messages.faults(walk.store, row_id, ulid):
        walk.found("messages", fault)
    attached = walk.store.all(
        tuple[str, int, int],
        "SELECT ulid, raw_digest IS NOT NULL, exchange_digest IS NOT NULL FROM message"
        " WHERE conversation_id = ? AND (raw_digest IS NOT NULL OR exchange_digest IS NOT NULL)",
        (row_id,),
    )
    for message, has_raw, has_exchange in attached:
        try:
            if has_raw:
                messages.raw_items(walk.store, (message,))
            if has_exchange:
                exchanges.load(walk.store, message)
        except VaultDamaged as error:
            walk.found("messages", error.detail)


def _blobs(walk: _Walk) -> None:
    store = walk.store
    for (sha256,) in store.all(tuple[str], "SELECT sha256 FROM blob"):
        try:
            blobs.load(store, sha256)
        except VaultDamaged as error:
            walk.found("blobs", error.detail)


def _secrets(walk: _Walk) -> None:
    for name in keepsakes.secret_names(walk.store):
        try:
            keepsakes.secret(walk.store, name)
        except VaultDamaged as error:
            walk.found("keys", error.detail)


def _title_index(walk: _Walk) -> None:
    """Titles are few: compare what the index keeps of them with what it should."""
    indexed = dict(walk.store.all(tuple[int, str], "SELECT rowid, title FROM conversation_fts"))
    titles = dict(walk.store.all(tuple[int, str], "SELECT id, title FROM conversation"))
    for row_id in indexed.keys() | titles.keys():
        title = titles.get(row_id)
        if title is None or indexed.get(row_id) != cut_words(title):
            walk.found("index", f"the title of chat row {row_id} is not indexed as it reads")


def _count(store: Store, table: str) -> int:
    try:
        row = store.one(tuple[int], f"SELECT count(*) FROM {table}")  # noqa: S608  # our own names
    except apsw.Error:
        return 0  # the page walk has told about it
    return 0 if row is None else row[0]


def _pragma(store: Store, name: str) -> int:
    value = store.connection.pragma(name)
    return value if isinstance(value, int) else 0


def _commits(store: Store) -> int:
    try:
        return commit_state(store)[0]
    except (VaultError, apsw.Error):
        return 0  # the row walk has told about it

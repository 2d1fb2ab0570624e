"""One open connection with its keys, and what a transaction is.

Opening applies every pragma of the vault; `writing` is the only way to change anything: it counts
the commit, moves the head hash on, and tells the sidecar after the commit is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

import apsw

from troth.domain.error import VaultDamaged, VaultError, VaultReadOnly
from troth.vault.cjk import cut_words
from troth.vault.kdf import Keys, digest
from troth.vault.sql import Connection, SqlValue, Values
from troth.vault.tally import MODULUS, SUM_BYTES, Tally

if TYPE_CHECKING:
    from troth.vault.freshness import SeenFile

OLDEST_SAFE_SQLITE = 3_051_003
"""Before 3.51.3 two connections can corrupt a write-ahead log (SQLite's release notes)."""
BUSY_MS = 5_000
JOURNAL_LIMIT_BYTES = 16 << 20
CHECKPOINT_PAGES = 1_000
CACHE_KIB = 16_000
"""With SQLite's own 2,000 an import into a million messages decrypts index pages again and again:
1.25 times plain SQLite's CPU in place of 1.20. What a vault does not need is not taken."""

RowT = TypeVar("RowT")
P = ParamSpec("P")
ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class Store:
    """What the row functions work on; it lives in one thread."""

    connection: Connection
    keys: Keys
    vault_id: str
    path: Path | None = None
    tally: Tally | None = None
    seen: SeenFile | None = None
    is_dirty: bool = False
    has_words_to_wipe: bool = False
    wal_pages: int = 0

    @property
    def has_chores(self) -> bool:
        """Whether something waits for a quiet moment."""
        return self.is_dirty or self.has_words_to_wipe

    def all(self, row: type[RowT], sql: str, bindings: Values = ()) -> list[RowT]:
        """Return every row, fetched at once: an open cursor would hold the log back.

        `row` is the tuple type that the SQL gives; it is a claim for the type checker only.
        """
        return cast("list[RowT]", self.connection.execute(sql, bindings).fetchall())

    def each(self, row: type[RowT], sql: str, bindings: Values = ()) -> Iterator[RowT]:
        """Yield rows one by one, where all of them at once would be many MB. Read to the end."""
        cursor = self.connection.execute(sql, bindings)
        try:
            yield from cast("Iterator[RowT]", cursor)
        finally:
            cursor.close()

    def one(self, row: type[RowT], sql: str, bindings: Values = ()) -> RowT | None:
        rows = self.all(row, sql, bindings)
        return rows[0] if rows else None

    def run(self, sql: str, bindings: Values = ()) -> int:
        """Carry out one statement and return how many rows it changed."""
        self.connection.execute(sql, bindings).fetchall()
        return self.connection.changes()

    def insert(self, sql: str, bindings: Values) -> int:
        """Insert one row and return its id."""
        self.connection.execute(sql, bindings).fetchall()
        return self.connection.last_insert_rowid()

    @contextmanager
    def view(self) -> Generator[None]:
        """Let every read inside see one state, whatever others write meanwhile."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN").fetchall()
        try:
            yield
        finally:
            self._end_view()

    def _end_view(self) -> None:
        if self.connection.in_transaction:  # a damaged page may have ended it already
            self.connection.execute("COMMIT").fetchall()

    def close(self) -> None:
        if self.seen is not None:
            self.seen.close()
        self.connection.close()


def connect(
    path: Path | None,
    key: bytes | None,
    *,
    is_read_only: bool = False,
    is_exclusive: bool = False,
    vfs: str | None = None,
) -> Connection:
    """Open a database file with its raw key, or one in memory when `path` is None.

    `vfs` names another layer under the encryption. `key` is None only for a database in memory
    and in comparisons with plain SQLite. Raises `apsw.Error`; callers stand in `typed_errors`.
    """
    number = apsw.sqlite_lib_version().split(".")
    if sum(int(n) * f for n, f in zip(number, (1_000_000, 1_000, 1), strict=False)) < (
        OLDEST_SAFE_SQLITE
    ):
        raise VaultError(str(path or ""), f"SQLite {apsw.sqlite_lib_version()} can damage a vault")
    flags = apsw.SQLITE_OPEN_READWRITE
    name = ":memory:" if path is None else str(path)
    if path is None:
        flags |= apsw.SQLITE_OPEN_CREATE
    elif is_read_only:
        # The one place that opens by URI: nothing can be written through it, and `immutable` is
        # what lets a database that was left in WAL mode be read from a disc.
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        name = f"{path.absolute().as_uri()}?immutable=1"
    connection = cast("Connection", apsw.Connection(name, flags=flags, vfs=vfs))
    try:
        _prepare(connection, key if path is not None else None, is_exclusive=is_exclusive)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: Connection, key: bytes | None, *, is_exclusive: bool) -> None:
    if key is not None:
        connection.pragma("cipher", "chacha20")
        # `hexkey` would be stretched as a passphrase; this spelling is the raw key.
        connection.execute(f"PRAGMA key=\"x'{key.hex()}'\"").fetchall()
    connection.set_busy_timeout(BUSY_MS)
    if is_exclusive:
        connection.pragma("locking_mode", "EXCLUSIVE")
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    for pragma, value in (
        ("synchronous", "FULL"),
        ("secure_delete", 1),
        ("cell_size_check", 1),
        ("temp_store", "MEMORY"),
        ("journal_size_limit", JOURNAL_LIMIT_BYTES),
        ("cache_size", -CACHE_KIB),
    ):
        connection.pragma(pragma, value)
    connection.create_scalar_function(
        "cut_words",
        _cut_words,
        1,
        deterministic=True,
        flags=apsw.SQLITE_INNOCUOUS,
    )


def _cut_words(*values: SqlValue) -> str:
    """What the view behind the full-text index calls for each text."""
    return cut_words(str(values[0]))


@contextmanager
def writing(store: Store) -> Generator[None]:
    """Run the block as one transaction, whole or not at all."""
    tally = store.tally
    if tally is None:
        raise VaultReadOnly(str(store.path or ""), "the vault was opened for reading only")
    connection = store.connection
    connection.execute("BEGIN IMMEDIATE").fetchall()
    try:
        sequence, head, row_sum = commit_state(store)
        tally.change = 0
        yield
        total = (int.from_bytes(row_sum) + tally.change) % MODULUS
        fresh_sum = total.to_bytes(SUM_BYTES)
        sequence += 1
        head = digest(head + sequence.to_bytes(8) + fresh_sum)
        store.run(
            "UPDATE meta SET commit_seq = ?, head_hash = ?, row_sum = ? WHERE id = 1",
            (sequence, head, fresh_sum),
        )
        connection.execute("COMMIT").fetchall()
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK").fetchall()
        raise
    store.is_dirty = True
    if store.seen is not None:
        store.seen.write(sequence, head)
    if store.wal_pages > CHECKPOINT_PAGES:
        checkpoint(store)


def written(
    work: Callable[Concatenate[Store, P], ResultT],
) -> Callable[Concatenate[Store, P], ResultT]:
    """Return `work` as one transaction."""

    def carry_out(store: Store, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        with writing(store):
            return work(store, *args, **kwargs)

    return carry_out


def data_version(store: Store) -> int:
    """Return SQLite's count of the commits of others, as this connection sees it."""
    number = store.connection.pragma("data_version")
    return number if isinstance(number, int) else 0


def commit_state(store: Store) -> tuple[int, bytes, bytes]:
    """Return the commit number, the head hash and the sum over all counted rows."""
    row = store.one(
        tuple[int, bytes, bytes], "SELECT commit_seq, head_hash, row_sum FROM meta WHERE id = 1"
    )
    if row is None:
        raise VaultDamaged(str(store.path or ""), "the row that counts commits is missing")
    return row


def checkpoint(store: Store) -> None:
    """Move the write-ahead log into the database and empty it, if nobody else is reading.

    Deleted text leaves the log here, and the sidecar learns how our file looks now.
    """
    if store.path is None or store.tally is None:
        return
    connection = store.connection
    connection.set_busy_timeout(0)
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        # A reader holds the log: what could be moved has been, the rest waits for the next time.
        return
    finally:
        connection.set_busy_timeout(BUSY_MS)
    store.is_dirty = False
    store.wal_pages = 0
    if store.seen is not None:
        sequence, head, _ = commit_state(store)
        store.seen.write(sequence, head, store.path)

"""Open somebody else's SQLite file for reading, and for nothing else.

The standard library's engine is enough here: the vault's own is only for the vault. The file is not
trusted: its schema may call nothing, its views are not asked, one value is bounded in size.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

from troth.domain.error import ImportRefused

MAGIC = b"SQLite format 3\x00"
MAX_VALUE_BYTES = 128 << 20
BUSY_S = 2.0
Row = dict[str, object]


@contextmanager
def opened_database(path: Path) -> Generator[Database]:
    """Open the file without changing a byte of it. Raises ImportRefused.

    `immutable` lets it be read from anywhere; where a write-ahead log lies beside it, its program
    may be running and the newest chats are in that log, so it is opened as a shared file. The
    connection may move from thread to thread, one at a time.
    """
    log = path.with_name(f"{path.name}-wal")
    is_live = log.exists() and log.stat().st_size > 0
    uri = f"{path.absolute().as_uri()}?mode=ro" + ("" if is_live else "&immutable=1")
    with (
        _refused(path),
        closing(
            sqlite3.connect(uri, uri=True, timeout=BUSY_S, check_same_thread=False)
        ) as connection,
    ):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.text_factory = _decode
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA trusted_schema = 0")
        yield Database(connection, path)


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "replace")


@contextmanager
def _refused(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ImportRefused(str(path), f"the database cannot be read ({error})") from error


class Database:
    """The tables of one file, as rows of names and values."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path
        self.columns = {name: self._columns_of(name) for name in self._tables()}

    def has(self, table: str, *columns: str) -> bool:
        """Whether it is a table (a view is not) that has these columns."""
        return table in self.columns and self.columns[table].issuperset(columns)

    def rows(self, sql: str, *values: str | int | None) -> list[Row]:
        """Return all rows of a query. Raises sqlite3.Error, which readers meet chat by chat."""
        return list(self.each(sql, *values))

    def each(self, sql: str, *values: str | int | None) -> Iterator[Row]:
        """Yield the rows of a query one by one."""
        cursor = self._connection.execute(sql, values)
        names = [cast("str", column[0]) for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, cast("tuple[object, ...]", row), strict=True))

    def picked(self, table: str, *columns: str) -> str:
        """Return a SELECT of these columns; those that an older version lacks come as NULL."""
        known = self.columns[table]
        listed = (f'"{c}"' if c in known else f'NULL AS "{c}"' for c in columns)
        return f'SELECT {", ".join(listed)} FROM "{table}"'  # noqa: S608 - names of our own

    def _tables(self) -> list[str]:
        rows = self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return [str(row[0]) for row in rows]

    def _columns_of(self, table: str) -> frozenset[str]:
        rows = self._connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        return frozenset(str(row[0]) for row in rows)

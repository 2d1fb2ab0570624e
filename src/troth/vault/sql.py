"""The part of the database engine that the vault uses, as types that both checkers can see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol

SqlValue = None | int | float | str | bytes
"""What a column holds and a statement takes."""
Values = Sequence[SqlValue]


class Cursor(Protocol):
    def fetchall(self) -> list[tuple[SqlValue, ...]]: ...
    def __iter__(self) -> Iterator[tuple[SqlValue, ...]]: ...
    def close(self, force: bool = False) -> None: ...


class RowChange(Protocol):
    """One row as it is being changed."""

    table_name: str
    database_name: str
    old: tuple[SqlValue, ...] | None
    new: tuple[SqlValue, ...] | None


class PageCopy(Protocol):
    """A running copy of one database into another."""

    done: bool
    page_count: int
    remaining: int

    def step(self, npages: int = -1) -> bool: ...
    def __enter__(self) -> PageCopy: ...
    def __exit__(
        self,
        etype: type[BaseException] | None,
        evalue: BaseException | None,
        etraceback: TracebackType | None,
    ) -> bool | None: ...


class Connection(Protocol):
    """`apsw.Connection`, as far as it is used here. Every method raises `apsw.Error`."""

    in_transaction: bool

    def execute(self, statements: str, bindings: Values = ()) -> Cursor: ...
    def pragma(self, name: str, value: SqlValue = None) -> SqlValue: ...
    def changes(self) -> int: ...
    def total_changes(self) -> int: ...
    def last_insert_rowid(self) -> int: ...
    def interrupt(self) -> None: ...
    def close(self, force: bool = False) -> None: ...
    def config(self, op: int, *args: int) -> int: ...
    def set_busy_timeout(self, milliseconds: int) -> None: ...
    def wal_checkpoint(self, dbname: str | None = None, mode: int = 0) -> tuple[int, int]: ...
    def set_wal_hook(self, callable: Callable[[object, str, int], int] | None) -> None: ...
    def set_progress_handler(
        self, callable: Callable[[], bool] | None, nsteps: int = 100
    ) -> None: ...
    def preupdate_hook(
        self, callback: Callable[[RowChange], None] | None, *, id: object = None
    ) -> None: ...
    def create_scalar_function(
        self,
        name: str,
        callable: Callable[..., SqlValue] | None,
        numargs: int = -1,
        *,
        deterministic: bool = False,
        flags: int = 0,
    ) -> None: ...
    def backup(
        self, databasename: str, sourceconnection: Connection, sourcedatabasename: str
    ) -> PageCopy: ...

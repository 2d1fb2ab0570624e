"""From what the database or the disk says to the typed errors of the domain.

Never lets an `apsw.Error` out of the vault, and never puts contents or SQL into an error.
"""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

from troth.domain.error import (
    DiskFull,
    VaultBusy,
    VaultDamaged,
    VaultError,
    VaultReadOnly,
)

NEARLY_FULL_BYTES = 1 << 20
"""Below this much free space a failed write is blamed on the full disk."""

_READ_FAULTS = {
    apsw.SQLITE_IOERR_READ,
    apsw.SQLITE_IOERR_SHORT_READ,
    apsw.SQLITE_IOERR_CORRUPTFS,
    apsw.SQLITE_IOERR_DATA,
}


@contextmanager
def typed_errors(path: Path | None) -> Generator[None]:
    """Turn database and disk errors inside the block into `VaultError` classes."""
    try:
        yield
    except apsw.InterruptError:
        raise
    except apsw.Error as error:
        raise from_database(error, path) from error
    except OSError as error:
        raise from_system(error, path) from error


def from_database(error: apsw.Error, path: Path | None) -> VaultError:
    """Return the typed error for what SQLite said."""
    where = str(path or "")
    extended = int(getattr(error, "extendedresult", 0))
    match error:
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            return VaultDamaged(where, "a page of the database is damaged")
        case apsw.BusyError() | apsw.LockedError() | apsw.ProtocolError():
            return VaultBusy(where, "another program is using the vault")
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return VaultReadOnly(where, "the vault cannot be written")
        case apsw.FullError():
            return DiskFull(where, "no space is left")
        case apsw.IOError() if extended in _READ_FAULTS:
            return VaultDamaged(where, "a page of the database cannot be read")
        case apsw.IOError():
            if _is_nearly_full(path):
                return DiskFull(where, "no space is left")
            if _is_at_limit(path):
                return DiskFull(where, "no file may grow further here (ulimit -f)")
            return VaultError(where, f"the disk failed (SQLite code {extended})")
        case apsw.CantOpenError():
            if path is not None and path.exists():
                return VaultReadOnly(where, "the vault cannot be opened for writing")
            return VaultDamaged(where, "the database file cannot be opened")
        case apsw.SQLError():
            return VaultDamaged(where, "the database lacks a part of its schema")
        case _:
            return VaultError(where, f"{type(error).__name__} (SQLite code {extended})")


def from_system(error: OSError, path: Path | None) -> VaultError:
    """Return the typed error for a failed file operation."""
    where = str(error.filename or path or "")
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return DiskFull(where, "no space is left")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return VaultReadOnly(where, error.strerror or "not permitted")
    return VaultError(where, error.strerror or type(error).__name__)


def _is_at_limit(path: Path | None) -> bool:
    """Whether a file of the vault has reached the size that this process may write."""
    if path is None or sys.platform == "win32":
        return False
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:
        return False
    sizes = [file.stat().st_size for file in path.parent.glob(f"{path.name}*") if file.is_file()]
    return any(size + NEARLY_FULL_BYTES > limit for size in sizes)


def _is_nearly_full(path: Path | None) -> bool:
    if path is None:
        return False
    try:
        return shutil.disk_usage(path.parent).free < NEARLY_FULL_BYTES
    except OSError:
        return False

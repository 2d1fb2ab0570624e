"""Whether another process has a vault open, without its key; and doing alone what needs that.

SQLite holds POSIX locks for as long as a connection lives (https://sqlite.org/src file os_unix.c,
2026): a shared one on 510 bytes of the database from 0x40000002 on, and one on byte 128 of the
`-shm` file. Asking is trying to take them. Never ask about a vault that this very process has open:
closing a file lets go of all locks that a process holds on it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from troth.domain.error import VaultBusy
from troth.vault.places import Places

_SHARED_FIRST, _SHARED_BYTES = 0x40000002, 510
_SHM_LIVES = 128
_PATIENCE_S, _PAUSE_S = 1.0, 0.02
"""A change of the key file is over in milliseconds; a restore takes as long as it takes."""


def expect_closed(places: Places) -> None:
    """Raises VaultBusy. Windows does not let an open file be replaced, so there is no need."""
    if sys.platform == "win32":
        return
    for path, start, size in (
        (places.database, _SHARED_FIRST, _SHARED_BYTES),
        (places.shared_memory, _SHM_LIVES, 1),
    ):
        if path.is_file() and _is_locked(path, start, size):
            raise VaultBusy(str(places.database), "another program has the vault open")


def _is_locked(path: Path, start: int, size: int) -> bool:
    import fcntl

    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, size, start)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: systems differ
            return True
        fcntl.lockf(file, fcntl.LOCK_UN, size, start)
    return False


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Be the only one who makes, replaces or clears away the files of a vault. Raises VaultBusy.

    The lock lies on the folder itself: nothing is left behind, and a kill lets go of it. Where a
    folder cannot be locked (Windows, some network file systems) nothing is promised; Windows keeps
    an open file from being removed.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # a pipe would keep us waiting
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    import fcntl

    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise VaultBusy(
                    str(Places(folder).database), "another program is changing the vault's files"
                ) from error
            time.sleep(_PAUSE_S)
        except OSError:
            return  # this file system locks no folders
        else:
            return

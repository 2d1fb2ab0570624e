"""Whether another process has a vault open, without its key.

SQLite holds POSIX locks for as long as a connection lives (https://sqlite.org/src file os_unix.c,
2026): a shared one on 510 bytes of the database from 0x40000002 on, and one on byte 128 of the
`-shm` file. Asking is trying to take them. Never ask about a vault that this very process has open:
closing a file lets go of all locks that a process holds on it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from troth.domain.error import VaultBusy
from troth.vault.places import Places

_SHARED_FIRST, _SHARED_BYTES = 0x40000002, 510
_SHM_LIVES = 128


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

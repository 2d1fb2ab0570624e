"""A look at a vault's files before the database engine gets them.

SQLite deletes the log of an empty database and writes a first page into it; a folder or a device in
a file's place gives errors that say nothing. Nothing here changes anything.
"""

from __future__ import annotations

import stat
from pathlib import Path

from troth.domain.error import DatabaseMissing, VaultDamaged, VaultError
from troth.vault.places import Places

PAGE_BYTES = 4_096
_PLAIN_MAGIC = b"SQLite format 3\x00"


def look_at_files(places: Places) -> None:
    """Raises DatabaseMissing, and VaultDamaged for what cannot be the files of a vault."""
    for path in (places.database, places.log, places.shared_memory):
        if fault := _fault_of(path):
            raise VaultDamaged(str(path), fault)
    if fault := _fault_of(places.seen):
        raise VaultError(str(places.seen), f"{fault}; without it the vault opens")
    try:
        with places.database.open("rb") as file:
            beginning = file.read(PAGE_BYTES)
    except FileNotFoundError as error:
        raise DatabaseMissing(str(places.database)) from error
    if not beginning:
        raise VaultDamaged(str(places.database), "the database is empty")
    if beginning.startswith(_PLAIN_MAGIC):
        raise VaultDamaged(str(places.database), "a database without encryption is in its place")
    if len(beginning) < PAGE_BYTES:
        raise VaultDamaged(
            str(places.database), f"only {len(beginning)} bytes of the database are left"
        )


def _fault_of(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "it is a link that leads nowhere" if path.is_symlink() else ""
    return "" if stat.S_ISREG(mode) else "it is no file, but a folder or a device"

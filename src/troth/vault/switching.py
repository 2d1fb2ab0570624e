"""Ending a creation, rekey or restore that was cut between its header and its last rename."""

from __future__ import annotations

import time
from pathlib import Path

import apsw

from troth.vault.files import make_folder, sync_folder
from troth.vault.kdf import Keys
from troth.vault.places import Places
from troth.vault.store import connect


def finish_switch(places: Places, keys: Keys) -> None:
    """Take a waiting database into use, or remove what a switch left that never got that far.

    The header is written only when the fresh database is whole, so whichever of the two opens with
    the header's key is the right one. Where both do, after a restore of the same vault's backup,
    the one that stands there is set aside unless the restore had come to that: nothing that opens
    is ever written over.
    """
    for leftover in places.leftovers():
        leftover.unlink()
    if not places.fresh_database.exists():
        return
    if not _opens(places.fresh_database, keys):
        places.fresh_database.unlink()  # left over from a switch that never reached the header
        return
    if places.database.exists() and _opens(places.database, keys, leaves_log=True):
        _set_aside(places)
    places.take_fresh_database()


def _opens(path: Path, keys: Keys, *, leaves_log: bool = False) -> bool:
    try:
        connection = connect(path, keys.database)
        try:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(leaves_log))
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        finally:
            connection.close()
    except apsw.Error:
        return False
    return True


def _set_aside(places: Places) -> None:
    if places.database.stat().st_nlink > 1:
        return  # the restore has linked it into a folder already
    aside = places.folder / f"replaced-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    make_folder(aside)
    for path in (places.database, places.log):
        if path.exists():
            path.rename(aside / path.name)
    (aside / places.header.name).write_bytes(places.header.read_bytes())
    (aside / places.header.name).chmod(0o600)
    sync_folder(aside)

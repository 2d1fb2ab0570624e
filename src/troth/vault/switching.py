"""Ending a creation, rekey or restore that was cut between its header and its last rename."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import apsw

from troth.domain.error import VaultBusy
from troth.vault.files import FOLDER_MODE, sync_folder
from troth.vault.header_file import read_header
from troth.vault.in_use import alone
from troth.vault.kdf import Keys
from troth.vault.places import Places
from troth.vault.store import connect

CUT, ENDED = "switch-cut", "switch-ended"
"""Notices of the next opening."""


def finish_switch(places: Places, keys: Keys) -> str:
    """Take a waiting database into use, or remove what a switch left that never got that far.

    The header is written only when the fresh database is whole, so whichever of the two opens with
    the header's key is the right one. Where both do, after a restore of the same vault's backup,
    the one that stands there is set aside unless the restore had come to that: nothing that opens
    is ever written over. Returns the notice that tells it, "" where nothing was cut. Raises
    VaultBusy while another program is at it, or where it has just replaced the key file that
    `keys` come from.
    """
    if not places.fresh_database.exists() and not places.leftovers():
        _expect_current(places, keys)
        return ""
    with alone(places.folder):
        _expect_current(places, keys)
        return _finish(places, keys)


def _expect_current(places: Places, keys: Keys) -> None:
    """Who holds the keys of before a rekey would take the new database for waste."""
    if not read_header(places).is_authentic(keys.header_mac):
        detail = "it was encrypted anew or restored just now; open it again"
        raise VaultBusy(str(places.header), detail)


def _finish(places: Places, keys: Keys) -> str:
    was_copying = places.unchecked_database.exists()
    for leftover in places.leftovers():
        leftover.unlink()
    if not places.fresh_database.exists():
        return CUT if was_copying else ""
    if not _opens(places.fresh_database, keys):
        places.fresh_database.unlink()  # left over from a switch that never reached the header
        return CUT
    if places.database.exists() and _opens(places.database, keys, leaves_log=True):
        _set_aside(places)
    places.take_fresh_database()
    return ENDED


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


def make_folder_aside(places: Places, now: datetime) -> Path:
    """Make the folder for a vault that gives way; never one that holds another already."""
    name = f"replaced-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    for number in count(1):
        aside = places.folder / (name if number == 1 else f"{name}-{number}")
        try:
            aside.mkdir(FOLDER_MODE)
        except FileExistsError:
            continue  # two restores in one second, or a clock that was put back
        aside.chmod(FOLDER_MODE)
        return aside
    raise AssertionError("there is always a next number")


def _set_aside(places: Places) -> None:
    if places.database.stat().st_nlink > 1:
        return  # the restore has linked it into a folder already
    aside = make_folder_aside(places, datetime.now(UTC))
    for path in (places.database, places.log):
        if path.exists():
            path.rename(aside / path.name)
    (aside / places.header.name).write_bytes(places.header.read_bytes())
    (aside / places.header.name).chmod(0o600)
    sync_folder(aside)

"""Making and opening a vault: unlock, connect, migrate, compare with where it was last seen."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from troth.domain.error import KeyringFailed, VaultExists, VaultMissing, VaultOlder
from troth.vault import migrate
from troth.vault.errors import typed_errors
from troth.vault.files import make_folder, make_private_file, sync_folder
from troth.vault.freshness import SeenFile
from troth.vault.header_file import read_header, write_header
from troth.vault.kdf import Cost, Keys, new_key
from troth.vault.keyfile import Header, Slot
from troth.vault.lane import Lane
from troth.vault.places import Places
from troth.vault.store import Store, checkpoint, commit_state, connect, writing
from troth.vault.tally import Tally
from troth.vault.unlock import keyring_slot_for, passphrase_slot, recovery_slot, unlock


@dataclass(slots=True)
class Access:
    """What is needed to connect to an unlocked vault."""

    vault_id: str
    keys: Keys
    path: Path | None
    """The database file."""
    accepts_older: bool = False
    notices: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Made:
    access: Access
    recovery_words: str
    keyring_failure: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The threads of an open vault; in memory all three are one."""

    access: Access
    writer: Lane
    reader: Lane
    searcher: Lane


def create(directory: Path, passphrase: str, cost: Cost, with_keyring: bool) -> Made:
    """Make the files of a new vault; a half-made one leaves nothing that stands in the way."""
    places = Places(directory)
    if places.header.exists() or places.database.exists():
        raise VaultExists(str(directory))
    vault_id, data_key = secrets.token_hex(16), new_key()
    keys = Keys.derive(data_key, vault_id)
    recovery, recovery_words = recovery_slot(vault_id, data_key)
    slots: list[Slot] = [passphrase_slot(vault_id, data_key, passphrase, cost), recovery]
    keyring_failure = ""
    if with_keyring:
        try:
            slots.append(keyring_slot_for(vault_id, data_key))
        except KeyringFailed as error:
            keyring_failure = error.detail or "the keyring failed"
    with typed_errors(directory):
        make_folder(directory)
        _make_database(places, keys, vault_id)
        write_header(places, Header(vault_id, tuple(slots)).signed(keys.header_mac))
        places.fresh_database.replace(places.database)
        sync_folder(directory)
    return Made(Access(vault_id, keys, places.database), recovery_words, keyring_failure)


def _make_database(places: Places, keys: Keys, vault_id: str) -> None:
    """Build the tables under a name that `finish` may later take into use."""
    for leftover in places.folder.glob("vault.db.new*"):
        leftover.unlink()
    places.seen.unlink(missing_ok=True)
    make_private_file(places.fresh_database)
    store = Store(connect(places.fresh_database, keys.database), keys, vault_id)
    try:
        migrate.create(store)
    finally:
        store.close()


def unlock_directory(
    directory: Path,
    *,
    passphrase: str | None,
    recovery_words: str | None,
    from_keyring: bool,
    accepts_older: bool,
) -> Access:
    """Read the header and derive the keys. Takes about a second: call it in a thread."""
    places = Places(directory)
    header = read_header(places)
    if not places.database.exists() and places.fresh_database.exists():
        # Creation was cut between its last two steps; the header speaks for this database.
        with typed_errors(places.database):
            places.fresh_database.replace(places.database)
    if not places.database.exists():
        raise VaultMissing(str(places.database), "vault.json is there, vault.db is missing")
    keys = unlock(
        header, passphrase=passphrase, recovery_words=recovery_words, from_keyring=from_keyring
    )
    return Access(header.vault_id, keys, places.database, accepts_older)


def lanes(access: Access) -> Opened:
    """Return the threads; the connections open in them when they are first used."""
    return Opened(
        access,
        Lane("writer", lambda: open_writer(access), checkpoint, close_writer),
        Lane("reader", lambda: open_reader(access)),
        Lane("search", lambda: open_reader(access)),
    )


def lanes_in_memory() -> Opened:
    vault_id = secrets.token_hex(16)
    access = Access(vault_id, Keys.derive(new_key(), vault_id), None)

    def open_memory() -> Store:
        store = Store(connect(None, None), access.keys, vault_id)
        migrate.create(store)
        store.tally = Tally(store.connection, access.keys.rows)
        return store

    lane = Lane("memory", open_memory)
    return Opened(access, lane, lane, lane)


def open_writer(access: Access) -> Store:
    """Connect for writing, migrate, and compare with the sidecar."""
    path = access.path
    with typed_errors(path):
        store = Store(connect(path, access.keys.database), access.keys, access.vault_id, path)
        try:
            store.tally = Tally(store.connection, access.keys.rows)
            _watch_log(store)
            _meet(store, access)
        except BaseException:
            store.close()
            raise
    return store


def _watch_log(store: Store) -> None:
    """Count the log's pages ourselves: checkpoints are ours, so that the sidecar follows them."""

    def count(_: object, __: str, pages: int) -> int:
        store.wal_pages = pages
        return apsw.SQLITE_OK

    store.connection.set_wal_hook(count)


def _meet(store: Store, access: Access) -> None:
    if store.path is None:
        return
    store.seen = SeenFile(Places(store.path.parent).seen, access.keys.freshness)
    seen = store.seen.read()  # before the database, which other processes move on
    if migrate.migrate(store) is not None:
        access.notices.append("migrated")
    sequence, head, _ = commit_state(store)
    if seen is None:
        if sequence:
            access.notices.append("never-seen-here")
        with writing(store):
            pass
        return
    is_older = sequence < seen.sequence or (sequence == seen.sequence and head != seen.head)
    if is_older and not access.accepts_older:
        raise VaultOlder(
            str(store.path),
            f"it has {sequence} commits and had {seen.sequence} when it was last used here",
        )
    if is_older:
        access.notices.append("older-accepted")
        store.seen.write(sequence, head, store.path)


def open_reader(access: Access) -> Store:
    with typed_errors(access.path):
        connection = connect(access.path, access.keys.database)
        connection.pragma("query_only", 1)
        return Store(connection, access.keys, access.vault_id, access.path)


def close_writer(store: Store) -> None:
    """Empty the log, let go of the file, and note how we left it."""
    with typed_errors(store.path):
        try:
            checkpoint(store)
            sequence, head, _ = commit_state(store)
            store.connection.close()
            if store.seen is not None and store.path is not None:
                store.seen.write(sequence, head, store.path)
        finally:
            store.close()

"""Opening a vault: unlock, connect, migrate, compare with where it was last seen.

What only a vault on disk needs (its header, its slots, the walk through it) is imported when there
is one: a vault in memory stands in a few milliseconds.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from troth.domain.error import (
    HeaderDamaged,
    VaultDamaged,
    VaultError,
    VaultOlder,
    WrongPassphrase,
    WrongRecoveryWords,
)
from troth.vault import migrate
from troth.vault.errors import typed_errors
from troth.vault.kdf import Keys
from troth.vault.lane import Lane
from troth.vault.places import Places, is_on_network, sync_folder_above
from troth.vault.preflight import look_at_files
from troth.vault.sql import Connection
from troth.vault.store import Store, checkpoint, commit_state, connect, writing
from troth.vault.tally import Tally
from troth.vault.wiping import look_for_work, tend, wipe_for

if TYPE_CHECKING:
    from troth.vault.freshness import Seen, SeenFile
    from troth.vault.keyfile import Header

CHECKED_AT_OPEN_BYTES = 64 << 20
"""A vault up to this size that another program touched is walked before it opens (about 2 s);
a larger one opens with a notice that asks for `troth vault check`."""
NOTING_TRIES, NOTING_PAUSE_S = 5, 0.01
"""Another process notes its commit in the sidecar microseconds after it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the user has agreed to, after being told."""

    accepts_older: bool = False
    accepts_damaged: bool = False
    is_read_only: bool = False


@dataclass(slots=True)
class Access:
    """What is needed to connect to an unlocked vault."""

    vault_id: str
    keys: Keys
    path: Path | None
    """The database file."""
    terms: Terms = field(default_factory=Terms)
    vfs: str | None = None
    """Another file layer under the encryption: the power-cut tests log every write with it."""
    is_exclusive: bool = False
    notices: list[str] = field(default_factory=list[str])
    """Slugs: `older-accepted`, `never-seen-here`, `changed-outside`, `check-recommended`,
    `damage-accepted`, `migrated`, `network-folder`, `sync-folder`, `inbox-unreadable`,
    `read-only`, `switch-cut`, `switch-ended`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The threads of an open vault; where only one connection is possible all three are one."""

    access: Access
    writer: Lane
    reader: Lane
    searcher: Lane

    def inspector(self) -> Lane:
        """Return a lane for long walks, to be closed after. Its connection is new where it can be:
        FTS5 checks its structure from a cache that another connection's deletes make stale."""
        if self.searcher is self.writer:
            return self.searcher
        return Lane("inspector", lambda: open_reader(self.access), only_reads=True)


def unlock_directory(
    directory: Path,
    *,
    passphrase: str | None,
    recovery_words: str | None,
    from_keyring: bool,
    terms: Terms,
) -> Access:
    """Read the header and derive the keys. Takes about a second: call it in a thread."""
    from troth.vault.header_file import read_header
    from troth.vault.switching import finish_switch
    from troth.vault.unlock import unlock

    places = Places(directory)
    header = read_header(places)
    if not places.fresh_database.exists():
        with typed_errors(places.database):
            look_at_files(places)
    try:
        keys = unlock(
            header, passphrase=passphrase, recovery_words=recovery_words, from_keyring=from_keyring
        )
    except (WrongPassphrase, WrongRecoveryWords):
        if _opens_copy(places, header, passphrase, recovery_words):
            detail = "it was changed by another program; the copy vault.json.bak opens"
            raise HeaderDamaged(str(places.header), detail) from None
        raise
    except HeaderDamaged as error:
        raise HeaderDamaged(error.path or str(places.header), error.detail) from error
    access = Access(header.vault_id, keys, places.database, terms)
    with typed_errors(places.database):
        if not terms.is_read_only:
            told = finish_switch(places, keys)
            access.notices.extend([told] if told else [])
        if is_on_network(directory):
            access.is_exclusive = True
            access.notices.append("network-folder")
        if sync_folder_above(directory) is not None:
            access.notices.append("sync-folder")
    return access


def _opens_copy(
    places: Places, header: Header, passphrase: str | None, recovery_words: str | None
) -> bool:
    """Whether what does not open the key file opens another copy of it.

    A key file that somebody changed and summed up anew cannot be told from a wrong passphrase by
    itself. Costs a second derivation, only where the two files differ.
    """
    from troth.vault.header_file import read_copy
    from troth.vault.unlock import unlock

    copy = read_copy(places)
    if copy is None or copy == header:
        return False
    try:
        unlock(copy, passphrase=passphrase, recovery_words=recovery_words)
    except VaultError:
        return False
    return True


def lanes(access: Access) -> Opened:
    """Return the threads; the connections open in them when they are first used."""
    writer = Lane("writer", lambda: open_writer(access), tend, close_writer)
    if access.is_exclusive:
        return Opened(access, writer, writer, writer)
    reader = Lane("reader", lambda: open_reader(access), only_reads=True)
    searcher = Lane("search", lambda: open_reader(access), only_reads=True)
    return Opened(access, writer, reader, searcher)


def lanes_in_memory() -> Opened:
    vault_id = secrets.token_hex(16)
    access = Access(vault_id, Keys.drawn(), None)

    def open_memory() -> Store:
        store = Store(connect(None, None), access.keys, vault_id)
        migrate.create(store)
        store.tally = Tally(store.connection, access.keys.rows)
        return store

    lane = Lane("memory", open_memory)
    return Opened(access, lane, lane, lane)


def open_writer(access: Access) -> Store:
    """Connect for writing, migrate, and compare with the sidecar."""
    if access.terms.is_read_only:
        access.notices.append("read-only")
        return _open_read_only(access)
    path = access.path
    with typed_errors(path):
        found = None if path is None else _look_first(path)
        connection = _connect(access)
        store = Store(connection, access.keys, access.vault_id, path)
        try:
            # Whoever refuses a vault leaves its files as they are: also the log, which the last
            # connection would else move into the database as far as it can be read.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            store.tally = Tally(connection, access.keys.rows)
            _watch_log(store)
            _meet(store, access, found)
            look_for_work(store)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        except BaseException:
            store.close()
            raise
    return store


def _connect(access: Access, *, is_read_only: bool = False) -> Connection:
    try:
        return connect(
            access.path,
            access.keys.database,
            is_read_only=is_read_only,
            is_exclusive=access.is_exclusive,
            vfs=access.vfs,
        )
    except apsw.NotADBError as error:
        raise VaultDamaged(
            str(access.path),
            "it does not open with the key in vault.json: it belongs to another vault, or its"
            " beginning is damaged",
        ) from error


def _look_first(path: Path) -> os.stat_result:
    """Return how the database is found, before anything of ours writes to it."""
    look_at_files(Places(path.parent))
    return path.stat()


def _watch_log(store: Store) -> None:
    """Count the log's pages ourselves: checkpoints are ours, so that the sidecar follows them."""

    def count(_: object, __: str, pages: int) -> int:
        store.wal_pages = pages
        return apsw.SQLITE_OK

    store.connection.set_wal_hook(count)


def _meet(store: Store, access: Access, found: os.stat_result | None) -> None:
    """Compare the vault with where it was last seen here, and look closer where they differ."""
    from troth.vault.freshness import SeenFile

    if store.path is None or found is None:
        return
    store.seen = SeenFile(Places(store.path.parent).seen, access.keys.freshness)
    seen = store.seen.read()  # before the database, which other processes move on
    migrate.look(store)
    sequence, head, _ = commit_state(store)
    is_behind = _compare(access, seen, sequence, head)
    is_ahead = seen is not None and _is_ahead(store.seen, sequence)
    store.connection.pragma("journal_mode", "WAL")
    if migrate.migrate(store) is not None:
        access.notices.append("migrated")
        sequence, head, _ = commit_state(store)
    if is_ahead:
        _look_closer(store, access, "further-than-seen")
    elif is_behind or (seen is None and sequence) or _is_touched(found, seen):
        _look_closer(store, access, "changed-outside")
    if seen is None:
        with writing(store):
            pass
    elif is_behind or is_ahead:
        store.seen.write(sequence, head, store.path)


def _is_ahead(sidecar: SeenFile, sequence: int) -> bool:
    """Whether the vault is further on than was noted here, now that others had time to note it.

    So it is after a power cut; and where database, log and sidecar were copied at different
    moments, which can leave new pages in the log on old ones in the database.
    """
    for _ in range(NOTING_TRIES):
        seen = sidecar.read()
        if seen is not None and sequence <= seen.sequence:
            return False
        time.sleep(NOTING_PAUSE_S)
    return True


def _compare(access: Access, seen: Seen | None, sequence: int, head: bytes) -> bool:
    """Return whether the vault is behind, once the user has accepted that."""
    if seen is None:
        if sequence:
            access.notices.append("never-seen-here")
        return False
    if sequence > seen.sequence or (sequence == seen.sequence and head == seen.head):
        return False
    if not access.terms.accepts_older:
        raise VaultOlder(
            str(access.path),
            f"it holds {sequence} commits and held {seen.sequence} when it was last used here",
        )
    access.notices.append("older-accepted")
    return True


def _is_touched(found: os.stat_result, seen: Seen | None) -> bool:
    """Whether the file is not as we left it; the log is covered by the commit number."""
    if seen is None or seen.modified_ns == 0:
        return False
    return (found.st_size, found.st_mtime_ns) != (seen.size_bytes, seen.modified_ns)


def _look_closer(store: Store, access: Access, why: str) -> None:
    """Walk a vault that another program may have touched. Raises VaultDamaged."""
    from troth.vault.check import check, check_index
    from troth.vault.switching import CUT, ENDED

    if why != "changed-outside" or not {CUT, ENDED} & {*access.notices}:
        access.notices.append(why)  # else it was ourselves, and that is told already
    path = store.path
    if path is None or path.stat().st_size > CHECKED_AT_OPEN_BYTES:
        access.notices.append("check-recommended")
        return
    problems = check(store).problems or check_index(store)
    if not problems:
        return
    if not access.terms.accepts_damaged:
        raise VaultDamaged(str(path), f"{problems[0].kind}: {problems[0].detail}")
    access.notices.append("damage-accepted")


def open_reader(access: Access) -> Store:
    if access.terms.is_read_only:
        return _open_read_only(access)
    with typed_errors(access.path):
        connection = _connect(access)
        connection.pragma("query_only", 1)
        return Store(connection, access.keys, access.vault_id, access.path)


def _open_read_only(access: Access) -> Store:
    """Open a vault on media that cannot be written: no log, no lock, no sidecar."""
    from troth.vault.freshness import SeenFile

    path = access.path
    with typed_errors(path):
        store = Store(
            _connect(access, is_read_only=True),
            access.keys,
            access.vault_id,
            path,
        )
        try:
            if path is not None:
                migrate.look(store)
                seen = SeenFile(Places(path.parent).seen, access.keys.freshness).read()
                sequence, head, _ = commit_state(store)
                _compare(access, seen, sequence, head)
        except BaseException:
            store.close()
            raise
    return store


def close_writer(store: Store) -> None:
    """Empty the log, let go of the file, and note how we left it."""
    with typed_errors(store.path):
        try:
            if store.tally is not None and store.path is not None:
                wipe_for(store)
                checkpoint(store)
                sequence, head, _ = commit_state(store)
                store.connection.close()
                if store.seen is not None:
                    store.seen.write(sequence, head, store.path)
        finally:
            store.close()

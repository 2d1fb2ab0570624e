"""Backup and restore of a whole vault.

A backup is a folder with `vault.json` and `vault.db`, the latter under the vault's backup key: the
passphrase or the recovery words open it on any machine. It is made while the vault is in use, read
back whole before it gets its name, and older ones are rotated out only after that.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from troth.domain.error import HeaderDamaged, UsageError, VaultBusy, VaultError, VaultMissing
from troth.vault.copying import OnCopied, commits_of, copy_to_file, mark_seen, verify_copy
from troth.vault.errors import typed_errors
from troth.vault.files import FOLDER_MODE, make_folder, replace_file, sync_folder
from troth.vault.header_file import read_header, write_header
from troth.vault.in_use import alone, expect_closed
from troth.vault.kdf import Keys
from troth.vault.keyfile import parse_header
from troth.vault.places import INBOX, Places
from troth.vault.store import Store, connect
from troth.vault.switching import make_folder_aside
from troth.vault.unlock import unlock

PREFIX = "troth-backup-"
_PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished, verified backup."""

    folder: Path
    messages: int
    size_bytes: int
    removed: tuple[Path, ...] = ()
    """Older ones that were rotated out."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where the vault that stood there before is now."""

    messages: int
    replaced: Path | None


def back_up(
    store: Store, destination: Path, now: datetime, keep: int, report: OnCopied | None = None
) -> Backup:
    """Copy an open vault into a new folder below `destination`; keep the newest `keep` of it.

    `keep` 0 keeps all. Raises DiskFull, VaultReadOnly, VaultDamaged; no half-made backup stays.
    """
    if store.path is None:
        raise UsageError("a vault in memory cannot be backed up")
    if keep < 0:
        raise UsageError("keep takes a number from 0 on")
    header = read_header(Places(store.path.parent))
    folder = destination / f"{PREFIX}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    partial = folder.with_name(folder.name + _PARTIAL)
    with typed_errors(destination):
        if folder.exists():
            raise UsageError("a backup of this second exists already")
        destination.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        _remove_left_over(destination)
        make_folder(partial)
        try:
            with alone(partial):
                places = Places(partial)
                copy_to_file(store, places.database, store.keys.backup, report)
                messages = verify_copy(
                    places.database,
                    store.keys.backup,
                    store.keys,
                    store.vault_id,
                    commits_of(store),
                )
                replace_file(places.header, header.to_bytes())
                partial.rename(folder)
                sync_folder(destination)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    removed = _rotate(folder, store.vault_id, keep) if keep else ()
    return Backup(folder, messages, Places(folder).database.stat().st_size, removed)


def _remove_left_over(destination: Path) -> None:
    """Remove what killed backups left; one that is being made is held by its maker.

    What is no folder, or is closed to us, is not ours and no reason to make no backup.
    """
    for partial in destination.glob(f"{PREFIX}*{_PARTIAL}"):
        try:
            with alone(partial):
                shutil.rmtree(partial, ignore_errors=True)
        except (VaultBusy, OSError):
            continue


def backups(destination: Path, vault_id: str | None = None) -> tuple[Path, ...]:
    """Return the backups below `destination`, oldest first; of one vault if it is named."""
    found: list[Path] = []
    for folder in sorted(destination.glob(f"{PREFIX}*Z")):
        try:
            header = parse_header(Places(folder).header.read_bytes())
        except (OSError, VaultError):
            continue  # not a backup of ours, or a damaged one: never counted, never removed
        if vault_id is None or header.vault_id == vault_id:
            found.append(folder)
    return tuple(found)


def _rotate(newest: Path, vault_id: str, keep: int) -> tuple[Path, ...]:
    """Remove all but `keep`. The one just made stays whatever its name says: clocks go back."""
    others = [folder for folder in backups(newest.parent, vault_id) if folder != newest]
    old = tuple(others[: max(0, len(others) - (keep - 1))])
    for folder in old:
        shutil.rmtree(folder)
    return old


def restore(
    backup: Path,
    directory: Path,
    now: datetime,
    *,
    passphrase: str | None = None,
    recovery_words: str | None = None,
) -> Restored:
    """Put a backup in place as the vault of `directory`, after checking it whole.

    A vault that stands there is moved into a folder beside it first, and only then replaced; killed
    at any moment, one of the two is there to open. Raises VaultBusy while another program has it
    open: what that wrote from then on would be lost.
    """
    source = Places(backup)
    header = read_header(source)
    if not source.database.exists():
        raise VaultMissing(str(source.database), "the backup has no database")
    try:
        keys = unlock(header, passphrase=passphrase, recovery_words=recovery_words)
    except HeaderDamaged as error:
        raise HeaderDamaged(str(source.header), error.detail) from error
    target = Places(directory)
    with typed_errors(directory):
        make_folder(directory)
        with alone(directory):
            expect_closed(target)
            messages = _rebuild(source, target, keys, header.vault_id)
            expect_closed(target)  # reading it back may have taken minutes
            replaced = _set_aside(target, now)
            target.unchecked_database.replace(target.fresh_database)
            target.seen.unlink(missing_ok=True)
            write_header(target, header)
            target.take_fresh_database()
            mark_seen(target, keys, header.vault_id)
            if replaced is not None:
                _move_inbox(target, replaced, header.vault_id)
    return Restored(messages, replaced)


def _rebuild(source: Places, target: Places, keys: Keys, vault_id: str) -> int:
    """Write the backup's database under the vault's own key and read that back whole."""
    path = source.database
    store = Store(connect(path, keys.backup, is_read_only=True), keys, vault_id, path)
    try:
        copy_to_file(store, target.unchecked_database, keys.database)
        commits = commits_of(store)
    finally:
        store.close()
    try:
        return verify_copy(
            target.unchecked_database, keys.database, keys, vault_id, commits, reads_index=True
        )
    except VaultError:
        target.unchecked_database.unlink(missing_ok=True)
        raise


def _set_aside(target: Places, now: datetime) -> Path | None:
    """Link the vault that stands in `target` into a folder of its own; it stays where it is too."""
    if not target.database.exists() and not target.header.exists():
        return None
    aside = make_folder_aside(target, now)
    for path in (
        target.header,
        target.database,
        target.database.with_name("vault.db-wal"),
        target.seen,
    ):
        if path.exists():
            _link(path, aside / path.name)
    sync_folder(aside)
    return aside


def _move_inbox(target: Places, aside: Path, vault_id: str) -> None:
    """Let sealed replies of another vault go with it: the restored one could never open them."""
    try:
        is_other = read_header(Places(aside)).vault_id != vault_id
    except VaultError:
        return  # nobody can tell whose they are
    inbox = target.folder / INBOX
    if is_other and inbox.is_dir():
        inbox.rename(aside / INBOX)


def _link(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:
        shutil.copy2(path, copy)  # a file system without hard links

"""A new data key: everything is encrypted again, and old headers and passphrases open nothing.

The new database is built whole beside the old one, then the header is replaced, then the database
by a rename. Killed before the header is replaced, the old vault is untouched; after it, the next
open ends the rename. Nobody else may have the vault open meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import apsw

from troth.domain.error import UsageError, VaultBusy, VaultError
from troth.vault.copying import commits_of, copy_to_file, mark_seen, recount, verify_copy
from troth.vault.errors import typed_errors
from troth.vault.header_file import read_header, write_header
from troth.vault.in_use import alone
from troth.vault.inbox import has_parcels, take_in
from troth.vault.kdf import Cost, Keys, Sealed, new_key, prepare_passphrase, seal, unseal
from troth.vault.keepsakes import secret_place
from troth.vault.keyfile import Header
from troth.vault.making import make_slots
from troth.vault.opening import Access, close_writer, open_writer
from troth.vault.places import Places
from troth.vault.store import Store, connect
from troth.vault.unlock import forget_slots, unlock


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The only copy of the new recovery words."""

    recovery_words: str
    keyring_failure: str = ""


def rekey(directory: Path, passphrase: str, new_passphrase: str, cost: Cost) -> Rekeyed:
    """Encrypt a closed vault under a new random key.

    Raises WrongPassphrase, VaultBusy while another program has it open, DiskFull (it needs its own
    size once more), and leaves the old vault as it was.
    """
    if not cost.is_bounded:
        raise UsageError("the cost of key derivation is out of bounds")
    prepare_passphrase(new_passphrase)
    read_header(Places(directory))  # a folder that is not there cannot be locked
    with typed_errors(directory), alone(directory):
        return _rekey_alone(Places(directory), passphrase, new_passphrase, cost)


def _rekey_alone(places: Places, passphrase: str, new_passphrase: str, cost: Cost) -> Rekeyed:
    header = read_header(places)
    old_keys = unlock(header, passphrase=passphrase)
    new_keys = Keys.derive(new_key(), header.vault_id)
    had_keyring = bool(header.slots_of("keyring"))
    if has_parcels(places.folder):
        _take_in(places, old_keys, header.vault_id)
    with typed_errors(places.database):
        store = _open_alone(places, old_keys, header.vault_id)
        try:
            copy_to_file(store, places.fresh_database, new_keys.database)
            _reseal(places.fresh_database, header.vault_id, old_keys, new_keys)
            verify_copy(
                places.fresh_database,
                new_keys.database,
                new_keys,
                header.vault_id,
                commits_of(store),
            )
            made = make_slots(
                header.vault_id, new_keys.data_key, new_passphrase, cost, with_keyring=had_keyring
            )
            write_header(places, Header(header.vault_id, made.slots).signed(new_keys.header_mac))
        except VaultError:
            if read_header(places) == header:
                places.fresh_database.unlink(missing_ok=True)
            raise
        finally:
            store.close()
        places.take_fresh_database()
        mark_seen(places, new_keys, header.vault_id)
    forget_slots(header.vault_id, header.slots_of("keyring"))
    return Rekeyed(made.recovery_words, made.keyring_failure)


def _take_in(places: Places, keys: Keys, vault_id: str) -> None:
    """Replies that were sealed while the vault was locked open with the old key only."""
    store = open_writer(Access(vault_id, keys, places.database))
    try:
        take_in(store)
    finally:
        close_writer(store)


def _open_alone(places: Places, keys: Keys, vault_id: str) -> Store:
    """Open the vault so that nobody else can. Raises VaultBusy."""
    connection = connect(places.database, keys.database, is_exclusive=True)
    try:
        # Leaving WAL mode works only for the one connection that is left.
        if connection.pragma("journal_mode", "DELETE") != "delete":
            raise VaultBusy(str(places.database), "another program is using the vault")
        connection.execute("BEGIN EXCLUSIVE").fetchall()
        connection.execute("COMMIT").fetchall()
    except apsw.BusyError as error:
        connection.close()
        raise VaultBusy(str(places.database), "another program is using the vault") from error
    except BaseException:
        connection.close()
        raise
    return Store(connection, keys, vault_id, places.database)


def _reseal(path: Path, vault_id: str, old_keys: Keys, new_keys: Keys) -> None:
    """Seal the stored provider keys under the new key, and sum all rows up under it."""
    store = Store(connect(path, new_keys.database), new_keys, vault_id, path)
    try:
        store.run("BEGIN IMMEDIATE")
        for name, nonce, ciphertext in store.all(
            tuple[str, bytes, bytes], "SELECT name, nonce, ciphertext FROM secret"
        ):
            place = secret_place(vault_id, name)
            value = unseal(old_keys.api_keys, Sealed(nonce, ciphertext), place)
            if value is None:
                continue  # damaged before; the check has always told, and the bytes are kept
            sealed = seal(new_keys.api_keys, value, place)
            store.run(
                "UPDATE secret SET nonce = ?, ciphertext = ? WHERE name = ?",
                (sealed.nonce, sealed.ciphertext, name),
            )
        recount(store, new_keys)
        store.run("COMMIT")
    finally:
        store.close()

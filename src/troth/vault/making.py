"""Making a new vault."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from troth.domain.error import KeyringFailed, VaultExists
from troth.vault import migrate
from troth.vault.errors import typed_errors
from troth.vault.files import make_folder, make_private_file
from troth.vault.header_file import write_header
from troth.vault.in_use import alone
from troth.vault.kdf import Cost, Keys, new_key
from troth.vault.keyfile import Header, Slot
from troth.vault.opening import Access
from troth.vault.places import Places
from troth.vault.store import Store, connect
from troth.vault.unlock import keyring_slot_for, passphrase_slot, recovery_slot


@dataclass(frozen=True, slots=True)
class Made:
    """A vault on disk, closed."""

    access: Access
    recovery_words: str
    keyring_failure: str


def create(directory: Path, passphrase: str, cost: Cost, *, with_keyring: bool) -> Made:
    """Make the files of a new vault; a half-made one leaves nothing that stands in the way."""
    places = Places(directory)
    _expect_none(places)
    vault_id, data_key = secrets.token_hex(16), new_key()
    keys = Keys.derive(data_key, vault_id)
    made = make_slots(vault_id, data_key, passphrase, cost, with_keyring=with_keyring)
    with typed_errors(directory):
        make_folder(directory)
        with alone(directory):
            _expect_none(places)  # another program may have made one meanwhile
            try:
                _make_database(places, keys, vault_id)
                write_header(places, Header(vault_id, made.slots).signed(keys.header_mac))
                places.take_fresh_database()
            except BaseException:
                if not places.header.exists():
                    _clear(places)
                raise
    access = Access(vault_id, keys, places.database)
    return Made(access, made.recovery_words, made.keyring_failure)


def _expect_none(places: Places) -> None:
    if places.header.exists() or places.database.exists():
        raise VaultExists(str(places.folder))


@dataclass(frozen=True, slots=True)
class MadeSlots:
    slots: tuple[Slot, ...]
    recovery_words: str
    keyring_failure: str


def make_slots(
    vault_id: str, data_key: bytes, passphrase: str, cost: Cost, *, with_keyring: bool
) -> MadeSlots:
    """Wrap a data key for its owner; a keyring that fails is told and left out."""
    recovery, recovery_words = recovery_slot(vault_id, data_key)
    slots = [passphrase_slot(vault_id, data_key, passphrase, cost), recovery]
    keyring_failure = ""
    if with_keyring:
        try:
            slots.append(keyring_slot_for(vault_id, data_key))
        except KeyringFailed as error:
            keyring_failure = error.detail or "the keyring failed"
    return MadeSlots(tuple(slots), recovery_words, keyring_failure)


def _clear(places: Places) -> None:
    """Take away what a creation left that did not reach its header."""
    for leftover in (*places.folder.glob("vault.db.new*"), *places.leftovers()):
        leftover.unlink(missing_ok=True)


def _make_database(places: Places, keys: Keys, vault_id: str) -> None:
    """Build the tables under the name that the last step of a switch takes into use."""
    _clear(places)
    places.seen.unlink(missing_ok=True)
    make_private_file(places.fresh_database)
    store = Store(connect(places.fresh_database, keys.database), keys, vault_id)
    try:
        migrate.create(store)
    finally:
        store.close()

"""From a secret that the user holds to the keys: the slots of a header, opened and made.

Everything here may take a second (Argon2id) or three (a keyring that hangs): call it in a thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from troth.domain.error import (
    HeaderDamaged,
    KeyringFailed,
    UsageError,
    VaultLocked,
    WrongPassphrase,
    WrongRecoveryWords,
)
from troth.vault import keyring_slot, words
from troth.vault.kdf import SALT_BYTES, Cost, Keys, expand, passphrase_key
from troth.vault.keyfile import Header, Slot


def unlock(
    header: Header,
    *,
    passphrase: str | None = None,
    recovery_words: str | None = None,
    from_keyring: bool = False,
) -> Keys:
    """Return the keys of a vault from exactly one of the three.

    Raises WrongPassphrase, WrongRecoveryWords or KeyringFailed when the secret does not fit, and
    HeaderDamaged when it fits a header that somebody has changed.
    """
    if (passphrase is not None) + (recovery_words is not None) + from_keyring != 1:
        raise UsageError("give a passphrase, recovery words or the keyring, and only one of them")
    if passphrase is not None:
        data_key = _by_passphrase(header, passphrase)
    elif recovery_words is not None:
        data_key = _by_recovery(header, recovery_words)
    else:
        data_key = _by_keyring(header)
    keys = Keys.derive(data_key, header.vault_id)
    if not header.is_authentic(keys.header_mac):
        raise HeaderDamaged(detail="its seal does not match: it was changed by another program")
    return keys


def _by_passphrase(header: Header, passphrase: str) -> bytes:
    for slot in header.slots_of("passphrase"):
        if slot.cost is None:
            continue
        key = slot.unwrap(header.vault_id, passphrase_key(passphrase, slot.salt, slot.cost))
        if key is not None:
            return key
    raise WrongPassphrase


def _by_recovery(header: Header, recovery_words: str) -> bytes:
    entropy = words.parse_words(recovery_words)
    slots = header.slots_of("recovery")
    if not slots:
        raise VaultLocked(detail="this vault has no recovery slot")
    for slot in slots:
        key = slot.unwrap(header.vault_id, _recovery_key(entropy, slot.salt))
        if key is not None:
            return key
    raise WrongRecoveryWords(detail="the words belong to another vault, or were replaced")


def _by_keyring(header: Header) -> bytes:
    slots = header.slots_of("keyring")
    if not slots:
        raise VaultLocked(detail="this vault has no keyring slot")
    for slot in slots:
        stored = keyring_slot.load(_account(header.vault_id, slot.salt))
        key = None if stored is None else slot.unwrap(header.vault_id, stored)
        if key is not None:
            return key
    raise KeyringFailed(detail="the keyring holds no key for this vault")


def passphrase_slot(vault_id: str, data_key: bytes, passphrase: str, cost: Cost) -> Slot:
    """Raises UsageError for a passphrase that cannot be one, or a cost out of bounds."""
    if not cost.is_bounded:
        raise UsageError("the cost of key derivation is out of bounds")
    salt = secrets.token_bytes(SALT_BYTES)
    slot_key = passphrase_key(passphrase, salt, cost)
    return Slot.wrap("passphrase", vault_id, salt, slot_key, data_key, cost)


def recovery_slot(vault_id: str, data_key: bytes) -> tuple[Slot, str]:
    """Return a new slot and its twelve words, which exist nowhere else."""
    entropy = words.new_entropy()
    salt = secrets.token_bytes(SALT_BYTES)
    slot = Slot.wrap("recovery", vault_id, salt, _recovery_key(entropy, salt), data_key)
    return slot, words.words_from(entropy)


def keyring_slot_for(vault_id: str, data_key: bytes) -> Slot:
    """Put a fresh key into the keyring, read it back, and return its slot. Raises KeyringFailed."""
    salt = secrets.token_bytes(SALT_BYTES)
    slot_key = secrets.token_bytes(32)
    keyring_slot.store(_account(vault_id, salt), slot_key)
    return Slot.wrap("keyring", vault_id, salt, slot_key, data_key)


def forget_slots(vault_id: str, slots: Sequence[Slot]) -> None:
    """Take the keys of removed slots out of the keyring, as far as it lets us."""
    for slot in slots:
        try:
            keyring_slot.remove(_account(vault_id, slot.salt))
        except KeyringFailed:
            continue  # its slot is gone, so what the keyring still holds opens nothing


def _recovery_key(entropy: bytes, salt: bytes) -> bytes:
    """128 random bits need no slow derivation."""
    return expand(entropy, salt, "troth vault v1 recovery")


def _account(vault_id: str, salt: bytes) -> str:
    return f"{vault_id}-{salt.hex()[:8]}"

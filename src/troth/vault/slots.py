"""Adding, changing and removing the slots of a vault whose keys are at hand.

The data key stays, so nothing is encrypted again and every other slot goes on working. Each change
reads the header from disk first, proves that it belongs to these keys, and replaces it whole.
A removed slot still opens older copies of the header: only `rekey` ends that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from troth.domain.error import HeaderDamaged, UsageError, VaultBusy, WrongPassphrase
from troth.vault.errors import typed_errors
from troth.vault.header_file import read_header, write_header
from troth.vault.in_use import alone
from troth.vault.kdf import Cost, Keys
from troth.vault.keyfile import Header, Slot
from troth.vault.places import Places
from troth.vault.unlock import (
    forget_slots,
    keyring_slot_for,
    passphrase_slot,
    recovery_slot,
    unlock,
)


@dataclass(frozen=True, slots=True)
class SlotInfo:
    """What may be shown of a slot."""

    kind: str
    memory_kib: int = 0


@dataclass(frozen=True, slots=True)
class SlotChanges:
    """The slots of one unlocked vault."""

    folder: Path
    keys: Keys

    def listed(self) -> tuple[SlotInfo, ...]:
        return tuple(
            SlotInfo(slot.kind, 0 if slot.cost is None else slot.cost.memory_kib)
            for slot in self._header().slots
        )

    def is_passphrase(self, passphrase: str) -> bool:
        """Whether it opens this vault. Takes about a second."""
        try:
            unlock(self._header(), passphrase=passphrase)
        except WrongPassphrase:
            return False
        return True

    def change_passphrase(self, passphrase: str, cost: Cost) -> None:
        """Put one new passphrase in the place of all old ones."""
        header = self._header()
        slot = passphrase_slot(header.vault_id, self.keys.data_key, passphrase, cost)
        self._write(header, "passphrase", slot)
        unlock(self._header(), passphrase=passphrase)

    def renew_recovery(self) -> str:
        """Return new recovery words; the old ones stop working."""
        header = self._header()
        slot, words = recovery_slot(header.vault_id, self.keys.data_key)
        self._write(header, "recovery", slot)
        unlock(self._header(), recovery_words=words)
        return words

    def add_keyring(self) -> None:
        """Let the operating system's keyring open the vault too. Raises KeyringFailed."""
        header = self._header()
        old = header.slots_of("keyring")
        self._write(header, "keyring", keyring_slot_for(header.vault_id, self.keys.data_key))
        unlock(self._header(), from_keyring=True)
        forget_slots(header.vault_id, old)

    def remove(self, kind: str) -> None:
        """Remove the recovery or the keyring slot. A passphrase always stays."""
        if kind not in {"recovery", "keyring"}:
            raise UsageError("only the recovery slot and the keyring slot can be removed")
        header = self._header()
        self._write(header, kind, None)
        if kind == "keyring":
            forget_slots(header.vault_id, header.slots_of(kind))

    def _header(self) -> Header:
        places = Places(self.folder)
        header = read_header(places)
        if not header.is_authentic(self.keys.header_mac):
            raise HeaderDamaged(str(places.header), "it was changed while the vault was open")
        return header

    def _write(self, header: Header, kind: str, slot: Slot | None) -> None:
        """Write the header with `slot` as the only one of its kind."""
        slots = [known for known in header.slots if known.kind != kind]
        if slot is not None:
            slots.insert(0 if kind == "passphrase" else len(slots), slot)
        changed = replace(header, slots=tuple(slots)).signed(self.keys.header_mac)
        places = Places(self.folder)
        with typed_errors(places.header), alone(self.folder):
            if read_header(places) != header:
                raise VaultBusy(str(places.header), "another program has just changed it")
            write_header(places, changed)

"""`vault.json`: which vault this is, and the slots that each wrap its data key.

    {"cipher","format","mac","slots":[...],"sum","v","vault_id"}     UTF-8, keys sorted, no spaces

`sum` (SHA-256 of the rest) tells damage from a wrong passphrase before anything is derived; `mac`
(HMAC of all but `mac` and `sum`) tells tampering once the data key is known. Parsing takes the
canonical bytes or nothing. The file never holds a key in the clear.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import cast

from troth.domain.error import HeaderDamaged, VaultNewer
from troth.vault.kdf import (
    KEY_BYTES,
    NONCE_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    Cost,
    Sealed,
    digest,
    is_same,
    mac,
    seal,
    unseal,
)

FORMAT = "troth-vault"
VERSION = 1
CIPHER = "chacha20"
MAX_HEADER_BYTES = 65_536
MAX_SLOTS = 8

Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class Slot:
    """One way to the data key.

    `kind` is `passphrase` (with `cost` and `salt`), `recovery` (with `salt`) or `keyring` (`salt`
    too: it keeps two keyring entries apart).
    """

    kind: str
    salt: bytes
    sealed: Sealed
    cost: Cost | None = None

    def fields(self) -> Fields:
        """Return what is bound as associated data: all but the sealed key."""
        fields: Fields = {"kind": self.kind, "salt": _encode(self.salt)}
        if self.cost is not None:
            fields |= {
                "kdf": "argon2id",
                "lanes": self.cost.lanes,
                "memory_kib": self.cost.memory_kib,
                "passes": self.cost.passes,
            }
        return fields

    @classmethod
    def wrap(
        cls,
        kind: str,
        vault_id: str,
        salt: bytes,
        slot_key: bytes,
        data_key: bytes,
        cost: Cost | None = None,
    ) -> Slot:
        """Seal the data key under `slot_key`, bound to this vault and these slot fields."""
        bare = cls(kind, salt, Sealed(b"", b""), cost)
        return replace(bare, sealed=seal(slot_key, data_key, bare.associated(vault_id)))

    def unwrap(self, vault_id: str, slot_key: bytes) -> bytes | None:
        """Return the data key; None when `slot_key` is not this slot's."""
        return unseal(slot_key, self.sealed, self.associated(vault_id))

    def associated(self, vault_id: str) -> bytes:
        return canonical({"slot": self.fields(), "vault_id": vault_id})


@dataclass(frozen=True, slots=True)
class Header:
    """The parsed key file. Trust it only after `is_authentic`."""

    vault_id: str
    slots: tuple[Slot, ...]
    mac: bytes = b""

    def body(self) -> Fields:
        body: Fields = {
            "cipher": CIPHER,
            "format": FORMAT,
            "slots": [slot.fields() | _sealed_fields(slot.sealed) for slot in self.slots],
            "v": VERSION,
            "vault_id": self.vault_id,
        }
        return body

    def signed(self, header_mac_key: bytes) -> Header:
        return replace(self, mac=mac(header_mac_key, canonical(self.body())))

    def is_authentic(self, header_mac_key: bytes) -> bool:
        return is_same(self.mac, mac(header_mac_key, canonical(self.body())))

    def to_bytes(self) -> bytes:
        fields = self.body() | {"mac": self.mac.hex()}
        fields["sum"] = digest(canonical(fields)).hex()
        return canonical(fields) + b"\n"

    def slots_of(self, kind: str) -> tuple[Slot, ...]:
        return tuple(slot for slot in self.slots if slot.kind == kind)


def parse_header(content: bytes, path: str = "") -> Header:
    """Read untrusted bytes. Raises HeaderDamaged or VaultNewer, and nothing else."""
    if len(content) > MAX_HEADER_BYTES:
        raise HeaderDamaged(path, "larger than any key file")
    try:
        parsed = cast("object", json.loads(content.decode("utf-8")))
        if not isinstance(parsed, dict):
            raise ValueError("not an object")
        fields = cast("Fields", parsed)
        if canonical(fields) + b"\n" != content:
            raise ValueError("not in canonical form")
        _check_sum(fields)
        if _text(fields, "format") != FORMAT:
            raise ValueError("not a Troth key file")
        if _number(fields, "v") > VERSION:
            raise VaultNewer(path, f"key file version {fields['v']}")
        return _parse_fields(fields)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        detail = str(error) if type(error) is ValueError else "not a key file"
        raise HeaderDamaged(path, detail) from error


def canonical(fields: Fields) -> bytes:
    """Return JSON as UTF-8 with sorted keys and no spaces."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _check_sum(fields: Fields) -> None:
    """`format`, `v` and `sum` keep their place and meaning in every later version."""
    rest = {name: value for name, value in fields.items() if name != "sum"}
    if not is_same(_hex(fields, "sum", KEY_BYTES), digest(canonical(rest))):
        raise ValueError("its checksum does not match")


def _parse_fields(fields: Fields) -> Header:
    known = {"cipher", "format", "mac", "slots", "sum", "v", "vault_id"}
    if set(fields) != known or _number(fields, "v") != VERSION:
        raise ValueError("unknown or missing fields")
    if _text(fields, "cipher") != CIPHER:
        raise ValueError("unknown cipher")
    listed = fields["slots"]
    if not isinstance(listed, list):
        raise TypeError("slots")
    slots = tuple(_parse_slot(cast("Fields", slot)) for slot in cast("list[object]", listed))
    if not 1 <= len(slots) <= MAX_SLOTS or not any(slot.kind == "passphrase" for slot in slots):
        raise ValueError("no passphrase slot, or too many slots")
    return Header(
        vault_id=_hex(fields, "vault_id", 16).hex(),
        slots=slots,
        mac=_hex(fields, "mac", KEY_BYTES),
    )


def _parse_slot(fields: Fields) -> Slot:
    kind = _text(fields, "kind")
    names = {"kind", "nonce", "salt", "sealed"}
    cost = None
    if kind == "passphrase":
        names |= {"kdf", "lanes", "memory_kib", "passes"}
        if _text(fields, "kdf") != "argon2id":
            raise ValueError("unknown key derivation")
        cost = Cost(
            _number(fields, "memory_kib"), _number(fields, "passes"), _number(fields, "lanes")
        )
        if not cost.is_bounded:
            raise ValueError("the cost of its key derivation is out of bounds")
    elif kind not in {"recovery", "keyring"}:
        raise ValueError("unknown kind of slot")
    if set(fields) != names:
        raise ValueError("unknown or missing fields in a slot")
    sealed = _parse_sealed({"nonce": fields["nonce"], "sealed": fields["sealed"]})
    return Slot(kind, _bytes(fields, "salt", SALT_BYTES), sealed, cost)


def _parse_sealed(fields: Fields) -> Sealed:
    if set(fields) != {"nonce", "sealed"}:
        raise ValueError("unknown or missing fields in a sealed key")
    return Sealed(
        _bytes(fields, "nonce", NONCE_BYTES), _bytes(fields, "sealed", KEY_BYTES + TAG_BYTES)
    )


def _sealed_fields(sealed: Sealed) -> Fields:
    return {"nonce": _encode(sealed.nonce), "sealed": _encode(sealed.ciphertext)}


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _text(fields: Fields, name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _number(fields: Fields, name: str) -> int:
    value = fields[name]
    if type(value) is not int:
        raise TypeError(name)
    return value


def _bytes(fields: Fields, name: str, length: int) -> bytes:
    text = _text(fields, name)
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a field is not base64") from error
    if len(content) != length or _encode(content) != text:
        raise ValueError("a field has the wrong length")
    return content


def _hex(fields: Fields, name: str, length: int) -> bytes:
    text = _text(fields, name)
    content = bytes.fromhex(text)
    if len(content) != length or content.hex() != text:
        raise ValueError("a field has the wrong length")
    return content

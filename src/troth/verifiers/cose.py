"""Strict CBOR and COSE_Sign1, as much of them as attestation documents use.

Own reader instead of a library's: `cbor2.loads` takes the first item and ignores what follows,
lets a later key win over an equal earlier one, and builds dates, patterns and big numbers from
tags. A proof must be readable in one way only, and reading hostile bytes must build nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

Cbor = None | bool | int | bytes | str | list["Cbor"] | dict[int | str, "Cbor"]

MAX_DEPTH = 8
MAX_OPEN_DEPTH = 24
MAX_ITEMS = 50_000
_BREAK = 0xFF
_SIMPLE: dict[int, Cbor] = {0xF4: False, 0xF5: True, 0xF6: None}
_FLOATS = {0xF9: 2, 0xFA: 4, 0xFB: 8}
"""The three sizes of floats -> the bytes that follow."""


class CborInvalid(ValueError):
    """The bytes are not one strict CBOR item; the argument says why, for people."""


class _Reader:
    """Walks over the bytes once. Raises CborInvalid; never reads past the end."""

    def __init__(self, encoded: bytes, *, is_open: bool = False) -> None:
        self._encoded = encoded
        self._is_open = is_open
        self._max_depth = MAX_OPEN_DEPTH if is_open else MAX_DEPTH
        self._left = MAX_ITEMS
        self.at = 0

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._encoded):
            raise CborInvalid("it ends too early")
        taken = self._encoded[self.at : end]
        self.at = end
        return taken

    def _argument(self, additional: int) -> int:
        """Return the number after an initial byte; strictly, only its shortest form is taken."""
        if additional < 24:
            return additional
        if additional > 27:
            raise CborInvalid("it uses a reserved length")
        size = 1 << (additional - 24)
        value = int.from_bytes(self._take(size), "big")
        floor = 24 if size == 1 else 1 << (4 * size)
        if value < floor and not self._is_open:
            raise CborInvalid("a number is not in its shortest form")
        return value

    def item(self, depth: int = 0) -> Cbor:
        if depth > self._max_depth:
            raise CborInvalid("it is nested too deeply")
        self._left -= 1
        if self._left < 0:
            raise CborInvalid("it has far too many pieces")
        initial = self._take(1)[0]
        major, additional = initial >> 5, initial & 0x1F
        match major:
            case 0:
                return self._argument(additional)
            case 1:
                return -1 - self._argument(additional)
            case 2:
                return self._take(self._argument(additional))
            case 3:
                try:
                    return self._take(self._argument(additional)).decode("utf-8")
                except UnicodeDecodeError as error:
                    raise CborInvalid("a text is not UTF-8") from error
            case 4:
                return self._array(additional, depth)
            case 5:
                return self._map(additional, depth)
            case 7 if initial in _SIMPLE:
                return _SIMPLE[initial]
            case 6 if self._is_open:
                self._argument(additional)
                return self.item(depth + 1)
            case 7 if self._is_open and initial in _FLOATS:
                self._take(_FLOATS[initial])
                return None
            case _:
                raise CborInvalid("it holds a tag, a float or a value that does not belong here")

    def _is_at_break(self) -> bool:
        if self.at < len(self._encoded) and self._encoded[self.at] == _BREAK:
            self.at += 1
            return True
        return False

    def _array(self, additional: int, depth: int) -> list[Cbor]:
        items: list[Cbor] = []
        if additional == 31:
            while not self._is_at_break():
                items.append(self.item(depth + 1))
            return items
        for _ in range(self._argument(additional)):
            items.append(self.item(depth + 1))
        return items

    def _map(self, additional: int, depth: int) -> dict[int | str, Cbor]:
        entries: dict[int | str, Cbor] = {}
        if additional == 31:
            while not self._is_at_break():
                self._entry(entries, depth)
            return entries
        for _ in range(self._argument(additional)):
            self._entry(entries, depth)
        return entries

    def _entry(self, entries: dict[int | str, Cbor], depth: int) -> None:
        key = self.item(depth + 1)
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise CborInvalid("a key is neither a number nor a text")
        if key in entries:
            raise CborInvalid("it holds the same key twice")
        entries[key] = self.item(depth + 1)


def parse_cbor(encoded: bytes) -> Cbor:
    """Return the one item that `encoded` is; raise CborInvalid when it is more, less or other."""
    reader = _Reader(encoded)
    value = reader.item()
    if reader.at != len(encoded):
        raise CborInvalid("something follows the document")
    return value


def parse_open_cbor(encoded: bytes) -> Cbor:
    """Return the one item that `encoded` is, of a document that others may write as they like.

    Tags are looked through, floats read as None (no check asks for one), and a number may be longer
    than need be. A key that stands twice is refused here too, and so is what follows the item: the
    bytes are covered by a hash, and must mean one thing.
    """
    reader = _Reader(encoded, is_open=True)
    value = reader.item()
    if reader.at != len(encoded):
        raise CborInvalid("something follows the document")
    return value


@dataclass(frozen=True, slots=True)
class Sign1:
    """A COSE_Sign1 message (RFC 9052, section 4.2), untagged, with an empty unprotected header."""

    algorithm: int
    payload: bytes
    signature: bytes
    signed: bytes
    """The Sig_structure: the bytes that the signature is over."""


def parse_sign1(encoded: bytes) -> Sign1:
    """Take a COSE_Sign1 message apart; raise CborInvalid."""
    message = parse_cbor(encoded)
    if not isinstance(message, list) or len(message) != 4:
        raise CborInvalid("it is not a signed message of four parts")
    protected, unprotected, payload, signature = message
    if not isinstance(protected, bytes) or not isinstance(payload, bytes):
        raise CborInvalid("a part of the signed message is not a byte string")
    if not isinstance(signature, bytes) or unprotected != {}:
        raise CborInvalid("the signed message has parts that nothing protects")
    header = parse_cbor(protected)
    if not isinstance(header, dict) or set(header) != {1}:
        raise CborInvalid("the protected header holds more than the algorithm")
    algorithm = header[1]
    if isinstance(algorithm, bool) or not isinstance(algorithm, int):
        raise CborInvalid("the algorithm is not a number")
    return Sign1(algorithm, payload, signature, sig_structure(protected, payload))


def sig_structure(protected: bytes, payload: bytes) -> bytes:
    """Return the encoded `["Signature1", protected, h'', payload]` (RFC 9052, section 4.4)."""
    return b"\x84\x6aSignature1" + byte_string(protected) + b"\x40" + byte_string(payload)


def counter_structure(protected: bytes, payload: bytes) -> bytes:
    """Return the encoded `["CounterSignature", protected, h'', payload]`, as C2PA stamps it."""
    return b"\x84\x70CounterSignature" + byte_string(protected) + b"\x40" + byte_string(payload)


def byte_string(content: bytes) -> bytes:
    """Return a byte string as CBOR; raise CborInvalid for one of 4 GiB or more."""
    size = len(content)
    if size < 24:
        return bytes([0x40 | size]) + content
    for width, initial in ((1, 0x58), (2, 0x59), (4, 0x5A)):
        if size < 1 << (8 * width):
            return bytes([initial]) + size.to_bytes(width, "big") + content
    raise CborInvalid("it is too large")


def as_map(value: Cbor, what: str) -> dict[int | str, Cbor]:
    """Return `value` as a map; raise CborInvalid that names `what` when it is none."""
    if not isinstance(value, dict):
        raise CborInvalid(f"{what} is not a map")
    return value


def as_bytes(value: Cbor, what: str) -> bytes:
    """Return `value` as bytes; raise CborInvalid that names `what` when it is none."""
    if not isinstance(value, bytes):
        raise CborInvalid(f"{what} is not a byte string")
    return value


def as_byte_strings(value: Cbor, what: str) -> tuple[bytes, ...]:
    """Return `value` as byte strings; raise CborInvalid that names `what` when one is none."""
    if not isinstance(value, list) or not all(isinstance(item, bytes) for item in value):
        raise CborInvalid(f"{what} is not a list of byte strings")
    return tuple(cast("list[bytes]", value))

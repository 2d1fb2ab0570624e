"""Ethereum's contract ABI, the few types that registries use, read strictly.

Source: Solidity documentation, "Contract ABI Specification" (read 2026-11-22). Every value is
made of 32-byte words; a dynamic one (string, bytes, array, tuple with a dynamic member) stands in
the head as an offset from the start of the tuple that it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass

from troth.verifiers.keccak import keccak256

WORD = 32
MAX_DEPTH = 8

Abi = bool | int | bytes | str | list["Abi"]


class AbiInvalid(ValueError):
    """The bytes are not what the type says; the argument says why."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One ABI type: uint (of `bits`), bool, address, bytes32, bytes, string, tuple or array."""

    name: str
    bits: int = 256
    members: tuple[Kind, ...] = ()

    @property
    def is_dynamic(self) -> bool:
        if self.name == "tuple":
            return any(member.is_dynamic for member in self.members)
        return self.name in {"bytes", "string", "array"}

    @property
    def head_bytes(self) -> int:
        """Return how much of the head it takes."""
        if self.is_dynamic or self.name != "tuple":
            return WORD
        return sum(member.head_bytes for member in self.members)


def uint(bits: int) -> Kind:
    return Kind("uint", bits)


BOOL, ADDRESS, BYTES32 = Kind("bool"), Kind("address"), Kind("bytes32")
BYTES, STRING = Kind("bytes"), Kind("string")


def tuple_of(*members: Kind) -> Kind:
    return Kind("tuple", members=members)


def array_of(member: Kind) -> Kind:
    return Kind("array", members=(member,))


def selector(signature: str) -> bytes:
    """Return the four bytes that call a function, from its signature: `getTEE(bytes32)`."""
    return keccak256(signature.encode("ascii"))[:4]


def word(value: int) -> bytes:
    """Encode a number that is not negative as one word."""
    return value.to_bytes(WORD, "big")


def decode(kind: Kind, encoded: bytes) -> Abi:
    """Return the one value of a function's answer; raise AbiInvalid.

    Padding must be zero, every length must lie within the bytes, and no byte may be read twice:
    offsets that point into each other would turn a small answer into a large value.
    """
    return _Decoder(encoded).tuple_at((kind,), 0, 0)[0]


class _Decoder:
    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._unread_bytes = len(encoded)

    def _take(self, at: int, size: int) -> bytes:
        self._unread_bytes -= size
        if at + size > len(self._encoded):
            raise AbiInvalid("it ends too early")
        if self._unread_bytes < 0:
            raise AbiInvalid("parts of it overlap")
        return self._encoded[at : at + size]

    def _number(self, at: int, limit: int) -> int:
        value = int.from_bytes(self._take(at, WORD), "big")
        if value > limit:
            raise AbiInvalid("a number is larger than it may be")
        return value

    def tuple_at(self, kinds: tuple[Kind, ...], start: int, depth: int) -> list[Abi]:
        if depth > MAX_DEPTH:
            raise AbiInvalid("it is nested too deeply")
        values: list[Abi] = []
        at = start
        for kind in kinds:
            if kind.is_dynamic:
                offset = self._number(at, len(self._encoded))
                values.append(self._dynamic(kind, start + offset, depth + 1))
            elif kind.name == "tuple":
                values.append(self.tuple_at(kind.members, at, depth + 1))
            else:
                values.append(self._word(kind, at))
            at += kind.head_bytes
        return values

    def _dynamic(self, kind: Kind, at: int, depth: int) -> Abi:
        if kind.name == "tuple":
            return self.tuple_at(kind.members, at, depth)
        size = self._number(at, len(self._encoded))
        body = at + WORD
        if kind.name == "array":
            if size > len(self._encoded) // WORD:
                raise AbiInvalid("a list is longer than the bytes")
            return self.tuple_at(kind.members * size, body, depth)
        padded = self._take(body, -(-size // WORD) * WORD)
        if any(padded[size:]):
            raise AbiInvalid("padding is not zero")
        if kind.name == "bytes":
            return padded[:size]
        try:
            return padded[:size].decode("utf-8")
        except UnicodeDecodeError as error:
            raise AbiInvalid("a text is not UTF-8") from error

    def _word(self, kind: Kind, at: int) -> Abi:
        match kind.name:
            case "bytes32":
                return self._take(at, WORD)
            case "address":
                return f"0x{self._number(at, (1 << 160) - 1):040x}"
            case "bool":
                return self._number(at, 1) == 1
            case _:
                return self._number(at, (1 << kind.bits) - 1)

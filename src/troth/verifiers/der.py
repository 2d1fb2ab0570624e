"""The little of DER that certificate extensions need (X.690): exact lengths, nothing left over."""

from __future__ import annotations

Der = tuple[int, bytes]
"""Tag and content of one value."""

_INTEGER, _OID, _SEQUENCE = 0x02, 0x06, 0x30


class DerInvalid(ValueError):
    """The bytes are not the DER that they should be."""


def _read(content: bytes) -> tuple[Der, bytes]:
    if len(content) < 2:
        raise DerInvalid("it is cut off")
    tag, size, start = content[0], content[1], 2
    if size >= 0x80:
        count = size & 0x7F
        size = int.from_bytes(content[2 : 2 + count], "big")
        if (
            not 1 <= count <= 2
            or len(content) < 2 + count
            or size < (0x80 if count == 1 else 0x100)
        ):
            raise DerInvalid("a length is malformed")
        start = 2 + count
    if len(content) < start + size:
        raise DerInvalid("it is cut off")
    return (tag, content[start : start + size]), content[start + size :]


def write(tag: int, content: bytes) -> bytes:
    """Return one value of at most 65,535 bytes as DER."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    long = bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + long + content


def read_one(content: bytes) -> Der:
    """Return the one value in `content`; raise DerInvalid."""
    value, rest = _read(content)
    if rest:
        raise DerInvalid("something follows it")
    return value


def children(value: Der) -> list[Der]:
    """Return the values in a SEQUENCE; raise DerInvalid."""
    tag, rest = value
    if tag != _SEQUENCE:
        raise DerInvalid("it is not a sequence")
    found: list[Der] = []
    while rest:
        child, rest = _read(rest)
        found.append(child)
    return found


def integer(value: Der) -> int:
    """Return an INTEGER that is not negative; raise DerInvalid."""
    tag, content = value
    if tag != _INTEGER or not content or content[0] & 0x80:
        raise DerInvalid("it is not a number")
    if len(content) > 1 and content[0] == 0 and not content[1] & 0x80:
        raise DerInvalid("a number is not written in its short form")
    return int.from_bytes(content, "big")


def oid(value: Der) -> str:
    """Return an OBJECT IDENTIFIER as dotted numbers; raise DerInvalid."""
    tag, content = value
    if tag != _OID or not content or content[-1] & 0x80:
        raise DerInvalid("it is not an object identifier")
    numbers: list[int] = []
    number = 0
    for byte in content:
        if not number and byte == 0x80:
            raise DerInvalid("an object identifier is malformed")
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))

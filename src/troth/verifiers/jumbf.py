"""JUMBF: boxes in boxes, each described by its first child (ISO/IEC 19566-5).

    0   4   size of the box, this header included; 1 = the next eight bytes after the type say it
    4   4   type: `jumb` holds other boxes, `jumd` describes the box that it stands in
    8   ..  content

    jumd:  0  16  UUID, what kind of box it is
          16   1  bits: 1 may be asked for, 2 has a label, 4 has an id, 8 has a hash, 16 has a box
          17  ..  label, UTF-8, ended by NUL; id (4); SHA-256 (32); a box with a salt

Reads strictly: every size is exact, nothing lies between boxes, and no box is opened twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_BOXES = 4_096
MAX_DEPTH = 8
_HEADER = 8
_LONG_HEADER = 16
_SUPER, _DESCRIPTION = b"jumb", b"jumd"
_NAMED, _WITH_ID, _WITH_HASH, _WITH_BOX = 3, 4, 8, 16
_KNOWN_BITS = 0x1F


class JumbfInvalid(ValueError):
    """The boxes do not fit into each other; the argument says why, for people."""


@dataclass(frozen=True, slots=True)
class Box:
    """A superbox: its description, the boxes in it, and its plain contents in their order."""

    kind: bytes
    """The UUID of its description, 16 bytes."""
    label: str
    boxes: tuple[Box, ...]
    contents: tuple[tuple[bytes, int, int], ...]
    """Type, start and end of what is in it beside superboxes and the description."""
    encoded: bytes = field(repr=False)
    """All that was read; boxes in boxes would hold it once for each depth."""
    start: int
    end: int

    @property
    def payload(self) -> memoryview:
        """All of it but its own header: what hashes are over."""
        return memoryview(self.encoded)[self.start : self.end]

    def only(self, content_type: bytes) -> bytes:
        """Return its one content of a type; raise JumbfInvalid for none or more."""
        found = [(start, end) for kind, start, end in self.contents if kind == content_type]
        if len(found) != 1:
            raise JumbfInvalid(f"the box {self.label[:80]!r} does not hold what it must")
        return self.encoded[found[0][0] : found[0][1]]


class _Reader:
    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._count = 0

    def box(self, start: int, end: int, depth: int) -> Box:
        """Read the superbox whose content lies between two places."""
        if depth > MAX_DEPTH:
            raise JumbfInvalid("its boxes are nested too deeply")
        described: tuple[bytes, str] | None = None
        boxes: list[Box] = []
        contents: list[tuple[bytes, int, int]] = []
        for kind, inner_start, inner_end in self._children(start, end):
            if described is None:
                if kind != _DESCRIPTION:
                    raise JumbfInvalid("a box is not described")
                described = _described(self._encoded[inner_start:inner_end])
            elif kind == _SUPER:
                boxes.append(self.box(inner_start, inner_end, depth + 1))
            elif kind == _DESCRIPTION:
                raise JumbfInvalid("a box is described twice")
            else:
                contents.append((kind, inner_start, inner_end))
        if described is None:
            raise JumbfInvalid("a box is not described")
        kind, label = described
        return Box(kind, label, tuple(boxes), tuple(contents), self._encoded, start, end)

    def _children(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        while start < end:
            self._count += 1
            if self._count > MAX_BOXES:
                raise JumbfInvalid("it has too many boxes")
            kind, content, start = self.head(start, end)
            yield kind, content, start

    def head(self, start: int, end: int) -> tuple[bytes, int, int]:
        """Return the type of the box at a place, and where its content begins and ends."""
        if end - start < _HEADER:
            raise JumbfInvalid("a box ends too early")
        size = int.from_bytes(self._encoded[start : start + 4], "big")
        kind, header = self._encoded[start + 4 : start + 8], _HEADER
        if size == 1:
            header = _LONG_HEADER
            size = int.from_bytes(self._encoded[start + 8 : start + 16], "big")
        if size < header or start + size > end:
            raise JumbfInvalid("a box has a wrong size")
        return kind, start + header, start + size


def _described(description: bytes) -> tuple[bytes, str]:
    """Return the UUID and the label of a description; one without a label is refused."""
    if len(description) < 17:
        raise JumbfInvalid("a description ends too early")
    kind, bits, rest = description[:16], description[16], description[17:]
    if bits & _NAMED != _NAMED or bits & ~_KNOWN_BITS:
        raise JumbfInvalid("a box cannot be asked for by name, or has marks that are not known")
    label, nul, rest = rest.partition(b"\0")
    if not nul:
        raise JumbfInvalid("a label has no end")
    for bit, size in ((_WITH_ID, 4), (_WITH_HASH, 32)):
        if bits & bit:
            if len(rest) < size:
                raise JumbfInvalid("a description ends too early")
            rest = rest[size:]
    if bits & _WITH_BOX:
        _, _, end = _Reader(rest).head(0, len(rest))
        rest = rest[end:]
    if rest:
        raise JumbfInvalid("something follows a description")
    try:
        return kind, label.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JumbfInvalid("a label is not UTF-8") from error


def parse_jumbf(encoded: bytes) -> Box:
    """Return the one superbox that `encoded` is; raise JumbfInvalid when it is more or less."""
    reader = _Reader(encoded)
    kind, start, end = reader.head(0, len(encoded))
    if kind != _SUPER or end != len(encoded):
        raise JumbfInvalid("it is not one box")
    return reader.box(start, end, 0)

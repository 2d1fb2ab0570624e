"""Where a picture keeps its Content Credentials, and of which parts its file consists.

Reads the outer form of PNG, JPEG and WebP and nothing of the pixels: no picture is decoded here.
Where credentials lie: C2PA specification 2.2, section A.3 (PNG chunk `caBX`, JPEG APP11 segments
after ISO/IEC 19566-5 annex D, RIFF chunk `C2PA`). Remote ones are named in XMP (`dcterms:
provenance`, section 11.4): the name is read, never followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

PNG, JPEG, WEBP = "image/png", "image/jpeg", "image/webp"
MAX_STORE_BYTES = 32 << 20
MAX_PARTS = 65_536
"""A file of 64 MB is two thousand chunks, or ten thousand; sixteen million could be put into it."""
_TOO_MANY = "the file has far too many parts"
C2PA_KIND = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
"""UUID of the box that holds a picture's manifests."""
C2PA_PART = "C2PA"
"""What the specification calls the part that holds the credentials, in every kind of file."""

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_SOI, _EOI, _SOS, _APP11 = 0xD8, 0xD9, 0xDA, 0xEB
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_REMOTE = re.compile(rb"dcterms:provenance(?:\s*=\s*[\"']|>)\s*(https?://[^\"'<>\s]{1,2000})")


class PictureInvalid(ValueError):
    """The file's outer form is broken where its credentials lie; a clause for people."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """One part of a picture's file, from its first byte to the one after its last."""

    name: str
    """A PNG chunk's type, the name of a JPEG marker, a RIFF chunk's type; or `C2PA`."""
    start: int
    end: int
    content: bytes = b""
    """The manifest store, or the piece of it that lies in this part."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """What of a file matters here."""

    media_type: str
    store: bytes
    """The manifest store (JUMBF); empty where there is none."""
    parts: tuple[FilePart, ...]
    """Every part in the order of the file; without a gap, up to where its form is understood."""
    remote_url: str
    """Where credentials are said to lie elsewhere; "" where nothing is said."""

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """(start, end) of the bytes that hold the store, headers included."""
        return tuple((p.start, p.end) for p in self.parts if p.name == C2PA_PART)


def media_type_of(content: bytes) -> str:
    """Return which of the three kinds a picture is by its first bytes; "" for another kind."""
    if content.startswith(_PNG_HEAD):
        return PNG
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    return WEBP if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


def read_picture(content: bytes) -> PictureFile | None:
    """Return what a picture's file says of credentials; None for kinds that are not read.

    Raises PictureInvalid where there are some and they cannot be taken out.
    """
    media_type = media_type_of(content)
    if not media_type:
        return None
    parts: list[FilePart] = []
    fault = _WALKS[media_type](content, parts)
    if fault and any(part.name == C2PA_PART for part in parts):
        raise PictureInvalid(fault)
    held = [part for part in parts if part.name == C2PA_PART]
    if len(held) > 1 and media_type != JPEG:
        raise PictureInvalid("it holds more than one set of credentials")
    store = b"".join(part.content for part in held)
    if len(store) > MAX_STORE_BYTES:
        raise PictureInvalid("its credentials are far too large")
    # Searched for in the whole file: where XMP lies is no matter, since it is only named.
    remote = _REMOTE.search(content) if not held else None
    url = remote[1].decode("utf-8", "replace") if remote else ""
    return PictureFile(media_type, store, tuple(parts), url)


def _walk_png(content: bytes, parts: list[FilePart]) -> str:
    """Append the parts of a PNG; return why the rest is not understood, "" when all of it is."""
    parts.append(FilePart("PNGh", 0, len(_PNG_HEAD)))
    place = len(_PNG_HEAD)
    while place < len(content):
        if len(parts) > MAX_PARTS:
            return _TOO_MANY
        size = int.from_bytes(content[place : place + 4], "big")
        kind = content[place + 4 : place + 8]
        end = place + 12 + size
        is_held = kind == b"caBX"
        name = C2PA_PART if is_held else kind.decode("latin-1")
        store = content[place + 8 : end - 4] if is_held else b""
        parts.append(FilePart(name, place, min(end, len(content)), store))
        if end > len(content):
            return "the file ends too early"
        # The hash leaves this part out, and with it the chunk's own sum.
        if is_held and crc32(kind + store) != int.from_bytes(content[end - 4 : end], "big"):
            return "the part that holds its credentials is damaged"
        place = end
        if kind == b"IEND":
            return ""
    return "the file ends too early"


def _walk_jpeg(content: bytes, parts: list[FilePart]) -> str:
    """Append the parts of a JPEG, each scan with the data after it; return as `_walk_png`."""
    place = 0
    pieces: list[int] = []
    while place + 2 <= len(content):
        if len(parts) > MAX_PARTS:
            return _TOO_MANY
        if content[place] != 0xFF:
            return "a segment does not begin where it should"
        marker = content[place + 1]
        if marker in (_SOI, _EOI) or marker in _BARE:
            end = place + 2
        else:
            end = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
            if end < place + 4 or end > len(content):
                return "the file ends too early"
        if marker == _SOS:
            found = _NEXT_MARKER.search(content, end)
            end = found.start() if found else len(content)
        if marker == _APP11 and content[place + 4 : place + 6] == b"JP":
            pieces.append(len(parts))
        parts.append(FilePart(_marker_name(marker), place, end))
        place = end
        if marker == _EOI:
            return _join_jpeg(content, parts, pieces)
    return _join_jpeg(content, parts, pieces) or "the file ends too early"


def _marker_name(marker: int) -> str:
    """Return the name of a marker (ISO/IEC 10918-1, table B.1)."""
    if 0xE0 <= marker <= 0xEF:
        return f"APP{marker - 0xE0}"
    if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
        return f"SOF{marker - 0xC0}"
    return _MARKERS.get(marker, f"{marker:02X}")


_MARKERS = {
    0xC4: "DHT", 0xCC: "DAC", 0xD8: "SOI", 0xD9: "EOI", 0xDA: "SOS", 0xDB: "DQT", 0xDC: "DNL",
    0xDD: "DRI", 0xDE: "DHP", 0xDF: "EXP", 0xFE: "COM",
}  # fmt: skip


def _join_jpeg(content: bytes, parts: list[FilePart], pieces: list[int]) -> str:
    """Mark the segments that hold the manifest store, each with its piece of it.

        0  2  marker             4  2  `JP`               8  4  number of the piece, from 1
        2  2  size of the rest   6  2  number of the box  12  .. size, type and content of the box
    Later pieces repeat the size and the type. Boxes of others than C2PA are left alone.
    """
    boxes: dict[bytes, list[int]] = {}
    for at in pieces:
        boxes.setdefault(content[parts[at].start + 6 : parts[at].start + 8], []).append(at)
    held = [places for places in boxes.values() if _is_store(content, parts[places[0]])]
    if len(held) > 1:
        _mark(content, parts, held[1], repeats=0)
        return "it holds more than one set of credentials"
    for places in held:
        first = parts[places[0]].start + 12
        repeats = 16 if content[first : first + 4] == b"\0\0\0\1" else 8
        repeated = content[first : first + repeats]
        _mark(content, parts, places, repeats=repeats)
        for number, at in enumerate(places):
            start = parts[at].start
            is_next = content[start + 8 : start + 12] == (number + 1).to_bytes(4, "big")
            is_same = content[start + 12 : start + 12 + repeats] == repeated
            if not is_next or not is_same:
                return "the pieces of its credentials do not follow each other"
    return ""


def _is_store(content: bytes, part: FilePart) -> bool:
    piece = content[part.start + 12 : part.end]
    header = 16 if piece[:4] == b"\0\0\0\1" else 8
    described = piece[header : header + 24]
    return piece[4:8] == b"jumb" and described[4:] == b"jumd" + C2PA_KIND


def _mark(content: bytes, parts: list[FilePart], places: list[int], *, repeats: int) -> None:
    for number, at in enumerate(places):
        part = parts[at]
        start = part.start + 12 + (repeats if number else 0)
        parts[at] = FilePart(C2PA_PART, part.start, part.end, content[start : part.end])


def _walk_webp(content: bytes, parts: list[FilePart]) -> str:
    """Append the chunks of a WebP, the byte that makes a chunk even included; as `_walk_png`."""
    parts.append(FilePart("RIFF", 0, 12))
    place, last = 12, 8 + int.from_bytes(content[4:8], "little")
    while place < min(last, len(content)):
        if len(parts) > MAX_PARTS:
            return _TOO_MANY
        kind = content[place : place + 4]
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        end = place + 8 + size
        is_held = kind == b"C2PA"
        name = C2PA_PART if is_held else kind.decode("latin-1")
        store = content[place + 8 : end] if is_held else b""
        parts.append(FilePart(name, place, min(end + size % 2, len(content)), store))
        if end > len(content):
            return "the file ends too early"
        place = end + size % 2
    return "" if last == len(content) else "its size is not what it says"


_WALKS: dict[str, Callable[[bytes, list[FilePart]], str]] = {
    PNG: _walk_png,
    JPEG: _walk_jpeg,
    WEBP: _walk_webp,
}

"""Cut a JSON file of any size into its records without ever holding more than one of them.

A record is a value of the outermost array, or a value that stands alone (one document, or JSON
Lines). Brackets and strings are followed by one regular expression; the record itself then goes to
the standard parser. A record that is broken, too deep or too large is skipped and the next one
read: that is why no streaming parser is used here, for those end at the first fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from troth.transfer.chats import Reason

CHUNK_BYTES = 128 << 10
MAX_DEPTH = 64
"""ChatGPT's metadata goes about 15 deep."""
MAX_RECORD_BYTES = 128 << 20
"""One chat. Its longest string is bounded by this too."""

MAX_OWN_BYTES = 512 << 20
"""One chat as this program gives it away: with its images, and all that went over the wire."""
MAX_RECORD_VALUES = 2_000_000
"""Of one chat. Parsed a value takes up to 380 bytes, and three bytes of a file can ask for one."""

# Possessive: a string that ends in a later chunk must not be gone back over, letter by letter.
_STRING = rb'[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OUTSIDE = re.compile(rb'[^"{}\[\]]*+(?:"' + _STRING + rb'[^"{}\[\]]*+)*+', re.DOTALL)
_REST_OF_STRING = re.compile(_STRING, re.DOTALL)
_QUOTE = ord('"')
_OPENING = frozenset(b"{[")
_OWN = re.compile(rb'\{\s*"format": "troth-chat",')
_BEGINNINGS = (b",", b"[", b"{")
"""No value but the first begins without one of these; those in strings are counted too."""
_BOM = b"\xef\xbb\xbf"


class ByteStream(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number in the file (from 1), and its value or what is wrong with it."""

    number: int
    value: object = None
    fault: Reason | None = None


def read_records(
    stream: ByteStream, *, max_bytes: int = MAX_RECORD_BYTES, max_own_bytes: int = MAX_OWN_BYTES
) -> Iterator[Record]:
    """Yield every record. What the stream itself raises goes through."""
    cutter = _Cutter(max_bytes, max_own_bytes)
    is_first = True
    while chunk := stream.read(CHUNK_BYTES):
        yield from cutter.feed(chunk.removeprefix(_BOM) if is_first else chunk)
        is_first = False
    yield from cutter.close()


class _Cutter:
    """Follows brackets and strings over chunks that are cut anywhere."""

    def __init__(self, max_bytes: int, max_own_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._max_own_bytes = max_own_bytes
        self._depth = 0
        self._base = 0
        """0 between documents, 1 inside the outermost array."""
        self._is_in_string = False
        self._is_escaped = False
        self._number = 0
        self._content = bytearray()
        self._fault: Reason | None = None
        self._is_recording = False

    def feed(self, chunk: bytes) -> Iterator[Record]:
        position = start = 0
        while position < len(chunk):
            if self._is_in_string:
                position = self._skip_string(chunk, position)
                continue
            match = _OUTSIDE.match(chunk, position)
            position = match.end() if match else position
            if position >= len(chunk):
                break
            mark = chunk[position]
            if mark == _QUOTE:
                self._is_in_string = True
            elif mark in _OPENING:
                if self._open(mark):
                    start = position
            elif self._close_bracket():
                self._take(chunk[start : position + 1])
                yield self._finish()
            position += 1
        if self._is_recording:
            self._take(chunk[start:])

    def close(self) -> Iterator[Record]:
        """Tell of a record that the file ends in the middle of."""
        if self._is_recording:
            self._fault = self._fault or Reason.CUT
            yield self._finish()

    def _skip_string(self, chunk: bytes, position: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            position += 1
        if match := _REST_OF_STRING.match(chunk, position):
            self._is_in_string = False
            return match.end()
        tail = chunk[position:]
        self._is_escaped = (len(tail) - len(tail.rstrip(b"\\"))) % 2 == 1
        return len(chunk)

    def _open(self, mark: int) -> bool:
        """Return whether a record begins here."""
        begins = False
        if not self._is_recording:
            if self._base == 0 and mark == ord("["):
                self._base = 1
            else:
                self._is_recording = begins = True
                self._number += 1
        self._depth += 1
        if self._depth - self._base > MAX_DEPTH:
            self._fault = self._fault or Reason.TOO_DEEP
        return begins

    def _close_bracket(self) -> bool:
        """Return whether a record ends here."""
        self._depth = max(0, self._depth - 1)
        if self._is_recording:
            return self._depth == self._base
        self._base = 0
        return False

    def _take(self, piece: bytes) -> None:
        size = len(self._content) + len(piece)
        if self._fault is None and size > self._max_bytes:
            is_own = _OWN.match(self._content[:64] or piece[:64]) is not None
            if not is_own or size > self._max_own_bytes:
                self._fault = Reason.TOO_LARGE
        if self._fault is not None:
            self._content.clear()
        else:
            self._content += piece

    def _finish(self) -> Record:
        self._is_recording = False
        content, self._content = self._content, bytearray()
        fault, self._fault = self._fault, None
        if fault is None and sum(map(content.count, _BEGINNINGS)) > MAX_RECORD_VALUES:
            fault = Reason.TOO_LARGE
        if fault is not None:
            return Record(self._number, fault=fault)
        try:
            text = content.decode()
            content.clear()  # one copy less while it is parsed
            return Record(self._number, cast("object", json.loads(text)))
        except UnicodeDecodeError:
            return Record(self._number, fault=Reason.NOT_UTF8)
        except (ValueError, RecursionError):
            return Record(self._number, fault=Reason.NOT_JSON)

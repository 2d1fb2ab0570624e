"""Read what a GGUF file says about itself, without trusting a length in it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3, read November 2026).

| offset | length | meaning |
|---|---|---|
| 0 | 4 | "GGUF" |
| 4 | 4 | version, little endian: 2 or 3 (1 had other widths; big-endian files read as huge) |
| 8 | 8 | number of tensors |
| 16 | 8 | number of metadata pairs, which follow: key string, type u32, value |

A string is a u64 length and UTF-8 bytes; an array is a type u32, a u64 count and the values.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from troth.domain.error import ModelFileRefused

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_PAIRS = 4096
MOST_ITEMS = 4_000_000
"""Of an array: the largest vocabularies have about 300,000 tokens."""
LONGEST_STRING = 4 << 20
LONGEST_METADATA = 512 << 20
DEFAULT_CONTEXT_TOKENS = 2048

_STRING, _ARRAY = 8, 9
_UNSIGNED = {0: "<B", 2: "<H", 4: "<I", 10: "<Q"}
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@dataclass(frozen=True, slots=True)
class GgufFacts:
    """What the app wants to know of a model file."""

    architecture: str
    title: str
    context_tokens: int
    """What the model was trained for."""


def load_gguf_facts(path: Path) -> GgufFacts:
    """Read the head of a GGUF file; raise ModelFileRefused when it is none, or damaged."""
    try:
        with path.open("rb") as file:
            values = _Reader(file, path.name).metadata()
    except OSError as error:
        raise ModelFileRefused(f"cannot be read: {error.strerror}", name=path.name) from error
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise ModelFileRefused("names no architecture", name=path.name)
    title = values.get("general.name")
    context_tokens = values.get(f"{architecture}.context_length")
    return GgufFacts(
        architecture,
        title if isinstance(title, str) else "",
        context_tokens if isinstance(context_tokens, int) else DEFAULT_CONTEXT_TOKENS,
    )


class _Reader:
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._left = LONGEST_METADATA

    def metadata(self) -> dict[str, int | str]:
        """Return the string and unsigned values; the rest is checked and skipped."""
        if self._take(4) != MAGIC:
            raise ModelFileRefused("not a GGUF file", name=self._name)
        if self._number("<I") not in VERSIONS:
            raise ModelFileRefused("a GGUF version that is not supported", name=self._name)
        self._number("<Q")
        pairs = self._number("<Q")
        if pairs > MOST_PAIRS:
            raise self._damaged()
        values: dict[str, int | str] = {}
        for _ in range(pairs):
            key = self._string()
            value = self._value(self._number("<I"))
            if value is not None:
                values[key] = value
        return values

    def _value(self, kind: int, depth: int = 0) -> int | str | None:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            self._skip_array(depth + 1)
            return None
        if kind in _UNSIGNED:
            return self._number(_UNSIGNED[kind])
        self._take(self._size(kind))
        return None

    def _skip_array(self, depth: int) -> None:
        kind, count = self._number("<I"), self._number("<Q")
        if count > MOST_ITEMS or depth > 2:
            raise self._damaged()
        if kind in {_STRING, _ARRAY}:
            for _ in range(count):
                self._value(kind, depth)
        else:
            self._take(count * self._size(kind))

    def _size(self, kind: int) -> int:
        if kind not in _SIZES:
            raise self._damaged()
        return _SIZES[kind]

    def _string(self) -> str:
        length = self._number("<Q")
        if length > LONGEST_STRING:
            raise self._damaged()
        return self._take(length).decode("utf-8", "replace")

    def _number(self, layout: str) -> int:
        return int(struct.unpack(layout, self._take(struct.calcsize(layout)))[0])

    def _take(self, length: int) -> bytes:
        self._left -= length
        taken = self._file.read(length) if self._left >= 0 else b""
        if len(taken) != length:
            raise self._damaged()
        return taken

    def _damaged(self) -> ModelFileRefused:
        return ModelFileRefused("a damaged or cut GGUF file", name=self._name)

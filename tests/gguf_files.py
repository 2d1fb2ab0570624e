"""Small GGUF files for tests: the head is real, the weights are missing."""

from __future__ import annotations

import struct

STRING, UINT32, ARRAY = 8, 4, 9
Value = int | str | list[str]


def gguf(values: dict[str, Value], *, version: int = 3, magic: bytes = b"GGUF") -> bytes:
    pairs = b"".join(_string(key) + _value(value) for key, value in values.items())
    return magic + struct.pack("<IQQ", version, 0, len(values)) + pairs


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Value) -> bytes:
    if isinstance(value, int):
        return struct.pack("<II", UINT32, value)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _string(value)
    items = b"".join(map(_string, value))
    return struct.pack("<IIQ", ARRAY, STRING, len(value)) + items


SOUND = gguf(
    {
        "general.architecture": "llama",
        "general.name": "Tiny \x1b[2J",
        "tokenizer.ggml.tokens": ["<s>", "a", "b"],
        "llama.context_length": 4096,
    }
)

"""Bytes written as text, in one form only: whoever changes a character changes the bytes.

Python's own readers take upper case, spaces and base64 whose last bits are lost; a verifier that
used them would call an altered field genuine.
"""

from __future__ import annotations

import base64
import binascii
import re

_HEX = re.compile(r"(?:[0-9a-f]{2})*\Z")


def parse_base64(text: str) -> bytes:
    """Return the bytes of canonical, padded base64 (RFC 4648, section 4); raise ValueError."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not base64") from error
    if base64.b64encode(decoded).decode("ascii") != text:
        raise ValueError("its base64 was changed")
    return decoded


def parse_hex(text: str, size_bytes: int | None = None) -> bytes:
    """Return the bytes of lower-case hex without a prefix; raise ValueError."""
    if not _HEX.match(text):
        raise ValueError("it is not lower-case hexadecimal")
    if size_bytes is not None and len(text) != 2 * size_bytes:
        raise ValueError("it has the wrong length")
    return bytes.fromhex(text)

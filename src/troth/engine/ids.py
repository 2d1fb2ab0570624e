"""Identifiers: ULIDs, which sort by the time they were made and say nothing else.

Source: https://github.com/ulid/spec (read November 2026).
"""

from __future__ import annotations

import secrets
import time

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def encode_ulid(milliseconds: int, randomness: bytes) -> str:
    """Write 48 bits of time and 80 bits of randomness as 26 Crockford base-32 characters."""
    if len(randomness) != 10 or not 0 <= milliseconds < 1 << 48:
        raise ValueError("a ULID holds 48 bits of milliseconds and 10 random bytes")
    number = milliseconds << 80 | int.from_bytes(randomness, "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def new_ulid() -> str:
    """Return a fresh ULID for now."""
    return encode_ulid(time.time_ns() // 1_000_000, secrets.token_bytes(10))

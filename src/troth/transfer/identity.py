"""Ids for chats and messages of other programs: the same source id gives the same id for ever.

An id is the first 128 bits of a SHA-256, written like a ULID (26 characters of Crockford's base
32); https://github.com/ulid/spec, read November 2026.
"""

from __future__ import annotations

import hashlib
import re

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_OWN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


def derived_id(*names: str) -> str:
    """Return the id that these names stand for; no two different lists share their encoding."""
    lines = "".join(f"{len(name)}:{name};" for name in names)
    number = int.from_bytes(hashlib.sha256(lines.encode("utf-8", "replace")).digest()[:16])
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def is_own_id(text: str) -> bool:
    """Whether `text` can be an id that this program gave."""
    return _OWN.fullmatch(text) is not None

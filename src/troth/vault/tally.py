"""A running sum over every row that can change, so that a page put back from an older copy shows.

Page MACs accept any page that was ever genuine. Here each row of the listed tables stands for the
number HMAC(rows key, table and values); `meta.row_sum` is their sum modulo 2^256 and changes in
the same transaction as the rows. `check` adds all rows up again: a row that is missing, doubled or
old leaves another sum. What a message's own hash or a blob's SHA-256 covers is not repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from troth.vault.kdf import mac
from troth.vault.sql import Connection, RowChange, Values

MODULUS = 1 << 256
SUM_BYTES = 32
_MESSAGE_ID, _MESSAGE_HASH = 0, -1


def encode_values(values: Values) -> bytes:
    """Return an encoding that no two different rows share: type letter, length, content."""
    pieces: list[bytes] = []
    for value in values:
        if isinstance(value, str):
            content = value.encode("utf-8")
            pieces.append(b"t%d:%b;" % (len(content), content))
        elif value is None:
            pieces.append(b"n;")
        elif isinstance(value, int):
            pieces.append(b"i%d;" % value)
        elif isinstance(value, float):
            pieces.append(b"f%b;" % value.hex().encode("ascii"))
        else:
            pieces.append(b"b%d:%b;" % (len(value), value))
    return b"".join(pieces)


def _whole(key: bytes, table: str, values: Values) -> int:
    return int.from_bytes(mac(key, encode_values((table, *values))))


def _by_hash(key: bytes, table: str, values: Values) -> int:
    row = (table, values[_MESSAGE_ID], values[_MESSAGE_HASH])
    return int.from_bytes(mac(key, encode_values(row)))


_WHOLE_TABLES = (
    "conversation",
    "folder",
    "tag",
    "verdict",
    "evidence",
    "blob",
    "draft",
    "state",
    "secret",
)
_RULES: dict[str, Callable[[bytes, str, Values], int]] = {
    "message": _by_hash,
    **dict.fromkeys(_WHOLE_TABLES, _whole),
}
COUNTED_TABLES = tuple(_RULES)


class Tally:
    """Follows the changes of one connection and keeps what they add to the sum."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self.change = 0
        self._rules = {table: partial(rule, key, table) for table, rule in _RULES.items()}
        connection.preupdate_hook(self._follow, id="tally")

    def _follow(self, update: RowChange) -> None:
        rule = self._rules.get(update.table_name)
        if rule is None or update.database_name != "main":
            return
        old, new = update.old, update.new
        if old is not None:
            self.change -= rule(old)
        if new is not None:
            self.change += rule(new)


def count_row(key: bytes, table: str, values: Values) -> int:
    """Return what one row adds to the sum."""
    return _RULES[table](key, table, values)

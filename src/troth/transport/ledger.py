"""The network ledger: every host that was contacted, when, why, how much, and what it could see.

It is kept in memory and is made of facts only: no path, no header, no byte of what was said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum


class Sight(StrEnum):
    """What a host could learn from being contacted."""

    ADDRESS = "address"
    """Your network address, and which host you wanted when it is a proxy or a relay."""
    PROMPT = "prompt"
    """What you wrote, but not where from."""
    BOTH = "both"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """All contacts with one host and port for one purpose since the start."""

    host: str
    port: int
    purpose: str
    """A slug of the caller's: `reply`, `models`, `evidence`, `probe`, ..."""
    sight: Sight
    is_encrypted: bool
    """Whether it was TLS: if not, everyone on the way could see as much as the host."""
    via: str
    """The proxy's host, or "" for a direct connection."""
    first_at: datetime
    last_at: datetime
    count: int = 0
    failures: int = 0
    """How many of `count` brought no whole answer."""
    bytes_out: int = 0
    """HTTP bytes (heads and bodies), without TLS and chunk framing."""
    bytes_in: int = 0


class LedgerLine:
    """One request while it runs; it writes itself into the ledger as it goes."""

    def __init__(self, ledger: Ledger, key: _Key) -> None:
        self._ledger = ledger
        self._key = key

    def sent(self, size: int) -> None:
        self._ledger.add(self._key, bytes_out=size)

    def received(self, size: int) -> None:
        self._ledger.add(self._key, bytes_in=size)

    def failed(self) -> None:
        self._ledger.add(self._key, failures=1)


_Key = tuple[str, int, str, Sight, bool, str]


class Ledger:
    """What left this machine since the program started."""

    def __init__(self) -> None:
        self._entries: dict[_Key, LedgerEntry] = {}

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """All entries, in the order of first contact."""
        return tuple(self._entries.values())

    def open(
        self,
        host: str,
        port: int,
        purpose: str,
        sight: Sight,
        *,
        is_encrypted: bool,
        via: str = "",
    ) -> LedgerLine:
        """Note that a contact begins, before a byte leaves."""
        key = (host, port, purpose, sight, is_encrypted, via)
        now = datetime.now(UTC)
        if key not in self._entries:
            self._entries[key] = LedgerEntry(
                host, port, purpose, sight, is_encrypted, via, now, now
            )
        self.add(key, count=1)
        return LedgerLine(self, key)

    def add(
        self, key: _Key, *, count: int = 0, failures: int = 0, bytes_out: int = 0, bytes_in: int = 0
    ) -> None:
        entry = self._entries[key]
        self._entries[key] = replace(
            entry,
            last_at=datetime.now(UTC),
            count=entry.count + count,
            failures=entry.failures + failures,
            bytes_out=entry.bytes_out + bytes_out,
            bytes_in=entry.bytes_in + bytes_in,
        )

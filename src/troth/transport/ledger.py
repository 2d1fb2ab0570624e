"""The network ledger: every host that was contacted, when, why, how much, and what it could see.

It is kept in memory and is made of facts only: no path, no header, no byte of what was said.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """0 where another program made the contact and only it knows."""
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


@dataclass(slots=True)
class _Tally:
    """What has been counted of one entry; cheap, for each chunk of each stream adds to it."""

    first_at: datetime
    last_at: datetime
    count: int = 0
    failures: int = 0
    bytes_out: int = 0
    bytes_in: int = 0

    def entry(self, key: _Key) -> LedgerEntry:
        """Return the entry as it stands now."""
        numbers = (self.count, self.failures, self.bytes_out, self.bytes_in)
        return LedgerEntry(*key, self.first_at, self.last_at, *numbers)


class LedgerLine:
    """One request while it runs; it writes itself into the ledger as it goes."""

    __slots__ = ("_tally",)

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally

    def sent(self, size: int) -> None:
        self._tally.bytes_out += size
        self._tally.last_at = datetime.now(UTC)

    def received(self, size: int) -> None:
        self._tally.bytes_in += size
        self._tally.last_at = datetime.now(UTC)

    def failed(self) -> None:
        self._tally.failures += 1
        self._tally.last_at = datetime.now(UTC)


_Key = tuple[str, int, str, Sight, bool, str]
"""The fields of an entry up to `via`, in their order."""


class Ledger:
    """What left this machine since the program started."""

    def __init__(self) -> None:
        self._tallies: dict[_Key, _Tally] = {}

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """All entries, in the order of first contact."""
        return tuple(tally.entry(key) for key, tally in self._tallies.items())

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
        tally = self._tallies.setdefault(key, _Tally(now, now))
        tally.count += 1
        tally.last_at = now
        return LedgerLine(tally)

"""Whether the clock of this computer may decide that something is deleted for good.

A clock that stands far ahead (a wrong year, a test, an empty battery) would empty the trash and
every folder that keeps its chats for a time. So a leap is believed only once it has lasted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from troth.domain.error import VaultDamaged

LEAP = timedelta(days=7)
"""From one look to the next a clock that goes right moves less, where the vault is in use."""
PROVEN_AFTER = timedelta(days=1)
"""A leap is believed when the clock has gone on evenly for so long: whoever was away waits it."""
EVENLY = timedelta(days=31)
"""From one look to the next after a leap. With a week, a vault that is opened every fortnight would
take each of its days for a new leap, and its trash would never be emptied."""


@dataclass(frozen=True, slots=True)
class ClockWatch:
    """What is known of the clock: the newest time that was believed, and a leap from there."""

    believed: datetime
    leapt_to: datetime | None = None
    """Where the clock stood when the leap was first seen; None without one."""
    seen: datetime | None = None
    """Where it stood at the last look since."""

    def look(self, now: datetime) -> ClockWatch:
        """Return what is known after another look at the clock. It may have been put back."""
        if now - self.believed <= LEAP:
            return ClockWatch(now)
        if self.leapt_to is None or self.seen is None or not self.seen <= now <= self.seen + EVENLY:
            return ClockWatch(self.believed, now, now)
        if now - self.leapt_to >= PROVEN_AFTER:
            return ClockWatch(now)
        return ClockWatch(self.believed, self.leapt_to, now)

    @property
    def leap(self) -> timedelta | None:
        """How far the clock has leapt ahead, while that is not believed."""
        return None if self.seen is None else self.seen - self.believed

    def encoded(self) -> str:
        moments = (self.believed, self.leapt_to, self.seen)
        return json.dumps([moment and moment.isoformat() for moment in moments])

    @classmethod
    def parse(cls, text: str) -> ClockWatch:
        """Read what `encoded` wrote. Raises VaultDamaged."""
        try:
            believed, *leap = cast("list[str | None]", json.loads(text))
            leapt_to, seen = (None if at is None else datetime.fromisoformat(at) for at in leap)
            return cls(datetime.fromisoformat(str(believed)), leapt_to, seen)
        except (ValueError, TypeError) as error:
            raise VaultDamaged(detail="what the vault knows of the clock is damaged") from error

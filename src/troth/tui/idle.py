"""Whether nobody is there: no key and no mouse for a while, or the computer slept in between."""

from __future__ import annotations

import time
from collections.abc import Callable

SLEPT_S = 20.0
"""The clocks drift apart by less than this while a computer is awake and set by the network."""


def _clock_with_sleep() -> float:
    """Return seconds that go on while the computer sleeps; the wall clock where there are none."""
    boot: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    return time.time() if boot is None else time.clock_gettime(boot)


class Idle:
    """Follows when somebody last did something. Reads two clocks, and no others."""

    def __init__(
        self,
        awake: Callable[[], float] = time.monotonic,
        through_sleep: Callable[[], float] = _clock_with_sleep,
    ) -> None:
        self._awake = awake
        self._through_sleep = through_sleep
        self._active_at = awake()
        self._apart = through_sleep() - awake()

    def touch(self) -> None:
        """Somebody pressed a key or moved the mouse."""
        self._active_at = self._awake()

    def seconds(self) -> float:
        """Return how long nobody has done anything, sleep not counted."""
        return self._awake() - self._active_at

    def is_over(self, minutes: int) -> bool:
        """Whether it is time to lock; 0 minutes is never.

        A sleep is told once: what was locked for it may stay open after the next unlock.
        """
        apart = self._through_sleep() - self._awake()
        has_slept, self._apart = apart - self._apart > SLEPT_S, apart
        return minutes > 0 and (has_slept or self.seconds() > minutes * 60)

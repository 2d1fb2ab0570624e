"""Asking one provider no faster than it allows, whoever asks: chats, columns, batch rows.

A refusal for too many requests holds back everybody who asks the same provider, and spaces them
out afterwards: eight columns that come back at the same moment would be refused again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from troth.domain.event import Notice
from troth.engine.reply import Reply

_SHORTEST_GAP_S = 0.02
"""Below this nobody is held back any more."""


@dataclass(slots=True)
class _Lane:
    next_at: float
    gap_s: float


class Pace:
    """When the next request may go to each provider. One for an engine."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def hold(self, provider: str, delay_s: float) -> None:
        """Take in that the provider asked to wait: nobody asks before, and then one by one."""
        now = asyncio.get_running_loop().time()
        lane = self._lanes.setdefault(provider, _Lane(now, 0.0))
        lane.next_at = max(lane.next_at, now + delay_s)
        lane.gap_s = max(lane.gap_s, delay_s, _SHORTEST_GAP_S)

    def ease(self, provider: str) -> None:
        """Take in that a request was answered: those who come later may come closer."""
        lane = self._lanes.get(provider)
        if lane is not None:
            lane.gap_s /= 2
            if lane.gap_s < _SHORTEST_GAP_S:
                del self._lanes[provider]

    async def wait(self, provider: str, reply: Reply) -> None:
        """Wait for a turn at the provider; who follows the reply is told for how long."""
        lane = self._lanes.get(provider)
        if lane is None:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, lane.next_at)
        lane.next_at = at + lane.gap_s
        if at > now:
            reply.publish([Notice("paced", f"{at - now:.1f}")])
            await asyncio.sleep(at - now)

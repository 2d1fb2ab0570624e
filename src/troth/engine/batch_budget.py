"""How much a batch has spent and may still spend. Estimates, kept on the careful side."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from troth.domain.error import UsageError
from troth.domain.model import ModelInfo
from troth.domain.usage import Usage
from troth.engine.batch_row import Task
from troth.engine.tokens import estimate_cost, estimate_text

_LIKELY_OUTPUT = 500
"""Tokens of a reply before any has been seen, where nothing says how long it may get."""


class Reserve(NamedTuple):
    """What is set aside for one reply."""

    model: str
    usd: float
    tokens: int | None
    """The most that it may write: its cap, else the model's limit; None where neither is known."""


class Budget:
    """Spent and promised dollars. What is under way is counted before it has come."""

    def __init__(self, limit_usd: float | None, infos: dict[str, ModelInfo]) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self._open: list[Reserve] = []
        self._settled = asyncio.Event()
        self._infos = infos
        self._seen: dict[str, tuple[int, float]] = {}
        """Replies so far and what they cost, by model."""
        if limit_usd is not None:
            unknown = [name for name, info in infos.items() if not _has_price(info)]
            if unknown:
                raise UsageError(
                    f"no price is known for {', '.join(unknown)}, so --max-cost cannot be kept; "
                    "write price_input and price_output for it into config.toml"
                )

    async def promise(self, task: Task) -> Reserve | None:
        """Set aside what a task may cost; None when that might go beyond the limit.

        While others are under way it waits for what they leave over: few replies are as long as
        they may get.
        """
        while not self._has_room_for(reserve := self.reserve(task)):
            if not self._open:
                return None
            self._settled.clear()
            await self._settled.wait()
        self._open.append(reserve)
        return reserve

    def settle(self, reserve: Reserve, cost_usd: float | None) -> None:
        """Put what a task did cost in the place of what was set aside."""
        self._open.remove(reserve)
        self._settled.set()
        if cost_usd is not None:
            self.spent_usd += cost_usd
            count, total = self._seen.get(reserve.model, (0, 0.0))
            self._seen[reserve.model] = (count + 1, total + cost_usd)

    def reserve(self, task: Task) -> Reserve:
        """Return what a task may cost at most; where nothing limits it, what is likely."""
        name = str(task.spec.model)
        info = self._infos[name]
        caps = (task.spec.params.max_output_tokens, info.max_output_tokens)
        tokens = min((cap for cap in caps if cap is not None), default=None)
        count, total = self._seen.get(name, (0, 0.0))
        average = total / count if count else 0.0
        read = estimate_text(task.system) + sum(estimate_text(t) for _, t in task.prompt.messages)
        usage = Usage(input=read, output=_LIKELY_OUTPUT if tokens is None else tokens)
        guess = estimate_cost(info, usage) or 0.0
        if tokens is None and count:
            guess /= 10  # what was seen says more
        return Reserve(name, max(average, guess), tokens)

    def _has_room_for(self, reserve: Reserve) -> bool:
        if self.limit_usd is None:
            return True
        promised = sum(other.usd for other in self._open)
        return self.spent_usd + promised + reserve.usd <= self.limit_usd


def _has_price(info: ModelInfo) -> bool:
    return info.is_local or (info.price_input is not None and info.price_output is not None)

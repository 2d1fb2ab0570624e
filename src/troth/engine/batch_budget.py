"""How much a batch has spent and may still spend. Estimates, kept on the careful side."""

from __future__ import annotations

from troth.domain.error import UsageError
from troth.domain.model import ModelInfo
from troth.domain.usage import Usage
from troth.engine.batch_row import Task
from troth.engine.tokens import estimate_cost, estimate_text

_LIKELY_OUTPUT = 500
"""Tokens of a reply before any has been seen."""


class Budget:
    """Spent and promised dollars. What is under way is counted before it has come."""

    def __init__(self, limit_usd: float | None, infos: dict[str, ModelInfo]) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self._promised_usd = 0.0
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

    def promise(self, task: Task) -> float | None:
        """Set aside what a task will likely cost; None when it might go beyond the limit."""
        likely = self._likely(task)
        if (
            self.limit_usd is not None
            and self.spent_usd + self._promised_usd + likely > self.limit_usd
        ):
            return None
        self._promised_usd += likely
        return likely

    def settle(self, task: Task, promised_usd: float, cost_usd: float | None) -> None:
        """Put what a task did cost in the place of what was set aside."""
        self._promised_usd -= promised_usd
        if cost_usd is not None:
            self.spent_usd += cost_usd
            name = str(task.spec.model)
            count, total = self._seen.get(name, (0, 0.0))
            self._seen[name] = (count + 1, total + cost_usd)

    def _likely(self, task: Task) -> float:
        name = str(task.spec.model)
        count, total = self._seen.get(name, (0, 0.0))
        read = estimate_text(task.system) + sum(estimate_text(t) for _, t in task.prompt.messages)
        written = task.spec.params.max_output_tokens or _LIKELY_OUTPUT
        guess = estimate_cost(self._infos[name], Usage(input=read, output=written)) or 0.0
        return max(total / count, guess / 10) if count else guess


def _has_price(info: ModelInfo) -> bool:
    return info.is_local or (info.price_input is not None and info.price_output is not None)

"""What a results file says, model by model, with intervals. One pass; numbers alone are kept.

Medians carry the distribution-free interval of order statistics (ranks n/2 -+ 1.96 sqrt(n)/2;
Conover, Practical Nonparametric Statistics, 3rd ed., 3.2), rates the Wilson interval. Both 95 %.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from troth.domain.model import Json
from troth.engine.batch_files import read_rows
from troth.engine.batch_row import UNSURE

_Z = 1.959964
MEASURES = ("first_token_ms", "total_ms", "tokens_per_s", "output_tokens", "cost_usd")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model, with the parameters that were set for it (seeds apart)."""

    name: str
    replies: int
    whole: int
    """Replies that ended as the model meant them to."""
    failed: int
    unsure: int
    """Interrupted, stopped or cut."""
    empty: int
    """Whole replies without a word."""
    whole_rate: Estimate
    medians: dict[str, Estimate]
    """By the names of MEASURES, where anything is known."""
    quantiles: dict[str, tuple[float, float, float, float, float]]
    """5, 25, 50, 75 and 95 %, for plots."""
    input_tokens: int
    output_tokens: int
    cost_usd: float
    unknown_costs: int
    verdicts: dict[str, int]
    finishes: dict[str, int]

    @property
    def cost_words(self) -> str:
        """The cost as far as it is known: a model without a price is not free."""
        if not self.unknown_costs:
            return f"${self.cost_usd:.4f}"
        return f"${self.cost_usd:.4f}+?" if self.cost_usd else "unknown"


@dataclass(slots=True)
class _Gathered:
    values: dict[str, array[float]] = field(
        default_factory=lambda: {name: array("d") for name in MEASURES}
    )
    verdicts: Counter[str] = field(default_factory=Counter[str])
    finishes: Counter[str] = field(default_factory=Counter[str])
    sums: Counter[str] = field(default_factory=Counter[str])
    replies: int = 0
    empty: int = 0
    cost_usd: float = 0.0
    unknown_costs: int = 0


def summarize_results(results: Path) -> tuple[ModelSummary, ...]:
    """Read a results file and sum it up, models by name. Lines that are no rows are passed over."""
    gathered: defaultdict[str, _Gathered] = defaultdict(_Gathered)
    for _, row in read_rows(results):
        if row is not None:
            _add(gathered[name_of(row)], row)
    return tuple(_summary(name, gathered[name]) for name in sorted(gathered))


def name_of(row: dict[str, Json]) -> str:
    """Return the model of a row with its parameters; seeds differ by repetition and stay out."""
    params = cast("dict[str, Json]", row.get("params") or {})
    settings = [f"{name}={value}" for name, value in sorted(params.items()) if name != "seed"]
    return " ".join([str(row.get("model")), *settings])


def _add(gathered: _Gathered, row: dict[str, Json]) -> None:
    gathered.replies += 1
    finish = str(row.get("finish"))
    gathered.finishes[finish] += 1
    if verdict := row.get("verdict"):
        gathered.verdicts[str(verdict)] += 1
    cost = row.get("cost_usd")
    if isinstance(cost, int | float):
        gathered.cost_usd += cost
    elif finish != "failed":
        gathered.unknown_costs += 1
    for name in ("input_tokens", "output_tokens"):
        if isinstance(count := row.get(name), int):
            gathered.sums[name] += count
    if finish == "failed" or finish in UNSURE:
        return
    gathered.empty += not str(row.get("text") or "").strip()
    for name in MEASURES:
        if isinstance(value := row.get(name), int | float):
            gathered.values[name].append(value)


def _summary(name: str, gathered: _Gathered) -> ModelSummary:
    failed = gathered.finishes["failed"]
    unsure = sum(gathered.finishes[finish] for finish in UNSURE)
    whole = gathered.replies - failed - unsure
    measured = {name: sorted(values) for name, values in gathered.values.items() if values}
    return ModelSummary(
        name=name,
        replies=gathered.replies,
        whole=whole,
        failed=failed,
        unsure=unsure,
        empty=gathered.empty,
        whole_rate=wilson(whole, gathered.replies),
        medians={measure: median_of(ordered) for measure, ordered in measured.items()},
        quantiles={
            measure: cast(
                "tuple[float, float, float, float, float]",
                tuple(quantile(ordered, share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)),
            )
            for measure, ordered in measured.items()
        },
        input_tokens=gathered.sums["input_tokens"],
        output_tokens=gathered.sums["output_tokens"],
        cost_usd=gathered.cost_usd,
        unknown_costs=gathered.unknown_costs,
        verdicts=dict(gathered.verdicts.most_common()),
        finishes=dict(gathered.finishes.most_common()),
    )


def wilson(hits: int, count: int) -> Estimate:
    """Return a rate with its Wilson score interval."""
    if count == 0:
        return Estimate(0.0, 0.0, 1.0)
    rate = hits / count
    scale = 1 + _Z**2 / count
    middle = (rate + _Z**2 / (2 * count)) / scale
    half = _Z / scale * math.sqrt(rate * (1 - rate) / count + _Z**2 / (4 * count**2))
    return Estimate(rate, max(0.0, middle - half), min(1.0, middle + half))


def median_of(ordered: Sequence[float]) -> Estimate:
    """Return the median of sorted values; below six values the interval is all of them."""
    count = len(ordered)
    half = _Z * math.sqrt(count) / 2
    low = max(0, math.floor(count / 2 - half))
    high = min(count - 1, math.ceil(count / 2 + half))
    return Estimate(quantile(ordered, 0.5), ordered[low], ordered[high])


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values, linear between neighbours."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def summary_json(summaries: Iterable[ModelSummary]) -> list[Json]:
    """Return summaries as JSON: numbers, with intervals as [value, low, high]."""
    return [
        {
            "model": one.name,
            "replies": one.replies,
            "whole": one.whole,
            "failed": one.failed,
            "unsure": one.unsure,
            "empty": one.empty,
            "whole_rate": _triple(one.whole_rate),
            **{f"median_{name}": _triple(found) for name, found in one.medians.items()},
            "input_tokens": one.input_tokens,
            "output_tokens": one.output_tokens,
            "cost_usd": round(one.cost_usd, 8),
            "unknown_costs": one.unknown_costs,
            "verdicts": {**one.verdicts},
            "finishes": {**one.finishes},
        }
        for one in summaries
    ]


def _triple(estimate: Estimate) -> list[Json]:
    return [round(estimate.value, 6), round(estimate.low, 6), round(estimate.high, 6)]

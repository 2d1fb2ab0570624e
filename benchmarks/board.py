"""Numbers by name, their bars, and what is said of each."""

from __future__ import annotations

import statistics
from collections.abc import Iterator


class Board:
    """Medians over the runs; as many bars to a number as it has."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.bars: dict[str, dict[str, float]] = {}
        """Name -> what it is measured by ("" for the number itself) -> limit."""

    def note(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def bar(self, name: str, limit: float, *, of: str = "") -> None:
        """Say that `name` must not exceed `limit`, or `limit` times the number called `of`."""
        self.bars.setdefault(name, {})[of] = limit

    def median(self, name: str) -> float:
        return statistics.median(self.values[name])

    def judgements(self, name: str) -> Iterator[tuple[str, bool | None]]:
        """Yield each bar of a number in words, and whether it is met; None: it cannot be told."""
        if name not in self.values:
            yield "it was not measured", None
            return
        value = self.median(name)
        for of, limit in self.bars.get(name, {}).items():
            if not of:
                yield f"bar {limit:g}", value <= limit
            elif of in self.values:
                ratio = value / self.median(of)
                yield f"{ratio:.2f}x of {of}, bar {limit:g}x", ratio <= limit
            else:
                yield f"bar {limit:g}x of {of}, which was not measured", None

    def print(self) -> None:
        """Print every number with its bars: ok, OVER, or ???? for one that cannot be told."""
        names = [*self.values, *(name for name in self.bars if name not in self.values)]
        width = max(map(len, names), default=0)
        for name in names:
            value = f"{self.median(name):10.2f}" if name in self.values else " " * 10
            words = [
                f"{'????' if is_met is None else 'ok  ' if is_met else 'OVER'} {told}"
                for told, is_met in self.judgements(name)
            ]
            print(f"{name:<{width}}  {value}   {'; '.join(words)}".rstrip())

    def is_met(self) -> bool:
        """Whether every bar that could be told is met."""
        return all(is_met is not False for name in self.bars for _, is_met in self.judgements(name))

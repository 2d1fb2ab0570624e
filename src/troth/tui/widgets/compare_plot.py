"""Plots out of block characters: a sparkline and bars, for any terminal. Pure.

Drawn by hand: a plotting package would weigh more than the whole comparison for two bars.
"""

from __future__ import annotations

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
_PARTS = " ▏▎▍▌▋▊▉█"
UNKNOWN = "·"


def sparkline(values: Sequence[float | None]) -> str:
    """Return one cell a value, from the lowest to the highest level; `·` where none is known."""
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN * len(values)
    top = max(known)
    cells: list[str] = []
    for value in values:
        if value is None:
            cells.append(UNKNOWN)
        else:
            level = round(value / top * (len(_LEVELS) - 1)) if top > 0 else 0
            cells.append(_LEVELS[max(0, level)])
    return "".join(cells)


def bar(value: float | None, top: float, width: int) -> str:
    """Return a bar of `width` cells at most, to an eighth of a cell; never empty for a value."""
    if value is None:
        return UNKNOWN
    if top <= 0 or value <= 0 or width <= 0:
        return ""
    eighths = max(1, round(min(1.0, value / top) * width * 8))
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_PARTS[part] if part else "")

"""Take what is needed out of JSON that somebody else wrote: a wrong type is as good as absent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
"""A clock may be a little fast; a chat from the year 2099 would stand on top for ever."""
_MILLISECONDS_FROM = 1e11
"""Numbers from here on are milliseconds since 1970: as seconds they would mean the year 5138."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NANOSECONDS = re.compile(r"(\.\d{6})\d+")
MAX_NAME = 200
MAX_LINE = 2_000


def mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, list) else ()


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def words(value: object) -> str:
    """Return text without NULs, which no text has; other controls are the screen's to handle."""
    return value.replace("\x00", "") if isinstance(value, str) else ""


def name(value: object) -> str:
    """Return a title or a model's name: one line, no controls, not endless."""
    line = " ".join(_CONTROLS.sub(" ", text(value)).split())
    return line if len(line) <= MAX_NAME else f"{line[: MAX_NAME - 1]}…"


def line(value: object) -> str:
    """Return text of our own that has one line, as it was typed, but for controls."""
    return _CONTROLS.sub(" ", text(value)[:MAX_LINE])


def whole(value: object) -> int | None:
    """Return a count; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 1 << 53 else None


def moment(value: object, now: datetime) -> datetime | None:
    """Read seconds or milliseconds since 1970, or ISO 8601 (UTC where it names no zone).

    None for what cannot be: before 2000, in the future, or no date at all.
    """
    try:
        found = _moment(value)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found is not None and _EARLIEST <= found <= now + _AHEAD else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
        return datetime.fromtimestamp(seconds, UTC)
    if not isinstance(value, str) or not value:
        return None
    found = datetime.fromisoformat(_NANOSECONDS.sub(r"\1", value.strip()))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

"""Read providers' JSON with no trust in it, and write ours the same way each time.

Readers return None for what is absent or of another type: a wire may add, drop and retype fields
at any time, and one odd field must not cost the reply.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import cast

from troth.domain.error import ReplyMalformed
from troth.domain.model import Json

Object = dict[str, Json]

_SURROGATE = re.compile("[\ud800-\udfff]")
_NOTHING: Object = {}
_EMPTY: list[Json] = []


def parse_json(text: str | bytes) -> Json:
    """Parse one JSON text; raise ReplyMalformed where it is none (also when nested too deep).

    What comes back can be written again: a number past a double's range (1e999) stays the text
    that it was, and NaN and Infinity, which JSON does not have, become null.
    """
    try:
        return cast(Json, json.loads(text, parse_float=_in_range, parse_constant=_nothing))
    except (ValueError, RecursionError) as error:
        raise ReplyMalformed("the reply is not the JSON that it should be", code="json") from error


def _in_range(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _nothing(name: str) -> None:
    del name


def as_object(value: Json) -> Object:
    """Return the object, or an empty one that must not be written to."""
    return value if isinstance(value, dict) else _NOTHING


def as_list(value: Json) -> list[Json]:
    """Return the list, or an empty one that must not be written to."""
    return value if isinstance(value, list) else _EMPTY


def as_text(value: Json) -> str:
    """Return the string, or "" for anything else."""
    return value if isinstance(value, str) else ""


def as_count(value: Json) -> int | None:
    """Return a whole number >= 0; numbers in strings and whole floats count, booleans do not."""
    number = as_number(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def as_number(value: Json) -> float | None:
    """Return a finite number, also where it came as a string."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def dump_json(value: Mapping[str, object] | Sequence[object]) -> bytes:
    """Write compact UTF-8 JSON; the same value, in the same order, gives the same bytes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return mend_surrogates(text).encode("utf-8")


def mend_surrogates(text: str) -> str:
    """Join surrogate pairs and turn lone halves into U+FFFD: the result is always valid UTF-8."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class SurrogateJoiner:
    """Mends text that comes in pieces: some servers cut an emoji between two JSON strings."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what is whole; a high half at the end waits for its low half."""
        if self._held:
            text, self._held = self._held + text, ""
        elif text.isascii():
            return text
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return mend_surrogates(text)

    def close(self) -> str:
        """Return U+FFFD where a half was left waiting."""
        held, self._held = self._held, ""
        return "\ufffd" if held else ""

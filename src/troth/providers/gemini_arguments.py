"""Put a streamed function call of Gemini (Vertex) together: values that come by JSON path.

Source: `FunctionCall.partialArgs` and `PartialArg` of the SDK `google-genai` 3.4, read November
2026; paths are RFC 9535 in its plainest form: names and indexes, `$.a.b[0]['c']`.
"""

from __future__ import annotations

import re

from troth.domain.model import Json
from troth.providers.wirejson import Object, as_list, as_object, as_text

_STEP = re.compile(
    r"\.([^.\[\]]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]"
)
_LIMIT = 4096
"""Longest list that a path may ask for: an index is a stranger's number."""


class StreamedCall:
    """One call while its arguments arrive."""

    def __init__(self, part: Object, call: Object) -> None:
        self._part = part
        self._call = call
        self._arguments: Object = dict(as_object(call.get("args")))

    def extend(self, pieces: list[Json]) -> None:
        """Take values; a string for a path that already holds one goes on with it."""
        for piece in map(as_object, pieces):
            steps = _steps(as_text(piece.get("jsonPath")))
            if steps:
                _put(self._arguments, steps, _value(piece))

    def whole(self) -> tuple[Object, Object]:
        """Return the part and the call in it, as they would have come in one piece."""
        streaming = {"willContinue", "partialArgs"}
        call = {key: value for key, value in self._call.items() if key not in streaming}
        call["args"] = self._arguments
        return {**self._part, "functionCall": call}, call


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    position = 1 if path.startswith("$") else 0
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            return []
        name, index, single, double = found.groups()
        quoted = single if single is not None else double
        if index is not None:
            steps.append(int(index))
        else:
            steps.append(name if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = found.end()
    return steps


def _value(piece: Object) -> Json:
    for key in ("stringValue", "numberValue", "boolValue"):
        if key in piece:
            return piece[key]
    return None


def _put(target: Object, steps: list[str | int], value: Json) -> None:
    """Write `value` where the steps lead, making objects and lists on the way."""
    place: Json = target
    for number, step in enumerate(steps):
        follows = steps[number + 1 : number + 2]
        inner: Json = [] if follows and isinstance(follows[0], int) else {}
        there: Json
        if isinstance(place, list) and isinstance(step, int) and step < _LIMIT:
            row = as_list(place)
            row.extend([None] * (step + 1 - len(row)))
            there = (row[step] or inner) if follows else _joined(row[step], value)
            row[step] = there
        elif isinstance(place, dict) and isinstance(step, str):
            there = (place.get(step) or inner) if follows else _joined(place.get(step), value)
            place[step] = there
        else:
            return  # the path contradicts an earlier one, or asks for too much
        place = there


def _joined(before: Json, value: Json) -> Json:
    return before + value if isinstance(before, str) and isinstance(value, str) else value

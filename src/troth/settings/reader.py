"""Take values out of a parsed TOML table, one key at a time, and note what is wrong with each.

A value that does not fit is left at its default and reported; keys that nobody asked for are
reported with the nearest one that exists. Values never appear in a report: they may be secrets
that a user put into the wrong place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from troth.domain.error import ConfigError
from troth.domain.model import Json
from troth.domain.nearest import nearest

T = TypeVar("T")

Check = Callable[[T], str]
"""Return what a value must be, or "" when it is fine."""


@dataclass(slots=True)
class SourceFile:
    """One file of the user's and the problems found in it so far."""

    name: str
    text: str
    problems: list[ConfigError] = field(default_factory=list[ConfigError])

    def report(self, path: tuple[str, ...], detail: str, *, line: int | None = None) -> ConfigError:
        """Note a problem at `path` and return it."""
        if line is None:
            from troth.settings.recovery import line_of

            line = line_of(self.text, path)
        problem = ConfigError(self.name, detail, line=line, key=".".join(path))
        self.problems.append(problem)
        return problem


class TableReader:
    """One table. Ask for each key once, then call `finish` to report what nobody asked for."""

    def __init__(self, source: SourceFile, table: object, path: tuple[str, ...] = ()) -> None:
        self.source = source
        self.path = path
        self.known: list[str] = []
        self._table: dict[str, object] = {}
        if isinstance(table, dict):
            self._table = cast("dict[str, object]", table)
        elif table is not None:
            source.report(path, "must be a table")

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def reject(self, key: str, detail: str) -> None:
        """Report `key` of this table."""
        self.source.report((*self.path, key), detail)

    def text(self, key: str, default: str, check: Check[str] | None = None) -> str:
        return self._typed(key, default, str, "must be text in quotes", check)

    def flag(self, key: str, default: bool) -> bool:
        return self._typed(key, default, bool, "must be true or false", None)

    def maybe_flag(self, key: str) -> bool | None:
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return value
        self.reject(key, "must be true or false")
        return None

    def whole(self, key: str, default: T, low: int, high: int) -> int | T:
        """An integer in `low`..`high`; `default` when absent or wrong."""
        expected = f"must be a whole number from {low} to {high}"
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.reject(key, expected)
            return default
        return value

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number in `low`..`high`; None when absent or wrong. NaN fits no bounds."""
        value = self._take(key)
        if value is None:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            self.reject(key, f"must be a number from {low:g} to {high:g}")
            return None
        return float(value)

    def texts(self, key: str, check: Check[str] | None = None) -> tuple[str, ...]:
        """A list of texts, or one text alone."""
        value = self._take(key)
        if value is None:
            return ()
        items: Sequence[object] = (
            cast("list[object]", value) if isinstance(value, list) else [value]
        )
        words = tuple(item for item in items if isinstance(item, str))
        if len(words) != len(items):
            self.reject(key, "must be text in quotes, or a list of such")
            return ()
        for word in words:
            if check and (detail := check(word)):
                self.reject(key, detail)
                return ()
        return words

    def json(self, key: str) -> dict[str, Json]:
        """A table whose values are handed on as they are, dates excepted."""
        value = self._take(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not _is_json(cast("object", value)):
            self.reject(key, "must be a table of texts, numbers, lists and true or false")
            return {}
        return cast("dict[str, Json]", value)

    def is_table(self, key: str) -> bool:
        return isinstance(self._table.get(key), dict)

    def table(self, key: str) -> TableReader:
        """The table `key`; an empty one when it is absent or none."""
        return TableReader(self.source, self._take(key), (*self.path, key))

    def tables(self, key: str) -> Iterator[tuple[str, TableReader]]:
        """The tables inside the table `key`, with their names."""
        outer = self.table(key)
        for name in outer.entries():
            value = outer._take(name)
            if isinstance(value, dict):
                yield name, TableReader(self.source, cast("object", value), (*outer.path, name))
            else:
                outer.reject(name, "must be a table")

    def entries(self) -> Iterator[str]:
        """All keys of this table, as the file orders them."""
        yield from tuple(self._table)

    def finish(self) -> None:
        """Report each key that was never asked for."""
        for key in self._table:
            if key not in self.known:
                near = nearest(key, self.known, most=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self.reject(key, f"is not a setting{hint}")

    def _take(self, key: str) -> object:
        self.known.append(key)
        return self._table.get(key)

    def _typed(
        self, key: str, default: T, kind: type[T], expected: str, check: Check[T] | None
    ) -> T:
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, kind):
            self.reject(key, expected)
            return default
        if check and (detail := check(value)):
            self.reject(key, detail)
            return default
        return value


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, cast("dict[str, object]", value).values()))
    if isinstance(value, list):
        return all(map(_is_json, cast("list[object]", value)))
    return isinstance(value, str | int | float | bool)

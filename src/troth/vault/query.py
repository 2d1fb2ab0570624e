"""What a search line asks for: words, phrases, prefixes, words to leave out, and facets.

wolf* "old rope" -sheep is:verified model:opus provider:anthropic from:me
before:2026-11 after:2026-01-31 in:recipes has:image
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from troth.domain.error import UsageError
from troth.domain.verdict import State
from troth.vault.cjk import pairs, split_runs
from troth.vault.rows import Flag, to_microseconds

Bound = str | int
MIN_OPEN_PREFIX = 2
"""The word under the cursor is taken as a beginning from this many letters on."""

_TOKEN = re.compile(r'(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))', re.IGNORECASE)
_HAS = {
    "image": Flag.IMAGE,
    "file": Flag.FILE,
    "code": Flag.CODE,
    "thinking": Flag.THINKING,
    "tool": Flag.TOOL,
    "source": Flag.SOURCE,
}
_IS_FLAGS = {"imported": Flag.IMPORTED, "partial": Flag.PARTIAL, "error": Flag.FAILED}
_IS_CHAT = {
    "pinned": "c.is_pinned",
    "archived": "c.is_archived",
    "comparison": "EXISTS (SELECT 1 FROM state s WHERE s.name = 'comparison:' || c.ulid)",
}
_IS_JUDGED = {
    "verified": tuple(state for state in State if state.startswith("verified-")),
    "failed": (State.FAILED, State.UNSIGNED_EXPECTED),
    "unsigned": (State.TLS_ONLY, State.UNSIGNED_EXPECTED),
    "local": (State.LOCAL,),
    "incomplete": (State.INCOMPLETE,),
}
_UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase to look for."""

    text: str
    is_prefix: bool = False


class Facet(NamedTuple):
    """What `name:value` asks of a message: a condition over m, c and v."""

    condition: str
    bindings: tuple[Bound, ...] = ()
    source: str = ""
    """A statement for the ids of all that fit, with the same bindings, where an index has them."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search line: an FTS5 expression and SQL conditions over m, c and v."""

    terms: tuple[Term, ...]
    excluded: tuple[Term, ...]
    facets: tuple[Facet, ...]

    @property
    def conditions(self) -> tuple[str, ...]:
        return tuple(facet.condition for facet in self.facets)

    @property
    def bindings(self) -> tuple[Bound, ...]:
        return tuple(bound for facet in self.facets for bound in facet.bindings)

    @property
    def is_empty(self) -> bool:
        return not self.terms and not self.facets

    def match(self) -> str:
        """Return the FTS5 expression; "" when no words are asked for."""
        wanted = " AND ".join(_expression(term) for term in self.terms)
        for term in self.excluded if wanted else ():
            wanted = f"({wanted}) NOT {_expression(term)}"
        return wanted


def parse_query(text: str) -> Query:
    """Read a search line. Raises UsageError for a facet whose value makes no sense."""
    terms: list[Term] = []
    excluded: list[Term] = []
    facets: list[Facet] = []
    for found in _TOKEN.finditer(text):
        minus, name, quoted, bare = found.groups()
        value = bare if quoted is None else quoted
        make = _FACETS.get(name.lower()) if name else None
        if make is not None and value:
            facet = make(value.lower())
            if minus:
                facet = Facet(f"NOT ifnull({facet.condition}, 0)", facet.bindings)
            facets.append(facet)
            continue
        if value.endswith(":") and value[:-1].lower() in _FACETS:
            continue  # a facet whose value is still to be typed
        words = f"{name}:{value}" if name else value
        is_typed = quoted is None and found.end() == len(text)
        term = _term(words, is_open=is_typed and not minus, is_quoted=quoted is not None)
        if term is not None:
            (excluded if minus else terms).append(term)
    return Query(tuple(terms), tuple(excluded), tuple(facets))


def _term(words: str, *, is_open: bool, is_quoted: bool) -> Term | None:
    is_prefix = not is_quoted and words.endswith("*")
    words = words.rstrip("*") if is_prefix else words
    if not any(letter.isalnum() or _is_run(letter) for letter in words):
        return None
    return Term(words, is_prefix or (is_open and len(words) >= MIN_OPEN_PREFIX))


def _is_run(letter: str) -> bool:
    return split_runs(letter)[0][1]


def _expression(term: Term) -> str:
    """Return one FTS5 phrase, unspaced runs as their pairs; quotes are the only escape needed."""
    pieces = split_runs(term.text)
    words: list[str] = []
    is_prefix = term.is_prefix
    for place, (piece, is_run) in enumerate(pieces):
        is_last = place == len(pieces) - 1
        if is_run:
            cut = pairs(piece, is_open=is_last)
            is_prefix = is_last and (term.is_prefix or len(cut[-1]) == len("zx00000"))
            words += cut
        else:
            words.append(piece.replace('"', " "))
            is_prefix = is_last and term.is_prefix
    return f'"{" ".join(words)}"' + ("*" if is_prefix else "")


def _is(value: str) -> Facet:
    if value in _IS_JUDGED:
        states = ", ".join(f"'{state}'" for state in _IS_JUDGED[value])
        return Facet(
            f"(v.state IN ({states}))",
            source=f"SELECT message_id FROM verdict WHERE is_newest AND state IN ({states})",  # noqa: S608 - our own words
        )
    if value == _UNCHECKED:
        return Facet("(v.state IS NULL)")
    if value in _IS_FLAGS:
        return Facet("(m.flags & ?) != 0", (_IS_FLAGS[value],))
    if value in _IS_CHAT:
        return _of_chat(_IS_CHAT[value])
    legal = sorted((*_IS_JUDGED, _UNCHECKED, *_IS_FLAGS, *_IS_CHAT))
    raise UsageError(f"is: takes {', '.join(legal)}")


def _of_chat(condition: str, bindings: tuple[Bound, ...] = ()) -> Facet:
    """Return a facet over c alone."""
    source = (
        "SELECT m.id FROM conversation c CROSS JOIN message m"  # noqa: S608 - our own words
        " ON m.conversation_id = c.id"
        f" WHERE c.trashed_at IS NULL AND {condition}"
    )
    return Facet(condition, bindings, source)


def _has(value: str) -> Facet:
    if value not in _HAS:
        raise UsageError(f"has: takes {', '.join(sorted(_HAS))}")
    return Facet("(m.flags & ?) != 0", (_HAS[value],))


def _from(value: str) -> Facet:
    if value in {"me", "user"}:
        return Facet("m.role = 'user'")
    if value in {"model", "assistant"}:
        return Facet("m.role = 'assistant'")
    return Facet("(instr(lower(m.model), ?) OR lower(m.provider) = ?)", (value, value))


def _in(value: str) -> Facet:
    return _of_chat(
        "(instr(lower(c.title), ?) OR EXISTS (SELECT 1 FROM tag t WHERE t.conversation_id = c.id"
        " AND lower(t.name) = ?) OR EXISTS (SELECT 1 FROM folder f WHERE f.id = c.folder_id"
        " AND lower(f.name) = ?))",
        (value, value, value),
    )


def _moment(value: str, name: str) -> int:
    for form in ("%Y-%m-%d", "%Y-%m", "%Y"):
        try:
            return to_microseconds(datetime.strptime(value, form).replace(tzinfo=UTC))
        except ValueError:
            continue
    raise UsageError(f"{name}: takes a date such as 2026-11-22, 2026-11 or 2026")


_FACETS: dict[str, Callable[[str], Facet]] = {
    "is": _is,
    "has": _has,
    "from": _from,
    "in": _in,
    "model": lambda value: Facet("instr(lower(ifnull(m.model, '')), ?)", (value,)),
    "provider": lambda value: Facet("lower(ifnull(m.provider, '')) = ?", (value,)),
    "before": lambda value: Facet("m.created_at < ?", (_moment(value, "before"),)),
    "after": lambda value: Facet("m.created_at >= ?", (_moment(value, "after"),)),
}

FACET_VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "is": (*_IS_JUDGED, _UNCHECKED, *_IS_FLAGS, *_IS_CHAT),
        "model": (),
        "provider": (),
        "from": ("me", "model"),
        "before": (),
        "after": (),
        "in": (),
        "has": tuple(_HAS),
    }
)
"""Each facet with the words that it takes; none where any word or a date may stand."""

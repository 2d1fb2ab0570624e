"""The line under the search field: which facets there are, what the typed one takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from troth.vault.query import FACET_VALUES

FACETS = "  ".join(f"{name}:" for name in FACET_VALUES)
_DATES = {"before", "after"}
_MAX_SHOWN = 14

Known = Mapping[str, Sequence[str]]
"""What this vault has for `model`, `provider` and `in`."""


def _typed(words: str) -> tuple[str, str]:
    """Return the facet whose value is being typed, and that value; "" for no facet."""
    last = "" if words[-1:].isspace() else words.rpartition(" ")[2]
    name, colon, value = last.removeprefix("-").partition(":")
    return (name.lower(), value) if colon and name.lower() in FACET_VALUES else ("", last)


def candidates(words: str, known: Known) -> list[str]:
    """Return what the word being typed could become, best first."""
    name, value = _typed(words)
    if name:
        values = FACET_VALUES[name] or known.get(name, ())
        return [one for one in values if one.casefold().startswith(value.casefold())]
    begun = value.removeprefix("-").lower()
    return [f"{facet}:" for facet in FACET_VALUES if begun and facet.startswith(begun)]


def hint_words(words: str, known: Known) -> str:
    """Say which facets there are, or what the one being typed takes."""
    name, _ = _typed(words)
    if name in _DATES:
        return f"{name}:  a date, as 2026-11-22, 2026-11 or 2026"
    if name:
        fitting = candidates(words, known)
        more = "  ..." if len(fitting) > _MAX_SHOWN else ""
        return f"{name}:  {'  '.join(fitting[:_MAX_SHOWN]) or 'any word of its name'}{more}"
    return FACETS


def completed(words: str, known: Known) -> str:
    """Return the line with the word being typed completed, where something fits."""
    fitting = candidates(words, known)
    if not fitting:
        return words
    before, space, last = words.rpartition(" ")
    minus = "-" if last.startswith("-") else ""
    name, _ = _typed(words)
    value = f'"{fitting[0]}"' if " " in fitting[0] else fitting[0]
    whole = f"{minus}{name}:{value} " if name else f"{minus}{fitting[0]}"
    return f"{before}{space}{whole}"

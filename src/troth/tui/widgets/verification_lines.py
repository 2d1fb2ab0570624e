"""What the verification pane says, laid out in lines of a given width. Pure: words in, lines out.

Every string in it may hold foreign text (names of models, an enclave's own words) and is cleaned
here; the app's own glyphs stand in places that no foreign text can reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from troth.tui.glyph import Badge, Tone
from troth.tui.safe import clean_line
from troth.tui.widgets.markdown_wrap import wrap

Look = Literal["text", "strong", "muted", "heading", "good", "bad", "warn", "plain", "live", "loud"]

_INDENT = 1
_WIDEST_NAME = 14
_NARROW = 46
"""Below this a detail stands under its name, not beside it."""


class Run(NamedTuple):
    """A piece of a line in one look."""

    text: str
    look: Look = "text"


Line = tuple[Run, ...]
BLANK: Line = ()


@dataclass(frozen=True, slots=True)
class PaneCheck:
    """One check: what was asked and what came out."""

    glyph: str
    tone: Tone
    name: str
    outcome: str
    """In words, for those who do not see glyphs."""
    detail: str


@dataclass(frozen=True, slots=True)
class PaneSight:
    """What one party on the way could see."""

    who: str
    words: str
    address: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PaneWords:
    """Everything that the pane says of one reply."""

    badge: Badge
    who: str
    """`model via provider`."""
    sentence: str
    checks: tuple[PaneCheck, ...] = ()
    sights: tuple[PaneSight, ...] = ()
    condition: str = ""
    """What the sights hang on."""
    not_proven: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """Times, scheme, key: (name, value)."""
    asides: tuple[str, ...] = ()
    """What else the person should know: that it is kept out of later context, say."""


def lines_of(words: PaneWords, width: int) -> list[Line]:
    """Lay the words out for `width` cells."""
    room = max(12, width - 2 * _INDENT)
    return [_indented(line) for line in _lines(words, room)]


def _lines(words: PaneWords, width: int) -> Iterator[Line]:
    yield from _headline(words, width)
    yield BLANK
    yield from _paragraph(words.sentence, width, look="strong")
    for aside in words.asides:
        yield BLANK
        yield from _paragraph(aside, width, look="warn")
    if words.checks:
        yield BLANK
        yield (Run("What was checked, on this computer", "heading"),)
        yield from _checks(words.checks, width)
    if words.sights:
        yield BLANK
        yield (Run("Who saw what on the way", "heading"),)
        if words.condition:
            yield from _paragraph(words.condition, width, look="warn")
        yield from _sights(words.sights, width)
    if words.not_proven:
        yield BLANK
        yield (Run("What this does not prove", "heading"),)
        for sentence in words.not_proven:
            yield from _paragraph(sentence, width, first=(Run("- ", "muted"),))
    if words.facts:
        yield BLANK
        yield from _facts(words.facts, width)


def _headline(words: PaneWords, width: int) -> Iterator[Line]:
    badge = words.badge
    look: Look = "loud" if badge.tone == "bad" else badge.tone
    text = clean_line(badge.text)
    who = clean_line(words.who)
    if cell_len(text) + 3 + cell_len(who) <= width:
        yield (Run(text, look), Run("   "), Run(who, "muted"))
        return
    for start, end in wrap(text, width):
        yield (Run(text[start:end], look),)
    yield from _paragraph(who, width, look="muted")


def _checks(checks: Sequence[PaneCheck], width: int) -> Iterator[Line]:
    widths = [cell_len(clean_line(check.name)) for check in checks]
    column = max((width for width in widths if width <= _WIDEST_NAME), default=0)
    for check in checks:
        name = clean_line(check.name)
        mark = Run(f"{check.glyph} ", check.tone)
        look: Look = "bad" if check.tone == "bad" else "strong"
        if width < _NARROW or cell_len(name) > _WIDEST_NAME:
            yield (mark, Run(name, look))
            yield from _paragraph(check.detail or check.outcome, width, first=(Run("    "),))
        else:
            first = (mark, Run(set_cell_size(name, column), look), Run("  "))
            yield from _paragraph(check.detail or check.outcome, width, first=first)


def _sights(sights: Sequence[PaneSight], width: int) -> Iterator[Line]:
    who_column = min(26, max(cell_len(clean_line(sight.who)) for sight in sights))
    for sight in sights:
        who = clean_line(sight.who)
        facts = (
            Run("reads your words: ", "muted"),
            Run(_answer(sight.words), _sight_look(sight.words)),
            Run("   sees your address: ", "muted"),
            Run(_answer(sight.address), _sight_look(sight.address)),
        )
        needed = who_column + 2 + sum(cell_len(run.text) for run in facts)
        if needed <= width:
            yield (Run(set_cell_size(who, who_column), "strong"), Run("  "), *facts)
        else:
            yield (Run(who, "strong"),)
            if 2 + sum(cell_len(run.text) for run in facts) <= width:
                yield (Run("  "), *facts)
            else:
                yield (Run("  "), *facts[:2])
                yield (Run("  sees your address: ", "muted"), facts[3])
        if sight.note:
            yield from _paragraph(sight.note, width, first=(Run("  "),), look="muted")


def _answer(value: str) -> str:
    return "no, sealed" if value == "sealed" else clean_line(value)


def _sight_look(value: str) -> Look:
    return "strong" if value == "yes" else "text"


def _facts(facts: Sequence[tuple[str, str]], width: int) -> Iterator[Line]:
    column = max(len(name) for name, _ in facts)
    for name, value in facts:
        yield from _paragraph(value, width, first=(Run(f"{name:<{column}}  ", "muted"),))


def _paragraph(
    text: str, width: int, *, first: tuple[Run, ...] = (), look: Look = "text"
) -> Iterator[Line]:
    """Wrap a text behind `first`; the following lines are indented as far as it reaches."""
    text = clean_line(text)  # a line end in an enclave's own words could begin a check of its own
    indent = sum(cell_len(run.text) for run in first)
    lead = first
    for start, end in wrap(text, max(8, width - indent)):
        yield (*lead, Run(text[start:end], look))
        lead = (Run(" " * indent),)


def _indented(line: Line) -> Line:
    return (Run(" " * _INDENT), *line) if line else line

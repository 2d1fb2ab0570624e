"""Colour code: Pygments' lexers, made to go on where the part before ended.

A part is lexed from the state in which the part before it leaves the lexer, so that a long string
or comment keeps its colour across parts; that part itself is lexed from the start, which bounds
the cost and makes the colours the same whether the code arrived in pieces or was there at once.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Protocol, cast

Kind = tuple[str, ...]
"""What a token is, as Pygments says it: `("Literal", "String", "Doc")`; () for plain text."""
Token = tuple[Kind, str]
Coloured = tuple[Token, ...]
"""One line."""

MOST_LETTERS = 8_192
"""A longer part (giant lines) is shown plain: some lexers are slow on such text."""
QUICK_LINES = 1
"""So many complete lines before the new ones are lexed again while code arrives."""
MOST_KNOWN = 16
USUAL_LANGUAGES = ("python", "bash", "json", "javascript")

_LANGUAGE = re.compile(r"[\w+#./-]+")
_NO_LEXER = frozenset({"", "text", "txt", "plain", "plaintext", "output", "none"})
_ROOT: tuple[str, ...] = ("root",)


class _Lexer(Protocol):
    def get_tokens_unprocessed(self, text: str) -> Iterable[tuple[int, Kind, str]]: ...


_Action = Kind | Callable[[_Lexer, re.Match[str]], Iterable[tuple[int, Kind, str]]] | None
_NewState = str | int | tuple[str, ...] | None
_Rule = tuple[Callable[[str, int], re.Match[str] | None], _Action, _NewState]


def warm_up() -> None:
    """Load what the first code block will need: 60 ms that no frame should wait for.

    For a thread, some time after the first paint.
    """
    for language in USUAL_LANGUAGES:
        colour_lines(["x"], (), language)


def language_of(info: str) -> str:
    """Return the language in a fence's info string, in lower case: `python {.x}` -> `python`."""
    found = _LANGUAGE.search(info)
    return found.group().lower() if found else ""


def colour_lines(lines: Sequence[str], before: tuple[str, ...], language: str) -> list[Coloured]:
    """Return the tokens of each of `lines`; their texts joined are the line."""
    lexer = _lexer_of(lines, before, language)
    if lexer is None:
        return _plain(lines)
    try:
        tokens, _ = _lex(lexer, "\n".join(lines) + "\n", _state_after(before, language))
    except Exception:  # noqa: BLE001 - a lexer is a plug-in of others: its bug costs colours only
        return _plain(lines)
    return _checked(_by_line(tokens), lines)


@dataclass(slots=True)
class _Known:
    """Code that was coloured a moment ago."""

    lines: list[str]
    tokens: list[Coloured]
    states: dict[int, tuple[str, ...]]
    """The lexer's states at the starts of lines, where a token ends there."""


_known: OrderedDict[tuple[str, ...], _Known] = OrderedDict()


def colour_quickly(lines: Sequence[str], before: tuple[str, ...], language: str) -> list[Coloured]:
    """Do as `colour_lines` for code that is still arriving: lex only its last few lines.

    What needs a look ahead over more lines (a long C comment) may wait for its colour until the
    part is complete and is drawn with `colour_lines`.
    """
    lexer = _lexer_of(lines, before, language)
    if lexer is None or not lines:
        return _plain(lines)
    key = (language, lines[0], *before[-1:])
    known = _known.pop(key, None) or _Known([], [], {})
    same = 0
    for old, new in zip(known.lines, lines, strict=False):
        if old != new:
            break
        same += 1
    start = max(0, same - QUICK_LINES)
    while start and start not in known.states:
        start -= 1
    try:
        state = known.states[start] if start else _state_after(before, language)
        marks: dict[int, tuple[str, ...]] = {}
        tokens, _ = _lex(lexer, "\n".join(lines[start:]) + "\n", state, marks)
    except Exception:  # noqa: BLE001 - as above
        return _plain(lines)
    coloured = [*known.tokens[:start], *_checked(_by_line(tokens), lines[start:])]
    states = {line: state for line, state in known.states.items() if line <= start}
    states.update(_line_states(lines, start, marks))
    _known[key] = _Known(list(lines), coloured, states)
    if len(_known) > MOST_KNOWN:
        _known.popitem(last=False)
    return coloured


def _line_states(
    lines: Sequence[str], start: int, marks: dict[int, tuple[str, ...]]
) -> Iterable[tuple[int, tuple[str, ...]]]:
    at = 0
    for index in range(start, len(lines)):
        at += len(lines[index]) + 1
        if at in marks:
            yield index + 1, marks[at]


def _plain(lines: Sequence[str]) -> list[Coloured]:
    return [(((), line),) if line else () for line in lines]


def _checked(coloured: list[Coloured], lines: Sequence[str]) -> list[Coloured]:
    """Believe a lexer only if it gave the text back as it was."""
    coloured = coloured[: len(lines)]
    is_same = ["".join(text for _, text in row) for row in coloured] == list(lines)
    return coloured if is_same else _plain(lines)


def _by_line(tokens: Iterable[Token]) -> list[Coloured]:
    rows: list[list[Token]] = [[]]
    for kind, value in tokens:
        first, *others = value.split("\n")
        if first:
            rows[-1].append((kind, first))
        rows += [[(kind, other)] if other else [] for other in others]
    return [tuple(row) for row in rows]


def _lexer_of(lines: Sequence[str], before: tuple[str, ...], language: str) -> _Lexer | None:
    if sum(map(len, lines)) + sum(map(len, before)) > MOST_LETTERS:
        return None
    return _lexer_for(language)


@lru_cache(maxsize=32)
def _state_after(before: tuple[str, ...], language: str) -> tuple[str, ...]:
    """Return the states in which a part, lexed from the start, leaves the lexer."""
    lexer = _lexer_for(language)
    if not before or lexer is None:
        return _ROOT
    return _lex(lexer, "\n".join(before) + "\n", _ROOT)[1]


@lru_cache(maxsize=64)
def _lexer_for(language: str) -> _Lexer | None:
    if language in _NO_LEXER:
        return None
    lexers = import_module("pygments.lexers")  # Late: a start without code saves 20 ms.
    find = cast(Callable[[str], _Lexer], lexers.get_lexer_by_name)
    try:
        return find(language)
    except ValueError:  # ClassNotFound: nobody knows this language.
        return None


def _lex(
    lexer: _Lexer,
    text: str,
    stack: tuple[str, ...],
    marks: dict[int, tuple[str, ...]] | None = None,
) -> tuple[list[Token], tuple[str, ...]]:
    """Return the tokens of `text` and the states that the lexer is left in.

    `marks` is filled with the states wherever a token ends with its line.

    The loop is that of `pygments.lexer.RegexLexer.get_tokens_unprocessed` (2.21, BSD licence),
    which keeps its final states to itself. Other kinds of lexers start anew with each part.
    """
    common = import_module("pygments.lexer").RegexLexer.get_tokens_unprocessed
    if type(lexer).get_tokens_unprocessed is not common:
        return [(kind, value) for _, kind, value in lexer.get_tokens_unprocessed(text)], _ROOT
    # Not instance by instance: the metaclass puts the rules on the class at its first call.
    rules = cast(dict[str, list[_Rule]], vars(type(lexer))["_tokens"])
    tokens: list[Token] = []
    states = list(stack)
    at = 0
    while at < len(text):
        for matches, action, new_state in rules[states[-1]]:
            match = matches(text, at)
            if not match:
                continue
            if callable(action):
                tokens += [(kind, value) for _, kind, value in action(lexer, match)]
            elif action is not None:
                tokens.append((action, match.group()))
            at = match.end()
            _enter(states, new_state)
            break
        else:
            if text[at] == "\n":
                states = list(_ROOT)
            tokens.append(((), text[at]))
            at += 1
        if marks is not None and text[at - 1] == "\n":
            marks[at] = tuple(states)
    return tokens, tuple(states)


def _enter(states: list[str], new_state: _NewState) -> None:
    """Apply a rule's state change: push, pop, or several of them."""
    if new_state is None:
        return
    if isinstance(new_state, int):
        del states[max(1, len(states) + new_state) :]
        return
    for state in (new_state,) if isinstance(new_state, str) else new_state:
        if state == "#pop":
            if len(states) > 1:
                states.pop()
        elif state == "#push":
            states.append(states[-1])
        else:
            states.append(state)

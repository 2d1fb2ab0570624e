"""Colour code: Pygments' lexers, made to go on where the part before ended.

A part is lexed from the state in which the part before it leaves the lexer, so that a long string
or comment keeps its colour across parts; that part itself is lexed from the start, which bounds
the cost and makes the colours the same whether the code arrived in pieces or was there at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Protocol, cast

Kind = tuple[str, ...]
"""What a token is, as Pygments says it: `("Literal", "String", "Doc")`; () for plain text."""
Token = tuple[Kind, str]

MOST_LETTERS = 16_384
"""A longer part (giant lines) is shown plain: some lexers are slow on such text."""

_LANGUAGE = re.compile(r"[\w+#./-]+")
_NO_LEXER = frozenset({"", "text", "txt", "plain", "plaintext", "output", "none"})
_ROOT: tuple[str, ...] = ("root",)


class _Lexer(Protocol):
    def get_tokens_unprocessed(self, text: str) -> Iterable[tuple[int, Kind, str]]: ...


_Action = Kind | Callable[[_Lexer, re.Match[str]], Iterable[tuple[int, Kind, str]]] | None
_NewState = str | int | tuple[str, ...] | None
_Rule = tuple[Callable[[str, int], re.Match[str] | None], _Action, _NewState]


def language_of(info: str) -> str:
    """Return the language in a fence's info string, in lower case: `python {.x}` -> `python`."""
    found = _LANGUAGE.search(info)
    return found.group().lower() if found else ""


def colour_lines(lines: Sequence[str], before: Sequence[str], language: str) -> list[list[Token]]:
    """Return the tokens of each of `lines`; their texts joined are the line."""
    plain: list[list[Token]] = [[((), line)] if line else [] for line in lines]
    lexer = _lexer_for(language)
    if lexer is None or sum(map(len, lines)) + sum(map(len, before)) > MOST_LETTERS:
        return plain
    state = _ROOT
    try:
        if before:
            _, state = _lex(lexer, "\n".join(before) + "\n", state)
        tokens, _ = _lex(lexer, "\n".join(lines) + "\n", state)
    except Exception:  # noqa: BLE001 - a lexer is a plug-in of others: its bug costs colours only
        return plain
    coloured = _by_line(tokens)[: len(lines)]
    is_same = ["".join(text for _, text in row) for row in coloured] == list(lines)
    return coloured if is_same else plain


def _by_line(tokens: Iterable[Token]) -> list[list[Token]]:
    rows: list[list[Token]] = [[]]
    for kind, value in tokens:
        first, *others = value.split("\n")
        if first:
            rows[-1].append((kind, first))
        rows += [[(kind, other)] if other else [] for other in others]
    return rows


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


def _lex(lexer: _Lexer, text: str, stack: tuple[str, ...]) -> tuple[list[Token], tuple[str, ...]]:
    """Return the tokens of `text` and the states that the lexer is left in.

    The loop is that of `pygments.lexer.RegexLexer.get_tokens_unprocessed` (2.21, BSD licence),
    which keeps its final states to itself. Other kinds of lexers start anew with each part.
    """
    common = import_module("pygments.lexer").RegexLexer.get_tokens_unprocessed
    if type(lexer).get_tokens_unprocessed is not common:
        return [(kind, value) for _, kind, value in lexer.get_tokens_unprocessed(text)], _ROOT
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

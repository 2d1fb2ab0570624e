"""The piece of a found text that is shown, with its matches marked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from troth.vault.cjk import split_runs
from troth.vault.query import Term

START, END = "\x02", "\x03"
BEFORE_CHARS = 30
LENGTH_CHARS = 160
SCANNED_CHARS = 200_000
"""A match further into a text than this is found, but not shown."""

_MARKS = str.maketrans({START: " ", END: " "})
_SPACES = re.compile(r"\s+")


class _Folding(dict[int, int]):
    """Maps each character to one without case and accents; filled as characters are met."""

    def __missing__(self, code: int) -> int:
        letter = unicodedata.normalize("NFD", chr(code))
        if len(letter) > 1 and not all(unicodedata.combining(mark) for mark in letter[1:]):
            letter = chr(code)  # a Hangul syllable is no letter with accents
        folded = self[code] = ord(letter[0].lower()[0])
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return `text` without case and accents, of the same length."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


@cache
def pattern(terms: Sequence[Term]) -> re.Pattern[str] | None:
    """Return what finds any of the terms in folded text."""
    choices = [_choice(term) for term in terms]
    return re.compile("|".join(choices)) if choices else None


def _choice(term: Term) -> str:
    pieces: list[str] = []
    for piece, is_run in split_runs(fold(term.text)):
        words = [piece] if is_run else re.findall(r"[^\W_]+", piece)
        pieces += [re.escape(word) for word in words]
    joined = r"[\W_]*".join(pieces)
    is_run_first, is_run_last = (split_runs(term.text)[place][1] for place in (0, -1))
    before = "" if is_run_first else r"(?<![^\W_])"
    after = "" if is_run_last else (r"[^\W_]*" if term.is_prefix else r"(?![^\W_])")
    return f"{before}{joined}{after}"


def snippet(text: str, terms: Sequence[Term], *, length: int = LENGTH_CHARS) -> str:
    """Return about `length` characters round the first match, on one line, matches marked."""
    text = text[:SCANNED_CHARS].translate(_MARKS)
    finder = pattern(tuple(terms))
    folded = fold(text)
    first = finder.search(folded) if finder is not None else None
    start = 0 if first is None else max(0, first.start() - BEFORE_CHARS)
    if start:
        space = text.find(" ", start, start + BEFORE_CHARS)
        start = start if space < 0 else space + 1
    window, end = text[start : start + length], 0
    marked: list[str] = ["…"] if start else []
    for found in finder.finditer(folded, start, start + length) if finder is not None else ():
        left, right = found.start() - start, found.end() - start
        marked += [window[end:left], START, window[left:right], END]
        end = right
    marked.append(window[end:])
    if len(text) > start + length:
        marked.append("…")
    return _SPACES.sub(" ", "".join(marked)).strip()

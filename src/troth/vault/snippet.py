"""The piece of a found text that is shown, with its matches marked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from troth.vault.cjk import split_runs
from troth.vault.query import Term

START, END = "\x02", "\x03"
BEFORE_CHARS = 30
LENGTH_CHARS = 160
SCANNED_CHARS = 200_000
"""A match further into a text than this is found, but not shown."""

_MARKS = str.maketrans({START: " ", END: " "})


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


def _words(term: Term) -> list[str]:
    """Return what stands one after the other in a match, folded."""
    words: list[str] = []
    for piece, is_run in split_runs(fold(term.text)):
        words += [piece] if is_run else re.findall(r"[^\W_]+", piece)
    return words


def _first_word(term: Term) -> str:
    return next(iter(_words(term)), "")


def _choice(term: Term) -> str:
    joined = r"[\W_]*".join(re.escape(word) for word in _words(term))
    is_run_first, is_run_last = (split_runs(term.text)[place][1] for place in (0, -1))
    before = "" if is_run_first else r"(?<![^\W_])"
    after = "" if is_run_last else (r"[^\W_]*" if term.is_prefix else r"(?![^\W_])")
    return f"{before}{joined}{after}"


class Snipper:
    """Cuts pieces for one search; made once for all its hits."""

    def __init__(self, terms: Sequence[Term]) -> None:
        choices = [_choice(term) for term in terms]
        self._finder = re.compile("|".join(choices)) if choices else None
        self._beginnings = tuple(_first_word(term) for term in terms)

    def cut(self, text: str, *, length: int = LENGTH_CHARS) -> str:
        """Return about `length` characters round the first match, on one line, matches marked."""
        text = text[:SCANNED_CHARS]
        folded = fold(text)
        first = next(self._matches(folded, 0, len(folded)), None)
        start = 0 if first is None else max(0, first.start() - BEFORE_CHARS)
        if start:
            space = text.find(" ", start, start + BEFORE_CHARS)
            start = start if space < 0 else space + 1
        window, end = text[start : start + length], 0
        if START in window or END in window:
            window = window.translate(_MARKS)
        marked: list[str] = ["…"] if start else []
        if first is not None:
            for found in self._matches(folded, first.start(), start + length):
                left, right = found.start() - start, found.end() - start
                marked += [window[end:left], START, window[left:right], END]
                end = right
        marked.append(window[end:])
        if len(text) > start + length:
            marked.append("…")
        return " ".join("".join(marked).split())

    def _matches(self, folded: str, start: int, end: int) -> Iterator[re.Match[str]]:
        """Yield the matches between two places.

        A plain search for the words finds where one can begin: the pattern would try every letter.
        """
        if self._finder is None:
            return
        while (place := self._next(folded, start, end)) >= 0:
            found = self._finder.match(folded, place, end)
            if found is not None:
                yield found
            start = place + 1 if found is None else max(found.end(), place + 1)

    def _next(self, folded: str, start: int, end: int) -> int:
        """Return the next place where a match can begin; -1 when there is none."""
        if len(self._beginnings) == 1:
            return folded.find(self._beginnings[0], start, end)
        places = [folded.find(word, start, end) for word in self._beginnings]
        return min((place for place in places if place >= 0), default=-1)

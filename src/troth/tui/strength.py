"""How hard a passphrase is to guess: a rough and cautious estimate, said in words. Pure.

Not a promise. It counts what an attacker with word lists and patterns would try first, and it
never rates a phrase higher for a pattern that people use.
"""

from __future__ import annotations

import math
import unicodedata
from itertools import pairwise
from typing import Literal, NamedTuple

Level = Literal["none", "refused", "weak", "fair", "good", "strong"]

REFUSED_BELOW_BITS = 28.0
"""At the vault's cost of 0.85 s a guess, one machine tries all of this in seven years; a rented
rack in weeks. Below it a key file protects nothing."""

_LEVELS: tuple[tuple[float, Level, str], ...] = (
    (REFUSED_BELOW_BITS, "refused", "too easy to guess"),
    (40.0, "weak", "weak. Four or more random words are far better."),
    (52.0, "fair", "fair. Four or more random words are better."),
    (70.0, "good", "good."),
    (math.inf, "strong", "strong."),
)

# fmt: off
_COMMON = frozenset({
    "password", "passwort", "passphrase", "secret", "letmein", "welcome", "qwerty", "asdf",
    "zxcv", "iloveyou", "admin", "monkey", "dragon", "football", "baseball", "master",
    "login", "princess", "sunshine", "shadow", "superman", "abc123", "hello", "test",
    "correcthorsebatterystaple", "correct", "horse", "battery", "staple", "troth", "vault",
})
# fmt: on
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1234567890")
_WORD_BITS = 11.0
"""A word chosen at random from a list of two thousand; one that came to mind is worth less."""


class Strength(NamedTuple):
    """An estimate: `bits`, a level and words for it."""

    bits: float
    level: Level
    words: str


def strength_of(passphrase: str) -> Strength:
    """Estimate `passphrase`; "" is level `none`."""
    text = unicodedata.normalize("NFKC", passphrase)
    if not text:
        return Strength(0.0, "none", "")
    bits = min(_letters_bits(text), _words_bits(text))
    for limit, level, words in _LEVELS:
        if bits < limit:
            return Strength(bits, level, words)
    raise AssertionError("the last level has no limit")


def refusal_words(passphrase: str) -> str:
    """Say why a passphrase is not taken and what would be; "" for one that is."""
    strength = strength_of(passphrase)
    if strength.level == "none":
        return "Type a passphrase first: four or more random words are good."
    if strength.level == "refused":
        return (
            "Too easy to guess: a program tries words, names, dates and keyboard runs first. "
            "Take four or more words that have nothing to do with each other."
        )
    return ""


def _words_bits(text: str) -> float:
    """Count words: each different one is worth what a list would make it worth."""
    words = "".join(c if c.isalnum() else " " for c in text.casefold()).split()
    if not words or not all(word.isalpha() and len(word) > 2 for word in words):
        return math.inf
    bits = 0.0
    for word in dict.fromkeys(words):
        bits += 2.0 if word in _COMMON else min(_WORD_BITS + 2.0, _letters_bits(word))
    separators = len({c for c in text if not c.isalnum()})
    return bits + 2.0 * separators if len(words) > 1 else max(bits, _letters_bits(text))


def _letters_bits(text: str) -> float:
    """Count letters that are no repetition, no run of the keyboard or the alphabet."""
    pool = 0
    if any(c.islower() for c in text):
        pool += 26
    if any(c.isupper() for c in text):
        pool += 26
    if any(c.isdigit() for c in text):
        pool += 10
    if any(not c.isalnum() for c in text):
        pool += 20
    if not text.isascii():
        pool += 60
    lowered = text.casefold()
    fresh = 1.0
    for before, here in pairwise(lowered):
        is_run = here == before or abs(ord(here) - ord(before)) == 1 or _is_on_a_row(before + here)
        fresh += 0.25 if is_run else 1.0
    for common in _COMMON:
        if len(common) > 3 and common in lowered.replace(" ", ""):
            fresh -= len(common) * 0.75
    return max(1.0, fresh) * math.log2(max(2, pool)) * 0.75


def _is_on_a_row(pair: str) -> bool:
    return any(pair in row or pair in row[::-1] for row in _ROWS)

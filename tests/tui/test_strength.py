"""Passphrases: patterns that people use are never called strong."""

from __future__ import annotations

import pytest

from troth.tui.strength import strength_of


@pytest.mark.parametrize(
    "phrase",
    ["a", "password", "Password1!", "12345678901234", "qwertyuiop", "aaaaaaaaaaaaaaaa", "letmein1"],
)
def test_what_an_attacker_tries_first_is_refused(phrase: str) -> None:
    assert strength_of(phrase).level == "refused"


@pytest.mark.parametrize(
    ("phrase", "levels"),
    [
        ("forest lamp quiet nine", {"fair", "good"}),
        ("forest lamp quiet nine river salt", {"good", "strong"}),
        ("kV9#mQ2x!rT7", {"fair", "good"}),
        ("correct horse battery staple", {"refused", "weak"}),
        ("the the the the the the", {"refused", "weak"}),
    ],
)
def test_words_and_letters_are_rated_with_caution(phrase: str, levels: set[str]) -> None:
    assert strength_of(phrase).level in levels


def test_nothing_typed_says_nothing() -> None:
    assert strength_of("").words == ""


def test_more_of_the_same_is_worth_no_less() -> None:
    bits = [
        strength_of("forest lamp quiet nine river salt"[:length]).bits for length in (6, 16, 33)
    ]
    assert bits == sorted(bits)

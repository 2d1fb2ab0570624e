"""The website's marks in ChatGPT's replies: the words that they hold stay, the marks go."""

from __future__ import annotations

import pytest

from troth.transfer.chatgpt_markup import plain_words


def chip(*fields: str) -> str:
    return "\ue200" + "\ue202".join(fields) + "\ue201"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Stay in " + chip("entity", '["city","Lisbon","capital"]') + ".", "Stay in Lisbon."),
        (f"See {chip('url', 'the list', 'https://knots.example')}.", "See [the list](https://knots.example)."),
        (f"See {chip('url', 'x', 'javascript:alert(1)')}.", "See ."),
        (f"Yes.{chip('cite', 'turn0search0', 'turn0search1')}", "Yes."),
        (chip("image_group", '{"query": ["a", "b"]}') + "Here.", "Here."),
        (chip("image_group", "x" * 5000) + "Here.", "Here."),
        ("It is \ue203certain\ue204 now.", "It is certain now."),
        (f"{chip('entity', 'oops')}left", "left"),
        ("\ue200 never closed", " never closed"),
    ],
)  # fmt: skip
def test_chips_leave_their_words(written: str, words: str) -> None:
    assert plain_words(written) == words


def test_a_letter_loses_its_frame_and_keeps_its_words() -> None:
    written = 'Here:\n:::writing{variant="email" id="1"}\nDear Ada,\n\nyes.\n:::\nGood?\n:::\n'
    assert plain_words(written) == "Here:\nDear Ada,\n\nyes.\nGood?\n:::\n"


def test_marks_without_an_end_cost_no_more_than_their_length() -> None:
    assert plain_words(":::writing{}\n" * 20_000 + "\ue200" * 200_000) == ""

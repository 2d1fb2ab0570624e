"""Foreign text reaches a terminal as words only, however the stream was cut."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import troth
from troth.tui.safe import LONGEST_SEQUENCE, MOST_MARKS, Cleaner, clean, clean_line, reveal

PIECES = st.sampled_from(
    [
        "\x1b", "[", "]", "31m", "\x1b[0m", "\x1b]52;c;YQ==\x07", "\x1b]8;;http://x\x1b\\", "\\",
        "\x9b", "\x9d", "\x9c", "\x90", "\x07", "P", "\r", "\n", "\r\n", "\t", "a", "Ω", "漢", "👩",
        "💻", "\u200d", "\u200c", "\ufe0f", "\ufe0e", "\u0301", "\u0301" * 9, "ن", "क", "\u202e",
        "\u2066", "\u200b", "\U000e0041", "\ud83d", "\ude00", "\x00", "\x7f", "\x85", "\u2028", "1",
    ]
)  # fmt: skip
HOSTILE = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)


def fed_in_cuts(text: str, cuts: list[int], *, show_hidden: bool = False) -> str:
    cleaner = Cleaner(show_hidden=show_hidden)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [cleaner.feed(text[start:end]) for start, end in itertools.pairwise(edges)]
    return "".join(pieces) + cleaner.close()


def is_steering(character: str) -> bool:
    code = ord(character)
    return (
        (code < 0x20 and character not in "\t\n")
        or 0x7F <= code <= 0x9F
        or 0x202A <= code <= 0x202E
        or 0x2066 <= code <= 0x2069
        or 0xD800 <= code <= 0xDFFF
        or 0xE0000 <= code <= 0xE0FFF
        or code in {0x200B, 0x200E, 0x200F, 0xFEFF, 0x2028, 0x2029}
    )


@settings(deadline=None)
@given(HOSTILE, st.lists(st.integers(0, 200), max_size=8))
@example("\r\x1b[0m\n", [1])
@example("\ud83d\x1b[0m\ude00", [1, 5])
def test_any_cuts_give_the_same_as_the_whole(text: str, cuts: list[int]) -> None:
    assert fed_in_cuts(text, cuts) == clean(text)
    assert fed_in_cuts(text, cuts, show_hidden=True) == reveal(text)


@settings(deadline=None)
@given(HOSTILE)
def test_nothing_that_steers_is_left(text: str) -> None:
    assert not [character for character in clean(text) if is_steering(character)]
    assert not [character for character in reveal(text) if is_steering(character)]


@settings(deadline=None)
@given(HOSTILE)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("foreign", "safe"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone?", "gone?"),
        ("\x1b]52;c;cm0gLXJm\x07x", "x"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred\x9dtitle\x9c.", "red."),
        ("\x1bPq#0\x1b\\after", "after"),
        ("a\x00b\x07c\x7fd\x08e", "abcde"),
        ("one\r\ntwo\rthree\x85four\u2028five", "one\ntwo\nthree\nfour\nfive"),
        ("admin\u202egpj.exe", "admingpj.exe"),
        ("\u2066isolated\u2069", "isolated"),
        ("pass\u200bword\u2060\ufeff", "password"),
        ("hi\U000e0001\U000e0068\U000e0069", "hi"),
        ("👩\u200d💻 ❤\ufe0f 1\ufe0f\u20e3", "👩\u200d💻 ❤\ufe0f 1\ufe0f\u20e3"),
        ("a\u200db\ufe0f", "ab"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\ud83d\ude80", "🚀"),
        ("\ud83d!", "\ufffd!"),
        ("z" + "\u0301" * 50, "z" + "\u0301" * MOST_MARKS),
    ],
)
def test_words_stay_and_steering_goes(foreign: str, safe: str) -> None:
    assert clean(foreign) == safe


def test_an_unfinished_control_string_cannot_swallow_the_reply() -> None:
    reply = "the rest of the reply " * 400
    assert len(reply) > LONGEST_SEQUENCE
    assert clean("\x1b]0;" + reply).endswith(reply)
    assert clean("\x1b]0;first line\nsecond line").endswith("second line")


def test_hidden_things_are_named_where_they_were() -> None:
    assert reveal("a\u202eb") == "a‹RLO›b"
    assert reveal("\x1b[31mred") == "‹ESC [31m›red"
    assert reveal("\x1b]52;c;YQ==\x07") == "‹ESC ]52;c;YQ== BEL›"
    assert reveal("ok\U000e0068\U000e0069") == "ok‹tag h›‹tag i›"
    assert reveal("a\u200db") == "a‹ZWJ›b"


def test_a_title_is_one_line() -> None:
    assert clean_line(" my\n\x1b[31mtitle\t!\u200b ") == "my title !"


def test_the_sanitiser_loads_no_screen_library() -> None:
    code = "import sys, troth.tui.safe; print([m for m in ('textual', 'rich') if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(troth.__file__).parent.parent)},
    )
    assert shown.stdout.strip() == "[]"

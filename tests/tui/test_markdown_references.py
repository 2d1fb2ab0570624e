"""`[label]: address` is taken out of the text, and makes a link of every `[label]` in it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from rich.style import Style

from troth.tui.widgets.markdown_reader import BlockReader
from troth.tui.widgets.markdown_references import labels_in
from troth.tui.widgets.markdown_render import render_block
from troth.tui.widgets.markdown_text import Canvas
from troth.tui.widgets.transcript_palette import build_palette
from tui.transcript_stage import Stage, reply

CANVAS = Canvas(build_palette({}, Style(color="white", bgcolor="black")), 70, Style())


def shown(text: str, *, is_plain: bool = False) -> list[str]:
    reader = BlockReader(is_plain=is_plain)
    blocks = [*reader.feed(text), *reader.close()]
    rows = itertools.chain.from_iterable(
        render_block(block, replace(CANVAS, links=reader.references.among(labels_in(block))))
        for block in blocks
    )
    return [row.text.rstrip() for row in rows]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[Docs][d] say so.\n\n[d]: https://a.b", ["Docs (https://a.b) say so."]),
        ("[d]: <https://a.b> 'title'\n[d] and [D][]", ["d (https://a.b) and D (https://a.b)"]),
        ("[d]:\n  https://a.b\n  'title'\nsee [d].", ["see d (https://a.b)."]),
        ("> [d]: https://a.b\n\n![pic][d]", ["image: pic (https://a.b)"]),
        ("# On [d]\n\n[d]: https://a.b", ["On d (https://a.b)"]),
        ("[two\nwords]\n\n[Two  Words]: https://a.b", ["two", "words (https://a.b)"]),
        ("[d]: https://a.b\n[d]: https://c.d\n\n[d]", ["d (https://a.b)"]),
        ("[d]: javascript:x\n\n[d]", ["d (javascript:x)"]),
        ("[d][e] [d]\n\n[d]: https://a.b", ["[d][e] d (https://a.b)"]),
    ],
)
def test_a_label_becomes_a_link_and_its_definition_vanishes(text: str, rows: list[str]) -> None:
    assert shown(text) == rows


@pytest.mark.parametrize(
    "text",
    [
        "[^1]: The footnote",
        "[^1]: https://a.b",
        "[d]: https://a.b and more",
        "a paragraph\n[d]: https://a.b",
        "[d] without any definition",
        "[ ]: https://a.b",
        "[d]: " + "https://a.b/" + "x" * 1000,
    ],
)
def test_what_is_no_definition_stays_as_written(text: str) -> None:
    assert "".join("".join(shown(text)).split()) == "".join(text.split())


def test_what_a_person_typed_defines_nothing() -> None:
    assert shown("[d]: https://a.b", is_plain=True) == ["[d]: https://a.b"]


@pytest.mark.parametrize(
    ("arrived", "seen"),
    [
        ("[d", []),
        ("[d]:", []),
        ("[d]: https://a", []),
        ("[d] is", ["[d] is"]),
        ("a\n[d", ["a", "[d"]),
    ],
)
def test_half_of_a_definition_does_not_flicker(arrived: str, seen: list[str]) -> None:
    reader = BlockReader()
    reader.feed(arrived)
    rows = [row.text for block in reader.preview() for row in render_block(block, CANVAS)]
    assert rows == seen
    assert reader.references.taken_fresh() == []


def test_a_cell_of_a_table_is_as_wide_as_its_link() -> None:
    rows = shown("| a | b |\n|---|---|\n| [d] | x |\n\n[d]: https://a.b")
    assert rows == ["a               │ b", "────────────────┼────", "d (https://a.b) │ x"]


async def test_a_definition_draws_again_what_waited_for_it_and_nothing_else() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        transcript = stage.transcript
        transcript.show([reply("", is_streaming=True)])
        transcript.feed_text("a", "First [d].\n\nSecond.\n\n[e] third.\n\nFourth.\n\n")
        transcript.gather()
        transcript.redraw()
        stage.strips()
        units = transcript.layout_rows.messages[0].units
        before = {unit: unit.rows for unit in units if unit.block is not None}
        assert "First [d]." in stage.lines()[1]
        transcript.feed_text("a", "[d]: https://a.b\n[x]: https://c.d\n")
        transcript.gather()
        transcript.redraw()
        assert "First d (https://a.b)." in stage.lines()[1]
        drawn_again = [unit.block for unit, rows in before.items() if unit.rows is not rows]
        assert [block.lines[0].text for block in drawn_again if block] == ["First [d]."]
        assert transcript.links("a") == ("https://a.b",)


async def test_definitions_cost_what_they_are_and_not_what_came_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from troth.tui.widgets import transcript_message

    calls = 0

    def counted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        return render_block(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(transcript_message, "render_block", counted)
    stage = Stage()
    async with stage.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        transcript = stage.transcript
        transcript.show([reply("", is_streaming=True)])
        transcript.feed_text("a", "".join(f"Line [{n}].\n\n" for n in range(400)))
        transcript.redraw()
        calls = 0
        for number in range(400):
            transcript.feed_text("a", f"[{number}]: https://a.b/{number}\n")
            transcript.gather()
            transcript.redraw()
        assert calls < 400 * 3

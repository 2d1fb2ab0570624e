"""Long texts: read slice by slice, so that no key waits for the whole; the same in the end."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from troth.tui.glyph import badge
from troth.tui.widgets.transcript_entry import Entry
from troth.tui.widgets.transcript_flow import SLICE_LETTERS, SLICE_LINES, TextFlow
from troth.tui.widgets.transcript_select import read_blocks
from tui.transcript_stage import Stage, reply

LONG = {
    "list": "".join(f"- item {n} with *words*\n" for n in range(2000)),
    "code": "```python\n" + "".join(f"x_{n} = {n}\n" for n in range(2000)) + "```\n",
    "table": "| a | b |\n|---|---|\n" + "".join(f"| {n} | y |\n" for n in range(2000)),
    "one line": "words without end " * 5000,
    "escapes": "\x1b[31mred\x1b[0m and \x1b]52;c;eA==\x07 " * 3000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_slices_come_to_the_same_blocks_as_the_whole(text: str) -> None:
    flow = TextFlow()
    flow.feed(text)
    flow.close()
    slices = 1
    while flow.has_more:
        assert not flow.is_closed
        known = len(flow.settled)
        flow.read_on()
        assert len(flow.settled) - known <= SLICE_LINES + 1
        slices += 1
    assert slices >= len(text) // SLICE_LETTERS
    whole = read_blocks(flow.source, is_plain=False)
    assert [(b.kind, b.lines, b.part) for b in flow.settled] == [
        (b.kind, b.lines, b.part) for b in whole
    ]


async def until_read(stage: Stage, pilot: Pilot[None]) -> None:
    while stage.transcript.layout_rows.unread or stage.transcript._is_dirty:
        await pilot.pause()


async def test_a_long_reply_opens_with_a_slice_and_ends_at_its_end() -> None:
    stage = Stage()
    async with stage.run_test(size=(80, 12)) as pilot:
        stage.transcript.show([reply(LONG["list"])])
        view = stage.transcript.layout_rows.messages[0]
        assert 0 < len(view.units) < SLICE_LINES + 10
        await until_read(stage, pilot)
        assert "item 1999 with words" in stage.lines()[-2]
        assert len(view.units) > 2000


async def test_what_the_reader_looks_at_stays_while_the_rest_is_read() -> None:
    stage = Stage()
    async with stage.run_test(size=(80, 12)) as pilot:
        stage.transcript.show([reply(LONG["list"])], at_end=False)
        await pilot.pause()
        before = stage.lines()
        assert "item 3 with words" in "\n".join(before)
        await until_read(stage, pilot)
        assert stage.lines() == before


async def test_a_reply_that_comes_at_once_is_whole_when_it_has_ended() -> None:
    stage = Stage()
    async with stage.run_test(size=(80, 12)) as pilot:
        stage.transcript.append(Entry("a", "assistant", "m", "", badge("live"), is_streaming=True))
        stage.transcript.feed_text("a", LONG["list"])
        await pilot.pause()
        stage.transcript.replace(reply(LONG["list"]))
        await pilot.resize_terminal(60, 14)
        await until_read(stage, pilot)
        view = stage.transcript.layout_rows.messages[0]
        assert view.body is not None
        assert view.body.is_closed
        assert stage.lines()[-2].endswith("item 1999 with words")
        assert stage.transcript.source_of("a") == LONG["list"]
        stage.transcript.scroll_to_hit("a", "item 1200")
        assert any("item 1200" in line for line in stage.lines())

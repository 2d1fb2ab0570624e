"""What waits to be sent is shown whole where there is room, and its keys always."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from troth.tui.widgets.queue_bar import QueueBar

HINT = "alt+↓ send  alt+↑ edit  alt+del drop"


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield QueueBar()


@pytest.mark.parametrize("width", [46, 80, 120])
@pytest.mark.parametrize(
    "note", ["", "Waits for you: the reply did not end.", "Not sent: " + "x" * 99]
)
async def test_neither_the_reason_nor_the_keys_are_cut_by_the_other(width: int, note: str) -> None:
    async with Host().run_test(size=(width, 10)) as pilot:
        bar = pilot.app.query_one(QueueBar)
        bar.hint, bar.note, bar.texts = HINT, note, ("a message " * 20, "another")
        await pilot.pause()
        lines = [bar.render_line(y).text.rstrip() for y in range(bar.size.height)]
        assert any(line.endswith(HINT) for line in lines)
        assert lines[0].removesuffix(HINT).rstrip().endswith("…")
        if len(note) + len("       ") < width:
            assert any(note in line for line in lines)
        else:
            assert any(line.endswith("x…") for line in lines)
        assert all(len(line) <= width for line in lines)

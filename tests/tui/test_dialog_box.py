"""The keys in a dialog's edge: what Enter does and the way out stay, and none is cut."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from troth.tui import screens
from troth.tui.widgets.dialog_box import DialogBox

LONG = "⏎ take   n save these columns   r rename   d delete   esc back"


class Host(App[None]):
    CSS = "DialogBox { border: round white; padding: 0 1; height: 5; }"

    def compose(self) -> ComposeResult:
        with DialogBox() as box:
            box.keys = LONG
            yield Static("inside")


@pytest.mark.parametrize("width", [40, 46, 62, 67, 68, 69, 80, 120])
async def test_no_key_in_the_edge_is_cut(width: int) -> None:
    async with Host().run_test(size=(width, 8)) as pilot:
        await pilot.pause()
        box = pilot.app.query_one(DialogBox)
        edge = box.render_lines(box.outer_size.region)[-1].text
        assert "…" not in edge
        assert "⏎ take" in edge
        assert "esc back" in edge
        shown = edge.strip("╰╯─ ")
        assert (shown == LONG) is (width >= len(LONG) + 6)


def keys_of_screens() -> Iterator[tuple[str, str]]:
    """Find what the screens write into the edges of their dialogs."""
    for file in sorted(Path(screens.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                name = node.targets[0].attr
                assert name != "border_subtitle", f"{file.name}: DialogBox.keys fits its words"
                if name == "keys" and isinstance(node.value, ast.Constant):
                    yield file.name, str(node.value.value)


def test_the_first_key_and_the_way_out_fit_on_the_smallest_screen() -> None:
    found = dict(keys_of_screens())
    assert len(found) > 10
    for name, keys in found.items():
        first, *others = keys.split("  ")
        last = others[-1] if others else ""
        assert len(first.strip()) + 2 + len(last.strip()) <= 40 - 4, name

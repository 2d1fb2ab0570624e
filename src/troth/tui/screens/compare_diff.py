"""Two answers side by side with the words marked in which they differ."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.tui.safe import clean_line
from troth.tui.widgets.dialog_box import DialogBox

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_LONGEST = 20_000
"""Words of one answer that are compared; what comes behind them is shown unmarked."""


class Run(NamedTuple):
    """Words of one answer that the other one has too, or has not."""

    text: str
    is_own: bool


def word_runs(left: str, right: str) -> tuple[list[Run], list[Run]]:
    """Mark word by word what only one of two texts says. Space alone is never a difference."""
    one, other = _words(left), _words(right)
    matcher = SequenceMatcher(None, [w.strip() for w in one], [w.strip() for w in other])
    runs: tuple[list[Run], list[Run]] = ([], [])
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, words in ((runs[0], one[a:b]), (runs[1], other[c:d])):
            text = "".join(words)
            if text:
                side.append(Run(text, kind != "equal" and bool(text.strip())))
    return runs


def _words(text: str) -> list[str]:
    """Cut into words, each with the space behind it; the rest of a very long text is one word."""
    found: list[str] = []
    for match in _WORD.finditer(text):
        if len(found) >= _LONGEST:
            found.append(text[match.start() :])
            break
        if match.group().isspace() and found:
            found[-1] += match.group()
        else:
            found.append(match.group())
    return found


def share_alike(runs: Sequence[Run]) -> float:
    """Return how much of a text, by characters, the other one says too: 0 to 1."""
    whole = sum(len(run.text) for run in runs)
    return sum(len(run.text) for run in runs if not run.is_own) / whole if whole else 1.0


class DiffScreen(ModalScreen[None]):
    """The texts as they came, as source: layout would hide what differs."""

    CSS_PATH = "compare_diff.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,q", "close_diff", "Close", show=False, tooltip="Back to the columns",
                id="diff.close"),
        Binding("j,down", "scroll(2)", "Down", show=False, tooltip="Scroll down", id="diff.down"),
        Binding("k,up", "scroll(-2)", "Up", show=False, tooltip="Scroll up", id="diff.up"),
        Binding("pagedown,space", "scroll(15)", "Page down", show=False, tooltip="Scroll down",
                id="diff.page_down"),
        Binding("pageup", "scroll(-15)", "Page up", show=False, tooltip="Scroll up",
                id="diff.page_up"),
        *(
            Binding(str(at), f"other({at - 1})", "Other column", show=False,
                    tooltip="Compare with this column", id=f"diff.other{at}")
            for at in range(1, 9)
        ),
    ]  # fmt: skip

    def __init__(self, titles: Sequence[str], texts: Sequence[str], left: int, right: int) -> None:
        super().__init__()
        self._titles = titles
        self._texts = texts
        self._left = left
        self._right = right

    def compose(self) -> ComposeResult:
        with DialogBox(id="diff") as box:
            box.border_title = "Differences"
            box.keys = f"j k scroll   1-{len(self._titles)} with another   esc back"
            yield Static("", markup=False, id="alike")
            with Horizontal():
                for side in ("left", "right"):
                    with VerticalScroll(id=side, can_focus=False):
                        yield Static("", markup=False, classes="title")
                        yield Static("", markup=False, classes="words")

    def on_mount(self) -> None:
        self.run_worker(self._draw(), group="diff", exclusive=True)

    async def _draw(self) -> None:
        # Long answers take a second: typing elsewhere must not wait for it.
        runs = await asyncio.to_thread(word_runs, self._texts[self._left], self._texts[self._right])
        for side, place, own in (("left", self._left, runs[0]), ("right", self._right, runs[1])):
            title = f"{place + 1}  {clean_line(self._titles[place])}"
            self.query_one(f"#{side} .title", Static).update(title)
            self.query_one(f"#{side} .words", Static).update(_marked(own))
        share = (share_alike(runs[0]) + share_alike(runs[1])) / 2
        is_same = self._texts[self._left].strip() == self._texts[self._right].strip()
        words = "The same, word for word." if is_same else f"{share:.0%} of the words are shared."
        self.query_one("#alike", Static).update(words)

    def action_other(self, place: int) -> None:
        if place < len(self._titles) and place != self._left:
            self._right = place
            self.run_worker(self._draw(), group="diff", exclusive=True)

    def action_scroll(self, by: int) -> None:
        for side in self.query(VerticalScroll):
            side.scroll_relative(y=by, animate=False)

    def action_close_diff(self) -> None:
        self.dismiss(None)


def _marked(runs: Sequence[Run]) -> Content:
    """Underline what only this text says: told apart without colour, too."""
    if not runs:
        return Content("Nothing has come yet.")
    return Content.assemble(
        *((run.text, "bold underline $warning") if run.is_own else run.text for run in runs)
    )

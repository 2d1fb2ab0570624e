"""The verification pane: what is proven of one reply, by whom, and what is not.

It is the app's own place: no message is ever drawn in it, so no message can paint a verdict there.
Docked at the right of a wide screen, a drawer under the transcript on a narrow one.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from troth.tui.keys import bindings_for
from troth.tui.widgets.verification_lines import Line, PaneWords, lines_of


class VerificationPane(ScrollView, can_focus=True):
    """Scrolls through lines that are laid out once for a width."""

    DEFAULT_CSS = """
    VerificationPane {
        height: 60%; min-height: 6; width: 1fr; border-top: solid $rule; color: $foreground;
        border-title-color: $text-muted; border-subtitle-color: $text-muted;
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
    }
    VerificationPane:focus { border-top: solid $accent; border-title-color: $accent; }
    VerificationPane.-docked {
        dock: right; width: 44%; min-width: 48; max-width: 84; height: 100%;
        border-top: none; border-left: solid $rule;
    }
    VerificationPane.-docked:focus { border-top: none; border-left: solid $accent; }
    VerificationPane.-whole { height: 1fr; }
    VerificationPane .pane--text { color: $foreground; }
    VerificationPane .pane--strong { color: $foreground; }
    VerificationPane .pane--muted { color: $text-muted; }
    VerificationPane .pane--heading { color: $text-muted; text-style: bold; }
    VerificationPane .pane--good { color: $badge-good; text-style: bold; }
    VerificationPane .pane--bad { color: $badge-bad; text-style: bold; }
    VerificationPane .pane--warn { color: $badge-warn; }
    VerificationPane .pane--plain { color: $badge-plain; }
    VerificationPane .pane--live { color: $badge-live; }
    VerificationPane .pane--loud { color: $badge-bad; text-style: bold reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pane--text",
        "pane--strong",
        "pane--muted",
        "pane--heading",
        "pane--good",
        "pane--bad",
        "pane--warn",
        "pane--plain",
        "pane--live",
        "pane--loud",
    }
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("verification")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words: PaneWords | None = None
        self._lines: list[Line] = []
        self._laid_out_for = 0

    @property
    def words(self) -> PaneWords | None:
        """What it says now."""
        return self._words

    def say(self, words: PaneWords, *, is_same_reply: bool) -> None:
        """Show these words; another reply's are read from their top."""
        if words == self._words:
            return
        self._words = words
        self._lay_out()
        if not is_same_reply:
            self.scroll_to(y=0, animate=False)

    def on_resize(self) -> None:
        if self._laid_out_for != self.scrollable_content_region.width:
            self._lay_out()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        self._laid_out_for = width
        if self._words is None or width <= 0:
            return
        self._lines = lines_of(self._words, width)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = y + self.scroll_offset.y
        if not 0 <= at < len(self._lines):
            return Strip.blank(width, self.rich_style)
        segments = [
            Segment(run.text, self.get_component_rich_style(f"pane--{run.look}"))
            for run in self._lines[at]
        ]
        return Strip(segments).extend_cell_length(width, self.rich_style).crop(0, width)

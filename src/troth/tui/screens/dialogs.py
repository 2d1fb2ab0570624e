"""Small questions over the chat: one line of text, a yes, or something to read."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from troth.domain.message import Message
from troth.domain.verdict import Verdict
from troth.explain import check_title, outcome_words, verdict_words
from troth.tui.safe import clean, clean_line
from troth.tui.screens.entries import number_lines
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.field import Field


class TextDialog(ModalScreen[str | None]):
    """Asks for one line; gives back what was typed, or None."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]

    def __init__(
        self, title: str, text: str = "", *, is_secret: bool = False, is_question: bool = False
    ) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._is_secret = is_secret
        self._is_question = is_question

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog") as box:
            box.border_title = clean_line(self._title)
            box.keys = "⏎ yes   esc no" if self._is_question else "⏎ ok   esc cancel"
            if self._is_question:
                yield Static(clean(self._text), markup=False, classes="label")
            else:
                yield Field(self._text, password=self._is_secret, compact=True)

    def on_mount(self) -> None:
        if self._is_question:
            self._bindings.bind("enter", "yes")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.dismiss(message.value if message.value.strip() else None)

    def action_yes(self) -> None:
        self.dismiss(self._text)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)


class DetailsScreen(ModalScreen[None]):
    """What is known of one reply: its numbers, and every check with its outcome."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q,enter", "dismiss_none", "Close", show=False, tooltip="Close",
                id="details.close"),
    ]  # fmt: skip

    def __init__(self, message: Message, verdict: Verdict | None) -> None:
        super().__init__()
        self._message = message
        self._verdict = verdict

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide") as box:
            box.border_title = "This reply"
            box.keys = "esc close"
            with VerticalScroll(classes="details"):
                yield Static(self._verdict_words(), classes="label", markup=False)
                yield Static(self._number_words(), classes="label", markup=False)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    def _verdict_words(self) -> Content:
        if self._verdict is None:
            return Content("Nothing was checked about this reply.\n")
        words = verdict_words(self._verdict.state)
        pieces: list[str | tuple[str, str]] = [
            (f"{words.glyph} {words.short}", "bold"),
            f"\n{words.sentence}\n",
        ]
        for check in self._verdict.checks:
            outcome = outcome_words(check.outcome)
            detail = clean_line(check.detail)
            pieces.append(f"\n{outcome.glyph} {check_title(check.name)}  {detail}")
        checked = self._verdict.checked_at.astimezone()
        pieces.append(f"\n\nChecked on this computer, {checked:%d %b %Y %H:%M}.\n")
        return Content.assemble(*pieces)

    def _number_words(self) -> Content:
        lines = number_lines(self._message)
        width = max((len(name) for name, _ in lines), default=0) + 2
        return Content("\n".join(f"{name:<{width}}{clean_line(value)}" for name, value in lines))

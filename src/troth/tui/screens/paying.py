"""The question before money moves: everything that will be signed, and no as the way out."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.tui.safe import clean_line
from troth.tui.screens.entries import hanging
from troth.tui.widgets.dialog_box import DialogBox

_WIDTH = 70
_INTRO = "If you agree, it may take up to this from your wallet for its replies:"


class PaymentDialog(ModalScreen[bool]):
    """Gives back whether the user authorises. Enter is not yes: it is pressed too easily."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Authorise", tooltip="Authorise", id="payment.yes"),
        Binding("n,escape", "answer(False)", "No", tooltip="Do not pay", id="payment.no"),
    ]

    def __init__(self, provider: str, rows: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._provider = provider
        self._rows = rows

    def compose(self) -> ComposeResult:
        width = max(len(name) for name, _ in self._rows) + 2
        lines = [_INTRO, ""]
        for name, value in self._rows:
            lines += hanging(f"{name:<{width}}", clean_line(value), _WIDTH)
        with DialogBox(classes="dialog -wide") as box:
            box.border_title = f"{clean_line(self._provider)} asks for a payment"
            box.keys = "y authorise   n no"
            with VerticalScroll(classes="details"):
                yield Static(Content("\n".join(lines)), classes="label", markup=False)

    def action_answer(self, is_yes: bool) -> None:
        self.dismiss(is_yes)

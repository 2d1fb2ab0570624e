"""The question before money moves: everything that will be signed, and no as the way out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.error import PaymentRefused
from troth.engine.payment import PaymentRequest, payment_lines, written_opg
from troth.tui.safe import clean_line
from troth.tui.screens.entries import hanging
from troth.tui.widgets.dialog_box import DialogBox

if TYPE_CHECKING:
    from textual.app import App

_WIDTH = 70
_INTRO = "If you agree, it may take up to this from your wallet for its replies:"
_PAUSE_S = 0.8
"""How long no letter may have been typed before one is a yes: the question comes by itself, also
into the middle of a word."""


class PaymentDialog(ModalScreen[None]):
    """Asks whether the user authorises. Enter is not yes: it is pressed too easily."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Authorise", tooltip="Authorise", id="payment.yes"),
        Binding("n,escape", "answer(False)", "No", tooltip="Do not pay", id="payment.no"),
    ]

    def __init__(self, provider: str, rows: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._provider = provider
        self._rows = rows
        self.answer: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
        """None where the dialog went away unanswered: the vault was locked, say."""
        self.takes_yes = False

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

    def on_mount(self) -> None:
        self._pause_timer = self.set_timer(_PAUSE_S, self._take_yes)

    def on_unmount(self) -> None:
        self._tell(None)

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and event.key not in self.active_bindings:
            self._pause()

    def action_answer(self, is_yes: bool) -> None:
        if is_yes and not self.takes_yes:
            self._pause()
            return
        self._tell(is_yes)
        self.dismiss()

    def _pause(self) -> None:
        self.takes_yes = False
        self._pause_timer.stop()
        self._pause_timer = self.set_timer(_PAUSE_S, self._take_yes)

    def _take_yes(self) -> None:
        self.takes_yes = True

    def _tell(self, answer: bool | None) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


async def ask_payment(app: App[int], request: PaymentRequest) -> bool:
    """Ask before money moves; raise PaymentRefused where the question went away unanswered."""
    dialog = PaymentDialog(request.provider, payment_lines(request))
    app.push_screen(dialog)
    try:
        answer = await dialog.answer
    finally:
        if dialog.is_current:  # the reply was stopped meanwhile
            dialog.dismiss()
    if answer is None:
        reason = f"It asks for up to {written_opg(request.amount)}; the question was not answered."
        raise PaymentRefused(request.provider, reason)
    return answer

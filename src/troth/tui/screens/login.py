"""Logging in to a provider with the browser; the tokens go into the vault.

The page is opened by the person's act: over SSH, or with a browser that runs in the terminal, that
has to happen elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.error import TrothError
from troth.explain import explain
from troth.tui.safe import clean_line
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox

if TYPE_CHECKING:
    from troth.domain.model import Endpoint
    from troth.engine.engine import Engine
    from troth.tui.application import TrothApp


class LoginScreen(ModalScreen[bool | None]):
    """Shows the address of the login page and waits. Gives back True once it has worked."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("enter,o", "open", "Open", show=False, tooltip="Open the page in the browser",
                id="login.open"),
        Binding("c", "copy", "Copy", show=False, tooltip="Copy the address", id="login.copy"),
    ]  # fmt: skip

    def __init__(self, host: TrothApp, engine: Engine, endpoint: Endpoint) -> None:
        super().__init__()
        self._host = host
        self._engine = engine
        self._endpoint = endpoint
        self._address = ""

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide") as box:
            box.border_title = clean_line(
                f"Log in to {self._endpoint.title or self._endpoint.name}"
            )
            box.keys = "⏎ open it here   c copy it   esc cancel"
            yield Static("Preparing ...", markup=False, classes="label", id="address")
            yield Static("", markup=False, classes="wrong")

    def on_mount(self) -> None:
        self.run_worker(self._log_in(), name="login", exclusive=True)

    async def _log_in(self) -> None:
        try:
            await self._engine.enclaves.log_in(self._endpoint.name, self._show)
        except TrothError as error:
            words = explain(error)
            self._address = ""  # nobody listens there any longer
            self.query_one("#address", Static).update("")
            self.query_one(DialogBox).say_keys("esc close")
            self._say(f"{words.title}. {words.detail}")
        else:
            self.dismiss(True)  # noqa: FBT003 - the screen's result

    def _show(self, address: str) -> None:
        self._address = address
        self.query_one("#address", Static).update(
            "Log in on this page; it hands the login back to this computer by itself. Troth waits "
            f"for five minutes.\n\n{clean_line(address)}\n\nWith a browser on another computer: "
            f"`troth login {self._endpoint.name} --paste` in a shell.\n"
        )

    def _say(self, words: str) -> None:
        self.query_one(".wrong", Static).update(clean_line(words))

    def action_open(self) -> None:
        """Open the page with the system's browser."""
        if self._address:
            self._host.open_url(self._address)

    def action_copy(self) -> None:
        """Send the address to the terminal's clipboard: the browser may be on another computer."""
        if self._address:
            self._host.copy_to_clipboard(self._address)
            self._say("The address was sent to the terminal's clipboard.")

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

"""The verification pane over the columns of a comparison: what is proven of one column's reply."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.screen import ModalScreen

from troth.domain.error import TrothError
from troth.domain.message import Message
from troth.explain import explain
from troth.tui.commands import BY_ID
from troth.tui.keys import bindings_for, footer_items
from troth.tui.screens.verification_actions import VerificationActions
from troth.tui.screens.verification_look import words_about
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.notice_bar import NoticeBar, Words
from troth.tui.widgets.verification_pane import VerificationPane

if TYPE_CHECKING:
    from troth.engine.chat import Chat
    from troth.engine.engine import Engine
    from troth.tui.application import TrothApp
    from troth.tui.screens.desk import Handler

ResultT = TypeVar("ResultT")
DOCKED_FROM = 120
"""Columns of the terminal from which the answer stays in sight beside it."""


class ProofScreen(ModalScreen[None]):
    """One reply, all that is proven of it, and what can be done about it."""

    CSS_PATH = "compare_proof.tcss"
    AUTO_FOCUS = "VerificationPane"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("verification")]

    pane = query_one(VerificationPane)
    notice = query_one(NoticeBar)
    footer = query_one(FooterBar)

    def __init__(
        self,
        app: TrothApp,
        engine: Engine,
        chat: Chat,
        message: Message,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when a verdict, or what counts for it, is another one."""
        super().__init__()
        self.troth = app
        self.engine = engine
        self.chat: Chat | None = chat
        self._message = message
        self._changed = changed
        self.handlers = self._handlers(VerificationActions(app, self, self, self))

    def compose(self) -> ComposeResult:
        with Vertical(id="proof"):
            yield VerificationPane()
            yield NoticeBar()
            yield FooterBar()

    def on_mount(self) -> None:
        self.pane.add_class("-whole")
        self.follow()

    def on_resize(self) -> None:
        self.query_one("#proof").set_class(self.size.width >= DOCKED_FROM, "-docked")

    # -- commands

    def _handlers(self, actions: VerificationActions) -> dict[str, Handler]:
        return {
            "verification.again": lambda _: actions.check_again(),
            "verification.bytes": lambda _: actions.show_bytes(),
            "verification.key": lambda _: actions.key_and_trust(),
            "verification.evidence": lambda _: actions.show_evidence(),
            "verification.receipt": lambda _: actions.export_receipt(),
            "verification.copy": lambda _: actions.copy_fingerprint(),
            "verification.allow": lambda _: actions.allow(),
            "verification.down": lambda _: self._scroll(2),
            "verification.up": lambda _: self._scroll(-2),
            "verification.leave": lambda _: self._leave(),
        }

    def facts(self) -> set[str]:
        """Say what holds of the reply."""
        verdict = self.chat.verdicts.get(self._message.id) if self.chat else None
        if verdict is None:
            return {"chat", "pane"}
        judged = {"chat", "pane", "judged"}
        return judged | {"rejected"} if verdict.is_loud else judged

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "command" and parameters:
            command = BY_ID.get(str(parameters[0]))
            return (
                command is not None
                and command.id in self.handlers
                and command.is_available(self.facts())
            )
        return True

    def action_command(self, command_id: str) -> None:
        """Carry out a command of the pane."""
        self.run_worker(self._carry_out(command_id), group=f"command {command_id}")

    async def _carry_out(self, command_id: str) -> None:
        work = self.handlers[command_id]("")
        if isawaitable(work):
            await work

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        message.stop()
        self.action_command(message.command_id)

    def _leave(self) -> None:
        self.dismiss(None)  # not awaited: its own worker would wait for its own end

    def _scroll(self, by: int) -> None:
        self.pane.scroll_relative(y=by, animate=False)

    # -- what the actions ask of the screen, the chat and the pane

    def message(self) -> Message | None:
        """Return the reply that is shown."""
        return self._message

    def follow(self) -> None:
        """Draw what holds now."""
        self.run_worker(self._draw(), group="draw", exclusive=True)

    async def _draw(self) -> None:
        if self.chat is None:
            return
        try:
            words = await words_about(self.engine, self.chat, self._message)
        except TrothError as error:
            self.say_error(error)
            return
        self.pane.say(words, is_same_reply=True)
        items = footer_items(self.troth.keymap, self.facts(), "verification")
        self.footer.items = tuple(item for item in items if item.command_id in self.handlers)

    def redraw(self) -> None:
        """Let the columns below show the verdict that holds now."""
        self._changed()

    async def measure(self) -> None:
        """Nothing is measured here: each column is asked anew."""

    def announce(self, text: str) -> None:
        """Say one sentence below the pane."""
        self.notice.say(Words(text))

    def say_error(self, error: TrothError) -> None:
        """Show what went wrong and what to do."""
        words = explain(error)
        self.notice.say(Words(words.title, words.detail, words.next_step, tone="bad"))

    def ask(self, dialog: ModalScreen[ResultT | None], then: Callable[[ResultT], object]) -> None:
        """Put a question over the pane; `then` gets the answer, where there is one."""

        def answered(result: ResultT | None) -> None:
            if result is not None:
                then(result)

        self.troth.push_screen(dialog, answered)

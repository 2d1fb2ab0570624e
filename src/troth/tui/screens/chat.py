"""The chat screen: it holds the one conversation with the engine; its widgets only draw.

The screen itself is light and takes keys at once. What needs the engine lives in `talking`,
`reading`, `listing` and `visits`, and joins with `attach` after the first paint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.getters import query_one
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from troth.tui.commands import BY_ID, parse_slash, unknown_slash
from troth.tui.keys import Keymap, bindings_for, footer_items
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.prompt import PromptBar
from troth.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from troth.domain.error import TrothError
    from troth.tui.screens.desk import Desk
    from troth.tui.screens.page import Page
    from troth.tui.widgets.notice_bar import Words
    from troth.tui.widgets.queue_bar import QueueBar
    from troth.tui.widgets.row_list import RowList
    from troth.tui.widgets.sidebar import Sidebar
    from troth.tui.widgets.transcript_events import LinkChosen, PictureWanted, VariantChosen

ResultT = TypeVar("ResultT")
_SAID_FOR_S = 8.0


class ChatScreen(Screen[None]):
    """Title, transcript, prompt and footer; the sidebar when asked for."""

    CSS_PATH = "chat.tcss"
    AUTO_FOCUS = "PromptArea"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("chat", "app")]

    title_bar = query_one(TitleBar)
    prompt = query_one(PromptBar)
    footer = query_one(FooterBar)

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self.keymap = keymap
        self.desk: Desk | None = None
        """Everything that needs the engine; None until it is attached."""
        self._is_attached = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield Static("", markup=False, id="place")
        yield PromptBar()
        yield FooterBar(footer_items(self.keymap, (), "prompt", "chat", "app"))

    async def take_desk(self, desk: Desk) -> None:
        """Go on with what needs the engine; what was typed meanwhile stays."""
        self.desk = desk
        await desk.settle_in()
        self._is_attached.set()
        self.draw_frame()

    @property
    def is_seated(self) -> bool:
        """Whether the engine is there and the chat is shown."""
        return self._is_attached.is_set()

    # -- commands

    def facts(self) -> frozenset[str]:
        """Say what holds now: decides which commands are available."""
        return self.desk.facts() if self.desk is not None else frozenset({"idle"})

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "command" and parameters:
            command = BY_ID.get(str(parameters[0]))
            if command is None or (command.id == "reply.stop" and self.prompt.has_menu):
                return command is not None
            return command.is_available(self.facts())
        return True

    def action_command(self, command_id: str, argument: str = "") -> None:
        """Carry a command out; before the engine is there it waits."""
        if command_id in {"reading.enter", "reply.stop"} and self._escape_has_other_work():
            return
        self.run_worker(self._carry_out(command_id, argument), group=f"command {command_id}")

    def _escape_has_other_work(self) -> bool:
        """Let Escape close the menu, or give up an edit, before it stops or reads."""
        if self.prompt.has_menu:
            self.prompt.close_menu()
            return True
        return self.desk is not None and self.desk.reading.give_up_edit()

    async def _carry_out(self, command_id: str, argument: str) -> None:
        await self._is_attached.wait()
        assert self.desk is not None
        from troth.domain.error import TrothError

        handler = self.desk.handlers[command_id]
        try:
            result = handler(argument)
            if isawaitable(result):
                await result
        except TrothError as error:  # a vault that cannot be written, a full disk
            self.say_error(error)

    def on_prompt_bar_submitted(self, message: PromptBar.Submitted) -> None:
        message.stop()
        line = parse_slash(message.text.strip())
        if unknown := unknown_slash(message.text.strip()):
            self.announce(f"There is no command {unknown}. To send it as text, write /{unknown}.")
            self.prompt.give_back(message.text)
        elif line is None:
            self.run_worker(self._submit(message.text), group="submit")
        elif line.command.is_available(self.facts()):
            self.run_worker(self._carry_out(line.command.id, line.argument), group="slash")
        else:
            self.announce(f"/{line.command.name} cannot be used now.")
            self.prompt.give_back(message.text)

    async def _submit(self, text: str) -> None:
        await self._is_attached.wait()
        assert self.desk is not None
        if not await self.desk.reading.resend(text):
            await self.desk.talking.submit(text)

    def on_prompt_bar_changed(self, message: PromptBar.Changed) -> None:
        message.stop()
        if self.desk is not None:
            self.desk.talking.draft_changed()

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        if message.command_id.startswith("prompt."):
            self.prompt.accept()
        else:
            self.action_command(message.command_id)

    def on_title_bar_model_pressed(self) -> None:
        self.action_command("model.pick")

    # -- what the desk draws with

    @property
    def page(self) -> Page:
        """The transcript; there once the desk is."""
        assert self.desk is not None
        return self.desk.page

    @property
    def is_reading(self) -> bool:
        return self.desk is not None and self.desk.page.has_focus

    def leave_reading(self) -> None:
        """Go back to the prompt."""
        self.prompt.take_focus()

    def draw_frame(self) -> None:
        """Draw title, queue and footer from what holds now."""
        if self.desk is not None:
            self.desk.draw_frame()

    def ring_after(self, seconds: float) -> None:
        """Ring where a reply took so long that nobody waited for it."""
        if self.desk is not None:
            self.desk.app.ring_after(seconds)

    def draw_meter(self, text: str, *, is_high: bool) -> None:
        self.title_bar.meter = text
        self.title_bar.meter_is_high = is_high

    def draw_attached(self, lines: Sequence[str]) -> None:
        """Show what goes along with the next message."""
        if self.desk is not None:
            self.desk.draw_attached(lines)

    def say(self, words: Words | None) -> None:
        """Show a notice above the prompt, or none."""
        if self.desk is not None:
            self.desk.notice.say(words)

    @property
    def notice_words(self) -> Words | None:
        """What the notice above the prompt says, if any."""
        return self.desk.notice.words if self.desk is not None else None

    def say_error(self, error: TrothError) -> None:
        """Show what went wrong and what to do."""
        from troth.explain import explain
        from troth.tui.widgets.notice_bar import Words

        words = explain(error)
        self.say(Words(words.title, words.detail, words.next_step, tone="bad"))

    def announce(self, text: str) -> None:
        """Say one sentence above the prompt, for a while or until the next thing happens."""
        from troth.tui.widgets.notice_bar import Words

        words = Words(text)
        self.say(words)
        self.set_timer(_SAID_FOR_S, lambda: self._unsay(words))

    def _unsay(self, words: Words) -> None:
        if self.desk is not None and self.desk.notice.words is words:
            self.say(None)

    def ask(self, dialog: ModalScreen[ResultT | None], then: Callable[[ResultT], object]) -> None:
        """Put a question over the chat; `then` gets the answer, where there is one."""

        def answered(result: ResultT | None) -> None:
            if result is not None:
                then(result)

        assert self.desk is not None
        self.desk.app.push_screen(dialog, answered)

    async def ask_and_wait(self, dialog: Screen[ResultT]) -> ResultT:
        """Put a question over the chat and return its answer; only from a worker."""
        assert self.desk is not None
        return await self.desk.app.push_screen_wait(dialog)

    def chat_shown(self, conversation_id: str) -> None:
        if self.desk is not None:
            self.desk.listing.follow(conversation_id)

    def chats_changed(self) -> None:
        if self.desk is not None:
            self.desk.listing.mark_stale()

    def on_descendant_focus(self) -> None:
        self.draw_frame()

    # -- what the reader does in the transcript

    def on_page_digit(self, message: Page.Digit) -> None:
        message.stop()
        if self.desk is not None:
            self.run_worker(self.desk.reading.digit(message.digit), group="digit")

    def on_transcript_selected(self) -> None:
        self.draw_frame()

    def on_verification_banner_pressed(self) -> None:
        if self.desk is not None:
            self.run_worker(self.desk.verifying.go_to_failed(), group="failed")

    def on_resize(self) -> None:
        if self.desk is not None:
            self.desk.verifying.arrange()

    def on_transcript_tail_left(self) -> None:
        if self.desk is not None:
            self.run_worker(self.desk.talking.load_what_is_near(), group="older")

    def on_transcript_start_near(self) -> None:
        if self.desk is not None:
            self.run_worker(self.desk.talking.load_older(), group="older")

    def on_transcript_link_chosen(self, message: LinkChosen) -> None:
        if self.desk is not None:
            self.desk.reading.open_address(message.url)

    def on_transcript_picture_wanted(self, message: PictureWanted) -> None:
        if self.desk is not None:
            self.desk.pictures.want(message.key)

    def on_transcript_variant_chosen(self, message: VariantChosen) -> None:
        if self.desk is not None:
            self.page.select(message.entry_id)
            self.run_worker(self.desk.reading.walk(message.step), group="variant")

    def on_queue_bar_edit_pressed(self, message: QueueBar.EditPressed) -> None:
        if self.desk is not None:
            self.run_worker(self.desk.talking.take_back(message.place), group="queue")

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """Only the menu of /commands comes this far: the sidebar keeps its own."""
        message.stop()
        self.prompt.accept()

    def on_sidebar_opened(self, message: Sidebar.Opened) -> None:
        if self.desk is not None:
            self.run_worker(self.desk.talking.open(message.conversation_id), group="open")
            self.desk.listing.leave()

    def on_sidebar_left(self) -> None:
        if self.desk is not None:
            self.desk.listing.leave()

    async def save_draft_now(self) -> None:
        """Keep what is being typed: the app ends, or locks."""
        if self.desk is not None:
            await self.desk.talking.save_draft()

    async def open_chat(self, conversation_id: str) -> None:
        """Open one chat (asked for on the command line)."""
        await self._is_attached.wait()
        assert self.desk is not None
        await self.desk.talking.open(conversation_id)

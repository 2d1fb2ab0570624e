"""The comparison screen: one prompt, several models, each in a column of its own.

Columns have the keys until `i` goes to the prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from troth.domain.error import TrothError
from troth.engine.comparison import Comparison
from troth.engine.feed import ChatChanged, ChatRemoved, Locked, ReplyBegan
from troth.tui.commands import BY_ID, parse_slash
from troth.tui.keys import bindings_for
from troth.tui.screens.compare_board import CompareBoard
from troth.tui.screens.compare_column import ColumnView
from troth.tui.screens.compare_deeds import Deeds
from troth.tui.screens.compare_handlers import handlers_of
from troth.tui.screens.compare_vote import Ballots
from troth.tui.screens.pictures import PictureReader
from troth.tui.widgets.compare_head import CompareStrip
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.notice_bar import NoticeBar
from troth.tui.widgets.prompt import PromptBar
from troth.tui.widgets.row_list import RowList
from troth.tui.widgets.slash_menu import SlashMenu
from troth.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from troth.engine.engine import Engine
    from troth.tui.application import TrothApp

_TICK_S = 0.5


class CompareScreen(CompareBoard):
    """Stands over the chat. Leaving it stops nothing: the engine owns the replies."""

    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("compare", "app")]

    def __init__(
        self,
        app: TrothApp,
        engine: Engine,
        comparison: Comparison,
        carry_out: Callable[[str], None],
    ) -> None:
        """`carry_out` does what a command of the app asks for: theme, lock, help, quit."""
        super().__init__(app, engine, comparison)
        self.carry_out = carry_out
        self._menu = SlashMenu()
        self._pictures = PictureReader(engine, lambda: comparison.chat, self.say_error)
        self._deeds = Deeds(self)
        self._handlers = handlers_of(self, self._deeds, Ballots(self))
        self._handlers |= {"compare.back": self.back, "palette.open": self.show_palette}

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield CompareStrip()
        with Horizontal(id="columns"):
            self.places = [ColumnView(place) for place in range(len(self.comparison.columns))]
            yield from self.places
        yield NoticeBar()
        yield Static("", markup=False, id="vote")
        yield self._menu
        yield PromptBar()
        yield FooterBar()

    async def on_mount(self) -> None:
        write, send = (self.troth.keymap.first(f) for f in ("compare.write", "prompt.send"))
        self.prompt.area.placeholder = f"The next turn for all: {write} writes, {send} sends"
        self.prompt.menu = self._menu
        self.prompt.area.keys = self.troth.keymap.keys
        self.prompt.earlier = self.engine.recent_prompts()
        self.redraw()
        self.following.begin()
        self.set_interval(_TICK_S, self.tick)
        self.run_worker(self._listen(), group="feed", exclusive=True)

    async def _listen(self) -> None:
        async for change in self.engine.changes():
            match change:
                case ReplyBegan(id, _) | ChatChanged(id) if id == self.comparison.id:
                    self.following.begin()
                    self.redraw_soon()
                case ChatRemoved(id) if id == self.comparison.id:
                    await self.remove_children()
                case Locked():
                    await self.remove_children()  # nothing of the vault stays on a screen
                case _:
                    continue

    # -- commands

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave it to the deeds to say what cannot be done now, and why."""
        if action == "command" and parameters:
            command = BY_ID.get(str(parameters[0]))
            return command is not None and (
                command.scope == "compare" or command.is_available(self.facts())
            )
        return True

    def action_command(self, command_id: str) -> None:
        """Carry a command out; one of the app is not this screen's business."""
        if command_id == "compare.back" and self.prompt.has_menu:
            self.prompt.close_menu()
        elif (handler := self._handlers.get(command_id)) is None:
            self.carry_out(command_id)
        elif (work := handler()) is not None:
            self.run_worker(self._deeds.attempt(work), group="deed")

    def show_palette(self) -> None:
        """Offer every command that can be used here."""
        from troth.tui.screens.palette import PaletteScreen

        def chosen(command_id: str | None) -> None:
            if command_id is not None:
                self.action_command(command_id)

        self.troth.push_screen(PaletteScreen(self.troth.keymap, self.facts()), chosen)

    # -- writing

    def on_prompt_bar_submitted(self, message: PromptBar.Submitted) -> None:
        message.stop()
        line = parse_slash(message.text.strip())
        if line is None:
            self.run_worker(self._send(message.text), group="send")
        elif line.command.is_available(self.facts()):
            self.set_focus(None)
            self.action_command(line.command.id)
        else:
            self.prompt.give_back(message.text)
            self.announce(f"/{line.command.name} works in the chat: esc goes back to it.")

    async def _send(self, text: str) -> None:
        try:
            if not await self._deeds.may_ask(*self.comparison.columns):
                self.prompt.give_back(text)
                return
            await self.comparison.send(text.removeprefix("/") if text.startswith("//") else text)
        except TrothError as error:
            self.prompt.give_back(text)
            self.say_error(error)
            return
        self.say(None)
        self.set_focus(None)
        for view in self.places:
            view.page.scroll_to_tail()
        if any(column.is_halted for column in self.comparison.columns):
            again, on = (self.troth.keymap.first(f"compare.{f}") for f in ("again", "go_on"))
            self.announce(
                f"A column without an answer waits: {again} asks it again, {on} lets it go on with "
                "both prompts as one."
            )

    def on_prompt_bar_changed(self, message: PromptBar.Changed) -> None:
        message.stop()

    def back(self) -> None:
        """Leave the prompt, stop what arrives here, leave the zoom, or go back: in this order."""
        if self.focused is not None:
            self.set_focus(None)
        elif self.column.reply is not None and self.column.reply.is_running:
            self.comparison.stop(self.column)
        elif self.is_zoomed:
            self.zoom()
        else:
            self.dismiss(None)

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        if message.command_id == "prompt.send":
            self.prompt.accept()
        else:
            self.action_command(message.command_id)

    def on_column_view_picture_wanted(self, message: ColumnView.PictureWanted) -> None:
        if message.place < len(self.places):  # it may have been taken out meanwhile
            page = self.places[message.place].page
            self.run_worker(self._pictures.bring(page, message.key), group="pictures")

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """A row of the menu of /commands was clicked."""
        message.stop()
        self.prompt.accept()

    async def save_draft_now(self) -> None:
        """Keep what is being typed: the app ends, or locks."""
        if self.query(PromptBar) and self.prompt.text.strip():
            try:
                await self.engine.save_draft(self.comparison.chat, self.prompt.text)
            except TrothError as error:
                self.say_error(error)

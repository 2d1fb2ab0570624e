"""The comparison screen: one prompt, several models, each in a column of its own.

Columns have the keys until `i` goes to the prompt. What is shown at a place may be another column
in every turn of a blind comparison: places and columns are told apart here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.getters import query_one
from textual.widgets import Static

from troth.domain.error import TrothError
from troth.engine.comparison import Column, Comparison
from troth.engine.feed import ChatChanged, ChatRemoved, Locked, ReplyBegan
from troth.explain import explain
from troth.tui.commands import BY_ID, Fact, parse_slash
from troth.tui.keys import bindings_for
from troth.tui.screens.compare_column import ColumnPage, ColumnsScreen, ColumnView
from troth.tui.screens.compare_deeds import Deeds
from troth.tui.screens.compare_follow import ColumnFollowing
from troth.tui.screens.compare_handlers import handlers_of
from troth.tui.screens.compare_vote import Ballots
from troth.tui.screens.compare_words import (
    entries_at,
    footer_of,
    head_at,
    is_held,
    newest_turn,
    seat,
)
from troth.tui.widgets.compare_head import CompareStrip
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.notice_bar import NoticeBar, Words
from troth.tui.widgets.prompt import PromptBar
from troth.tui.widgets.row_list import RowList
from troth.tui.widgets.slash_menu import SlashMenu
from troth.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from troth.engine.engine import Engine
    from troth.engine.reply import Reply
    from troth.tui.application import TrothApp

_TICK_S = 0.5
_SAID_FOR_S = 8.0


class CompareScreen(ColumnsScreen):
    """Stands over the chat. Leaving it stops nothing: the engine owns the replies."""

    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("compare", "app")]

    title_bar = query_one(TitleBar)
    strip = query_one(CompareStrip)
    notice = query_one(NoticeBar)
    prompt = query_one(PromptBar)
    footer = query_one(FooterBar)

    def __init__(
        self,
        app: TrothApp,
        engine: Engine,
        comparison: Comparison,
        carry_out: Callable[[str], None],
    ) -> None:
        """`carry_out` does what a command of the app asks for: theme, lock, help, quit."""
        super().__init__()
        self.troth = app
        self.engine = engine
        self.comparison = comparison
        self._following = ColumnFollowing(self, comparison, self._page_of, self.redraw_soon)
        self._is_stale = False
        self.deeds = Deeds(self)
        self.ballots = Ballots(self)
        self.carry_out = carry_out
        self._menu = SlashMenu()
        self.handlers = handlers_of(self)

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
        self._following.begin()
        self.set_interval(_TICK_S, self._tick)
        self.run_worker(self._listen(), group="feed", exclusive=True)

    # -- what stands where

    @property
    def column(self) -> Column:
        """The column of the newest turn that stands at the current place."""
        return seat(self.comparison, self.current, newest_turn(self.comparison))

    def _page_of(self, reply: Reply) -> ColumnPage | None:
        """Return where a reply is shown; None where it must not be shown yet."""
        column = self.comparison.column_of(reply)
        if column is None or is_held(self.comparison):
            return None
        turn = max(0, len(self.comparison.answers(column)) - 1)
        if not self.comparison.voting.is_shown(turn):
            return None
        place = self.comparison.voting.order(turn).index(column)
        views = self.places
        return views[place].page if place < len(views) else None

    # -- drawing

    def redraw_soon(self) -> None:
        """Draw everything anew after the next refresh; many calls make one."""
        if not self._is_stale:
            self._is_stale = True
            self.call_after_refresh(self._redraw_now)

    def _redraw_now(self) -> None:
        self._is_stale = False
        if self.is_attached and self.query(ColumnView):
            self.redraw()

    def redraw(self) -> None:
        """Give every place what stands there now."""
        self.current = min(self.current, len(self.comparison.columns) - 1)
        for view in self.places:
            arriving = partial(self._following.arriving, view.page)
            view.page.update_path(entries_at(self.comparison, view.place, arriving))
        self.draw_columns()

    def draw_columns(self) -> None:
        """Show the columns that fit, and draw the frame."""
        shown = self.shown
        for view in self.places:
            view.display = view.place in shown
            view.set_class(view.place == shown.start, "-first")
        self.set_class(len(shown) < len(self.comparison.columns), "-strip")
        self.draw_frame()

    def draw_frame(self) -> None:
        """Draw heads, strip, title, vote line and footer."""
        comparison, turn = self.comparison, newest_turn(self.comparison)
        order = comparison.voting.order(turn)
        heads = [
            head_at(comparison, place, self._following.elapsed_s(column.reply))
            for place, column in enumerate(order)
        ]
        for view, head in zip(self.places, heads, strict=False):
            view.head.say(head, is_current=view.place == self.current)
        self.strip.say(heads, self.current)
        title = self.title_bar
        title.chat_title = f"{comparison.chat.conversation.title or 'New chat'}: compare"
        arriving = sum(column.is_running for column in order)
        title.model = (
            f"{arriving} of {len(order)} answering" if arriving else f"{len(order)} models"
        )
        title.meter = "names hidden" if comparison.voting.is_blind else ""
        title.state = self._state_words()
        self.ballots.draw()
        self.prompt.facts = facts = self.facts()
        is_writing = self.prompt.area.has_focus
        self.footer.items = footer_of(self.troth.keymap, facts, len(order), is_writing=is_writing)

    def facts(self) -> frozenset[Fact]:
        """Say what holds now: what can be done hangs on it."""
        facts: set[Fact] = {"columns", "blind" if self.comparison.voting.is_blind else "named"}
        if not self.engine.vault.is_memory:
            facts.add("vault")
        return frozenset(facts)

    def _state_words(self) -> str:
        if self.comparison.chat.conversation.is_incognito:
            return "incognito"
        return "memory only" if self.engine.vault.is_memory else "unlocked"

    def _tick(self) -> None:
        if self.comparison.is_running and self.query(ColumnView):
            self.draw_frame()
            if self.comparison.voting.is_blind:
                return
            for column in self.comparison.columns:
                seconds = self._following.elapsed_s(column.reply)
                if seconds is not None and column.reply is not None:
                    page = self._page_of(column.reply)
                    if page is not None:
                        page.tick(f"{seconds:.0f} s")

    def on_resize(self) -> None:
        if self.query(ColumnView):
            self.draw_columns()

    def on_descendant_focus(self) -> None:
        self.draw_frame()

    def on_descendant_blur(self) -> None:
        self.call_after_refresh(self.draw_frame)

    # -- words

    def say(self, words: Words | None) -> None:
        """Show a notice above the prompt, or none."""
        self.notice.say(words)

    def announce(self, text: str) -> None:
        """Say one sentence for a while, or until the next thing is said."""
        words = Words(text)
        self.say(words)
        self.set_timer(_SAID_FOR_S, lambda: self._unsay(words))

    def _unsay(self, words: Words) -> None:
        if self.notice.words is words:
            self.say(None)

    def say_error(self, error: TrothError) -> None:
        """Show what went wrong and what to do."""
        words = explain(error)
        self.say(Words(words.title, words.detail, words.next_step, tone="bad"))

    # -- news

    async def _listen(self) -> None:
        async for change in self.engine.changes():
            match change:
                case ReplyBegan(id, _) | ChatChanged(id) if id == self.comparison.id:
                    self._following.begin()
                    self.redraw_soon()
                case ChatRemoved(id) if id == self.comparison.id:
                    await self.remove_children()
                case Locked():
                    await self.remove_children()  # nothing of the vault stays on a screen
                case _:
                    continue

    async def rebuild(self) -> None:
        """Mount a place for every column: there are more or fewer of them."""
        count = len(self.comparison.columns)
        gone, self.places = self.places[count:], self.places[:count]
        self.places += [ColumnView(place) for place in range(len(self.places), count)]
        for view in gone:
            await view.remove()
        fresh = [view for view in self.places if not view.is_attached]
        if fresh:
            await self.query_one("#columns", Horizontal).mount_all(fresh)
        self._following.begin()
        self.redraw()

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
        elif (handler := self.handlers.get(command_id)) is None:
            self.carry_out(command_id)
        elif (work := handler()) is not None:
            self.run_worker(self.deeds.attempt(work), group="deed")

    # -- moving

    def choose(self, place: int) -> None:
        if place < len(self.comparison.columns):
            self.current = place
            self.draw_columns()

    def step(self, by: int) -> None:
        self.choose((self.current + by) % len(self.comparison.columns))

    def on_column_view_chosen(self, message: ColumnView.Chosen) -> None:
        message.stop()
        self.set_focus(None)
        self.choose(message.place)

    def on_compare_strip_chosen(self, message: CompareStrip.Chosen) -> None:
        message.stop()
        self.choose(message.place)

    def free(self) -> None:
        self.scrolls_together = not self.scrolls_together
        how = "together" if self.scrolls_together else "alone: each where you leave it"
        self.announce(f"The columns scroll {how}.")

    def zoom(self) -> None:
        self.is_zoomed = not self.is_zoomed
        self.draw_columns()

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
            self.announce(f"/{line.command.slash} works in the chat: esc goes back to it.")

    async def _send(self, text: str) -> None:
        try:
            if not await self.deeds.may_ask(*self.comparison.columns):
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
                f"A column without an answer waits: {again} asks it again, {on} lets it go on."
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

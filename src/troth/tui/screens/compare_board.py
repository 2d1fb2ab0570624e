"""A comparison on the screen: which column stands where, how it is drawn, and what is said of it.

What is shown at a place may be another column in every turn of a blind comparison: places and
columns are told apart here, and nowhere else. What can be done with them stands above this.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.getters import query_one
from textual.widgets import Static

from troth.domain.error import TrothError
from troth.engine.comparison import Column, Comparison
from troth.explain import explain
from troth.tui.commands import Fact
from troth.tui.screens.compare_column import ColumnPage, ColumnsScreen, ColumnView
from troth.tui.screens.compare_follow import ColumnFollowing
from troth.tui.screens.compare_words import (
    entries_at,
    footer_of,
    head_at,
    is_held,
    newest_turn,
    seat,
    vote_words,
)
from troth.tui.widgets.compare_head import ColumnHead, CompareStrip
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.notice_bar import NoticeBar, Words
from troth.tui.widgets.prompt import PromptBar
from troth.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from troth.engine.engine import Engine
    from troth.engine.reply import Reply
    from troth.tui.application import TrothApp

_SAID_FOR_S = 8.0


class CompareBoard(ColumnsScreen):
    """The columns of one comparison, drawn."""

    title_bar = query_one(TitleBar)
    strip = query_one(CompareStrip)
    notice = query_one(NoticeBar)
    prompt = query_one(PromptBar)
    footer = query_one(FooterBar)

    def __init__(self, app: TrothApp, engine: Engine, comparison: Comparison) -> None:
        super().__init__()
        self.troth = app
        self.engine = engine
        self.comparison = comparison
        self.following = ColumnFollowing(self, comparison, self._page_of, self.redraw_soon)
        self._is_stale = False
        self._vote_words = ""

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

    @property
    def is_whole(self) -> bool:
        """Whether all that is drawn on is there: not while columns come or go, or the screen."""
        frame = (TitleBar, CompareStrip, NoticeBar, PromptBar, FooterBar)
        counts = {len(self.query(ColumnHead)), len(self.query(ColumnPage)), len(self.places)}
        has_frame = all(self.query(kind) for kind in frame) and bool(self.query("#vote"))
        return has_frame and counts == {len(self.comparison.columns)}

    def redraw_soon(self) -> None:
        """Draw everything anew after the next refresh; many calls make one."""
        if not self._is_stale:
            self._is_stale = True
            self.call_after_refresh(self._redraw_now)

    def _redraw_now(self) -> None:
        self._is_stale = False
        self.redraw()

    def redraw(self) -> None:
        """Give every place what stands there now."""
        if not self.is_whole:
            return  # what brings it about draws at its end
        self.current = min(self.current, len(self.comparison.columns) - 1)
        for view in self.places:
            arriving = partial(self.following.arriving, view.page)
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
        if not self.is_whole:
            return
        comparison, turn = self.comparison, newest_turn(self.comparison)
        order = comparison.voting.order(turn)
        heads = [
            head_at(comparison, place, self.following.elapsed_s(column.reply))
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
        self._draw_vote()
        self.prompt.facts = facts = self.facts()
        is_writing = self.prompt.area.has_focus
        self.footer.items = footer_of(self.troth.keymap, facts, len(order), is_writing=is_writing)

    def _draw_vote(self) -> None:
        words = ""
        if self.comparison.voting.is_blind:
            words = vote_words(self.comparison, self.troth.keymap)
        if words == self._vote_words:
            return  # new words mean a new layout, and this is asked for twice a second
        self._vote_words = words
        line = self.query_one("#vote", Static)
        line.set_class(bool(words), "-some")
        line.update(words)

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

    def tick(self) -> None:
        if self.comparison.is_running and self.is_whole:
            self.draw_frame()
            if self.comparison.voting.is_blind:
                return
            for column in self.comparison.columns:
                seconds = self.following.elapsed_s(column.reply)
                if seconds is not None and column.reply is not None:
                    page = self._page_of(column.reply)
                    if page is not None:
                        page.tick(f"{seconds:.0f} s")

    def on_resize(self) -> None:
        if self.is_whole:
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
        self.following.begin()
        self.redraw()

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

"""How all models fare in all blind votes of the vault."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.error import TrothError
from troth.engine.rating import FEWEST_TURNS, RatingTable, interval_words, rate
from troth.engine.rating_votes import CollectedVotes, VoteFilter, collect_votes
from troth.explain import explain
from troth.tui.safe import clean_line
from troth.tui.widgets.dialog_box import DialogBox

if TYPE_CHECKING:
    from troth.engine.engine import Engine

_NAME_CELLS = 34


class RatingsScreen(ModalScreen[None]):
    """Bradley-Terry ratings with their intervals, and who beat whom."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,T", "close_ratings", "Close", show=False, tooltip="Close",
                id="ratings.close"),
        Binding("o", "takes_open", "All votes", show=False,
                tooltip="Count votes that were not blind, too", id="ratings.open"),
        Binding("j,down", "scroll(2)", "Down", show=False, tooltip="Scroll", id="ratings.down"),
        Binding("k,up", "scroll(-2)", "Up", show=False, tooltip="Scroll", id="ratings.up"),
    ]  # fmt: skip

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._takes_open = False

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide -high") as box:
            box.border_title = "Ratings"
            box.keys = "o open votes too   j k scroll   esc back"
            with VerticalScroll(can_focus=False):
                yield Static("Counting the votes ...", markup=False, id="ratings")

    def on_mount(self) -> None:
        self.run_worker(self._draw(), group="ratings", exclusive=True)

    async def _draw(self) -> None:
        wanted = VoteFilter(takes_open=self._takes_open, takes_flagged=self._takes_open)
        place = self.query_one("#ratings", Static)
        try:
            votes = await collect_votes(self._engine.vault, wanted)
        except TrothError as error:
            place.update(clean_line(explain(error).title))
            return
        table = await asyncio.to_thread(rate, votes.ballots)
        place.update(ratings_text(table, votes))

    def action_takes_open(self) -> None:
        self._takes_open = not self._takes_open
        self.run_worker(self._draw(), group="ratings", exclusive=True)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_close_ratings(self) -> None:
        self.dismiss(None)


def ratings_text(table: RatingTable, votes: CollectedVotes) -> str:
    """Write ratings, intervals and the win matrix."""
    left_out = [
        f"{votes.open_left_out} not blind" if votes.open_left_out else "",
        f"{votes.flagged_left_out} on answers that named themselves"
        if votes.flagged_left_out
        else "",
    ]
    without = ", ".join(words for words in left_out if words)
    notes = [f"{table.ballots} votes count." + (f" Left out: {without}." if without else "")]
    if not table.ratings:
        return f"{notes[0]}\n\nA blind comparison takes votes: ctrl+b where its models are chosen."
    if not table.is_connected:
        notes.append("Some models never met, not even by way of others: ranks mean little.")
    if any(rating.low is None for rating in table.ratings):
        notes.append(f"An interval needs {FEWEST_TURNS} turns, won and lost in both ways.")
    lines = [f" {_name('model')}{'rating':>8}{f'{table.level:.0%} interval':>16}{'votes':>7}"]
    for rating in table.ratings:
        interval = interval_words(rating, " to ") or "too few votes"
        name = _name(clean_line(rating.name))
        lines.append(f" {name}{rating.rating:>8.0f}{interval:>16}{rating.tally.games:>7}")
    matrix = ["Who beat whom (won, lost, tied or both bad)"]
    for (left, right), tally in table.matrix.items():
        if left < right:
            who = f"{clean_line(left)} against {clean_line(right)}"
            ties = tally.ties + tally.both_bad
            matrix.append(f"   {tally.wins:>3} {tally.losses:>3} {ties:>3}   {who}")
    return "\n".join([*notes, "", *lines, "", *matrix])


def _name(name: str) -> str:
    if cell_len(name) > _NAME_CELLS:
        return set_cell_size(name, _NAME_CELLS - 1) + "…"
    return set_cell_size(name, _NAME_CELLS)

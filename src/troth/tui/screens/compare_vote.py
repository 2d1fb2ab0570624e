"""Votes on the comparison screen: which pair is asked about, and what a key says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from troth.domain.error import UsageError
from troth.engine.comparison_state import Choice
from troth.engine.comparison_voting import Pair
from troth.tui.screens.compare_words import newest_turn

if TYPE_CHECKING:
    from troth.tui.screens.compare import CompareScreen


class Ballots:
    """The blind side of one comparison screen."""

    def __init__(self, screen: CompareScreen) -> None:
        self._screen = screen
        self._cast: list[tuple[int, str, str]] = []
        """Turn and column ids of the votes of this visit, for taking them back."""
        self._said = ""

    def open_pairs(self) -> list[tuple[int, Pair]]:
        """Return the pairs that wait for a vote: a turn is voted on once all have answered it."""
        comparison = self._screen.comparison
        if comparison.is_running:
            return []
        return [
            (turn, pair)
            for turn in range(newest_turn(comparison) + 1)
            for pair in comparison.voting.pairs(turn)
            if pair.vote is None
        ]

    def draw(self) -> None:
        """Say what can be voted on now."""
        voting = self._screen.comparison.voting
        words = self._words() if voting.is_blind else ""
        if words == self._said:
            return  # new words mean a new layout, and this is asked for twice a second
        self._said = words
        line = self._screen.query_one("#vote", Static)
        line.set_class(bool(words), "-some")
        line.update(words)

    def _words(self) -> str:
        comparison = self._screen.comparison
        if comparison.is_running:
            return "Names are hidden. Vote when all have answered."
        pairs = self.open_pairs()
        if not pairs:
            count = len(comparison.voting.votes)
            votes = "1 vote is" if count == 1 else f"{count} votes are"
            return f"{votes} in. {self._key('reveal')} shows the names and locks them."
        turn, pair = pairs[0]
        which = f"turn {turn + 1}: " if newest_turn(comparison) else ""
        return (
            f"Which is better? {which}{self._key('vote_left')} {pair.left_letter}   "
            f"{self._key('vote_right')} {pair.right_letter}   {self._key('vote_tie')} tie   "
            f"{self._key('vote_bad')} both bad   ({len(pairs)} to go)"
        )

    def _key(self, name: str) -> str:
        return self._screen.troth.keymap.first(f"compare.{name}")

    async def cast(self, choice: Choice) -> None:
        """Vote on the pair that is asked about, and go on to the next."""
        comparison = self._screen.comparison
        if not comparison.voting.is_blind:
            raise UsageError(
                "votes are locked once the names are shown"
                if comparison.voting.is_locked
                else "names are in sight: begin a blind comparison to vote"
            )
        pairs = self.open_pairs()
        if not pairs:
            raise UsageError("there is no pair to vote on now")
        turn, pair = pairs[0]
        await comparison.voting.vote(turn, pair.left, pair.right, choice)
        self._cast.append((turn, pair.left.id, pair.right.id))
        self._screen.draw_frame()

    async def take_back(self) -> None:
        """Take the last vote of this visit back."""
        if not self._cast:
            raise UsageError("there is no vote to take back")
        comparison = self._screen.comparison
        turn, left, right = self._cast[-1]
        await comparison.voting.unvote(turn, comparison.column(left), comparison.column(right))
        self._cast.pop()
        self._screen.draw_frame()

    async def reveal(self) -> None:
        """Show the names and lock the votes."""
        await self._screen.comparison.voting.reveal()
        self._cast.clear()
        self._screen.redraw()

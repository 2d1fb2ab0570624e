"""Votes on the comparison screen: what a key says of the pair that is asked about."""

from __future__ import annotations

from troth.domain.error import UsageError
from troth.engine.comparison_state import Choice
from troth.tui.screens.compare_board import CompareBoard
from troth.tui.screens.compare_words import open_pairs


class Ballots:
    """The blind side of one comparison screen."""

    def __init__(self, screen: CompareBoard) -> None:
        self._screen = screen
        self._cast: list[tuple[int, str, str]] = []
        """Turn and column ids of the votes of this visit, for taking them back."""

    async def cast(self, choice: Choice) -> None:
        """Vote on the pair that is asked about, and go on to the next."""
        comparison = self._screen.comparison
        if not comparison.voting.is_blind:
            raise UsageError(
                "votes are locked once the names are shown"
                if comparison.voting.is_locked
                else "names are in sight: begin a blind comparison to vote"
            )
        pairs = open_pairs(comparison)
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

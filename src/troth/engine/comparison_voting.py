"""Blind comparison: who stands where is hidden, votes are taken, and locked once names are shown.

A vote means something only if the voter could not know: the order is drawn anew for every turn,
a reply that names its own model or vendor is flagged, and nothing can be changed after the reveal.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Protocol

from troth.domain.error import UsageError
from troth.engine.chat import Chat
from troth.engine.comparison_column import Column
from troth.engine.comparison_names import names_in
from troth.engine.comparison_state import (
    VOTES_KEY,
    Blind,
    Choice,
    ColumnSpec,
    Vote,
    dump_votes,
)
from troth.engine.comparison_turns import Answer

LETTERS = "ABCDEFGH"


class Answered(Protocol):
    """What is voted on: columns, and what they answered in each turn."""

    chat: Chat
    prompt_set: str

    @property
    def columns(self) -> tuple[Column, ...]: ...
    def answers(self, column: Column) -> list[Answer]: ...
    def spec_of(self, column: Column, turn: int) -> ColumnSpec: ...
    async def save(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns to judge against each other, as they stand on the screen."""

    left: Column
    right: Column
    left_letter: str
    right_letter: str
    vote: Vote | None


class Voting:
    """The blind side of one comparison: `comparison.voting`."""

    def __init__(self, comparison: Answered, blind: Blind | None, votes: Sequence[Vote]) -> None:
        self.blind = blind
        self.votes = tuple(votes)
        self._comparison = comparison

    @property
    def is_blind(self) -> bool:
        """Whether names, models, prices and times must not be drawn now."""
        return self.blind is not None and not self.blind.is_revealed

    @property
    def is_locked(self) -> bool:
        """Whether votes can no longer be cast or changed."""
        return self.blind is not None and self.blind.is_revealed

    def is_shown(self, turn: int) -> bool:
        """Whether the replies of a turn may be drawn yet: with padding, when all have ended."""
        if self.blind is None or not self.blind.pads_latency or self.blind.is_revealed:
            return True
        return not any(
            column.is_running and len(self._comparison.answers(column)) <= turn + 1
            for column in self._comparison.columns
        )

    def order(self, turn: int) -> tuple[Column, ...]:
        """Return the columns of a turn from left to right: their own order unless blind."""
        columns = self._comparison.columns
        if self.blind is None or turn < 0:
            return columns
        orders = self.blind.orders
        while len(orders) <= turn:
            orders = (*orders, draw_order([c.id for c in columns], self.blind.seed, len(orders)))
        self.blind = replace(self.blind, orders=orders)
        by_id = {column.id: column for column in columns}
        known = [by_id[id] for id in orders[turn] if id in by_id]
        return (*known, *(column for column in columns if column not in known))

    def letter(self, column: Column, turn: int) -> str:
        """Return what a column is called in this turn while names are hidden."""
        return LETTERS[self.order(turn).index(column)]

    def title(self, column: Column, turn: int) -> str:
        """Return what may be drawn as the name of who answered a turn, or will answer it.

        Where two columns ask models of one name, their providers tell them apart.
        """
        if self.is_blind:
            return self.letter(column, turn)
        return self._told_apart(column, self._comparison.spec_of(column, turn))

    def heading(self, column: Column, turn: int) -> str:
        """Return what may be drawn over a column: who answers there from now on."""
        return self.letter(column, turn) if self.is_blind else self._told_apart(column, column.spec)

    def _told_apart(self, column: Column, spec: ColumnSpec) -> str:
        others = [one.spec for one in self._comparison.columns if one is not column]
        is_shared = any(other.title == spec.title and other.model != spec.model for other in others)
        return f"{spec.title}  {spec.model.provider}" if is_shared else spec.title

    async def start(self, *, seed: int | None = None, pads_latency: bool = False) -> None:
        """Hide the names from now on. Raises UsageError where they have been seen."""
        if self.blind is not None:
            raise UsageError("this comparison is blind already, or has been revealed")
        answers = [a for c in self._comparison.columns for a in self._comparison.answers(c)]
        if any(answer.replies for answer in answers):
            raise UsageError("the answers have been seen with their names; start a new comparison")
        self.blind = Blind(seed=seed, pads_latency=pads_latency)
        await self._comparison.save()

    async def reveal(self) -> None:
        """Show the names and lock all votes."""
        if self.blind is None:
            raise UsageError("this comparison is not blind")
        self.blind = replace(self.blind, is_revealed=True)
        await self._comparison.save()

    def pairs(self, turn: int) -> tuple[Pair, ...]:
        """Return the pairs of a turn that can be voted on, in the order shown, votes included."""
        answered = [
            column
            for column in self.order(turn)
            if (answers := self._comparison.answers(column)[turn : turn + 1])
            and answers[0].is_usable
        ]
        return tuple(
            Pair(left, right, self.letter(left, turn), self.letter(right, turn), vote)
            for left, right in combinations(answered, 2)
            for vote in [self._vote_on(turn, left.id, right.id)]
        )

    def flags(self, column: Column, turn: int) -> tuple[str, ...]:
        """Return the names by which a reply gives its own model or vendor away."""
        answers = self._comparison.answers(column)
        if turn >= len(answers):
            return ()
        return names_in(answers[turn].text, self._comparison.spec_of(column, turn))

    async def vote(self, turn: int, left: Column, right: Column, choice: Choice) -> Vote:
        """Cast a vote, or change it while names are hidden.

        Raises UsageError after the reveal, and for a turn that one of the two has not answered.
        """
        if self.is_locked:
            raise UsageError("votes are locked once the names are shown")
        if not any({pair.left, pair.right} == {left, right} for pair in self.pairs(turn)):
            raise UsageError("both columns must have answered this turn")
        vote = Vote(
            turn=turn,
            left=left.id,
            right=right.id,
            left_name=self._comparison.spec_of(left, turn).name,
            right_name=self._comparison.spec_of(right, turn).name,
            choice=choice,
            at=datetime.now(UTC),
            is_blind=self.is_blind,
            names_itself=bool(self.flags(left, turn) or self.flags(right, turn)),
            prompt_set=self._comparison.prompt_set,
        )
        others = (v for v in self.votes if v is not self._vote_on(turn, left.id, right.id))
        await self._keep((*others, vote))
        return vote

    async def unvote(self, turn: int, left: Column, right: Column) -> None:
        """Take a vote back while names are hidden."""
        if self.is_locked:
            raise UsageError("votes are locked once the names are shown")
        old = self._vote_on(turn, left.id, right.id)
        await self._keep(tuple(vote for vote in self.votes if vote is not old))

    async def _keep(self, votes: tuple[Vote, ...]) -> None:
        store = self._comparison.chat.store
        await store.set_state(VOTES_KEY + self._comparison.chat.id, dump_votes(votes))
        self.votes = votes
        await self._comparison.save()

    def _vote_on(self, turn: int, one: str, other: str) -> Vote | None:
        for vote in self.votes:
            if vote.turn == turn and {vote.left, vote.right} == {one, other}:
                return vote
        return None


def draw_order(column_ids: Sequence[str], seed: int | None, turn: int) -> tuple[str, ...]:
    """Draw a uniform order for one turn; the same for the same seed and turn."""
    # A seed is for studies that must be repeatable, never for secrecy.
    source = random.SystemRandom() if seed is None else random.Random(f"{seed}:{turn}")  # noqa: S311
    shuffled = list(column_ids)
    source.shuffle(shuffled)
    return tuple(shuffled)

"""One comparison: the same turns put to several models at once, each on a branch of its own.

    comparison = await engine.comparisons.start(chat, "Why?", [ColumnSpec(a), ColumnSpec(b)])
    for column in comparison.columns:
        column.reply                      # the running or last Reply: `follow()` it
    async for change in engine.changes(): # ReplyBegan: comparison.column_of(change.reply)
        ...                               # ChatChanged(comparison.id): draw comparison.turns()
    await comparison.send("And then?")    # every column goes on below its own reply
    await comparison.retry(column)        # also stop, continue_reply, swap, add, remove
    await comparison.keep(column)         # the chat goes on from here; the others stay variants

A column's server never sees a word of another column: each column is a `Chat` of its own over the
same tree. What fails in one column is told by that column and delays nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from troth.domain.error import Failure, NotFound, UsageError
from troth.domain.message import Message, Part, TextPart
from troth.domain.model import ModelRef, Params
from troth.engine.chat import Chat
from troth.engine.chats import Chats
from troth.engine.comparison_column import Column
from troth.engine.comparison_state import (
    COMPARISON_KEY,
    MAX_COLUMNS,
    MIN_COLUMNS,
    ColumnSpec,
    ColumnState,
    ComparisonState,
    Vote,
    check_count,
    dump_state,
)
from troth.engine.comparison_turns import (
    Answer,
    Metrics,
    Summary,
    answers_of,
    metrics_of,
    summarize,
)
from troth.engine.comparison_voting import Voting
from troth.engine.feed import ChatChanged, Feed
from troth.engine.ids import new_ulid
from troth.engine.reply import Reply
from troth.engine.talk import Talk

_NAMES_HIDDEN = "the names are hidden: vote, reveal them and keep an answer, then send this"


@dataclass(frozen=True, slots=True)
class Turn:
    """One row: a prompt and each column's answer to it, in the order of the columns."""

    index: int
    prompt: Message
    answers: tuple[Answer | None, ...]
    """None where a column has not come to this turn yet."""


class Comparison:
    """A handle on one comparison. It belongs to the engine; screens may come and leave."""

    def __init__(
        self,
        chat: Chat,
        state: ComparisonState,
        votes: Sequence[Vote],
        talk: Talk,
        chats: Chats,
        feed: Feed,
    ) -> None:
        self.chat = chat
        self.prompt_set = state.prompt_set
        self._base_id = state.base_id
        self._talk = talk
        self._chats = chats
        self._feed = feed
        self._saving = asyncio.Lock()
        self._is_unsaved = False
        self._columns = [self._open_column(column) for column in state.columns]
        first = self._columns[0].head_id
        self._led = first if chat.conversation.head_id == first else state.base_id
        for column in self._columns:
            column.waiting.extend(self._prompts()[max(len(self.answers(column)) - 1, 0) :])
        self.voting = Voting(self, state.blind, votes)

    @property
    def id(self) -> str:
        """The id of the conversation."""
        return self.chat.id

    @property
    def base_id(self) -> str:
        """The user's message that all columns answered first."""
        return self._base_id

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self._columns)

    @property
    def is_running(self) -> bool:
        return any(column.is_running for column in self._columns)

    def column(self, column_id: str) -> Column:
        """Return a column by id; raise NotFound."""
        for column in self._columns:
            if column.id == column_id:
                return column
        raise NotFound("column", column_id)

    def column_of(self, reply: Reply) -> Column | None:
        """Return the column that `reply` arrives in; None for any other reply."""
        return next((column for column in self._columns if column.reply is reply), None)

    # what is there

    def answers(self, column: Column) -> list[Answer]:
        """Return a column's turns, oldest first."""
        return answers_of(column.chat, self._base_id)

    def turns(self) -> list[Turn]:
        """Return all rows, oldest first."""
        by_column = [self.answers(column) for column in self._columns]
        length = max(map(len, by_column), default=0)
        turns: list[Turn] = []
        for index in range(length):
            row = tuple(answers[index] if index < len(answers) else None for answers in by_column)
            prompt = next(answer.asked for answer in row if answer is not None)
            turns.append(Turn(index, prompt, row))
        return turns

    def spec_of(self, column: Column, turn: int) -> ColumnSpec:
        """Return what answered in a turn: the column's model, or the one before it was swapped."""
        answers = self.answers(column)
        if turn >= len(answers) or not answers[turn].replies:
            return column.spec
        last = answers[turn].replies[-1]
        if last.model is None or last.model == column.spec.model:
            return column.spec
        return ColumnSpec(last.model, last.params)

    def metrics(self, column: Column, turn: int = -1) -> Metrics:
        """Return what a column's answer took; of the newest turn unless told."""
        answers = self.answers(column)
        if not -len(answers) <= turn < len(answers):
            return Metrics(failure=column.failure)
        found = metrics_of(answers[turn], self.chat.verdicts)
        return replace(found, failure=found.failure or column.failure)

    def summary(self, column: Column) -> Summary:
        """Return a column's row of the summary table."""
        answers = self.answers(column)
        return summarize([metrics_of(a, self.chat.verdicts) for a in answers if a.replies])

    # asking

    async def ask_all(self) -> None:
        """Put the first prompt to every column that has not been asked. `start` calls this."""
        for column in self._columns:
            if column.reply is None and column.head_id == self._base_id:
                self._ask_again(column, self._base_id)
        await self.save()

    async def send(self, parts: Sequence[Part] | str) -> None:
        """Put the next turn to all columns; one that is still busy takes it afterwards.

        A turn follows an answer. A column whose last turn failed is asked that one again first,
        alone; one that was stopped, or that answered nothing and may have been paid for it, waits
        for `retry` or `resume`. Raises UsageError when there is nothing to send.
        """
        turn = (TextPart(parts),) if isinstance(parts, str) else tuple(parts)
        if not any(not isinstance(part, TextPart) or part.text.strip() for part in turn):
            raise UsageError("there is nothing to send")
        for column in self._columns:
            was_halted = column.is_halted
            column.waiting.append(turn)
            if column.is_running:
                continue
            last = next(reversed(self.answers(column)), None)
            has_failed = column.failure is not None or (last is not None and last.has_failed)
            if last is None or not last.is_answered:
                if has_failed:
                    self._ask_again(column, self._base_id if last is None else last.asked.id)
            elif has_failed or not was_halted:
                column.begin()
        self._tell()

    def stop(self, column: Column | None = None) -> None:
        """Stop one column, or all; what has come is kept and marked."""
        for one in self._columns if column is None else [column]:
            one.stop()

    async def retry(self, column: Column) -> None:
        """Ask a column's last turn again, alone; the old reply stays as a variant."""
        column.refuse_running()
        answers = self.answers(column)
        asked = answers[-1].asked.id if answers else self._base_id
        self._ask_again(column, asked)

    async def continue_reply(self, column: Column) -> None:
        """Let a cut or stopped reply of one column go on."""
        column.refuse_running()
        answers = self.answers(column)
        if not answers or not answers[-1].replies:
            raise UsageError("this column has no reply that could go on")
        last = answers[-1].replies[-1]
        column.begin(lambda: self._talk.continue_reply(column.chat, last.id))

    async def resume(self, column: Column) -> None:
        """Let a halted column take the turns that wait, leaving its last reply as it is."""
        column.refuse_running()
        column.begin()

    # columns

    async def add(self, spec: ColumnSpec) -> Column:
        """Add a column; it is asked the same turns, one after the other.

        Raises UsageError while names are hidden: who adds a model knows which answers are its own.
        """
        if self.voting.is_blind:
            raise UsageError("names are hidden; reveal them before you add a model")
        check_count(len(self._columns) + 1)
        column = self._open_column(ColumnState(new_ulid(), spec, self._base_id))
        prompts = self._prompts()
        self._columns.append(column)
        self._catch_up(column, prompts)
        await self.save()
        return column

    async def swap(
        self, column: Column, model: ModelRef, params: Params | None = None, *, asks_again: bool
    ) -> None:
        """Give a column another model.

        `asks_again` puts all turns to it afresh; otherwise it goes on below what the old model
        said, from the next turn. What the old one said stays in the tree.
        """
        column.refuse_running()
        prompts = self._prompts()
        column.spec = ColumnSpec(model, column.spec.params if params is None else params)
        column.failure = None
        column.chat.conversation = replace(
            column.chat.conversation, model=model, params=column.spec.params
        )
        if asks_again:
            column.swap_asked(self._base_id)
            self._catch_up(column, prompts)
        await self.save()

    async def remove(self, column: Column) -> None:
        """Take a column away; what it said stays in the tree. Stops it first."""
        if len(self._columns) <= MIN_COLUMNS:
            raise UsageError(f"a comparison keeps at least {MIN_COLUMNS} columns")
        column.waiting.clear()
        self.stop(column)
        await column.ended()
        self._columns.remove(column)
        self.chat.columns.remove(column.chat)
        await self.save()

    async def wait(self) -> None:
        """Return when no column is being asked any more, verdicts included."""
        while self.is_running:
            await asyncio.gather(*(column.ended() for column in self._columns))

    async def save(self) -> None:
        """Keep columns, heads and orders in the vault; eight that ask at once cost two writes."""
        self._is_unsaved = True
        async with self._saving:
            if not self._is_unsaved:
                return
            self._is_unsaved = False
            state = ComparisonState(
                self._base_id,
                tuple(column.state() for column in self._columns),
                self.voting.blind,
                self.prompt_set,
            )
            await self.chat.store.set_state(COMPARISON_KEY + self.id, dump_state(state))
            await self._lead()
        self._tell()

    async def keep(self, column: Column) -> None:
        """Let the chat go on as an ordinary one from this column's newest reply.

        The other columns stay as variants of the same tree. Raises UsageError while names are
        hidden or the column is still being answered.
        """
        column.refuse_running()
        if self.voting.is_blind:
            raise UsageError("reveal the names before you keep an answer")
        await self._chats.update(self.chat, model=column.spec.model, params=column.spec.params)
        await self._chats.select_head(self.chat, column.head_id or self._base_id)

    # inside

    async def _lead(self) -> None:
        """Let the chat show the first column, so that it reads as any other, unless it is moved."""
        if self.voting.is_blind or self.chat.conversation.head_id != self._led:
            return
        head = self._columns[0].head_id
        if head is not None and head != self._led:
            self._led = head
            await self._chats.select_head(self.chat, head)

    def _open_column(self, state: ColumnState) -> Column:
        tree = self.chat.tree
        known = (state.head_id, state.asked_id, self._base_id)
        head = next((id for id in known if id is not None and id in tree), self._base_id)
        chat = self.chat.add_column(state.spec.model, state.spec.params, head)
        return Column(
            state, chat, self._talk, save=self.save, told=self._tell, ended=self._column_ended
        )

    def _column_ended(self) -> None:
        """Let what was written in the chat meanwhile go on, once the last column has answered.

        Where a column was stopped or failed, the user looks first.
        """
        if self.is_running or not self.chat.queue:
            return
        if self.voting.is_blind:
            self._talk.waiting.hold(self.chat, Failure.of(UsageError(_NAMES_HIDDEN)))
        elif all(column.has_answered for column in self._columns):
            self._talk.waiting.go_on_soon(self.chat)

    def _prompts(self) -> list[tuple[Part, ...]]:
        """The turns after the first one, as the column that came furthest was asked them."""
        longest = max(self._columns, key=lambda c: len(self.answers(c)) + len(c.waiting))
        asked = [answer.asked.parts for answer in self.answers(longest)[1:]]
        return [*asked, *longest.waiting]

    def _catch_up(self, column: Column, prompts: Sequence[tuple[Part, ...]]) -> None:
        column.waiting.extend(prompts)
        self._ask_again(column, self._base_id)

    def _ask_again(self, column: Column, asked_id: str) -> None:
        column.begin(lambda: self._talk.regenerate(column.chat, asked_id))

    def _tell(self) -> None:
        self._feed.tell(ChatChanged(self.id))


__all__ = ["MAX_COLUMNS", "MIN_COLUMNS", "Column", "Comparison", "Turn"]

"""Beginning and finding comparisons: `engine.comparisons`.

A comparison is a conversation like any other; what makes it one is a row of the vault's state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from troth.domain.error import BoundaryUnasked, NotFound, TrothError, UsageError
from troth.domain.message import Part, Role, TextPart
from troth.engine.boundary import Crossing, joined, within
from troth.engine.chat import Chat
from troth.engine.chats import Chats
from troth.engine.comparison import Comparison
from troth.engine.comparison_state import (
    COMPARISON_KEY,
    VOTES_KEY,
    Blind,
    ColumnSpec,
    ColumnState,
    ComparisonState,
    Vote,
    check_count,
    load_state,
    load_votes,
)
from troth.engine.feed import Feed
from troth.engine.ids import new_ulid
from troth.engine.prepare import Preparation
from troth.engine.talk import Talk


class Comparisons:
    """All comparisons of one engine. An open one lives as long as its chat is open."""

    def __init__(self, talk: Talk, chats: Chats, preparation: Preparation, feed: Feed) -> None:
        self._talk = talk
        self._chats = chats
        self._preparation = preparation
        self._feed = feed

    async def start(
        self,
        chat: Chat,
        prompt: Sequence[Part] | str | None,
        specs: Sequence[ColumnSpec],
        *,
        from_message: str | None = None,
        blind: Blind | None = None,
        prompt_set: str = "",
    ) -> Comparison:
        """Put a prompt to all columns at once, and return while they answer.

        The prompt is `prompt`, said next in `chat`, or the user's message `from_message` (the one
        before it, when it names a reply). A chat holds one comparison: starting another replaces
        its columns, and leaves all messages where they are. Raises UsageError for less than two or
        more than eight columns, BoundaryUnasked while `crossing` finds something, and the first
        column's error when none of them can be asked; otherwise a column that cannot be asked says
        so in `Column.failure`.
        """
        check_count(len(specs))
        if chat.is_replying:
            raise UsageError("a reply is still arriving; stop it first")
        await chat.load_rest()
        if found := await self.crossing(chat, specs, from_message=from_message):
            raise BoundaryUnasked(found.provider, attested=found.attested, local=found.local)
        base = None if from_message is None else self._prompt_at(chat, from_message)
        await self._check_any(_seen_from(chat, base), specs)
        if from_message is not None:
            base_id = self._prompt_at(chat, from_message)
        elif prompt is not None:
            parts = (TextPart(prompt),) if isinstance(prompt, str) else tuple(prompt)
            base_id = (await self._talk.ask_only(chat, parts)).id
        else:
            raise UsageError("a comparison needs a prompt")
        chat.columns.clear()
        state = ComparisonState(
            base_id,
            tuple(ColumnState(new_ulid(), spec, base_id) for spec in specs),
            blind,
            prompt_set,
        )
        comparison = chat.comparison = self._made(chat, state, await self._votes(chat))
        await comparison.ask_all()
        return comparison

    async def crossing(
        self, chat: Chat, specs: Sequence[ColumnSpec], *, from_message: str | None = None
    ) -> Crossing | None:
        """Return what a comparison would give to plain providers for the first time.

        The prompt `from_message` counts, where only protected models were asked it: the user
        decides about it like about all that was said before. Nothing leaves.
        """
        await chat.load_rest()
        base = None if from_message is None else self._prompt_at(chat, from_message)
        view = _seen_from(chat, _after(chat, base))
        found: list[Crossing] = []
        for spec in specs:
            target = self._preparation.target(view, spec.model)
            if one := await self._preparation.crossing(view, *target):
                found.append(one)
        whole = joined(found)
        if whole is None or base is None:
            return whole
        return within(whole, {message.id for message in chat.tree.path(base)})

    async def open(self, chat: Chat) -> Comparison:
        """Return the comparison that `chat` holds; raise NotFound where it holds none."""
        if (known := _held_by(chat)) is not None:
            return known
        stored = await chat.store.state(COMPARISON_KEY + chat.id)
        if not stored:
            raise NotFound("comparison", chat.id)
        await chat.load_rest()
        votes = await self._votes(chat)
        if (known := _held_by(chat)) is not None:  # somebody was quicker while we read
            return known
        comparison = chat.comparison = self._made(chat, load_state(stored), votes)
        return comparison

    @staticmethod
    async def _votes(chat: Chat) -> tuple[Vote, ...]:
        stored = await chat.store.state(VOTES_KEY + chat.id)
        return load_votes(stored) if stored else ()

    def _made(self, chat: Chat, state: ComparisonState, votes: Sequence[Vote]) -> Comparison:
        return Comparison(chat, state, votes, self._talk, self._chats, self._feed)

    async def _check_any(self, chat: Chat, specs: Sequence[ColumnSpec]) -> None:
        """Raise when no column at all can be asked: then nothing must be stored either."""
        first: TrothError | None = None
        for spec in specs:
            try:
                await self._preparation.check(chat, spec.model)
            except TrothError as error:
                first = first or error
            else:
                return
        assert first is not None
        raise first

    @staticmethod
    def _prompt_at(chat: Chat, message_id: str) -> str:
        message = chat.tree.get(message_id)
        while message is not None and message.role is not Role.USER:
            message = chat.tree.get(message.parent_id) if message.parent_id else None
        if message is None:
            raise NotFound("prompt", message_id)
        return message.id


def _held_by(chat: Chat) -> Comparison | None:
    return chat.comparison if isinstance(chat.comparison, Comparison) else None


def _seen_from(chat: Chat, head_id: str | None) -> Chat:
    """Return the chat as it looks from one of its messages: for asking what may be, not for more.

    None is the chat itself.
    """
    if head_id is None:
        return chat
    view = Chat(replace(chat.conversation, head_id=head_id), chat.store, is_stored=chat.is_stored)
    view.tree, view.is_whole, view.verdicts = chat.tree, True, chat.verdicts
    view.allowed, view.released, view.withheld = chat.allowed, chat.released, chat.withheld
    view.board = chat
    return view


def _after(chat: Chat, base_id: str | None) -> str | None:
    """Return the reply to a prompt that the chat shows, else the prompt."""
    if base_id is None:
        return None
    ids = [message.id for message in chat.path]
    place = ids.index(base_id) + 1 if base_id in ids else len(ids)
    return ids[place] if place < len(ids) else base_id

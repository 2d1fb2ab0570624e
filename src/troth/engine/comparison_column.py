"""One column of a comparison: a branch of its own, and the turns that it has still to take."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from troth.domain.error import Failure, TrothError, UsageError
from troth.domain.message import Part
from troth.engine.chat import Chat
from troth.engine.comparison_state import ColumnState
from troth.engine.comparison_turns import says_something
from troth.engine.reply import Reply
from troth.engine.talk import GOES_ON, Talk

Ask = Callable[[], Awaitable[Reply]]


class Column:
    """A handle on one column. Its `chat` sees the whole tree, but has its own head and model."""

    def __init__(
        self,
        state: ColumnState,
        chat: Chat,
        talk: Talk,
        *,
        save: Callable[[], Awaitable[None]],
        told: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self.id = state.id
        self.spec = state.spec
        self.chat = chat
        self.waiting: deque[tuple[Part, ...]] = deque()
        """Turns that it has still to take, one after the other."""
        self.failure: Failure | None = None
        """Why it could not even be asked: no key, say. A failed reply tells its own failure."""
        self._asked_id = state.asked_id
        self._talk = talk
        self._save = save
        self._told = told
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def reply(self) -> Reply | None:
        """The running reply, else the last one of this session."""
        return self.chat.reply

    @property
    def is_running(self) -> bool:
        """Whether it is being asked now, or is about to be."""
        return self._task is not None and not self._task.done()

    @property
    def is_halted(self) -> bool:
        """Whether it has turns to take and waits for `retry` or `resume`."""
        return not self.is_running and (bool(self.waiting) or self.failure is not None)

    @property
    def has_answered(self) -> bool:
        """Whether its last reply came to its end, and was not stopped."""
        reply = self.reply
        return not self._is_stopping and bool(
            reply and reply.message and reply.message.finish in GOES_ON
        )

    @property
    def head_id(self) -> str | None:
        """Its last message."""
        return self.chat.conversation.head_id

    def state(self) -> ColumnState:
        """Return what is kept of it. A reply that arrives counts as its head already."""
        reply = self.reply
        head = reply.id if reply and reply.is_running else self.head_id
        return ColumnState(self.id, self.spec, head, self._asked_id)

    def begin(self, first: Ask | None = None) -> None:
        """Do `first`, then take the turns that wait. Raises UsageError while it is running."""
        self.refuse_running()
        self.failure = None
        self._is_stopping = False
        assert self.chat.board is not None
        board = self.chat.board.conversation
        self.chat.conversation = replace(
            self.chat.conversation, system_prompt=board.system_prompt, policy=board.policy
        )
        self._task = asyncio.create_task(self._drive(first), name=f"column {self.id}")
        self._task.add_done_callback(lambda _: self._ended())

    def stop(self) -> None:
        """Stop the running reply, or the one that is just about to be asked for."""
        self._is_stopping = True
        if self.reply is not None:
            self.reply.stop()

    def refuse_running(self) -> None:
        """Raise UsageError while it is being answered."""
        if self.is_running:
            raise UsageError("this column is still being answered; stop it first")

    async def ended(self) -> None:
        """Return when it is not being asked any more, verdicts included."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _drive(self, first: Ask | None) -> None:
        try:
            goes_on = first is None or await self._until_end(await first())
            while goes_on and self.waiting:
                reply = await self._talk.send(self.chat, self.waiting[0])
                self.waiting.popleft()
                goes_on = await self._until_end(reply)
        except TrothError as error:
            # It could not be asked, or the vault went: nobody but this column stops for that.
            self.failure = Failure.of(error)
            self._told()

    async def _until_end(self, reply: Reply) -> bool:
        """Wait until a reply is judged; return whether the column may take its next turn."""
        if self._is_stopping:
            reply.stop()
        self._asked_id = self.head_id
        await self._save()
        await reply.closed()
        await self._save()
        message = reply.message
        return message is not None and message.finish in GOES_ON and says_something(message)

    def swap_asked(self, base_id: str) -> None:
        """Forget what was asked: the column begins again at `base_id`."""
        self.chat.conversation = replace(self.chat.conversation, head_id=base_id)
        self._asked_id = base_id
        self.waiting.clear()

"""A reply while it arrives: a log of events that many may follow, late or early, or leave.

A reply belongs to the engine. A screen that follows it may close; the reply goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from troth.domain.event import ReplyEnded, ReplyEvent, TextDelta, VerdictReady
from troth.domain.message import Message
from troth.domain.model import ModelRef
from troth.domain.verdict import Verdict


class Reply:
    """A handle on one reply. `id` is the id that its message will have in the vault."""

    def __init__(self, message_id: str, conversation_id: str, model: ModelRef) -> None:
        self.id = message_id
        self.conversation_id = conversation_id
        self.model = model
        self.message: Message | None = None
        """The sealed message; None while the reply arrives."""
        self.has_exchange = False
        """Whether anything was answered that is kept beside it, and can be checked."""
        self.verdict: Verdict | None = None
        self._events: list[ReplyEvent] = []
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._is_closed = False
        self._closing = asyncio.Event()

    @property
    def is_running(self) -> bool:
        return self.message is None and not self._is_closed

    @property
    def is_judging(self) -> bool:
        """Whether it is sealed and its proof is being checked."""
        return self.message is not None and self.verdict is None and not self._is_closed

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(event.text for event in self._events if isinstance(event, TextDelta))

    def stop(self) -> None:
        """Ask the reply to end now; what has come is kept and marked. Safe to call twice."""
        self._stop.set()

    async def stopping(self) -> None:
        """Return once somebody has asked for a stop."""
        await self._stop.wait()

    def publish(self, events: Sequence[ReplyEvent]) -> None:
        """Append to the log and wake the followers. Only the engine calls this."""
        for event in events:
            if isinstance(event, ReplyEnded):
                self.message = event.message
            elif isinstance(event, VerdictReady):
                self.verdict = event.verdict
        self._events.extend(events)
        self._wake()

    def close(self) -> None:
        """Say that nothing more will come. Only the engine calls this."""
        self._is_closed = True
        self._closing.set()
        self._wake()

    async def closed(self) -> None:
        """Return once nothing more will come, the verdict included. Costs nothing per event."""
        await self._closing.wait()

    async def batches(self) -> AsyncIterator[list[ReplyEvent]]:
        """Yield all events from the first one on, in the groups in which they can be had.

        A slow follower gets larger groups instead of falling behind.
        """
        seen = 0
        while True:
            changed = self._changed
            if seen < len(self._events):
                batch = self._events[seen:]
                seen = len(self._events)
                yield batch
            elif self._is_closed:
                return
            else:
                await changed.wait()

    async def follow(self) -> AsyncIterator[ReplyEvent]:
        """Yield all events from the first one on, then live ones until the verdict is in."""
        async for batch in self.batches():
            for event in batch:
                yield event

    async def wait(self) -> Message:
        """Return the sealed message as soon as it is in the vault."""
        async for batch in self.batches():
            for event in batch:
                if isinstance(event, ReplyEnded):
                    return event.message
        raise asyncio.CancelledError("the engine closed before the reply was sealed")

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

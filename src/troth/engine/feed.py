"""News from the engine for whoever shows it: chats that changed, replies that began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from troth.engine.reply import Reply


@dataclass(frozen=True, slots=True)
class ChatChanged:
    """A chat's row changed: title, pin, head, draft, queue."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class ChatGrew:
    """Another process wrote to a chat that is open: its path is not what it was, draw it anew."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class ChatRemoved:
    conversation_id: str


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    conversation_id: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class ListChanged:
    """Some chats changed: another process wrote, or folders, tags or the trash did."""


@dataclass(frozen=True, slots=True)
class Locked:
    """The vault is closed; what is shown must go."""


@dataclass(frozen=True, slots=True)
class Unlocked:
    pass


Change = ChatChanged | ChatGrew | ChatRemoved | ListChanged | ReplyBegan | Locked | Unlocked


class Feed:
    """Hands each change to all who listen. A listener that leaves is forgotten."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Change]] = set()

    def tell(self, change: Change) -> None:
        for queue in self._listeners:
            queue.put_nowait(change)

    async def listen(self) -> AsyncIterator[Change]:
        """Yield changes from now on."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

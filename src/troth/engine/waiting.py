"""Messages that wait for a running reply to end. They are in the vault before `put` returns.

A waiting message has the id that it will have in the chat: sent and crashed before it left the
queue, it is known by that id and not sent twice. What comes back after a restart, and what could
not be sent, never goes by itself: the user looks first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import cast

from troth.domain.error import Failure, NotFound, TrothError, UsageError, VaultError, VaultLocked
from troth.domain.message import BlobPart, Part, TextPart
from troth.engine.chat import Chat, Queued
from troth.engine.feed import ChatChanged, Feed
from troth.engine.ids import new_ulid
from troth.engine.reply import Reply
from troth.vault.rows import dump_parts, load_parts

Send = Callable[[Chat, Queued], Awaitable[Reply]]


class Waiting:
    """The queues of all chats of one engine."""

    def __init__(self, send: Send, feed: Feed, blobs: dict[str, bytes]) -> None:
        self._send = send
        self._feed = feed
        self._blobs = blobs
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_leaving = False

    async def put(self, chat: Chat, parts: Sequence[Part] | str) -> Queued:
        """Let a message wait; it is on disk after. Raises UsageError and VaultError."""
        parts = (TextPart(parts),) if isinstance(parts, str) else tuple(parts)
        refuse_empty(parts)
        queued = Queued(new_ulid(), parts)
        chat.queue.append(queued)
        try:
            await self._save(chat)
        except VaultError:
            chat.queue.remove(queued)
            raise
        return queued

    async def take(self, chat: Chat, queued_id: str) -> Queued | None:
        """Take a waiting message back, for editing or for good; None when it has gone."""
        queued = chat.waiting(queued_id)
        if queued is None:
            return None
        for sha256 in _blob_names(queued):
            if sha256 not in self._blobs and (content := await chat.store.blob(sha256)):
                self._blobs[sha256] = content
        if not self._drop(chat, queued):
            return None  # it went while its attachments were read
        await self._save(chat)
        return queued

    async def send(self, chat: Chat, queued_id: str, *, releases_rest: bool = True) -> Reply:
        """Send a waiting message now; those behind it follow by themselves where they may.

        Raises what `Engine.send` raises, and NotFound; the message then waits on.
        """
        queued = chat.waiting(queued_id)
        if queued is None:
            raise NotFound("waiting message", queued_id)
        reply = await self._send(chat, queued)
        self._drop(chat, queued)
        if releases_rest:
            chat.queue[:] = [replace(q, is_kept=False, failure=None) for q in chat.queue]
        await self._save(chat)
        return reply

    async def go_on(self, chat: Chat) -> None:
        """Send the first message that waits for nothing but its turn.

        One that cannot be sent stays, with the reason; those behind it wait with it.
        """
        queued = next((queued for queued in chat.queue if not queued.is_held), None)
        if self._is_leaving or queued is None or chat.is_replying:
            return
        try:
            if not await chat.store.has_message(queued.id):  # else another process sent it
                await self._send(chat, queued)
        except VaultLocked:
            return  # it is in the vault, and seen after the unlock
        except TrothError as error:
            self.hold(chat, Failure.of(error))
            return
        self._drop(chat, queued)
        await self._save(chat)

    def go_on_soon(self, chat: Chat) -> None:
        """Do `go_on` without being waited for."""
        task = asyncio.create_task(self.go_on(chat), name=f"waiting {chat.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hold(self, chat: Chat, failure: Failure) -> None:
        """Let what was about to go wait for the user: the first message says why."""
        reasons = [failure]
        chat.queue[:] = [
            queued
            if queued.is_held
            else replace(queued, is_kept=True, failure=reasons.pop() if reasons else None)
            for queued in chat.queue
        ]
        self._feed.tell(ChatChanged(chat.id))

    def leave(self) -> None:
        """Begin nothing more: the engine closes, and what waits is in the vault."""
        self._is_leaving = True

    async def close(self) -> None:
        """Return when nothing is being begun any more."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    @staticmethod
    def _drop(chat: Chat, queued: Queued) -> bool:
        left = [other for other in chat.queue if other.id != queued.id]
        was_there = len(left) < len(chat.queue)
        chat.queue[:] = left
        return was_there

    async def _save(self, chat: Chat) -> None:
        blobs = {
            sha256: self._blobs[sha256]
            for queued in chat.queue
            for sha256 in _blob_names(queued)
            if sha256 in self._blobs
        }
        self._feed.tell(ChatChanged(chat.id))
        await chat.store.save_queue(chat.id, _dump(chat.queue), blobs)


async def load_queue(chat: Chat) -> None:
    """Read what waits in a chat that was just opened; it waits for the user from now on."""
    for row in _rows(await chat.store.queue(chat.id)):
        parts = load_parts(row["text"] or "", row.get("parts"))
        queued_id = row["id"] or ""
        if not await chat.store.has_message(queued_id):
            chat.queue.append(Queued(queued_id, parts, is_kept=True))


def refuse_empty(parts: Sequence[Part]) -> None:
    """Raise UsageError where there is nothing to send."""
    if not any(not isinstance(part, TextPart) or part.text.strip() for part in parts):
        raise UsageError("there is nothing to send")


def _blob_names(queued: Queued) -> list[str]:
    return [part.blob.sha256 for part in queued.parts if isinstance(part, BlobPart)]


def _dump(queue: Sequence[Queued]) -> str:
    """Return the queue as JSON, "" for an empty one. Reasons are not kept: they may pass."""
    rows: list[dict[str, str | None]] = []
    for queued in queue:
        text, parts = dump_parts(queued.parts)
        rows.append({"id": queued.id, "text": text, "parts": parts})
    return json.dumps(rows) if rows else ""


def _rows(stored: str) -> list[dict[str, str | None]]:
    return cast("list[dict[str, str | None]]", json.loads(stored)) if stored else []

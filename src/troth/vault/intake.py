"""The door for import: whole chats in one transaction each, and taking them back: `Vault.intake`.

What one import wrote is remembered as the range of message rows in each chat, in `state` rows that
are written in the same transaction, so that an import which was cut can be undone like a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from troth.domain.conversation import Conversation
from troth.domain.error import NotFound
from troth.domain.exchange import Exchange, HttpRequest, HttpResponse
from troth.domain.message import Message
from troth.domain.verdict import Verdict
from troth.vault import blobs as blob_rows
from troth.vault import conversations, messages, organize, verdicts
from troth.vault.opening import Opened
from troth.vault.rows import Flag, clean, to_microseconds
from troth.vault.store import Store, checkpoint, written
from troth.vault.withdrawal import (
    ITEM,
    RECORD,
    Item,
    Withdrawn,
    items_by_batch,
    items_of,
    withdraw_some,
)

__all__ = ["Arrival", "Intake", "Kept", "KnownChat", "Withdrawn"]

ResultT = TypeVar("ResultT")

PAUSE_S = 0.1
"""Between two slices of an undo: a process that waits to write asks again within so long."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message to be stored, with all that belongs to it.

    `blobs` may read its values when they are asked for: one at a time is held in memory.
    """

    message: Message
    exchange: Exchange | None = None
    blobs: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    verdict: Verdict | None = None
    evidence: Mapping[str, tuple[HttpRequest, HttpResponse]] = field(
        default_factory=lambda: MappingProxyType({})
    )


@dataclass(frozen=True, slots=True)
class KnownChat:
    """What the vault holds of a chat already, in the trash or not."""

    is_trashed: bool
    head_id: str | None
    imported_ids: frozenset[str]
    own_ids: frozenset[str]
    """Messages that were not imported: the user's own words and the replies to them."""

    @property
    def message_ids(self) -> frozenset[str]:
        return self.imported_ids | self.own_ids


@dataclass(frozen=True, slots=True)
class Kept:
    """An import that can be undone: what its writer noted of it, and what it wrote in all."""

    batch_id: str
    record: str
    chats: int
    messages: int


class Intake:
    """Takes whole chats in and gives whole imports back."""

    def __init__(self, opened: Opened) -> None:
        self._writer = opened.writer
        self._reader = opened.reader

    async def known(self, conversation_id: str) -> KnownChat | None:
        """Return what is here of a chat; None when nothing is."""
        return await self._reader.run(known, conversation_id)

    async def append_many(
        self,
        conversation: Conversation,
        arrivals: Iterable[Arrival],
        *,
        batch_id: str,
        is_new: bool,
        folder: str | None = None,
        tags: Sequence[str] = (),
    ) -> int:
        """Store messages of one chat, parents first, in one transaction; return how many.

        A new chat is stored with its settings, its folder (made if new) and its tags; of a known
        one the head moves to `conversation.head_id`. Raises UsageError for a known message id,
        NotFound for an unknown parent: then nothing of it is kept.
        """
        return await self._writer.run(
            written(take_in),
            conversation,
            arrivals,
            batch_id,
            is_new=is_new,
            folder=folder,
            tags=tags,
        )

    async def set_record(self, batch_id: str, record: str) -> None:
        """Remember what an import is, as the caller writes it."""
        await self._writer.run(written(set_record), batch_id, record)

    async def records(self) -> list[Kept]:
        """Return each import, oldest first; one that was cut counts with what it wrote."""
        return await self._reader.run(records)

    async def withdraw(
        self,
        batch_id: str,
        *,
        folders: Sequence[str] = (),
        on_progress: Callable[[Withdrawn, int], None] = lambda _went, _total: None,
    ) -> Withdrawn:
        """Delete for good what one import wrote, but for what later messages hang on.

        With the last of it the import is forgotten, and those of `folders` that are empty go. It
        is done in slices: after each `on_progress` hears what went so far, and how many messages
        there were in all. Cancelling ends it after the slice that is under way; whatever cuts it,
        the import stays listed with the rest, and doing it again goes on. Raises NotFound for an
        unknown import.
        """
        items = await self._writer.run(items_of, batch_id)
        total, went = sum(item.size for item in items), Withdrawn()

        async def take_some() -> list[Item]:
            nonlocal went
            step = written(withdraw_some)
            some, left = await self._writer.run(step, batch_id, items, folders)
            went += some
            on_progress(went, total)
            return left

        items = await _uncut(take_some())
        while items:
            await asyncio.sleep(PAUSE_S)
            items = await _uncut(take_some())
        await self._writer.run(checkpoint)
        return went


async def _uncut(work: Coroutine[None, None, ResultT]) -> ResultT:
    """Do one step to its end, and only then be cancelled."""
    begun = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(begun)
    except asyncio.CancelledError:
        await asyncio.wait([begun])
        raise


def known(store: Store, conversation_id: str) -> KnownChat | None:
    row = store.one(
        tuple[int, int | None, str | None],
        "SELECT id, trashed_at, head FROM conversation WHERE ulid = ?",
        (conversation_id,),
    )
    if row is None:
        return None
    found = store.all(
        tuple[str, int], "SELECT ulid, flags FROM message WHERE conversation_id = ?", (row[0],)
    )
    imported = frozenset(ulid for ulid, flags in found if flags & Flag.IMPORTED)
    own = frozenset(ulid for ulid, _ in found) - imported
    return KnownChat(row[1] is not None, row[2], imported, own)


def take_in(
    store: Store,
    conversation: Conversation,
    arrivals: Iterable[Arrival],
    batch_id: str,
    *,
    is_new: bool,
    folder: str | None = None,
    tags: Sequence[str] = (),
) -> int:
    if is_new:
        conversations.add(store, conversation)
        if folder is not None:
            organize.set_folder(store, [conversation.id], folder)
        for tag in tags:
            organize.add_tag(store, [conversation.id], tag)
    row_id, ulid = _row_of(store, conversation.id), conversation.id
    count, first, last, newest = 0, 0, 0, to_microseconds(conversation.updated_at)
    for arrival in arrivals:
        last = messages.insert(store, row_id, arrival.message, arrival.exchange)
        blob_rows.attach(store, last, arrival.message, arrival.blobs)
        if arrival.verdict is not None:
            verdicts.insert(store, last, arrival.verdict, arrival.evidence)
        first = first or last
        newest = max(newest, to_microseconds(arrival.message.created_at))
        count += 1
    store.run(
        "UPDATE conversation SET message_count = message_count + ?,"
        " updated_at = max(updated_at, ?), head = ? WHERE id = ?",
        (count, newest, conversation.head_id, row_id),
    )
    if is_new:  # what an older import says of a chat that was deleted since is void
        low, high = f"{ITEM}{ulid}:", f"{ITEM}{ulid};"
        store.run("DELETE FROM state WHERE name >= ? AND name < ?", (low, high))
    if count:
        store.run(
            "INSERT INTO state VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET value = state.value || ' ' || excluded.value",
            (f"{ITEM}{ulid}:{batch_id}", f"{first} {last}"),
        )
    return count


def set_record(store: Store, batch_id: str, record: str) -> None:
    store.run(
        "INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (RECORD + batch_id, clean(record)),
    )


def records(store: Store) -> list[Kept]:
    rows = store.all(
        tuple[str, str],
        "SELECT name, value FROM state WHERE name >= ? AND name < ? ORDER BY name",
        (RECORD, f"{RECORD[:-1]};"),
    )
    written_by = items_by_batch(store)
    kept: list[Kept] = []
    for name, record in rows:
        batch_id = name.removeprefix(RECORD)
        items = written_by.get(batch_id, [])
        messages = sum(item.size for item in items)
        kept.append(Kept(batch_id, record, len(items), messages))
    return kept


def _row_of(store: Store, conversation_id: str) -> int:
    row = store.one(tuple[int], "SELECT id FROM conversation WHERE ulid = ?", (conversation_id,))
    if row is None:
        raise NotFound("chat", conversation_id)
    return row[0]

"""The door for import: whole chats in one transaction each, and taking them back: `Vault.intake`.

What one import wrote is remembered as the range of message rows in each chat, in `state` rows that
are written in the same transaction, so that an import which was cut can be undone like a whole one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from troth.domain.conversation import Conversation
from troth.domain.error import NotFound
from troth.domain.exchange import Exchange, HttpRequest, HttpResponse
from troth.domain.message import Message
from troth.domain.verdict import Verdict
from troth.vault import blobs as blob_rows
from troth.vault import conversations, messages, verdicts
from troth.vault.cjk import cut_words
from troth.vault.opening import Opened
from troth.vault.rows import Flag, clean, to_microseconds
from troth.vault.store import Store, checkpoint, written

_ITEM = "import-item:"
_RECORD = "import:"
_MANY_MESSAGES = 200
"""From here on it is cheaper to rewrite the word index once than to take out each word at once."""


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
class Withdrawn:
    """What an undo took away, and what it left because somebody went on from there."""

    messages: int = 0
    removed_chats: tuple[str, ...] = ()
    changed_chats: tuple[str, ...] = ()
    kept_messages: int = 0


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
    ) -> int:
        """Store messages of one chat, parents first, in one transaction; return how many.

        A new chat is stored with its settings; of a known one the head moves to
        `conversation.head_id`. Raises UsageError for a known message id, NotFound for an unknown
        parent: then nothing of it is kept.
        """
        return await self._writer.run(
            written(take_in), conversation, arrivals, batch_id, is_new=is_new
        )

    async def set_record(self, batch_id: str, record: str) -> None:
        """Remember what an import is, as the caller writes it."""
        await self._writer.run(written(set_record), batch_id, record)

    async def records(self) -> list[Kept]:
        """Return each import, oldest first; one that was cut counts with what it wrote."""
        return await self._reader.run(records)

    async def withdraw(self, batch_id: str) -> Withdrawn:
        """Delete for good what one import wrote, but for what later messages hang on.

        Raises NotFound for an unknown import.
        """
        withdrawn = await self._writer.run(written(withdraw), batch_id)
        await self._writer.run(checkpoint)
        return withdrawn


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
) -> int:
    if is_new:
        conversations.add(store, conversation)
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
        low, high = f"{_ITEM}{ulid}:", f"{_ITEM}{ulid};"
        store.run("DELETE FROM state WHERE name >= ? AND name < ?", (low, high))
    if count:
        store.run(
            "INSERT INTO state VALUES (?, ?)", (f"{_ITEM}{ulid}:{batch_id}", f"{first} {last}")
        )
    return count


def set_record(store: Store, batch_id: str, record: str) -> None:
    store.run(
        "INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (_RECORD + batch_id, clean(record)),
    )


def records(store: Store) -> list[Kept]:
    rows = store.all(
        tuple[str, str],
        "SELECT name, value FROM state WHERE name >= ? AND name < ? ORDER BY name",
        (_RECORD, f"{_RECORD[:-1]};"),
    )
    written_by = _items(store)
    kept: list[Kept] = []
    for name, record in rows:
        batch_id = name.removeprefix(_RECORD)
        items = written_by.get(batch_id, [])
        messages = sum(item.last - item.first + 1 for item in items)
        kept.append(Kept(batch_id, record, len(items), messages))
    return kept


def withdraw(store: Store, batch_id: str) -> Withdrawn:
    if not store.run("DELETE FROM state WHERE name = ?", (_RECORD + batch_id,)):
        raise NotFound("import", batch_id)
    items = _items(store).get(batch_id, [])
    removed, kept = 0, 0
    gone: list[str] = []
    changed: list[str] = []
    with _word_index(store, sum(item.last - item.first + 1 for item in items)):
        for item in items:
            store.run("DELETE FROM state WHERE name = ?", (item.name,))
            row = store.one(
                tuple[int], "SELECT id FROM conversation WHERE ulid = ?", (item.conversation,)
            )
            if row is None:
                continue  # the user deleted the chat for good
            taken, left = _remove_messages(store, row[0], item.first, item.last)
            removed, kept = removed + taken, kept + left
            if store.one(
                tuple[int], "SELECT 1 FROM message WHERE conversation_id = ? LIMIT 1", (row[0],)
            ):
                changed.append(item.conversation)
            else:
                store.run("DELETE FROM conversation_fts WHERE rowid = ?", (row[0],))
                store.run("DELETE FROM draft WHERE conversation = ?", (item.conversation,))
                store.run("DELETE FROM conversation WHERE id = ?", (row[0],))
                gone.append(item.conversation)
    blob_rows.drop_unused(store)
    return Withdrawn(removed, tuple(gone), tuple(changed), kept)


class _Item(NamedTuple):
    """What one import wrote into one chat."""

    name: str
    conversation: str
    first: int
    last: int


def _items(store: Store) -> dict[str, list[_Item]]:
    """Return what each import wrote, by batch."""
    rows = store.all(
        tuple[str, str],
        "SELECT name, value FROM state WHERE name >= ? AND name < ?",
        (_ITEM, f"{_ITEM[:-1]};"),
    )
    items: dict[str, list[_Item]] = {}
    for name, value in rows:
        conversation, _, batch = name.removeprefix(_ITEM).rpartition(":")
        first, last = (int(number) for number in value.split())
        items.setdefault(batch, []).append(_Item(name, conversation, first, last))
    return items


@contextmanager
def _word_index(store: Store, messages: int) -> Generator[None]:
    """Let many words leave the index at once; measured 10 ms a message one by one.

    Without `secure-delete` a word that goes leaves a mark; `optimize` then writes the index anew
    without either, and the pages that held them are wiped by the vault's `secure_delete`.
    """
    if messages < _MANY_MESSAGES:
        yield
        return
    store.run("INSERT INTO message_fts(message_fts, rank) VALUES ('secure-delete', 0)")
    yield
    store.run("INSERT INTO message_fts(message_fts) VALUES ('optimize')")
    store.run("INSERT INTO message_fts(message_fts, rank) VALUES ('secure-delete', 1)")


def _remove_messages(store: Store, conversation_id: int, first: int, last: int) -> tuple[int, int]:
    """Delete imported messages of a range of rows, leaves first; return how many went and stayed.

    The hash chain runs from parent to child, so taking a leaf away breaks no other link.
    """
    rows = store.all(
        tuple[int, int | None, str, int, str],
        "SELECT id, parent_id, ulid, flags, text FROM message WHERE conversation_id = ?"
        " ORDER BY id DESC",
        (conversation_id,),
    )
    parents: set[int] = set()
    removed: dict[int, int | None] = {}
    kept = 0
    for row_id, parent_id, _, flags, text in rows:
        is_ours = first <= row_id <= last and flags & Flag.IMPORTED
        if is_ours and row_id not in parents:
            store.run(
                "INSERT INTO message_fts(message_fts, rowid, text) VALUES ('delete', ?, ?)",
                (row_id, cut_words(text)),
            )
            store.run("DELETE FROM message WHERE id = ?", (row_id,))
            removed[row_id] = parent_id
            continue
        kept += bool(is_ours)
        if parent_id is not None:
            parents.add(parent_id)
    _move_head(store, conversation_id, {row[0]: row[2] for row in rows}, removed)
    return len(removed), kept


def _move_head(
    store: Store, conversation_id: int, ulids: dict[int, str], removed: dict[int, int | None]
) -> None:
    """Let a chat end where its shown path now ends, else at its newest message."""
    row = store.one(
        tuple[str | None], "SELECT head FROM conversation WHERE id = ?", (conversation_id,)
    )
    head = next((row_id for row_id, ulid in ulids.items() if row and ulid == row[0]), None)
    while head in removed:
        head = removed[head]
    if head is None:
        head = max(ulids.keys() - removed.keys(), default=None)
    store.run(
        "UPDATE conversation SET message_count = message_count - ?, head = ? WHERE id = ?",
        (len(removed), None if head is None else ulids[head], conversation_id),
    )


def _row_of(store: Store, conversation_id: str) -> int:
    row = store.one(tuple[int], "SELECT id FROM conversation WHERE ulid = ?", (conversation_id,))
    if row is None:
        raise NotFound("chat", conversation_id)
    return row[0]

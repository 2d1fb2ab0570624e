"""Taking an import back: what it wrote goes, but for what somebody has gone on from.

It goes in slices, each a transaction that takes what it deletes off the import's own list, so that
a reply never waits for a whole import and an undo that was cut or killed goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from troth.domain.error import NotFound
from troth.vault import blobs, organize
from troth.vault.rows import Flag
from troth.vault.store import Store
from troth.vault.wiping import remove_words

RECORD = "import:"
"""State rows: what an import is, by batch."""
ITEM = "import-item:"
"""State rows: the first and the last message row that an import wrote, by chat and batch; one more
such pair for each further file of the import that held more of the chat."""
MESSAGES_AT_ONCE = 500
"""About so many go in one transaction: half a second in a vault of half a million."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What an undo took away, and what it left because somebody went on from there."""

    messages: int = 0
    removed_chats: tuple[str, ...] = ()
    changed_chats: tuple[str, ...] = ()
    kept_messages: int = 0

    def __add__(self, more: Withdrawn) -> Withdrawn:
        return Withdrawn(
            self.messages + more.messages,
            self.removed_chats + more.removed_chats,
            self.changed_chats + more.changed_chats,
            self.kept_messages + more.kept_messages,
        )


Spans = tuple[tuple[int, int], ...]
"""First and last message rows."""


class Item(NamedTuple):
    """What one import wrote into one chat."""

    name: str
    conversation: str
    spans: Spans

    @property
    def size(self) -> int:
        """How many messages it was when it came in, or when an undo of it was cut."""
        return sum(last - first + 1 for first, last in self.spans)


class _Share(NamedTuple):
    """What goes of one chat: messages with their parents, leaves first; and how many stay."""

    row_id: int
    conversation: str
    removable: dict[int, int | None]
    left: Spans
    """What can still be taken out of the chat after that lies in these; empty for nothing."""
    kept: int

    @property
    def is_last(self) -> bool:
        return not self.left


def items_by_batch(store: Store) -> dict[str, list[Item]]:
    """Return what each import wrote."""
    rows = store.all(
        tuple[str, str],
        "SELECT name, value FROM state WHERE name >= ? AND name < ?",
        (ITEM, f"{ITEM[:-1]};"),
    )
    items: dict[str, list[Item]] = {}
    for name, value in rows:
        conversation, _, batch = name.removeprefix(ITEM).rpartition(":")
        items.setdefault(batch, []).append(Item(name, conversation, _spans(value)))
    return items


def _spans(value: str) -> Spans:
    numbers = [int(number) for number in value.split()]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def items_of(store: Store, batch_id: str) -> list[Item]:
    """Return what an import wrote and is still to be taken back. Raises NotFound."""
    if store.one(tuple[int], "SELECT 1 FROM state WHERE name = ?", (RECORD + batch_id,)) is None:
        raise NotFound("import", batch_id)
    return items_by_batch(store).get(batch_id, [])


def withdraw_some(
    store: Store, batch_id: str, items: Sequence[Item], folders: Sequence[str]
) -> tuple[Withdrawn, list[Item]]:
    """Take some of `items` back; return what went and what is left. Inside a transaction.

    With the last of them the import is forgotten, and those of `folders` that are empty go.
    """
    shares: list[_Share] = []
    room, done = MESSAGES_AT_ONCE, 0
    for item in items:
        if room <= 0:
            break
        share = _share(store, item, room)
        if share is not None:
            room -= len(share.removable)
            shares.append(share)
        if share is None or share.is_last:
            store.run("DELETE FROM state WHERE name = ?", (item.name,))
            done += 1
        else:
            _shorten(store, item, share.left)
    remove_words(store, [message for share in shares for message in share.removable])
    removed = {share.conversation for share in shares if _remove(store, share)}
    blobs.drop_unused(store)
    ended = [share for share in shares if share.is_last]
    went = Withdrawn(
        messages=sum(len(share.removable) for share in shares),
        removed_chats=tuple(removed),
        changed_chats=tuple(
            share.conversation for share in ended if share.conversation not in removed
        ),
        kept_messages=sum(share.kept for share in ended),
    )
    left = list(items[done:])
    if not left:
        _forget(store, batch_id, folders)
    return went, left


def _shorten(store: Store, item: Item, left: Spans) -> None:
    """SQLite gives row ids at the end out again: what is written next must not count as ours."""
    value = " ".join(f"{first} {last}" for first, last in left)
    store.run("UPDATE state SET value = ? WHERE name = ?", (value, item.name))


def _forget(store: Store, batch_id: str, folders: Sequence[str]) -> None:
    store.run("DELETE FROM state WHERE name = ?", (RECORD + batch_id,))
    for folder in organize.folders(store):
        if folder.name in folders and not folder.conversations:
            organize.remove_folder(store, folder.name)


def _share(store: Store, item: Item, room: int) -> _Share | None:
    """Return what can go of a chat, at most `room` messages; None where nothing is to be done.

    The hash chain runs from parent to child, so taking a leaf away breaks no other link.
    """
    listed = store.one(tuple[str], "SELECT value FROM state WHERE name = ?", (item.name,))
    row = store.one(tuple[int], "SELECT id FROM conversation WHERE ulid = ?", (item.conversation,))
    if listed is None or row is None:
        return None  # somebody else undid it meanwhile, or deleted the chat for good
    rows = store.all(
        tuple[int, int | None, int],
        "SELECT id, parent_id, flags FROM message WHERE conversation_id = ? ORDER BY id DESC",
        row,
    )
    spans = _spans(listed[0])
    parents: set[int] = set()
    removable: dict[int, int | None] = {}
    kept = newest_kept = 0
    for message, parent, flags in rows:
        is_ours = flags & Flag.IMPORTED and any(low <= message <= high for low, high in spans)
        if is_ours and message not in parents:
            removable[message] = parent
            continue
        if is_ours:
            kept, newest_kept = kept + 1, max(newest_kept, message)
        if parent is not None:
            parents.add(parent)
    some = dict(islice(removable.items(), room))  # the newest: each leaf before its parent
    more = next(islice(removable, len(some), None), None)
    newest_left = 0 if more is None else max(more, newest_kept)
    left = tuple((low, min(high, newest_left)) for low, high in spans if low <= newest_left)
    return _Share(row[0], item.conversation, some, left, kept)


def _remove(store: Store, share: _Share) -> bool:
    """Delete the rows; return whether the whole chat went."""
    _move_head(store, share)
    for message in share.removable:
        store.run("DELETE FROM message WHERE id = ?", (message,))
    left = "SELECT 1 FROM message WHERE conversation_id = ? LIMIT 1"
    if store.one(tuple[int], left, (share.row_id,)):
        return False
    store.run("DELETE FROM conversation_fts WHERE rowid = ?", (share.row_id,))
    store.run("DELETE FROM draft WHERE conversation = ?", (share.conversation,))
    store.run("DELETE FROM conversation WHERE id = ?", (share.row_id,))
    return True


def _move_head(store: Store, share: _Share) -> None:
    """Let a chat end where its shown path will end, else at its newest message."""
    rows = store.all(
        tuple[int, str], "SELECT id, ulid FROM message WHERE conversation_id = ?", (share.row_id,)
    )
    ulids = dict(rows)
    shown = store.one(
        tuple[str | None], "SELECT head FROM conversation WHERE id = ?", (share.row_id,)
    )
    head = next((row_id for row_id, ulid in rows if shown and ulid == shown[0]), None)
    while head in share.removable:
        head = share.removable[head]
    if head is None:
        head = max(ulids.keys() - share.removable.keys(), default=None)
    store.run(
        "UPDATE conversation SET message_count = message_count - ?, head = ? WHERE id = ?",
        (len(share.removable), None if head is None else ulids[head], share.row_id),
    )

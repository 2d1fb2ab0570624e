"""Taking an import back: what it wrote goes, but for what somebody has gone on from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from troth.domain.error import NotFound
from troth.vault import blobs
from troth.vault.rows import Flag
from troth.vault.store import Store
from troth.vault.wiping import remove_words

RECORD = "import:"
"""State rows: what an import is, by batch."""
ITEM = "import-item:"
"""State rows: the first and the last message row that an import wrote, by chat and batch."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What an undo took away, and what it left because somebody went on from there."""

    messages: int = 0
    removed_chats: tuple[str, ...] = ()
    changed_chats: tuple[str, ...] = ()
    kept_messages: int = 0


class Item(NamedTuple):
    """What one import wrote into one chat."""

    name: str
    conversation: str
    first: int
    last: int


class _Share(NamedTuple):
    """What goes of one chat: messages with their parents, leaves first; and how many stay."""

    row_id: int
    conversation: str
    removable: dict[int, int | None]
    kept: int


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
        first, last = (int(number) for number in value.split())
        items.setdefault(batch, []).append(Item(name, conversation, first, last))
    return items


def withdraw(store: Store, batch_id: str) -> Withdrawn:
    """Raises NotFound for an unknown import. Inside a transaction."""
    if not store.run("DELETE FROM state WHERE name = ?", (RECORD + batch_id,)):
        raise NotFound("import", batch_id)
    shares: list[_Share] = []
    for item in items_by_batch(store).get(batch_id, []):
        store.run("DELETE FROM state WHERE name = ?", (item.name,))
        row = store.one(
            tuple[int], "SELECT id FROM conversation WHERE ulid = ?", (item.conversation,)
        )
        if row is not None:  # else the user deleted the chat for good
            shares.append(_share(store, row[0], item))
    remove_words(store, [message for share in shares for message in share.removable])
    outcome = {share.conversation: _remove(store, share) for share in shares}
    blobs.drop_unused(store)
    return Withdrawn(
        messages=sum(len(share.removable) for share in shares),
        removed_chats=tuple(chat for chat, is_gone in outcome.items() if is_gone),
        changed_chats=tuple(chat for chat, is_gone in outcome.items() if not is_gone),
        kept_messages=sum(share.kept for share in shares),
    )


def _share(store: Store, row_id: int, item: Item) -> _Share:
    """The hash chain runs from parent to child, so taking a leaf away breaks no other link."""
    rows = store.all(
        tuple[int, int | None, int],
        "SELECT id, parent_id, flags FROM message WHERE conversation_id = ? ORDER BY id DESC",
        (row_id,),
    )
    parents: set[int] = set()
    removable: dict[int, int | None] = {}
    kept = 0
    for message, parent, flags in rows:
        is_ours = item.first <= message <= item.last and flags & Flag.IMPORTED
        if is_ours and message not in parents:
            removable[message] = parent
            continue
        kept += bool(is_ours)
        if parent is not None:
            parents.add(parent)
    return _Share(row_id, item.conversation, removable, kept)


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

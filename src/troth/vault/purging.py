"""Deleting chats for good: their rows, their words in the index, and what only they referred to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from troth.vault import blobs
from troth.vault.store import Store
from troth.vault.wiping import remove_words

MESSAGES_AT_ONCE = 2_000
"""About so many go in one transaction, so that a reply never waits for a whole trash."""

_DAY_MICROSECONDS = 86_400_000_000
_OWN_STATE = ("comparison", "votes", "judgements", "queue")

DoomedChat = tuple[int, str, int]
"""Row id, ulid and number of messages."""
_DOOMED_CHAT = cast("type[DoomedChat]", tuple)


def empty_trash(store: Store, older_than: int) -> int:
    """Delete some of what was trashed before `older_than`; return how many chats, 0 at the end."""
    return _purge_some(
        store,
        store.all(
            _DOOMED_CHAT,
            "SELECT id, ulid, message_count FROM conversation WHERE trashed_at < ?",
            (older_than,),
        ),
    )


def purge_expired(store: Store, now: int, keep_days: int | None) -> int:
    """Delete some of what is past its time: by its folder's rule, else after `keep_days`.

    Pinned chats stay. Returns how many chats went, 0 at the end.
    """
    return _purge_some(
        store,
        store.all(
            _DOOMED_CHAT,
            "SELECT c.id, c.ulid, c.message_count FROM conversation c"
            " LEFT JOIN folder f ON f.id = c.folder_id"
            " WHERE c.is_pinned = 0 AND c.updated_at < ? - ifnull(f.keep_days, ?) * ?",
            (now, keep_days, _DAY_MICROSECONDS),
        ),
    )


def _purge_some(store: Store, doomed: Sequence[DoomedChat]) -> int:
    messages, count = 0, 0
    for _, _, size in doomed:
        messages, count = messages + size, count + 1
        if messages >= MESSAGES_AT_ONCE:
            break
    purge(store, [(row_id, ulid) for row_id, ulid, _ in doomed[:count]])
    return count


def purge(store: Store, chats: Sequence[tuple[int, str]]) -> None:
    """Delete chats, named by row id and ulid. Inside a transaction."""
    remove_words(
        store,
        [
            message_id
            for row_id, _ in chats
            for (message_id,) in store.all(
                tuple[int], "SELECT id FROM message WHERE conversation_id = ?", (row_id,)
            )
        ],
    )
    for row_id, ulid in chats:
        store.run("DELETE FROM conversation_fts WHERE rowid = ?", (row_id,))
        store.run("DELETE FROM draft WHERE conversation = ?", (ulid,))
        for kind in _OWN_STATE:
            store.run("DELETE FROM state WHERE name = ?", (f"{kind}:{ulid}",))
        store.run("DELETE FROM conversation WHERE id = ?", (row_id,))
    if chats:
        blobs.drop_unused(store)

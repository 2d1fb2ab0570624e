"""Taking the words of deleted messages out of the full-text index.

FTS5 can wipe each word as it goes (`secure-delete`): 7 ms of CPU a message in a large vault. For
more than a few it is a hundred times cheaper to let each word leave a mark and to write the index
anew afterwards, which drops words and marks alike. That is done in slices while nobody waits, and
a state row remembers that it is due, so that a kill only puts it off.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from troth.vault.cjk import cut_words
from troth.vault.store import Store, checkpoint, writing

WIPED_AT_ONCE = 50
"""Up to so many messages are wiped word by word: a third of a second at most."""
SLICE_PAGES = 200
"""Index pages a slice: about 15 ms, which a reply that wants to be stored may wait."""
CLOSING_S = 2.0
"""How long a closing vault goes on wiping; the rest is done when it is next open and idle."""

_DUE = "wipe:index"
"""State row: empty while the index is still to be written anew, `begun` once that has begun."""
_BEGUN = "begun"


def remove_words(store: Store, message_ids: Iterable[int]) -> None:
    """Take messages whose rows are still there out of the index. Inside a transaction."""
    ids = sorted(message_ids)  # at a step backwards FTS5 writes out all that it has gathered
    is_put_off = len(ids) > WIPED_AT_ONCE
    if is_put_off:
        _set_secure_delete(store, is_on=False)
    for message_id in ids:
        row = store.one(tuple[str], "SELECT text FROM message WHERE id = ?", (message_id,))
        store.run(
            "INSERT INTO message_fts(message_fts, rowid, text) VALUES ('delete', ?, ?)",
            (message_id, "" if row is None else cut_words(row[0])),
        )
    if not is_put_off:
        return
    # Writes out what is gathered, which must happen before words are wiped one by one again. To
    # begin the index anew here would leave one more piece of it behind with each of many slices.
    _merge(store, 1)
    _set_secure_delete(store, is_on=True)
    store.run("INSERT INTO state VALUES (?, '') ON CONFLICT DO UPDATE SET value = ''", (_DUE,))
    store.has_words_to_wipe = True


def look_for_work(store: Store) -> None:
    """Note whether an earlier session left words to wipe."""
    due = store.one(tuple[int], "SELECT 1 FROM state WHERE name = ?", (_DUE,))
    store.has_words_to_wipe = due is not None


def wipe_slice(store: Store) -> None:
    """Write the next piece of the index anew, in a transaction of its own."""
    with writing(store):
        due = store.one(tuple[str], "SELECT value FROM state WHERE name = ?", (_DUE,))
        if due == ("",):
            _merge(store, -1)  # a negative number begins to write the index anew
            store.run("UPDATE state SET value = ? WHERE name = ?", (_BEGUN, _DUE))
            return
        if _merge(store, SLICE_PAGES):
            return
        store.run("DELETE FROM state WHERE name = ?", (_DUE,))
    store.has_words_to_wipe = False


def tend(store: Store) -> None:
    """Do a little of what waits for a quiet moment: words to wipe, then the log to empty."""
    if store.has_words_to_wipe:
        wipe_slice(store)
    else:
        checkpoint(store)


def wipe_for(store: Store, seconds: float = CLOSING_S) -> None:
    """Wipe until nothing is left or the time is up."""
    end = time.monotonic() + seconds
    while store.has_words_to_wipe and time.monotonic() < end:
        wipe_slice(store)


def _merge(store: Store, pages: int) -> bool:
    """Return whether there was anything to do: SQLite's documentation of FTS5, section 6.8."""
    before = store.connection.total_changes()
    store.run("INSERT INTO message_fts(message_fts, rank) VALUES ('merge', ?)", (pages,))
    return store.connection.total_changes() - before >= 2


def _set_secure_delete(store: Store, *, is_on: bool) -> None:
    store.run(
        "INSERT INTO message_fts(message_fts, rank) VALUES ('secure-delete', ?)", (int(is_on),)
    )

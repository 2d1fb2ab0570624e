"""Full-text search: newest first, or the best of the newest.

A common word has a million hits; ranking them all takes half a second and helps nobody. So the
default is newest first, which stops after a page; `best` ranks everything up to 20,000 hits and
beyond that only the newest 500. Numbers: `benchmarks/vault_speed.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, cast

from troth.domain.conversation import SearchHit, Surroundings
from troth.domain.error import NotFound
from troth.vault import conversations, messages
from troth.vault.build import builder
from troth.vault.query import Query, parse_query
from troth.vault.rows import model_ref, to_datetime
from troth.vault.snippet import Snipper
from troth.vault.store import Store

Order = Literal["newest", "best"]

EXCERPT_CHARS = 1_200
FEW_MESSAGES = 2_000
"""One in five hundred of a million: more of them are met sooner than they are collected."""
RANK_ALL_UP_TO = 20_000
RANK_NEWEST = 500
MAX_TITLE_HITS = 10
COMPARED_TITLES = 200
"""Of so many of the newest chats with the word in their title the last used ones are shown."""

_HIT = "SELECT c.ulid, m.ulid, c.title, m.text, m.role, m.provider, m.model, m.created_at, v.state"
_JOINS = (
    " CROSS JOIN conversation c ON c.id = m.conversation_id"
    " LEFT JOIN verdict v ON v.message_id = m.id AND v.is_newest"
)
_hit: Callable[..., SearchHit] = builder(SearchHit)
HitRow = tuple[str, str, str, str, str, str | None, str | None, int, str | None]
_HIT_ROW = cast("type[HitRow]", tuple)


def search(
    store: Store, text: str, limit: int, conversation: str | None, order: Order
) -> list[SearchHit]:
    """Return title hits, then message hits. Raises UsageError for a facet that makes no sense."""
    query = parse_query(text)
    if query.is_empty or limit <= 0:
        return []
    snipper = Snipper(query.terms)
    hits: list[SearchHit] = []
    if conversation is None:
        hits = _titles(store, query, snipper, min(limit, MAX_TITLE_HITS))
    rows = _messages(store, query, limit - len(hits), conversation, order)
    refs = cache(model_ref)
    for ulid, message, title, words, role, provider, model, created, state in rows:
        hits.append(
            _hit(
                ulid,
                message,
                title,
                snipper.cut(words),
                role,
                refs(provider, model),
                to_datetime(created),
                state or "",
            )
        )
    return hits


def surroundings(store: Store, text: str, conversation: str, message: str | None) -> Surroundings:
    """Return a hit of the search `text` with its neighbours; of a title hit the chat's end.

    Raises NotFound for what is gone meanwhile, VaultDamaged.
    """
    if message is None:
        chat = conversations.one(store, conversation)
        message = None if chat is None else chat.head_id
    if message is None:
        raise NotFound("message", conversation)
    before, found, after = messages.neighbours(store, conversation, message)
    excerpt = Snipper(parse_query(text).terms).cut(found.text, length=EXCERPT_CHARS)
    shown = [one.id for one in (before, found, after) if one is not None]
    states = store.all(
        tuple[str, str],
        "SELECT m.ulid, v.state FROM message m JOIN verdict v ON v.message_id = m.id"  # noqa: S608
        f" WHERE v.is_newest AND m.ulid IN ({', '.join('?' * len(shown))})",
        shown,
    )
    return Surroundings(found, excerpt, before, after, dict(states))


def _titles(store: Store, query: Query, snipper: Snipper, limit: int) -> list[SearchHit]:
    """Return chats whose title matches; a search with facets is about messages only."""
    if query.conditions or not query.terms:
        return []
    rows = store.all(
        tuple[str, str, str | None, str | None, int],
        "SELECT c.ulid, c.title, c.provider, c.model, c.updated_at FROM"
        " (SELECT rowid FROM conversation_fts WHERE conversation_fts MATCH ?"
        " ORDER BY rowid DESC LIMIT ?) f CROSS JOIN conversation c ON c.id = f.rowid"
        " WHERE c.trashed_at IS NULL ORDER BY c.updated_at DESC LIMIT ?",
        (query.match(), COMPARED_TITLES, limit),
    )
    return [
        SearchHit(
            conversation_id=ulid,
            message_id=None,
            title=title,
            snippet=snipper.cut(title),
            role="",
            model=model_ref(provider, model),
            created_at=to_datetime(updated),
        )
        for ulid, title, provider, model, updated in rows
    ]


def _messages(
    store: Store, query: Query, limit: int, conversation: str | None, order: Order
) -> list[HitRow]:
    where = ["c.trashed_at IS NULL", *query.conditions]
    bindings = list(query.bindings)
    span: tuple[int, int] | None = None
    if conversation is not None:
        where.append("c.ulid = ?")
        bindings.append(conversation)
        span = _span(store, conversation)
        if span is None:
            return []
    if not query.terms:
        if (few := _few(store, query)) is not None:
            where.append(f"m.id IN ({', '.join(map(str, few))})")
        condition = " AND ".join(where)
        return store.all(
            _HIT_ROW,
            f"{_HIT} FROM message m{_JOINS} WHERE {condition} ORDER BY m.id DESC LIMIT ?",
            (*bindings, limit),
        )
    condition = " AND ".join(where)
    low, high = span or (0, 1 << 62)
    order_by = "f.rowid DESC"
    if order == "best":
        low = max(low, _oldest_ranked(store, query.match()))
        order_by = "f.rank"
    return store.all(
        _HIT_ROW,
        f"{_HIT} FROM message_fts f CROSS JOIN message m ON m.id = f.rowid{_JOINS}"
        f" WHERE message_fts MATCH ? AND f.rowid BETWEEN ? AND ? AND {condition}"
        f" ORDER BY {order_by} LIMIT ?",
        (query.match(), low, high, *bindings, limit),
    )


def _few(store: Store, query: Query) -> list[int] | None:
    """Return the ids of all messages that one facet allows, where they are few; else None.

    Many are met soon on the way from the newest message down, which is how the rest is searched;
    a few could be anywhere in a million (1.3 s of CPU, where this takes a few milliseconds).
    """
    for facet in query.facets:
        if facet.source:
            found = store.all(
                tuple[int], f"{facet.source} LIMIT ?", (*facet.bindings, FEW_MESSAGES + 1)
            )
            if len(found) <= FEW_MESSAGES:
                return [message for (message,) in found]
    return None


def _span(store: Store, conversation: str) -> tuple[int, int] | None:
    """Return the first and last message id of a chat, so that only that range is looked at."""
    row = store.one(
        tuple[int | None, int | None],
        "SELECT min(m.id), max(m.id) FROM conversation c JOIN message m"
        " ON m.conversation_id = c.id WHERE c.ulid = ?",
        (conversation,),
    )
    return None if row is None or row[0] is None or row[1] is None else (row[0], row[1])


def _oldest_ranked(store: Store, match: str) -> int:
    """Return the message id from which on hits are ranked: 0 for all of them."""
    many = store.one(
        tuple[int],
        "SELECT rowid FROM message_fts WHERE message_fts MATCH ? LIMIT 1 OFFSET ?",
        (match, RANK_ALL_UP_TO),
    )
    if many is None:
        return 0
    row = store.one(
        tuple[int],
        "SELECT rowid FROM message_fts WHERE message_fts MATCH ? ORDER BY rowid DESC"
        " LIMIT 1 OFFSET ?",
        (match, RANK_NEWEST - 1),
    )
    return 0 if row is None else row[0]

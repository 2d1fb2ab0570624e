"""The chat list: conversations, their titles for search, the trash, folders and tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import apsw

from troth.domain.conversation import Conversation
from troth.domain.error import NotFound, UsageError
from troth.domain.model import ModelRef, Params
from troth.vault.build import twin_of
from troth.vault.cjk import cut_words
from troth.vault.rows import (
    NO_PARAMS,
    clean,
    dump,
    dump_params,
    line_field,
    load,
    load_params,
    model_ref,
    to_datetime,
    to_microseconds,
)
from troth.vault.sql import SqlValue
from troth.vault.store import Store

_SELECT = (
    "SELECT ulid, title, created_at, updated_at, head, message_count, provider, model, settings,"
    " persona, policy, is_titled + 2 * is_pinned + 4 * is_archived + 8 * is_incognito"
    " FROM conversation WHERE trashed_at IS NULL"
)
_MARKS = tuple(tuple(bool(bits >> place & 1) for place in range(4)) for bits in range(16))
"""The last column's bits as the four last fields."""

ConversationRow = tuple[
    str,
    str,
    int,
    int,
    str | None,
    int,
    str | None,
    str | None,
    str | None,
    str,
    str,
    int,
]
_CONVERSATION_ROW = cast("type[ConversationRow]", tuple)


def add(store: Store, conversation: Conversation) -> None:
    """Raises UsageError for an incognito chat (nothing of it may reach a disk) or a known id."""
    if conversation.is_incognito and store.path is not None:
        raise UsageError("an incognito chat is never stored")
    try:
        row_id = store.insert(
            "INSERT INTO conversation(ulid, created_at, message_count, is_incognito, title,"
            " updated_at, head, provider, model, settings, persona, policy, is_titled, is_pinned,"
            " is_archived) VALUES (?,?,0,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                line_field(conversation.id),
                to_microseconds(conversation.created_at),
                conversation.is_incognito,
                *_changing(conversation),
            ),
        )
    except apsw.ConstraintError as error:
        raise UsageError("a chat with this id is already stored") from error
    _index_title(store, row_id, conversation.title)


def update(store: Store, conversation: Conversation) -> None:
    """Store all that a user can change, and the head. The message count is the vault's own."""
    row_id = _row_id(store, conversation.id)
    store.run(
        "UPDATE conversation SET title = ?, updated_at = ?, head = ?, provider = ?, model = ?,"
        " settings = ?, persona = ?, policy = ?, is_titled = ?, is_pinned = ?, is_archived = ?"
        " WHERE id = ?",
        (*_changing(conversation), row_id),
    )
    _index_title(store, row_id, conversation.title)


def _changing(conversation: Conversation) -> tuple[SqlValue, ...]:
    settings: dict[str, object] = {}
    if conversation.system_prompt:
        settings["system_prompt"] = conversation.system_prompt
    if conversation.params != NO_PARAMS:
        settings["params"] = dump_params(conversation.params)
    model = conversation.model
    return (
        clean(conversation.title),
        to_microseconds(conversation.updated_at),
        conversation.head_id,
        None if model is None else clean(model.provider),
        None if model is None else clean(model.model),
        dump(settings) if settings else None,
        clean(conversation.persona),
        clean(conversation.policy),
        conversation.is_titled,
        conversation.is_pinned,
        conversation.is_archived,
    )


def _index_title(store: Store, row_id: int, title: str) -> None:
    store.run("DELETE FROM conversation_fts WHERE rowid = ?", (row_id,))
    store.run(
        "INSERT INTO conversation_fts(rowid, title) VALUES (?, ?)",
        (row_id, cut_words(clean(title))),
    )


def one(store: Store, conversation_id: str) -> Conversation | None:
    """Return a chat; None when it is unknown or in the trash."""
    row = store.one(
        _CONVERSATION_ROW,
        _SELECT + " AND ulid = ?",
        (conversation_id,),
    )
    return None if row is None else _load([row])[0]


def listed(store: Store, is_archived: bool | None, limit: int | None) -> list[Conversation]:
    """Return chats, pinned first, then newest first; both archived and not when None."""
    where = "" if is_archived is None else f" AND is_archived = {int(is_archived)}"
    rows = store.all(
        _CONVERSATION_ROW,
        f"{_SELECT}{where} ORDER BY is_pinned DESC, updated_at DESC, id DESC LIMIT ?",
        (-1 if limit is None else limit,),
    )
    return _load(rows)


def _load(rows: Sequence[ConversationRow]) -> list[Conversation]:
    """Ten thousand of these stand between the passphrase and the chat list: one flat loop."""
    refs: dict[tuple[str | None, str | None], ModelRef | None] = {(None, None): None}
    loaded: list[Conversation] = []
    twin, plain, moment = twin_of(Conversation), ("", NO_PARAMS), to_datetime
    for (
        ulid,
        title,
        created,
        updated,
        head,
        count,
        provider,
        model,
        settings,
        persona,
        policy,
        bits,
    ) in rows:
        if (provider, model) not in refs:
            refs[provider, model] = model_ref(provider, model)
        system_prompt, params = plain if settings is None else _settings(settings)
        conversation = twin(
            ulid,
            title,
            moment(created),
            moment(updated),
            head,
            count,
            refs[provider, model],
            system_prompt,
            persona,
            params,
            policy,
            *_MARKS[bits],
        )
        conversation.__class__ = Conversation
        loaded.append(conversation)
    return loaded


def _settings(text: str) -> tuple[str, Params]:
    found = cast("dict[str, object]", load(text))
    return str(found.get("system_prompt", "")), load_params(found.get("params"))


def trash(store: Store, conversation_id: str, now: int) -> None:
    """Take a chat out of every list and search; `restore` brings it back whole."""
    if not store.run(
        "UPDATE conversation SET trashed_at = ? WHERE ulid = ?", (now, conversation_id)
    ):
        raise NotFound("chat", conversation_id)


def restore(store: Store, conversation_id: str) -> None:
    if not store.run(
        "UPDATE conversation SET trashed_at = NULL WHERE ulid = ?", (conversation_id,)
    ):
        raise NotFound("chat", conversation_id)


def _row_id(store: Store, conversation_id: str) -> int:
    row = store.one(tuple[int], "SELECT id FROM conversation WHERE ulid = ?", (conversation_id,))
    if row is None:
        raise NotFound("chat", conversation_id)
    return row[0]

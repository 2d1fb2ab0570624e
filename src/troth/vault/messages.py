"""Messages: written once, read as a path or as the whole tree, each checked against its hash.

A message's hash is SHA-256 over its parent's hash (32 zero bytes for a root) and these lines, as
UTF-8, each ended by LF: id, conversation id, role, time, provider, model, flags, raw items' digest,
exchange's digest (both hex or empty), then the lengths in code points of parts and details; then
parts, details and text themselves. No short field can hold a line break, so no two messages share
the lines. Reading recomputes it: a page that is old or foreign cannot pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import apsw

from troth.domain.error import NotFound, UsageError, VaultDamaged
from troth.domain.exchange import Exchange
from troth.domain.message import Message, RawItem, Role
from troth.domain.model import ModelRef
from troth.vault import blobs as blob_rows
from troth.vault import exchanges
from troth.vault.build import builder
from troth.vault.cjk import cut_words
from troth.vault.kdf import digest
from troth.vault.rows import (
    Flag,
    clean,
    dump_details,
    dump_parts,
    flags_of,
    line_field,
    load_details,
    load_parts,
    model_ref,
    to_datetime,
    to_microseconds,
)
from troth.vault.sql import SqlValue
from troth.vault.store import Store
from troth.vault.tally import encode_values

NO_PARENT_HASH = bytes(32)
_SELECT = (
    "SELECT m.id, m.parent_id, m.ulid, m.role, m.created_at, m.provider, m.model, m.flags, m.text,"
    " m.parts, m.details, m.raw_digest, m.exchange_digest, m.hash"
)
_PATH = (
    "WITH RECURSIVE path(id, parent_id, depth) AS ("
    "  SELECT m.id, m.parent_id, 0 FROM message m JOIN conversation c"
    "    ON c.id = m.conversation_id WHERE m.ulid = ? AND c.ulid = ?"
    "  UNION ALL SELECT m.id, m.parent_id, depth + 1 FROM path JOIN message m"
    "    ON m.id = path.parent_id WHERE depth < ?) "
)
_ROLES = {role.value: role for role in Role}
_message: Callable[..., Message] = builder(Message)

MessageRow = tuple[
    int,
    int | None,
    str,
    str,
    int,
    str | None,
    str | None,
    int,
    str,
    str | None,
    str | None,
    bytes | None,
    bytes | None,
    bytes,
]
_MESSAGE_ROW = cast("type[MessageRow]", tuple)


class _Node(NamedTuple):
    """What a child needs of its parent."""

    ulid: str | None
    hash: bytes


_ROOT = _Node(None, NO_PARENT_HASH)


def append(
    store: Store,
    message: Message,
    exchange: Exchange | None,
    blobs: Mapping[str, bytes],
    *,
    makes_head: bool,
) -> None:
    """Write one message with all that belongs to it, and move the conversation on."""
    conversation_id = _conversation_row(store, message.conversation_id)
    message_id = insert(store, conversation_id, message, exchange)
    blob_rows.attach(store, message_id, message, blobs)
    store.run(
        "UPDATE conversation SET message_count = message_count + 1,"
        " updated_at = max(updated_at, ?), head = iif(?, ?, head) WHERE id = ?",
        (to_microseconds(message.created_at), makes_head, message.id, conversation_id),
    )


def _conversation_row(store: Store, ulid: str) -> int:
    found = store.one(tuple[int], "SELECT id FROM conversation WHERE ulid = ?", (ulid,))
    if found is None:
        raise NotFound("chat", ulid)
    return found[0]


def insert(store: Store, conversation_id: int, message: Message, exchange: Exchange | None) -> int:
    """Write the rows of one message and return its row id; blobs and the chat are the caller's."""
    parent_id, parent = None, _ROOT
    if message.parent_id is not None:
        found = store.one(
            tuple[int, str, bytes],
            "SELECT id, ulid, hash FROM message WHERE ulid = ? AND conversation_id = ?",
            (message.parent_id, conversation_id),
        )
        if found is None:
            raise NotFound("parent message", message.parent_id)
        parent_id, parent = found[0], _Node(found[1], found[2])
    text, parts = dump_parts(message.parts)
    row = (
        line_field(message.id),
        message.role.value,
        to_microseconds(message.created_at),
        None if message.model is None else line_field(message.model.provider),
        None if message.model is None else line_field(message.model.model),
        flags_of(message, text),
        text,
        parts,
        dump_details(message),
        _raw_digest(message.raw_items),
        None if exchange is None else exchanges.exchange_digest(exchange),
    )
    hashed = _hash(parent.hash, message.conversation_id, *row)
    try:
        message_id = store.insert(
            "INSERT INTO message(ulid, role, created_at, provider, model, flags, text, parts,"
            " details, raw_digest, exchange_digest, hash, conversation_id, parent_id)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (*row, hashed, conversation_id, parent_id),
        )
    except apsw.ConstraintError as error:
        raise UsageError("a message with this id is already stored") from error
    store.run("INSERT INTO message_fts(rowid, text) VALUES (?, ?)", (message_id, cut_words(text)))
    for ord_, item in enumerate(message.raw_items):
        store.run(
            "INSERT INTO raw_item VALUES (?,?,?,?,?,?,?)",
            (message_id, ord_, *_raw_fields(item), item.payload),
        )
    if exchange is not None:
        exchanges.insert(store, conversation_id, message_id, exchange)
    return message_id


def is_stored(store: Store, ulid: str) -> bool:
    return store.one(tuple[int], "SELECT 1 FROM message WHERE ulid = ?", (ulid,)) is not None


def whole_tree(store: Store, conversation: str) -> list[Message]:
    """Return every message, parents before children, raw items left out."""
    known = store.one(
        tuple[int, int],
        "SELECT id, message_count FROM conversation WHERE ulid = ?",
        (conversation,),
    )
    if known is None:
        raise NotFound("chat", conversation)
    rows = store.each(
        _MESSAGE_ROW,
        _SELECT + " FROM message m WHERE conversation_id = ? ORDER BY id",
        (known[0],),
    )
    messages = _load(store, conversation, rows, {})
    if len(messages) != known[1]:
        raise VaultDamaged(str(store.path or ""), f"messages of chat {conversation} are missing")
    return messages


def faults(store: Store, conversation_id: int, conversation: str) -> list[str]:
    """Return what is wrong with the messages of one chat, each by its id; for the whole check."""
    rows = store.all(
        _MESSAGE_ROW,
        _SELECT + " FROM message m WHERE conversation_id = ? ORDER BY id",
        (conversation_id,),
    )
    found: list[str] = []
    hashes: dict[int, bytes] = {}
    for row in rows:
        parent = NO_PARENT_HASH if row[1] is None else hashes.get(row[1])
        if parent is None:
            found.append(f"the parent of message {row[2]} is missing")
        elif _hash(parent, conversation, *row[2:13]) != row[13]:
            found.append(f"message {row[2]} is not as it was written")
        hashes[row[0]] = row[13]
    return found


def newest_on_path(store: Store, conversation: str, head: str | None, limit: int) -> list[Message]:
    """Return the last `limit` messages from the root to `head`, oldest first."""
    if head is None or limit <= 0:
        return []
    rows = store.all(
        _MESSAGE_ROW,
        _PATH + _SELECT + " FROM path CROSS JOIN message m ON m.id = path.id ORDER BY depth DESC",
        (head, conversation, limit),
    )
    if not rows:
        raise _missing_head(store, conversation, head)
    nodes: dict[int, _Node] = {}
    if len(rows) > limit:
        # One more than asked for: its hash is what the oldest of the wanted ones hangs on.
        beyond = rows.pop(0)
        nodes[beyond[0]] = _Node(beyond[2], beyond[-1])
    return _load(store, conversation, rows, nodes)


def neighbours(
    store: Store, conversation: str, ulid: str
) -> tuple[Message | None, Message, Message | None]:
    """Return the message that one answers, that one, and the first that answers it."""
    with store.view():
        path = newest_on_path(store, conversation, ulid, 2)
        own = store.one(tuple[int, bytes], "SELECT id, hash FROM message WHERE ulid = ?", (ulid,))
        assert own is not None, "the view has just shown it"
        answers = store.all(
            _MESSAGE_ROW,
            _SELECT + " FROM message p CROSS JOIN message m ON m.conversation_id ="
            " p.conversation_id AND m.id > p.id AND m.parent_id = p.id WHERE p.id = ?"
            " ORDER BY m.id LIMIT 1",
            (own[0],),
        )
        after = _load(store, conversation, answers, {own[0]: _Node(ulid, own[1])})
    return path[0] if len(path) > 1 else None, path[-1], after[0] if after else None


def _missing_head(store: Store, conversation: str, head: str) -> VaultDamaged | NotFound:
    stored = store.one(
        tuple[str | None], "SELECT head FROM conversation WHERE ulid = ?", (conversation,)
    )
    if stored is not None and stored[0] == head:
        return VaultDamaged(
            str(store.path or ""), f"the last message of chat {conversation} is missing"
        )
    return NotFound("message", head)


def _load(
    store: Store, conversation: str, rows: Iterable[MessageRow], nodes: dict[int, _Node]
) -> list[Message]:
    loaded: list[Message] = []
    roles = _ROLES
    refs: dict[tuple[str | None, str | None], ModelRef | None] = {}
    for row in rows:
        id_, parent_id, ulid, role, created, provider, model, flags, text, parts, details = row[:11]
        parent = _ROOT if parent_id is None else nodes.get(parent_id)
        if parent is None or _hash(parent.hash, conversation, *row[2:13]) != row[13]:
            raise VaultDamaged(str(store.path or ""), f"message {ulid} is not as it was written")
        nodes[id_] = _Node(ulid, row[13])
        ref = refs.get((provider, model))
        if ref is None and provider is not None:
            ref = refs[provider, model] = model_ref(provider, model)
        known = load_details(details)
        loaded.append(
            _message(
                ulid,
                conversation,
                parent.ulid,
                roles[role],
                to_datetime(created),
                load_parts(text, parts),
                ref,
                known.params,
                known.usage,
                known.timing,
                known.finish,
                known.failure,
                known.left_out,
                (),
                known.cost_usd,
                bool(flags & Flag.IMPORTED),
            )
        )
    return loaded


def raw_items(store: Store, message_ids: Sequence[str]) -> dict[str, tuple[RawItem, ...]]:
    """Return each message's raw items in order; messages without any are left out."""
    found: dict[str, tuple[RawItem, ...]] = {}
    for ulid in message_ids:
        rows = store.all(
            tuple[str, str, str, str, bytes],
            "SELECT r.provider, r.model, r.wire, r.kind, r.payload FROM raw_item r"
            " JOIN message m ON m.id = r.message_id WHERE m.ulid = ? ORDER BY r.ord",
            (ulid,),
        )
        expected = store.one(
            tuple[bytes | None], "SELECT raw_digest FROM message WHERE ulid = ?", (ulid,)
        )
        items = tuple(RawItem(*row) for row in rows)
        if expected is not None and expected[0] != _raw_digest(items):
            raise VaultDamaged(str(store.path or ""), f"raw items of message {ulid} are damaged")
        if items:
            found[ulid] = items
    return found


def _hash(
    parent_hash: bytes,
    conversation: str,
    ulid: str,
    role: str,
    created_at: int,
    provider: str | None,
    model: str | None,
    flags: int,
    text: str,
    parts: str | None,
    details: str | None,
    raw: bytes | None,
    exchange: bytes | None,
) -> bytes:
    lengths = f"{'' if parts is None else len(parts)}\n{'' if details is None else len(details)}"
    lines = (
        f"{ulid}\n{conversation}\n{role}\n{created_at}\n{provider or ''}\n{model or ''}\n{flags}\n"
        f"{raw.hex() if raw else ''}\n{exchange.hex() if exchange else ''}\n{lengths}\n"
        f"{parts or ''}{details or ''}{text}"
    )
    return digest(parent_hash + lines.encode("utf-8"))


def _raw_fields(item: RawItem) -> tuple[str, str, str, str]:
    return clean(item.provider), clean(item.model), clean(item.wire), clean(item.kind)


def _raw_digest(items: Sequence[RawItem]) -> bytes | None:
    if not items:
        return None
    fields: list[SqlValue] = []
    for item in items:
        fields += [*_raw_fields(item), item.payload]
    return digest(encode_values(fields))

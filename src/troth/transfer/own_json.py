"""Our own JSON: a chat with all branches, bytes and verdicts, written and read without loss.

One document: `format` ("troth-chat"), `version` (1), `conversation`, `messages` (parents first,
each with `exchange`, `verdict` and `evidence` where there are any) and `blobs` (SHA-256 -> base64);
`folder` and `tags`; for a comparison also `comparison`, `votes` and `judgements`.
A part carries its class as `type`; bytes are base64; times are ISO 8601 in UTC. Unknown keys are
ignored and absent ones get their default, so that an older and a newer Troth read each other.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from functools import cache, partial
from typing import TypeVar, cast

from troth.domain.conversation import Conversation
from troth.domain.exchange import Exchange, HttpResponse
from troth.domain.message import Message
from troth.domain.model import Json
from troth.domain.verdict import Verdict
from troth.transfer.chats import Kind, ReadBytes, ReadChat, Setting
from troth.transfer.identity import derived_id, is_own_id
from troth.transfer.loose import line, mapping, moment, sequence, text
from troth.transfer.tree import Node, order

FORMAT = "troth-chat"
VERSION = 1
MAX_TAGS = 100
_POLICIES = frozenset({"any", "signed", "attested", "device"})

ValueT = TypeVar("ValueT")


class NotOurs(ValueError):
    """A value is not of the type that it should be."""


def is_own(record: object) -> bool:
    return mapping(record).get("format") == FORMAT


def to_json(value: object) -> Json:
    """Write any domain value as JSON; parts carry their class as `type`, bytes are base64."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        title = type(value).__name__
        row: dict[str, Json] = {"type": title} if title.endswith("Part") else {}
        for field in dataclasses.fields(value):
            row[field.name] = to_json(getattr(value, field.name))
        return row
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {key: to_json(inner) for key, inner in items}
    if isinstance(value, tuple | list | frozenset):
        return [to_json(inner) for inner in cast("tuple[object, ...]", value)]
    if isinstance(value, str):
        return str(value)  # an enumeration's member is its text
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(type(value).__name__)


def from_json(kind: type[ValueT], value: object) -> ValueT:
    """Read what `to_json` wrote of a `kind`. Raises NotOurs."""
    return cast("ValueT", _read(kind, value))


def read_own(record: object, setting: Setting) -> ReadChat | None:
    """Read one document. Raises NotOurs for one that is not whole or from a newer Troth.

    Replies are marked as imported, and what the file says of their verification becomes a claim.
    """
    found = mapping(record)
    if found.get("version") != VERSION:
        raise NotOurs("a version that is not known here")
    conversation = _fixed(from_json(Conversation, found.get("conversation")), setting)
    rows = [mapping(row) for row in sequence(found.get("messages"))]
    nodes, extras, broken = _own_nodes(rows, conversation.id)
    ordered = order(nodes)
    messages = tuple(
        replace(
            node.content,
            id=node.id,
            parent_id=node.parent_id,
            conversation_id=conversation.id,
            created_at=moment(to_json(node.content.created_at), setting.now)
            or conversation.created_at,
            is_imported=True,
        )
        for node in _as_written(ordered.nodes, nodes)
        if node.content is not None
    )
    if not messages:
        return None
    head = conversation.head_id and _own_id(conversation.head_id, conversation.id)
    known = {message.id for message in messages}
    return ReadChat(
        Kind.TROTH,
        replace(conversation, head_id=head if head in known else messages[-1].id),
        messages,
        _blobs(found.get("blobs")),
        exchanges=_extras(Exchange, extras, "exchange"),
        evidence={
            id_: {
                key: from_json(HttpResponse, answer)
                for key, answer in mapping(row.get("evidence")).items()
            }
            for id_, row in extras.items()
            if row.get("evidence")
        },
        claims=_extras(Verdict, extras, "verdict"),
        comparison=json.dumps(found["comparison"]) if found.get("comparison") else "",
        broken_messages=broken + ordered.duplicates,
        folder=line(found.get("folder")).strip(),
        tags=tuple(
            tag for item in sequence(found.get("tags"))[:MAX_TAGS] if (tag := line(item).strip())
        ),
    )


def _as_written(
    ordered: Sequence[Node[Message]], written: Iterable[Node[Message]]
) -> Sequence[Node[Message]]:
    """Return the nodes as the file has them, the order they were said in, if parents come first."""
    ranks = {node.id: rank for rank, node in reversed(list(enumerate(written)))}
    if all(n.parent_id is None or ranks[n.parent_id] < ranks[n.id] for n in ordered):
        return sorted(ordered, key=lambda node: ranks[node.id])
    return ordered


def _fixed(conversation: Conversation, setting: Setting) -> Conversation:
    created = moment(to_json(conversation.created_at), setting.now) or setting.file_time
    updated = moment(to_json(conversation.updated_at), setting.now) or created
    return replace(
        conversation,
        id=_own_id(conversation.id, ""),
        title=line(conversation.title),
        created_at=created,
        updated_at=updated,
        message_count=0,
        policy=conversation.policy if conversation.policy in _POLICIES else "any",
        is_incognito=False,
    )


def _own_nodes(
    rows: Sequence[Mapping[str, object]], conversation_id: str
) -> tuple[list[Node[Message]], dict[str, Mapping[str, object]], int]:
    """Return the messages, the row of each by its new id, and how many rows were broken."""
    nodes: list[Node[Message]] = []
    extras: dict[str, Mapping[str, object]] = {}
    broken = 0
    for row in rows:
        try:
            message = from_json(Message, row)
        except NotOurs:
            broken += 1
            continue
        id_ = _own_id(message.id, conversation_id)
        parent_id = message.parent_id and _own_id(message.parent_id, conversation_id)
        nodes.append(Node(id_, parent_id, message))
        extras.setdefault(id_, row)
    return nodes, extras, broken


def _own_id(id_: str, conversation_id: str) -> str:
    return id_ if is_own_id(id_) else derived_id(Kind.TROTH, conversation_id, id_)


def _extras(
    kind: type[ValueT], rows: Mapping[str, Mapping[str, object]], key: str
) -> dict[str, ValueT]:
    return {id_: from_json(kind, row[key]) for id_, row in rows.items() if row.get(key)}


def _blobs(value: object) -> dict[str, ReadBytes]:
    found: dict[str, ReadBytes] = {}
    for sha256, encoded in mapping(value).items():
        try:
            content = base64.b64decode(text(encoded), validate=True)
        except (binascii.Error, ValueError):
            continue
        if content and hashlib.sha256(content).hexdigest() == sha256:
            found[sha256] = partial(base64.b64decode, text(encoded))
    return found


@cache
def _hints(kind: type) -> dict[str, object]:
    return cast("dict[str, object]", typing.get_type_hints(kind))


def _read(hint: object, value: object) -> object:
    origin = typing.get_origin(hint)
    options = typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        return _read_union(options, value)
    if origin is tuple:
        return _read_tuple(options, value)
    if origin is not None:  # the only mapping of the domain is from text to text
        return {key: _read(options[1], inner) for key, inner in _mapping(value).items()}
    if hint is datetime:
        return _moment(value)
    if hint is bytes:
        return _bytes(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return _float(value)
    if hint in {str, int, float, bool}:
        if type(value) is not hint:
            raise NotOurs("a value of another type")
        return value
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError as error:
            raise NotOurs("an unknown word") from error
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _read_dataclass(hint, _mapping(value))
    raise NotOurs("a value of no known type")


def _read_union(options: tuple[object, ...], value: object) -> object:
    if value is None and types.NoneType in options:
        return None
    rest = [option for option in options if option is not types.NoneType]
    if len(rest) == 1:
        return _read(rest[0], value)
    wanted = mapping(value).get("type")
    for option in rest:
        if isinstance(option, type) and option.__name__ == wanted:
            return _read(option, value)
    raise NotOurs("a part of no known type")


def _read_tuple(options: tuple[object, ...], value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise NotOurs("no list")
    items = cast("list[object]", value)
    if len(options) == 2 and options[1] is ...:
        return tuple(_read(options[0], item) for item in items)
    if len(options) != len(items):
        raise NotOurs("a list of another length")
    return tuple(_read(option, item) for option, item in zip(options, items, strict=True))


def _read_dataclass(kind: type, value: Mapping[str, object]) -> object:
    hints = _hints(kind)
    given = {key: _read(hint, value[key]) for key, hint in hints.items() if key in value}
    try:
        return kind(**given)
    except TypeError as error:
        raise NotOurs("something is missing") from error


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise NotOurs("no object")
    return cast("Mapping[str, object]", value)


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise NotOurs("a number that is too large") from error


def _moment(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError as error:
        raise NotOurs("no time") from error
    if found.tzinfo is None:
        raise NotOurs("a time without its zone")
    return found


def _bytes(value: object) -> bytes:
    try:
        return base64.b64decode(text(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotOurs("no base64") from error

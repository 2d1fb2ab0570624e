"""The databases of two chat programs for the terminal: oterm (`store.db`) and elia (`elia.sqlite`).

oterm: `chat(id, name, model, system, provider, ...)`, `message(id, chat_id, author, text, images)`;
no times at all. Source: src/oterm/store/store.py of https://github.com/ggozad/oterm, versions to
0.26. elia: `chat(id, title, model, started_at, archived)`, `message(id, chat_id, parent_id, role,
content, timestamp, model)`. Source: elia_chat/database/models.py of
https://github.com/darrenburns/elia, version 1.10. Both read November 2026.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from functools import partial
from typing import cast

from troth.domain.message import Blob, BlobPart, Role
from troth.domain.model import ModelRef
from troth.transfer.assets import media_type_of
from troth.transfer.chats import Kind, ReadChat, Reason, Setting, Skipped
from troth.transfer.database import Database, Row
from troth.transfer.drafting import Draft, Outline, build_chat, chain
from troth.transfer.loose import moment, name, sequence, text, words
from troth.transfer.model_names import model_from
from troth.transfer.tree import Node

_ROLES = {
    "user": Role.USER,
    "me": Role.USER,
    "human": Role.USER,
    "assistant": Role.ASSISTANT,
    "ollama": Role.ASSISTANT,
    "ai": Role.ASSISTANT,
}


def is_oterm(database: Database) -> bool:
    return database.has("chat", "id", "model") and database.has("message", "chat_id", "author")


def is_elia(database: Database) -> bool:
    return database.has("chat", "id") and database.has("message", "chat_id", "role", "content")


def read_oterm(database: Database, setting: Setting) -> Iterator[ReadChat | Skipped]:
    """Yield every chat; ids hang on the database's own numbers and each chat's first words."""
    chats = database.picked("chat", "id", "name", "model", "system", "provider")
    messages = database.picked("message", "rowid", "id", "author", "text", "images")
    for row in database.rows(f"{chats} ORDER BY id"):
        number = _number(row)
        try:
            found = database.rows(f"{messages} WHERE chat_id = ? ORDER BY rowid", number)
        except sqlite3.Error:
            yield Skipped(f"{database.path.name}, chat {number}", Reason.DAMAGED)
            continue
        provider = name(row["provider"]) or "ollama"
        ref = ModelRef(provider.replace("/", "-"), name(row["model"]) or "unknown")
        drafts = [_oterm_message(message, ref) for message in found]
        outline = Outline(
            Kind.OTERM,
            f"{number} {hashlib.sha256(text(found[0]['text']).encode()).hexdigest()}"
            if found
            else str(number),
            title=name(row["name"]),
            system_prompt=words(row["system"]),
            broken_messages=drafts.count(None),
        )
        told = chain((str(n), draft) for n, draft in enumerate(drafts) if draft is not None)
        yield build_chat(outline, told, setting) or _empty(database, number)


def _oterm_message(row: Row, ref: ModelRef) -> Draft | None:
    role = _ROLES.get(text(row["author"]))
    if role is None:
        return None
    draft = Draft(role, model=ref if role is Role.ASSISTANT else None)
    for encoded in _images(row["images"]):
        try:
            content = base64.b64decode(text(encoded), validate=True)
        except (binascii.Error, ValueError):
            draft.missing.append("image")
            continue
        media_type = media_type_of(content)
        if not media_type.startswith("image/"):
            draft.missing.append("image")
            continue
        blob = Blob(hashlib.sha256(content).hexdigest(), media_type, len(content), "image")
        draft.attach(BlobPart(blob), partial(bytes, content))
    draft.say(words(row["text"]))
    return draft


def _images(value: object) -> list[object]:
    try:
        return list(sequence(cast("object", json.loads(text(value) or "[]"))))
    except (ValueError, RecursionError):
        return []


def read_elia(database: Database, setting: Setting) -> Iterator[ReadChat | Skipped]:
    """Yield every chat; of a database that knows replies to replies, the whole tree."""
    chats = database.picked("chat", "id", "title", "name", "model", "started_at", "archived")
    messages = database.picked(
        "message", "id", "role", "content", "timestamp", "parent_id", "model"
    )
    for row in database.rows(f"{chats} ORDER BY id"):
        number = _number(row)
        try:
            found = database.rows(f"{messages} WHERE chat_id = ? ORDER BY id", number)
        except sqlite3.Error:
            yield Skipped(f"{database.path.name}, chat {number}", Reason.DAMAGED)
            continue
        started = moment(row["started_at"], setting.now)
        system = next((words(m["content"]) for m in found if m["role"] == "system"), "")
        told = [m for m in found if m["role"] != "system"]
        nodes = _elia_nodes(told, name(row["model"]), setting)
        outline = Outline(
            Kind.ELIA,
            f"{number} {row['started_at']}",
            title=name(row["title"]) or name(row["name"]),
            created_at=started,
            system_prompt=system,
            is_archived=row["archived"] == 1,
            broken_messages=len(told) - len(nodes),
        )
        yield build_chat(outline, nodes, setting) or _empty(database, number)


def _elia_nodes(rows: list[Row], chat_model: str, setting: Setting) -> list[Node[Draft]]:
    is_tree = any(row["parent_id"] is not None for row in rows)
    nodes: list[Node[Draft]] = []
    for row in rows:
        role = _ROLES.get(text(row["role"]))
        if role is None:
            continue
        draft = Draft(role, created_at=moment(row["timestamp"], setting.now))
        if role is Role.ASSISTANT:
            draft.model = model_from((name(row["model"]) or chat_model).removeprefix("elia-"))
        draft.say(words(row["content"]))
        before = nodes[-1].id if nodes else None
        parent = str(row["parent_id"]) if row["parent_id"] is not None else None
        nodes.append(Node(str(row["id"]), parent if is_tree else before, draft))
    return nodes


def _number(row: Row) -> int:
    number = row["id"]
    return number if isinstance(number, int) else 0


def _empty(database: Database, number: int) -> Skipped:
    return Skipped(f"{database.path.name}, chat {number}", Reason.EMPTY)

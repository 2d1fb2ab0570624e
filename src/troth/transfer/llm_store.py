"""The message store that `llm` writes since 0.32: threads, turns, and a tree of messages by hash.

A turn is one call of a model: everything on the path from `parent_message_hash` (not included) to
`tip_message_hash` came with it. Messages are shared between threads, so ids are made of both.
A part's words stand in `text`, or in `payload` where they borrow from fragments (`text_ref`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from troth.domain.message import Part, Role, TextPart, ThinkingPart, ToolCallPart, ToolResultPart
from troth.domain.usage import Timing, Usage
from troth.transfer.chats import Kind, ReadChat, Reason, Setting, Skipped
from troth.transfer.database import Database, Row
from troth.transfer.drafting import Draft, Outline, build_chat
from troth.transfer.llm_attachments import attach
from troth.transfer.loose import mapping, moment, name, sequence, text, whole, words
from troth.transfer.model_names import model_from
from troth.transfer.tree import Node

MAX_CHAIN = 20_000
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.TOOL}
_TURN = (
    "id", "thread_id", "parent_message_hash", "tip_message_hash", "model", "input_tokens",
    "output_tokens", "duration_ms", "datetime_utc",
)  # fmt: skip


@dataclass(slots=True)
class _Thread:
    """What is known of one thread while its turns are read."""

    nodes: dict[str, Node[Draft]] = field(default_factory=dict[str, Node[Draft]])
    system: str = ""
    head: str | None = None


def has_store(database: Database) -> bool:
    return (
        database.has("turns", "id", "thread_id", "tip_message_hash")
        and database.has("messages", "hash", "parent_hash", "role")
        and database.has("parts", "message_hash", "position", "type", "text", "payload")
    )


def read_threads(database: Database, setting: Setting) -> Iterator[tuple[str, ReadChat | Skipped]]:
    """Yield every thread's id with its chat."""
    names: dict[str, str] = {}
    if database.has("threads", "id", "name"):
        rows = database.each("SELECT id, name FROM threads")
        names = {text(row["id"]): name(row["name"]) for row in rows}
    ids = database.rows(
        "SELECT coalesce(thread_id, id) AS id, min(id) AS first FROM turns"
        " GROUP BY coalesce(thread_id, id) ORDER BY first"
    )
    for row in ids:
        thread_id = text(row["id"])
        place = f"{database.path.name}, thread {thread_id}"
        try:
            thread = _read_thread(database, thread_id, setting)
        except sqlite3.Error:
            yield thread_id, Skipped(place, Reason.DAMAGED)
            continue
        outline = Outline(
            Kind.LLM,
            thread_id,
            title=names.get(thread_id, ""),
            head=thread.head,
            system_prompt=thread.system,
        )
        chat = build_chat(outline, thread.nodes.values(), setting, joins_turns=True)
        yield thread_id, chat or Skipped(place, Reason.EMPTY)


def _read_thread(database: Database, thread_id: str, setting: Setting) -> _Thread:
    thread = _Thread()
    turns = database.rows(
        f"{database.picked('turns', *_TURN)} WHERE coalesce(thread_id, id) = ? ORDER BY id",
        thread_id,
    )
    for turn in turns:
        path = _path(database, text(turn["tip_message_hash"]), thread.nodes)
        for row in reversed(path):
            hash_, parent = text(row["hash"]), text(row["parent_hash"]) or None
            parts = _parts(database, hash_)
            if row["role"] == "system":
                thread.system = thread.system or _text_of(parts)
                thread.nodes[hash_] = Node(hash_, parent, None)
                continue
            draft = _draft(_ROLES.get(text(row["role"]), Role.USER), turn, parts, setting)
            _attach_all(database, draft, hash_)
            thread.nodes[hash_] = Node(hash_, parent, draft)
        if path:
            thread.head = text(path[0]["hash"])
            _count(thread.nodes[thread.head].content, turn)
    return thread


def _path(database: Database, tip: str, known: Mapping[str, object]) -> list[Row]:
    """Return the messages from `tip` up to one that is known, newest first; circles end it."""
    path: list[Row] = []
    seen: set[str] = set()
    hash_: str = tip
    while hash_ and hash_ not in known and hash_ not in seen and len(path) < MAX_CHAIN:
        seen.add(hash_)
        rows = database.rows("SELECT hash, parent_hash, role FROM messages WHERE hash = ?", hash_)
        if not rows:
            break
        path.append(rows[0])
        hash_ = text(rows[0]["parent_hash"])
    return path


def _draft(role: Role, turn: Row, parts: list[Part], setting: Setting) -> Draft:
    return Draft(
        role,
        parts,
        created_at=moment(turn["datetime_utc"], setting.now),
        model=model_from(name(turn["model"])) if role is Role.ASSISTANT else None,
    )


def _count(draft: Draft | None, turn: Row) -> None:
    """Note on the last message of a turn what the whole turn used."""
    if draft is None or draft.role is not Role.ASSISTANT:
        return
    used = Usage(whole(turn["input_tokens"]), whole(turn["output_tokens"]))
    took_ms = whole(turn["duration_ms"])
    draft.usage = None if used == Usage() else used
    draft.timing = None if took_ms is None else Timing(float(took_ms))


def _parts(database: Database, hash_: str) -> list[Part]:
    rows = (
        database.rows(
            "SELECT id, type, tool_name, text, payload FROM parts WHERE message_hash = ?"
            " ORDER BY position",
            hash_,
        )
        if database.has("parts", "tool_name")
        else []
    )
    parts: list[Part] = []
    for row in rows:
        payload = _payload(row["payload"])
        body = words(row["text"]) or words(payload.get("text")) or _borrowed(database, payload)
        called = text(payload.get("tool_call_id")) or f"{hash_[:16]}-{row['id']}"
        tool = name(row["tool_name"]) or name(payload.get("name"))
        match row["type"]:
            case "text" if body:
                parts.append(TextPart(body))
            case "reasoning" if body:
                parts.append(ThinkingPart(body))
            case "tool_call":
                arguments = json.dumps(payload.get("arguments") or {}, ensure_ascii=False)
                parts.append(ToolCallPart(called, tool, arguments))
            case "tool_result":
                parts.append(ToolResultPart(called, tool, words(payload.get("output"))))
            case _:
                continue
    return parts


def _payload(value: object) -> Mapping[str, object]:
    try:
        return mapping(cast("object", json.loads(text(value) or "{}")))
    except (ValueError, RecursionError):
        return {}


def _borrowed(database: Database, payload: Mapping[str, object]) -> str:
    """Put together words that borrow from fragments."""
    pieces: list[str] = []
    for piece in sequence(payload.get("text_ref")):
        number = whole(mapping(piece).get("fragment"))
        pieces.append(words(mapping(piece).get("literal")))
        if number is not None and database.has("fragments", "id", "content"):
            rows = database.rows("SELECT content FROM fragments WHERE id = ?", number)
            pieces += [words(row["content"]) for row in rows]
    return "".join(pieces)


def _attach_all(database: Database, draft: Draft, hash_: str) -> None:
    if not database.has("part_attachments", "part_id", "attachment_id"):
        return
    rows = database.each(
        "SELECT a.id, a.type, a.path, a.url, a.content FROM parts p"
        " JOIN part_attachments l ON l.part_id = p.id JOIN attachments a ON a.id = l.attachment_id"
        ' WHERE p.message_hash = ? ORDER BY p.position, l."order"',
        hash_,
    )
    for row in rows:
        attach(draft, row)


def _text_of(parts: list[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart))

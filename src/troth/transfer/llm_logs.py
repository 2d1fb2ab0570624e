"""The log database of `llm` (https://llm.datasette.io): its tables of before and after 0.32.

Before: `conversations` and `responses` (one row a question and its answer, `conversation_id`,
ordered by id), beside them attachments, fragments and tool calls. Since 0.32: `threads`, `turns`
and a tree of `messages` (`hash`, `parent_hash`) with `parts`; see `llm_store`. One file may hold
both. Still older: one table `logs`. Source: llm/migrations.py and llm/logs.py of 0.36, read
November 2026.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from troth.domain.message import Role, ThinkingPart, ToolCallPart, ToolResultPart
from troth.domain.usage import Timing, Usage
from troth.transfer.chats import Kind, ReadChat, Reason, Setting, Skipped
from troth.transfer.database import Database, Row
from troth.transfer.drafting import Draft, Outline, build_chat, chain
from troth.transfer.llm_attachments import attach
from troth.transfer.llm_store import has_store, read_threads
from troth.transfer.loose import moment, name, text, whole, words
from troth.transfer.model_names import model_from

_PROMPT_FRAGMENTS = (
    "SELECT f.content FROM prompt_fragments p JOIN fragments f ON f.id = p.fragment_id"
    ' WHERE p.response_id = ? ORDER BY p."order"'
)
_SYSTEM_FRAGMENTS = _PROMPT_FRAGMENTS.replace("prompt_fragments", "system_fragments")
_ATTACHMENTS = (
    "SELECT a.id, a.type, a.path, a.url, a.content FROM prompt_attachments p"
    ' JOIN attachments a ON a.id = p.attachment_id WHERE p.response_id = ? ORDER BY p."order"'
)
_TOOL_ATTACHMENTS = (
    "SELECT a.id, a.type, a.path, a.url, a.content FROM tool_results r"
    " JOIN tool_results_attachments t ON t.tool_result_id = r.id"
    ' JOIN attachments a ON a.id = t.attachment_id WHERE r.response_id = ? ORDER BY r.id, t."order"'
)
_RESPONSE = (
    "id", "model", "resolved_model", "prompt", "system", "response", "reasoning",
    "conversation_id", "duration_ms", "datetime_utc", "input_tokens", "output_tokens",
)  # fmt: skip


def is_llm(database: Database) -> bool:
    return (
        database.has("responses", "conversation_id", "prompt", "response")
        or database.has("logs", "prompt", "response")
        or has_store(database)
    )


def read_llm(database: Database, setting: Setting) -> Iterator[ReadChat | Skipped]:
    """Yield every conversation, those of the newer tables first."""
    known: set[str] = set()
    if has_store(database):
        for thread_id, chat in read_threads(database, setting):
            known.add(thread_id)
            yield chat
    if database.has("responses", "conversation_id"):
        yield from _read_responses(database, setting, known)
    if database.has("logs", "prompt", "response"):
        yield from _read_logs(database, setting)


def _read_responses(
    database: Database, setting: Setting, known: set[str]
) -> Iterator[ReadChat | Skipped]:
    names: dict[str, str] = {}
    if database.has("conversations", "id", "name"):
        named = database.each("SELECT id, name FROM conversations")
        names = {text(row["id"]): name(row["name"]) for row in named}
    logged = _logged_turns(database)
    ids = database.rows(
        "SELECT coalesce(conversation_id, id) AS id, min(id) AS first FROM responses"
        " GROUP BY coalesce(conversation_id, id) ORDER BY first"
    )
    for row in ids:
        conversation_id = text(row["id"])
        if conversation_id in known:
            continue  # its turns in the newer tables begin with all that is here
        try:
            rows = database.rows(
                f"{database.picked('responses', *_RESPONSE)}"
                " WHERE coalesce(conversation_id, id) = ? ORDER BY id",
                conversation_id,
            )
            told = [r for r in rows if text(r["id"]) not in logged]
            chat = _chat(database, conversation_id, names.get(conversation_id, ""), told, setting)
        except sqlite3.Error:
            place = f"{database.path.name}, conversation {conversation_id}"
            yield Skipped(place, Reason.DAMAGED)
            continue
        if chat is not None:
            yield chat


def _logged_turns(database: Database) -> set[str]:
    if not database.has("turns", "id"):
        return set()
    return {text(row["id"]) for row in database.each("SELECT id FROM turns")}


def _chat(
    database: Database, conversation_id: str, title: str, rows: list[Row], setting: Setting
) -> ReadChat | None:
    drafts: list[tuple[str, Draft]] = []
    system = ""
    for row in rows:
        id_ = text(row["id"])
        parts = [words(row["system"]), *_fragments(database, _SYSTEM_FRAGMENTS, id_)]
        system = system or "\n\n".join(filter(str.strip, parts))
        at = moment(row["datetime_utc"], setting.now)
        asked = Draft(Role.USER, created_at=at)
        asked.say(
            "\n\n".join([*_fragments(database, _PROMPT_FRAGMENTS, id_), words(row["prompt"])])
        )
        if database.has("prompt_attachments", "response_id"):
            for attachment in database.each(_ATTACHMENTS, id_):
                attach(asked, attachment)
        replied = _reply(database, row, setting)
        drafts += [(f"{id_}?", asked), (id_, replied)]
    outline = Outline(Kind.LLM, conversation_id, title=title, system_prompt=system)
    full = [(id_, draft) for id_, draft in drafts if not draft.is_empty]
    return build_chat(outline, chain(full), setting)


def _reply(database: Database, row: Row, setting: Setting) -> Draft:
    id_ = text(row["id"])
    took_ms = whole(row["duration_ms"])
    used = Usage(whole(row["input_tokens"]), whole(row["output_tokens"]))
    draft = Draft(
        Role.ASSISTANT,
        created_at=moment(row["datetime_utc"], setting.now),
        model=model_from(name(row["model"])),
        usage=None if used == Usage() else used,
        timing=None if took_ms is None else Timing(float(took_ms)),
    )
    for result in _tool_rows(database, "tool_results", "output", id_):  # of what was called before
        draft.parts.append(ToolResultPart(*result))
    if database.has("tool_results_attachments", "tool_result_id", "attachment_id"):
        for attachment in database.each(_TOOL_ATTACHMENTS, id_):
            attach(draft, attachment)
    if reasoning := words(row["reasoning"]):
        draft.parts.append(ThinkingPart(reasoning))
    for call in _tool_rows(database, "tool_calls", "arguments", id_):
        draft.parts.append(ToolCallPart(*call))
    draft.say(words(row["response"]))
    return draft


def _tool_rows(database: Database, table: str, column: str, id_: str) -> list[tuple[str, str, str]]:
    if not database.has(table, "response_id", column):
        return []
    rows = database.rows(
        f"{database.picked(table, 'tool_call_id', 'id', 'name', column)}"
        " WHERE response_id = ? ORDER BY id",
        id_,
    )
    return [
        (text(row["tool_call_id"]) or f"{id_}-{row['id']}", name(row["name"]), words(row[column]))
        for row in rows
    ]


def _fragments(database: Database, sql: str, id_: str) -> list[str]:
    table = "system_fragments" if sql is _SYSTEM_FRAGMENTS else "prompt_fragments"
    if not (database.has(table, "response_id") and database.has("fragments", "content")):
        return []
    return [words(row["content"]) for row in database.each(sql, id_)]


def _read_logs(database: Database, setting: Setting) -> Iterator[ReadChat | Skipped]:
    """Read the table of 2023, where `chat_id` names the first row of a conversation."""
    columns = (
        "id",
        "model",
        "prompt",
        "system",
        "response",
        "chat_id",
        "datetime_utc",
        "timestamp",
    )
    chats: dict[str, list[Row]] = {}
    for row in database.each(f"{database.picked('logs', *columns)} ORDER BY id"):
        chats.setdefault(str(row["chat_id"] or row["id"]), []).append(row)
    for chat_id, rows in chats.items():
        drafts: list[tuple[str, Draft]] = []
        for row in rows:
            at = moment(row["datetime_utc"] or row["timestamp"], setting.now)
            asked = Draft(Role.USER, created_at=at)
            asked.say(words(row["prompt"]))
            replied = Draft(Role.ASSISTANT, created_at=at, model=model_from(name(row["model"])))
            replied.say(words(row["response"]))
            drafts += [(f"{row['id']}?", asked), (str(row["id"]), replied)]
        first = rows[0]
        began = first["datetime_utc"] or first["timestamp"]
        outline = Outline(Kind.LLM, f"logs {chat_id} {began}", system_prompt=words(first["system"]))
        full = [(id_, draft) for id_, draft in drafts if not draft.is_empty]
        if chat := build_chat(outline, chain(full), setting):
            yield chat

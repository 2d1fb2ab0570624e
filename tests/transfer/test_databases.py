"""The databases of llm (all its schemas), oterm and elia, made here with their own statements."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from transfer.exports import PNG, read_all, read_one
from troth.domain.error import ImportRefused
from troth.domain.message import (
    BlobPart,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import ModelRef
from troth.domain.usage import Usage
from troth.transfer.chats import Kind

LLM_BEFORE = """
CREATE TABLE conversations(id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses(id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT,
  options_json TEXT, response TEXT, response_json TEXT, conversation_id TEXT, duration_ms INTEGER,
  datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER, token_details TEXT);
"""
LLM_EXTRAS = """
CREATE TABLE attachments(id TEXT PRIMARY KEY, type TEXT, path TEXT, url TEXT, content BLOB);
CREATE TABLE prompt_attachments(response_id TEXT, attachment_id TEXT, "order" INTEGER);
CREATE TABLE fragments(id INTEGER PRIMARY KEY, hash TEXT, content TEXT);
CREATE TABLE prompt_fragments(response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE system_fragments(response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE tool_calls(id INTEGER PRIMARY KEY, response_id TEXT, name TEXT, arguments TEXT,
  tool_call_id TEXT);
CREATE TABLE tool_results(id INTEGER PRIMARY KEY, response_id TEXT, name TEXT, output TEXT,
  tool_call_id TEXT);
CREATE TABLE tool_results_attachments(tool_result_id INTEGER, attachment_id TEXT, "order" INTEGER);
"""
LLM_SINCE = """
CREATE TABLE messages(hash TEXT PRIMARY KEY, parent_hash TEXT, role TEXT, provider_metadata TEXT);
CREATE TABLE parts(id INTEGER PRIMARY KEY, message_hash TEXT, position INTEGER, type TEXT,
  tool_name TEXT, text TEXT, payload TEXT);
CREATE TABLE part_attachments(part_id INTEGER, attachment_id TEXT, "order" INTEGER);
CREATE TABLE threads(id TEXT PRIMARY KEY, name TEXT, tip_message_hash TEXT, forked_from TEXT,
  datetime_utc TEXT);
CREATE TABLE turns(id TEXT PRIMARY KEY, thread_id TEXT, parent_message_hash TEXT,
  tip_message_hash TEXT, model TEXT, resolved_model TEXT, options_json TEXT, schema_id TEXT,
  input_tokens INTEGER, output_tokens INTEGER, token_details TEXT, duration_ms INTEGER,
  datetime_utc TEXT, response_json TEXT);
"""
OTERM = """
CREATE TABLE "chat"("id" INTEGER, "name" TEXT, "model" TEXT NOT NULL, "system" TEXT,
  "provider" TEXT DEFAULT "ollama", PRIMARY KEY("id" AUTOINCREMENT));
CREATE TABLE "message"("id" INTEGER, "chat_id" INTEGER NOT NULL, "author" TEXT NOT NULL,
  "text" TEXT NOT NULL, "images" TEXT DEFAULT "[]", PRIMARY KEY("id" AUTOINCREMENT));
"""
OTERM_OLD = """
CREATE TABLE "chat"("id" INTEGER, "name" TEXT, "model" TEXT NOT NULL, "system" TEXT,
  PRIMARY KEY("id" AUTOINCREMENT));
CREATE TABLE "message"("chat_id" INTEGER NOT NULL, "author" TEXT NOT NULL, "text" TEXT NOT NULL);
"""
ELIA = """
CREATE TABLE chat(id INTEGER PRIMARY KEY, model TEXT, title TEXT, started_at DATETIME,
  archived BOOLEAN);
CREATE TABLE message(id INTEGER PRIMARY KEY, chat_id INTEGER, role TEXT, content TEXT,
  timestamp DATETIME, meta JSON, parent_id INTEGER, model TEXT);
"""
Rows = Sequence[tuple[str, tuple[object, ...]]]


def database(path: Path, schema: str, rows: Rows) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schema)
        for table, values in rows:
            marks = ",".join("?" * len(values))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)
    return path


def response(id_: str, prompt: str, reply: str, **more: object) -> tuple[str, tuple[object, ...]]:
    return (
        "responses",
        (
            id_, more.get("model", "gpt-4o-mini"), prompt, more.get("system"), None, None, reply,
            None, more.get("conversation", "c1"), 1500, "2025-05-01T10:00:00.123456+00:00", 7, 9,
            None,
        ),
    )  # fmt: skip


def test_llm_before_032_is_read_with_usage_time_and_order(tmp_path: Path) -> None:
    path = database(
        tmp_path / "logs.db",
        LLM_BEFORE,
        [
            ("conversations", ("c1", "Pelicans", "gpt-4o-mini")),
            response("01b", "second", "two"),
            response("01a", "first", "one", system="Be brief."),
            response("01c", "alone", "three", conversation=None, model="claude-3-opus"),
        ],
    )
    (chat, alone), skipped = read_all(path)
    assert not skipped
    assert [m.text for m in chat.messages] == ["first", "one", "second", "two"]
    assert chat.conversation.title == "Pelicans"
    assert chat.conversation.system_prompt == "Be brief."
    assert chat.messages[1].model == ModelRef("openai", "gpt-4o-mini")
    assert chat.messages[1].usage == Usage(7, 9)
    assert chat.messages[1].timing is not None
    assert chat.messages[1].timing.total_ms == 1500
    assert alone.messages[1].model == ModelRef("anthropic", "claude-3-opus")
    assert chat.kind is Kind.LLM


def test_llm_fragments_attachments_and_tools_come_along(tmp_path: Path) -> None:
    path = database(
        tmp_path / "logs.db",
        LLM_BEFORE + LLM_EXTRAS,
        [
            response("01a", "what is it?", "a knot"),
            ("fragments", (1, "h", "long document")),
            ("prompt_fragments", ("01a", 1, 0)),
            ("attachments", ("a1", "image/png", None, None, PNG)),
            ("attachments", ("a2", "image/png", "/etc/passwd", None, None)),
            ("prompt_attachments", ("01a", "a1", 0)),
            ("prompt_attachments", ("01a", "a2", 1)),
            ("tool_calls", (1, "01a", "look", "{}", "t1")),
            ("tool_results", (1, "01a", "look", "seen", "t0")),
            ("attachments", ("a3", "image/png", None, None, PNG + b"3")),
            ("tool_results_attachments", (1, "a3", 0)),
        ],
    )
    asked, replied = read_one(path).messages
    assert asked.text == "long document\n\nwhat is it?"
    assert [part.blob.media_type for part in asked.parts if isinstance(part, BlobPart)] == [
        "image/png"
    ]
    assert [item.name for item in asked.left_out] == ["passwd"]
    result, drawn, call, words = replied.parts
    assert result == ToolResultPart("t0", "look", "seen")
    assert isinstance(drawn, BlobPart)
    assert call == ToolCallPart("t1", "look", "{}")
    assert words == TextPart("a knot")


def turn(id_: str, thread: str, parent: str | None, tip: str) -> tuple[str, tuple[object, ...]]:
    values = (id_, thread, parent, tip, "gpt-5", None, None, None, 3, 4, None, 900,
              "2026-08-01T10:00:00+00:00", None)  # fmt: skip
    return "turns", values


def part(
    id_: int, hash_: str, kind: str, text: str | None, payload: object = None, tool: str = ""
) -> tuple[str, tuple[object, ...]]:
    stored = None if payload is None else json.dumps(payload)
    return "parts", (id_, hash_, 0 if id_ % 2 else 1, kind, tool or None, text, stored)


def test_llm_since_032_is_read_as_a_tree_of_threads(tmp_path: Path) -> None:
    path = database(
        tmp_path / "logs.db",
        LLM_BEFORE + LLM_EXTRAS + LLM_SINCE,
        [
            ("threads", ("t1", "Newer", "h4", None, None)),
            ("messages", ("h0", None, "system", None)),
            ("messages", ("h1", "h0", "user", None)),
            ("messages", ("h2", "h1", "assistant", None)),
            ("messages", ("h3", "h1", "assistant", None)),
            ("messages", ("h4", "h2", "user", None)),
            ("messages", ("h5", "h4", "assistant", None)),
            part(1, "h0", "text", "Be kind."),
            part(3, "h1", "text", None, {"text_ref": [{"literal": "Read: "}, {"fragment": 9}]}),
            part(5, "h2", "reasoning", "Hm."),
            part(6, "h2", "text", "first try"),
            part(7, "h3", "text", "second try"),
            part(9, "h4", "text", "thanks"),
            part(11, "h5", "tool_call", None, {"name": "now", "arguments": {}}, "now"),
            ("fragments", (9, "h", "the document")),
            turn("01a", "t1", None, "h2"),
            turn("01b", "t1", None, "h3"),
            turn("01c", "t1", "h2", "h5"),
            response("01a", "already in the newer tables", "x", conversation="t1"),
            response("00z", "older than the store", "kept", conversation="old"),
        ],
    )
    (chat, old), skipped = read_all(path)
    assert not skipped
    assert [m.text for m in chat.messages if m.role is Role.USER] == [
        "Read: the document",
        "thanks",
    ]
    asked, one, _, two = (
        next(m for m in chat.messages if wanted in m.text)
        for wanted in ("Read", "first", "thanks", "second")
    )
    assert one.parent_id == two.parent_id == asked.id
    assert ThinkingPart("Hm.") in one.parts
    assert chat.conversation.system_prompt == "Be kind."
    assert chat.conversation.title == "Newer"
    assert one.usage == Usage(3, 4)
    assert [m.text for m in old.messages] == ["older than the store", "kept"]


def test_the_oldest_llm_table_is_read(tmp_path: Path) -> None:
    schema = (
        "CREATE TABLE logs(id INTEGER PRIMARY KEY, model TEXT, prompt TEXT, system TEXT,"
        " response TEXT, chat_id INTEGER, datetime_utc TEXT);"
    )
    rows: Rows = [
        ("logs", (1, "gpt-3.5-turbo", "a", "sys", "b", None, "2023-04-01 10:00:00")),
        ("logs", (2, "gpt-3.5-turbo", "c", None, "d", 1, "2023-04-01 10:01:00")),
        ("logs", (3, "gpt-3.5-turbo", "e", None, "f", None, "2023-04-02 10:00:00")),
    ]
    chats, _ = read_all(database(tmp_path / "log.db", schema, rows))
    assert [[m.text for m in chat.messages] for chat in chats] == [["a", "b", "c", "d"], ["e", "f"]]
    assert chats[0].conversation.system_prompt == "sys"


def test_oterm_is_read_with_images_and_dated_by_its_file(tmp_path: Path) -> None:
    image = base64.b64encode(PNG).decode()
    path = database(
        tmp_path / "store.db",
        OTERM,
        [
            ("chat", (1, "Knots", "llama3.2", "Be brief.", "ollama")),
            ("chat", (2, "Empty", "llama3.2", None, "ollama")),
            ("message", (1, 1, "user", "what?", json.dumps([image, "no base64!"]))),
            ("message", (2, 1, "assistant", "a knot", "[]")),
        ],
    )
    [chat], skipped = read_all(path)
    asked, replied = chat.messages
    assert isinstance(asked.parts[0], BlobPart)
    assert asked.parts[1] == TextPart("what?")
    assert replied.model == ModelRef("ollama", "llama3.2")
    assert chat.conversation.system_prompt == "Be brief."
    assert chat.missing_files == 1
    assert len(skipped) == 1
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert asked.created_at == replied.created_at == made


def test_an_old_oterm_without_ids_and_images_is_read(tmp_path: Path) -> None:
    path = database(
        tmp_path / "store.db",
        OTERM_OLD,
        [
            ("chat", (1, "Old", "llama2", None)),
            ("message", (1, "me", "hello")),
            ("message", (1, "ollama", "hi")),
        ],
    )
    assert [m.role for m in read_one(path).messages] == [Role.USER, Role.ASSISTANT]


def test_elia_is_read_with_its_tree_models_and_times(tmp_path: Path) -> None:
    at = "2024-06-01 10:00:00"
    path = database(
        tmp_path / "elia.sqlite",
        ELIA,
        [
            ("chat", (1, "elia-gpt-4o", "Knots", at, 1)),
            ("message", (1, 1, "system", "Be brief.", at, "{}", None, None)),
            ("message", (2, 1, "user", "q", at, "{}", 1, None)),
            ("message", (3, 1, "assistant", "one", at, "{}", 2, "elia-gpt-4o")),
            ("message", (4, 1, "assistant", "two", at, "{}", 2, "anthropic/claude-3-5-sonnet")),
        ],
    )
    chat = read_one(path)
    asked, one, two = chat.messages
    assert one.parent_id == two.parent_id == asked.id
    assert (one.model, two.model) == (
        ModelRef("openai", "gpt-4o"),
        ModelRef("anthropic", "claude-3-5-sonnet"),
    )
    assert chat.conversation.is_archived
    assert chat.conversation.system_prompt == "Be brief."
    assert asked.created_at.isoformat() == "2024-06-01T10:00:00+00:00"


def test_a_foreign_or_damaged_database_is_refused(tmp_path: Path) -> None:
    foreign = database(tmp_path / "x.db", "CREATE TABLE t(a);", [])
    with pytest.raises(ImportRefused, match="no program"):
        read_all(foreign)
    damaged = tmp_path / "y.db"
    damaged.write_bytes(b"SQLite format 3\x00" + bytes(200))
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_all(damaged)


def test_a_database_is_not_changed_by_reading_it(tmp_path: Path) -> None:
    path = database(tmp_path / "elia.sqlite", ELIA, [("chat", (1, "m", "t", None, 0))])
    before = path.read_bytes()
    read_all(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["elia.sqlite"]


def test_chats_in_a_log_that_is_not_checkpointed_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.executescript(OTERM)
        writer.execute("INSERT INTO chat VALUES (1, 'New', 'm', NULL, 'ollama')")
        writer.execute("INSERT INTO message VALUES (1, 1, 'user', 'still in the log', '[]')")
        writer.commit()
        assert read_one(path).messages[0].text == "still in the log"


def test_a_view_with_a_familiar_name_is_not_asked(tmp_path: Path) -> None:
    endless = (
        "CREATE VIEW chat AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id+1 FROM n)"
        " SELECT id, 'm' AS model FROM n;"
        "CREATE TABLE message(id INTEGER, chat_id INTEGER, author TEXT, text TEXT);"
    )
    with pytest.raises(ImportRefused, match="no program"):
        read_all(database(tmp_path / "store.db", endless, []))

"""Small exports in the shapes of each program, written for these tests, and how to read them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from troth.transfer.chats import Kind, ReadChat, Setting, Skipped
from troth.transfer.files import opened_export
from troth.transfer.reading import read_export

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
FILE_TIME = datetime(2026, 1, 1, tzinfo=UTC)
SETTING = Setting(NOW, FILE_TIME)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
STARTED = 1_700_000_000.25


def read_all(
    path: Path, kind: Kind | None = None, *, only_looks: bool = False
) -> tuple[list[ReadChat], list[Skipped]]:
    with opened_export(path) as export:
        setting = Setting(NOW, export.made_at)
        found = list(read_export(export, setting, kind=kind, only_looks=only_looks))
    chats = [one for one in found if isinstance(one, ReadChat)]
    return chats, [one for one in found if isinstance(one, Skipped)]


def read_one(path: Path) -> ReadChat:
    chats, skipped = read_all(path)
    assert not skipped
    [chat] = chats
    return chat


def write_json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


# ChatGPT


def gpt_message(role: str, *parts: object, **more: object) -> dict[str, object]:
    metadata = {"model_slug": "gpt-4o"} if role == "assistant" else {}
    content: dict[str, object] = {"content_type": "text", "parts": list(parts)}
    return {
        "author": {"role": role, "name": more.pop("name", None), "metadata": {}},
        "create_time": more.pop("create_time", STARTED),
        "content": more.pop("content", content),
        "status": "finished_successfully",
        "recipient": more.pop("recipient", "all"),
        "metadata": {**metadata, **dict(more.pop("metadata", {}))},  # type: ignore[call-overload]
        **more,
    }


def gpt_chat(
    edges: Sequence[tuple[str, str | None, dict[str, object] | None]],
    *,
    current: str | None = None,
    **more: object,
) -> dict[str, object]:
    """Return a conversation; `edges` are (id, parent, message)."""
    mapping = {
        id_: {
            "id": id_,
            "parent": parent,
            "children": [child for child, above, _ in edges if above == id_],
            "message": message,
        }
        for id_, parent, message in edges
    }
    return {
        "title": "Knots",
        "create_time": STARTED,
        "update_time": STARTED + 60,
        "conversation_id": "c-1",
        "current_node": current or edges[-1][0],
        "mapping": mapping,
        **more,
    }


def gpt_simple(id_: str = "c-1", title: str = "Knots") -> dict[str, object]:
    return gpt_chat(
        [
            ("root", None, None),
            ("q", "root", gpt_message("user", "How do I tie a bowline?")),
            ("a", "q", gpt_message("assistant", "Make a small loop.")),
        ],
        conversation_id=id_,
        title=title,
    )


# Claude


def claude_chat(*messages: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "uuid": "cl-1",
        "name": "Rope work",
        "created_at": "2025-03-01T10:00:00.123456Z",
        "updated_at": "2025-03-01T11:00:00Z",
        "account": {"uuid": "me"},
        "chat_messages": list(messages),
        **more,
    }


def claude_message(uuid: str, sender: str, *content: object, **more: object) -> dict[str, object]:
    return {
        "uuid": uuid,
        "sender": sender,
        "text": "",
        "content": [{"type": "text", "text": c} if isinstance(c, str) else c for c in content],
        "created_at": "2025-03-01T10:00:00Z",
        "attachments": [],
        "files": [],
        **more,
    }

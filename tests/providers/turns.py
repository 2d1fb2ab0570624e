"""Turns to encode, written as people would say them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from troth.domain.exchange import HttpRequest
from troth.domain.message import Blob, BlobPart, Finish, Message, Part, RawItem, Role, TextPart
from troth.domain.model import Endpoint, ModelInfo, ModelRef

WHEN = datetime(2026, 11, 22, tzinfo=UTC)


def said(role: Role, *parts: Part | str, raw: tuple[RawItem, ...] = ()) -> Message:
    """Return one message; strings are its text."""
    whole = tuple(TextPart(part) if isinstance(part, str) else part for part in parts)
    return Message(
        id=f"m{hash((role, whole)) & 0xFFFF:04x}",
        conversation_id="c",
        parent_id=None,
        role=role,
        created_at=WHEN,
        parts=whole,
        model=ModelRef("p", "m") if role is Role.ASSISTANT else None,
        finish=Finish.STOP if role is Role.ASSISTANT else None,
        raw_items=raw,
    )


def user(*parts: Part | str) -> Message:
    return said(Role.USER, *parts)


def reply(*parts: Part | str, raw: tuple[RawItem, ...] = ()) -> Message:
    return said(Role.ASSISTANT, *parts, raw=raw)


def blob(content: bytes, media_type: str, name: str, text: str | None = None) -> BlobPart:
    digest = hashlib.sha256(content).hexdigest()
    return BlobPart(Blob(digest, media_type, len(content), name), text)


def endpoint(wire: str, **options: Any) -> Endpoint:
    return Endpoint("p", wire, "https://api.example/v1", options=options)


def model(name: str = "m", **facts: Any) -> ModelInfo:
    return ModelInfo(ModelRef("p", name), **facts)


def body_of(request: HttpRequest) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(request.body)
    return value

"""Attachments, endpoints and models for encoding a conversation, and the JSON that came of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from troth.domain.exchange import HttpRequest
from troth.domain.message import Blob, BlobPart
from troth.domain.model import Endpoint, ModelInfo, ModelRef


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

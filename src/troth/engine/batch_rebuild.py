"""Building a batch's requests again, from its prompts and its manifest alone.

The same turn gives the same bytes on every wire, so a digest that differs says that another prompt,
model or parameter was sent than the results say, or that another version of Troth wrote the body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import cast

from troth.domain.message import Finish, Message, Role, TextPart
from troth.domain.model import Endpoint, Json, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.engine.batch_row import Task
from troth.engine.context import build_context
from troth.engine.local_models import DEFAULT_PROMPT
from troth.engine.model_codec import decode_models, encode_models
from troth.providers.registry import provider_for

_WIRES = frozenset({"openai-chat", "openai-responses", "anthropic", "gemini", "ollama"})
_NOWHERE = "https://host.invalid"
"""Addresses stand in no request body."""


def description(info: ModelInfo, endpoint: Endpoint) -> dict[str, Json]:
    """Return what of a model and its provider decides a request's body, for the manifest."""
    row = cast("list[dict[str, Json]]", json.loads(encode_models([info])))[0]
    return {"info": row, "is_local": info.is_local, "options": dict(endpoint.options)}


class Rebuilder:
    """One column of a run, as its manifest describes it."""

    def __init__(self, model: ModelRef, told: Mapping[str, Json]) -> None:
        """`told` is the model's entry in the manifest; one of an older Troth rebuilds nothing."""
        wire, info = str(told.get("wire")), told.get("info")
        options = told.get("options")
        self.can_rebuild = wire in _WIRES and isinstance(info, dict) and isinstance(options, dict)
        if not self.can_rebuild:
            return
        is_own = bool(told.get("is_local"))
        (known,) = decode_models(model.provider, json.dumps([info]))
        self._info = known
        self._system = DEFAULT_PROMPT if is_own else ""
        quirks = MappingProxyType(cast("dict[str, Json]", options))
        self._endpoint = Endpoint(model.provider, wire, _NOWHERE, options=quirks, is_own=is_own)
        self._provider = provider_for(wire)

    def digest(self, task: Task, left_out: tuple[str, ...]) -> str:
        """Return the SHA-256 (hex) of a task's request body; `left_out` as its row tells it."""
        refused = [one.split(":")[2] for one in left_out if one.startswith("parameter:refused")]
        path = [
            _message(number, role, text) for number, (role, text) in enumerate(task.prompt.messages)
        ]
        context = build_context(
            path, self._info, replays=lambda _: False, carries=lambda _: False, raw_items={}
        )
        turn = Turn(
            messages=context.messages,
            system_prompt=task.system or self._system,
            params=task.spec.params.without(refused),
        )
        request = self._provider.encode(turn, self._info, self._endpoint, None)
        return sha256(request.body).hexdigest()


def _message(number: int, role: Role, text: str) -> Message:
    is_reply = role is Role.ASSISTANT
    return Message(
        id=str(number),
        conversation_id="",
        parent_id=None,
        role=role,
        created_at=datetime.fromtimestamp(0, UTC),
        parts=(TextPart(text),),
        finish=Finish.STOP if is_reply else None,
        is_imported=is_reply,
    )

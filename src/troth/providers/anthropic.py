"""Anthropic Messages: requests and model lists. Answers are read in `anthropic_stream`.

Sources: https://platform.claude.com/docs/en/api/messages, .../build-with-claude/thinking,
.../build-with-claude/preserved-thinking and the types of the SDK `anthropic` 2.12, read November
2026. Must never change what was sent before: the newest models bind their thinking to the exact
prefix and answer 400 when it moves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from troth.domain.error import ReplyMalformed
from troth.domain.exchange import Headers, HttpRequest
from troth.domain.message import (
    BlobPart,
    Finish,
    Message,
    Part,
    RawItem,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.providers.anthropic_models import (
    claude_version,
    default_max_tokens,
    parse_model,
    sampling_for,
    thinking_for,
)
from troth.providers.anthropic_stream import REPLAYED_BLOCKS, WIRE, AnthropicReader
from troth.providers.base import Decoder
from troth.providers.decoder import ReplyDecoder
from troth.providers.json_requests import list_request, reply_request
from troth.providers.parts import base64_of, call_arguments, content_of
from troth.providers.replay import (
    Spoken,
    in_words,
    is_own,
    lay_out,
    media_kind,
    raw_reply,
    sent_as,
    wire_id,
)
from troth.providers.wirejson import (
    Object,
    as_object,
    as_text,
    parse_json,
)

API_VERSION = "2023-06-01"

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_KINDS = frozenset({"image", "pdf"})


class AnthropicProvider:
    """The Messages wire, of Anthropic and of the servers that copy it."""

    @property
    def wire(self) -> str:
        return WIRE

    def encode(
        self, turn: Turn, model: ModelInfo, endpoint: Endpoint, key: str | None
    ) -> HttpRequest:
        max_tokens = turn.params.max_output_tokens or default_max_tokens(model)
        thinking = thinking_for(turn.params, model, max_tokens)
        body: dict[str, object] = {"model": model.ref.model, "max_tokens": max_tokens}
        if turn.system_prompt.strip():
            body["system"] = turn.system_prompt
        body["messages"] = _messages(turn, model, endpoint, is_thinking=thinking.is_on)
        if thinking.config is not None:
            body["thinking"] = thinking.config
        if thinking.effort is not None:
            body["output_config"] = {"effort": thinking.effort}
        body.update(sampling_for(turn.params, model, thinking))
        if turn.params.stop:
            body["stop_sequences"] = list(turn.params.stop)
        body["stream"] = True
        return reply_request(
            endpoint,
            key,
            _url(endpoint, "messages"),
            body,
            headers=_version_header(endpoint),
            key_header=_key_header(key),
        )

    def decoder(self, endpoint: Endpoint, model: ModelRef, content_type: str) -> Decoder:
        reader = AnthropicReader(provider=endpoint.name, model=model.model)
        return ReplyDecoder(reader, provider=endpoint.name, model=model.model)

    def replays(self, item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
        """Same model only. Others drop foreign thinking in silence, or answer 400."""
        return _replays(item, endpoint, model)

    def carries(self, media_type: str, endpoint: Endpoint) -> bool:
        return media_kind(media_type) == "pdf" or _bare(media_type) in _IMAGE_TYPES

    def list_models(self, endpoint: Endpoint, key: str | None) -> HttpRequest:
        return list_request(
            endpoint,
            key,
            _url(endpoint, "models") + "?limit=1000",
            headers=_version_header(endpoint),
            key_header=_key_header(key),
        )

    def parse_models(self, body: bytes, endpoint: Endpoint) -> tuple[ModelInfo, ...]:
        listed = as_object(parse_json(body)).get("data")
        if not isinstance(listed, list):
            raise ReplyMalformed("no list of models", provider=endpoint.name, code="models")
        rows = map(as_object, listed)
        return tuple(parse_model(row, endpoint) for row in rows if as_text(row.get("id")))


def _replays(item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
    return item.kind in REPLAYED_BLOCKS and is_own(item, WIRE, endpoint, model)


def _url(endpoint: Endpoint, path: str) -> str:
    base = endpoint.base_url.rstrip("/")
    return f"{base}/{path}" if re.search(r"/v\d+$", base) else f"{base}/v1/{path}"


def _version_header(endpoint: Endpoint) -> Headers:
    is_given = any(name.lower() == "anthropic-version" for name, _ in endpoint.headers)
    return () if is_given else (("anthropic-version", API_VERSION),)


def _key_header(key: str | None) -> str:
    """API keys have a header of their own; OAuth tokens are bearers."""
    is_token = key is not None and key.startswith("sk-ant-oat")
    return "authorization" if is_token else "x-api-key"


def _messages(
    turn: Turn, model: ModelInfo, endpoint: Endpoint, *, is_thinking: bool
) -> list[dict[str, object]]:
    def raw_of(message: Message) -> list[Object] | None:
        return raw_reply(
            message,
            replays=lambda item: _replays(item, endpoint, model.ref),
            words=_words,
            call_id=_call_id,
        )

    def may_end_with_reply(reply: Spoken) -> bool:
        # A paused turn is sent again as it stands. Else only models before 4.6 go on with the
        # beginning of a reply, and not while they think.
        if reply.raw is not None:
            return turn.messages[-1].finish is Finish.PAUSED
        version = claude_version(model.ref.model)
        is_text = all(isinstance(part, TextPart) for part in reply.parts)
        return is_text and not is_thinking and version is not None and version < (4, 6)

    messages: list[dict[str, object]] = []
    contents: list[list[object]] = []
    spoken = lay_out(turn, raw_of, may_end_with_reply=may_end_with_reply)
    raw_ids = {_call_id(block) for one in spoken for block in one.raw or []}
    for one in spoken:
        blocks: Sequence[Mapping[str, object]] = one.raw or [
            _block(part, turn, model, raw_ids) for part in one.parts
        ]
        content: list[object] = [block for block in blocks if not _is_blank(block)]
        role = "user" if one.is_user else "assistant"
        if messages and messages[-1]["role"] == role:
            contents[-1].extend(content)
        else:
            contents.append(content)
            messages.append({"role": role, "content": content})
    return messages


def _block(part: Part, turn: Turn, model: ModelInfo, raw_ids: set[str]) -> dict[str, object]:
    """Return a part as a block; results of calls that go back raw keep the call's id."""
    match part:
        case BlobPart():
            return _media(part, turn, model)
        case ToolCallPart(call_id, name, arguments):
            return {
                "type": "tool_use",
                "id": wire_id(call_id),
                "name": name,
                "input": call_arguments(arguments),
            }
        case ToolResultPart(call_id, _, text):
            use_id = call_id if call_id in raw_ids else wire_id(call_id)
            return {"type": "tool_result", "tool_use_id": use_id, "content": text}
        case TextPart(text):
            return {"type": "text", "text": text}
        case _:
            raise AssertionError("lay_out leaves only parts that are said")


def _media(part: BlobPart, turn: Turn, model: ModelInfo) -> dict[str, object]:
    kind = sent_as(part, model, _KINDS)
    media_type = _bare(part.blob.media_type)
    if kind == "pdf" or (kind == "image" and media_type in _IMAGE_TYPES):
        return {
            "type": "document" if kind == "pdf" else "image",
            "source": {
                "type": "base64",
                "media_type": media_type,
                "data": base64_of(content_of(part.blob, turn.blobs)),
            },
        }
    return {"type": "text", "text": in_words(part, turn)}


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _words(block: Object) -> str:
    return as_text(block.get("text")) if block.get("type") == "text" else ""


def _call_id(block: Object) -> str:
    return as_text(block.get("id")) if block.get("type") == "tool_use" else ""


def _is_blank(block: Mapping[str, object]) -> bool:
    """Whether it is white space only: models write such text blocks, and refuse to read them."""
    return block.get("type") == "text" and not str(block.get("text", "")).strip()

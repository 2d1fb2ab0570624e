"""OpenAI Responses: requests and model lists. Answers are read in `openai_responses_stream`.

Sources: https://platform.openai.com/docs/api-reference/responses, .../guides/reasoning and the
types of the SDK `openai` 3.54, read November 2026. Nothing is kept at the vendor (`store` is
false), so every turn carries the whole history and reasoning goes back in its encrypted form.

Reads the common options (`options`) and `reasoning_summary` (none; `auto`, `concise`, `detailed`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from troth.domain.exchange import HttpRequest
from troth.domain.message import (
    BlobPart,
    Message,
    Part,
    RawItem,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.providers.base import Decoder
from troth.providers.decoder import ReplyDecoder
from troth.providers.json_requests import list_request, reply_request
from troth.providers.model_list import parse_model_list
from troth.providers.openai_responses_stream import (
    CALL_ARGUMENTS,
    REPLAYED_ITEMS,
    WIRE,
    ResponsesReader,
)
from troth.providers.parts import content_of, data_url
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
    as_list,
    as_object,
    as_text,
)

_KINDS = frozenset({"image", "pdf"})
_THOUGHTLESS = re.compile(r"(?:^|/)(?:gpt-[34]|chatgpt-|gpt-5(?:\.\d)?-chat)")
"""Models that answer 400 to `include: reasoning.encrypted_content`."""


class ResponsesProvider:
    """The Responses wire, of OpenAI, Azure, xAI, DeepSeek and local servers."""

    @property
    def wire(self) -> str:
        return WIRE

    def encode(
        self, turn: Turn, model: ModelInfo, endpoint: Endpoint, key: str | None
    ) -> HttpRequest:
        params = turn.params
        body: dict[str, object] = {"model": model.ref.model}
        if turn.system_prompt.strip():
            body["instructions"] = turn.system_prompt
        body["input"] = _input(turn, model, endpoint)
        body["store"] = False
        if _thinks(model):
            body["include"] = ["reasoning.encrypted_content"]
        reasoning = _reasoning(turn, model, endpoint)
        if reasoning:
            body["reasoning"] = reasoning
        if params.max_output_tokens is not None:
            body["max_output_tokens"] = params.max_output_tokens
        if model.takes_temperature is not False:
            if params.temperature is not None:
                body["temperature"] = params.temperature
            if params.top_p is not None:
                body["top_p"] = params.top_p
        body["stream"] = True
        url = f"{endpoint.base_url.rstrip('/')}/responses"
        return reply_request(endpoint, key, url, body)

    def decoder(self, endpoint: Endpoint, model: ModelRef, content_type: str) -> Decoder:
        reader = ResponsesReader(provider=endpoint.name, model=model.model)
        return ReplyDecoder(reader, provider=endpoint.name, model=model.model)

    def replays(self, item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
        """Same model only: others drop foreign reasoning in silence, or answer 400."""
        return _replays(item, endpoint, model)

    def carries(self, media_type: str, endpoint: Endpoint) -> bool:
        return media_kind(media_type) in _KINDS

    def list_models(self, endpoint: Endpoint, key: str | None) -> HttpRequest:
        return list_request(endpoint, key, f"{endpoint.base_url.rstrip('/')}/models")

    def parse_models(self, body: bytes, endpoint: Endpoint) -> tuple[ModelInfo, ...]:
        return parse_model_list(body, endpoint)


def _replays(item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
    return item.kind in REPLAYED_ITEMS and is_own(item, WIRE, endpoint, model)


def _thinks(model: ModelInfo) -> bool:
    """Whether the model may be asked for its encrypted reasoning."""
    if model.reasons is not None:
        return model.reasons
    return not _THOUGHTLESS.search(model.ref.model)


def _reasoning(turn: Turn, model: ModelInfo, endpoint: Endpoint) -> dict[str, object]:
    """Return the field `reasoning`: what the user set.

    A summary is asked for only where the endpoint's option `reasoning_summary` says so, because
    OpenAI refuses it to organisations that it has not verified.
    """
    if not _thinks(model):
        return {}
    reasoning: dict[str, object] = {}
    effort = turn.params.effort
    if effort and (not model.efforts or effort in model.efforts):
        reasoning["effort"] = effort
    summary = endpoint.options.get("reasoning_summary")
    if isinstance(summary, str):
        reasoning["summary"] = summary
    return reasoning


def _input(turn: Turn, model: ModelInfo, endpoint: Endpoint) -> list[Mapping[str, object]]:
    def raw_of(message: Message) -> list[Object] | None:
        raw = raw_reply(
            message,
            replays=lambda item: _replays(item, endpoint, model.ref),
            words=_words,
            call_id=_call_id,
        )
        return raw if raw is not None and _is_sound(raw) else None

    # This wire never goes on with the beginning of a reply.
    spoken = lay_out(turn, raw_of, may_end_with_reply=lambda _: False)
    kinds = {_call_id(item): as_text(item.get("type")) for one in spoken for item in one.raw or []}
    items: list[Mapping[str, object]] = []
    for one in spoken:
        if one.raw is not None:
            items += one.raw
        elif one.is_user:
            items += _user_items(one, turn, model, kinds)
        else:
            items += _reply_items(one)
    return items


def _user_items(
    one: Spoken, turn: Turn, model: ModelInfo, kinds: dict[str, str]
) -> list[Mapping[str, object]]:
    """Return results of calls, each an item of its own, then the user's words.

    `kinds` holds the raw calls that go back: their results keep the id, and the kind's name.
    """
    items: list[Mapping[str, object]] = [
        {
            "type": f"{kinds.get(part.call_id, 'function_call')}_output",
            "call_id": part.call_id if part.call_id in kinds else wire_id(part.call_id),
            "output": part.text,
        }
        for part in one.parts
        if isinstance(part, ToolResultPart)
    ]
    content = [
        _content(part, turn, model) for part in one.parts if not isinstance(part, ToolResultPart)
    ]
    if len(content) == 1 and content[0]["type"] == "input_text":
        items.append({"role": "user", "content": content[0]["text"]})
    elif content:
        items.append({"role": "user", "content": content})
    return items


def _content(part: Part, turn: Turn, model: ModelInfo) -> dict[str, object]:
    match part:
        case BlobPart(blob):
            kind = sent_as(part, model, _KINDS)
            if not kind:
                return {"type": "input_text", "text": in_words(part, turn)}
            url = data_url(blob.media_type, content_of(blob, turn.blobs))
            if kind == "image":
                return {"type": "input_image", "image_url": url}
            return {
                "type": "input_file",
                "filename": blob.name or "document.pdf",
                "file_data": url,
            }
        case TextPart(text):
            return {"type": "input_text", "text": text}
        case _:
            raise AssertionError("lay_out leaves only parts that are said")


def _reply_items(one: Spoken) -> list[Mapping[str, object]]:
    items: list[Mapping[str, object]] = []
    text = "".join(part.text for part in one.parts if isinstance(part, TextPart))
    if text:
        items.append({"role": "assistant", "content": text})
    items += [
        {
            "type": "function_call",
            "call_id": wire_id(part.call_id),
            "name": part.name,
            "arguments": part.arguments or "{}",
        }
        for part in one.parts
        if isinstance(part, ToolCallPart)
    ]
    return items


def _is_sound(items: list[Object]) -> bool:
    """Whether every reasoning item can be read again and is followed by what came of it."""
    reasoning = [item for item in items if item.get("type") == "reasoning"]
    return items[-1].get("type") != "reasoning" and all(
        as_text(item.get("encrypted_content")) or as_list(item.get("content")) for item in reasoning
    )


def _words(item: Object) -> str:
    if item.get("type") != "message":
        return ""
    parts = map(as_object, as_list(item.get("content")))
    return "".join(as_text(part.get("text")) or as_text(part.get("refusal")) for part in parts)


def _call_id(item: Object) -> str:
    return as_text(item.get("call_id")) if as_text(item.get("type")) in CALL_ARGUMENTS else ""

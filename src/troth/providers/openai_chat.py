"""OpenAI Chat Completions: the lane of every compatible server. Requests here, answers in
`chat_reader`, model lists in `model_list`.

What vendors want differently is data, the `options` of an endpoint (`data/providers.toml`), beside
those that `options` reads for every wire:

| option | default | meaning |
|---|---|---|
| `max_tokens_field` | `max_tokens` | `max_completion_tokens` where that is the only legal name |
| `effort_style` | `reasoning_effort` | `reasoning` (an object) or `thinking` (on, off, effort) |
| `system_role` | `system` | `developer` where reasoning models want it |
| `stream_usage` | true | whether to ask for usage with `stream_options` |
| `asks_modalities` | false | whether a model makes images only when asked for (OpenRouter) |
| `pdf_style` | `` | `file`, `document_url`, or none: PDFs go as their text |
| `continue_style` | `` | how a cut reply is gone on with, see `_continue` |
| `continue_path` | `chat_path` | where such a request goes (DeepSeek: its beta path) |
| `reasoning_replay` | [] | beginnings of model ids that want their `reasoning_content` back |
| `think_tags` | true | whether text may begin with thinking between `<think>` tags |
| `call_id_length` | 0 | exact length of tool call ids (Mistral: 9 letters and digits) |
| `chat_path`, `models_path` | `/chat/completions`, `/models` | below the base URL |

Sources: https://platform.openai.com/docs/api-reference/chat and the vendors' own pages, read
November 2026.
"""

from __future__ import annotations

import hashlib

from troth.domain.exchange import HttpRequest
from troth.domain.message import (
    BlobPart,
    Message,
    Part,
    RawItem,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Endpoint, Json, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.providers.base import Decoder
from troth.providers.chat_reader import WIRE, ChatReader
from troth.providers.decoder import ReplyDecoder
from troth.providers.json_requests import list_request, reply_request
from troth.providers.model_list import parse_model_list
from troth.providers.parts import (
    CONTINUE_PROMPT,
    base64_of,
    content_of,
    data_url,
    merged,
    sendable,
)
from troth.providers.replay import in_words, is_own, media_kind, sent_as, wire_id
from troth.providers.wirejson import (
    Object,
    as_count,
    as_list,
    as_object,
    as_text,
    parse_json,
)

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NO_EFFORT = frozenset({"none", "off", "disabled"})
_WITHOUT_PDF = frozenset({"image", "audio"})
_WITH_PDF = frozenset({"image", "audio", "pdf"})


class ChatProvider:
    """One wire, no state."""

    wire = WIRE

    def encode(
        self, turn: Turn, model: ModelInfo, endpoint: Endpoint, key: str | None
    ) -> HttpRequest:
        messages, is_prefixed = _messages(turn, model, endpoint)
        body: Object = {"model": model.ref.model, "messages": messages, "stream": True}
        if endpoint.options.get("stream_usage", True):
            body["stream_options"] = {"include_usage": True}
        makes = model.output_modalities or frozenset()
        if endpoint.options.get("asks_modalities") and "image" in makes:
            body["modalities"] = [*sorted(makes & {"image", "text"})]
        body |= _parameters(turn, model, endpoint)
        if is_prefixed and endpoint.options.get("continue_style") == "vllm":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        path = as_text(endpoint.options.get("continue_path")) if is_prefixed else ""
        path = path or as_text(endpoint.options.get("chat_path")) or "/chat/completions"
        accept = "text/event-stream, application/json"
        return reply_request(endpoint, key, endpoint.base_url + path, body, accept=accept)

    def decoder(self, endpoint: Endpoint, model: ModelRef, content_type: str) -> Decoder:
        """Return a decoder. The body's own first bytes decide whether it streams, not its type."""
        reader = ChatReader(
            model,
            keeps_reasoning=wants_reasoning_back(endpoint, model),
            has_think_tags=endpoint.options.get("think_tags") is not False,
        )
        return ReplyDecoder(reader, provider=model.provider, model=model.model)

    def replays(self, item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
        return _replays(item, endpoint, model)

    def carries(self, media_type: str, endpoint: Endpoint) -> bool:
        return media_kind(media_type) in _kinds(endpoint)

    def list_models(self, endpoint: Endpoint, key: str | None) -> HttpRequest:
        path = as_text(endpoint.options.get("models_path")) or "/models"
        return list_request(endpoint, key, endpoint.base_url + path)

    def parse_models(self, body: bytes, endpoint: Endpoint) -> tuple[ModelInfo, ...]:
        return parse_model_list(body, endpoint)


def wants_reasoning_back(endpoint: Endpoint, model: ModelRef) -> bool:
    """Whether this model must be given its own `reasoning_content` again (DeepSeek V4, Kimi).

    DeepSeek R1 answers 400 to it, so this goes by the model's id.
    """
    beginnings = as_list(endpoint.options.get("reasoning_replay"))
    return any(model.model.lower().startswith(as_text(start) or "\0") for start in beginnings)


def _replays(item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
    if not is_own(item, WIRE, endpoint, model):
        return False
    if item.kind == "reasoning_content":
        return wants_reasoning_back(endpoint, model)
    return item.kind == "reasoning_details"


def _parameters(turn: Turn, model: ModelInfo, endpoint: Endpoint) -> Object:
    """Return only what the user set: many reasoning models refuse even the default values."""
    params, options = turn.params, endpoint.options
    body: Object = {}
    if params.temperature is not None:
        body["temperature"] = params.temperature
    if params.top_p is not None:
        body["top_p"] = params.top_p
    if params.max_output_tokens is not None:
        field = model.max_tokens_field or as_text(options.get("max_tokens_field")) or "max_tokens"
        body[field] = params.max_output_tokens
    if params.seed is not None:
        body["seed"] = params.seed
    if params.stop:
        body["stop"] = list[Json](params.stop)
    if params.effort is not None:
        body |= _effort(params.effort, as_text(options.get("effort_style")))
    return body


def _effort(effort: str, style: str) -> Object:
    if style == "reasoning":
        return {"reasoning": {"effort": effort}}
    if style == "thinking":
        if effort.lower() in _NO_EFFORT:
            return {"thinking": {"type": "disabled"}}
        is_level = effort.lower() not in {"enabled", "on"}
        return {
            "thinking": {"type": "enabled"},
            **({"reasoning_effort": effort} if is_level else {}),
        }
    return {"reasoning_effort": effort}


def _messages(turn: Turn, model: ModelInfo, endpoint: Endpoint) -> tuple[list[Json], bool]:
    """Return the messages, and whether the last is the beginning of the reply that is asked for."""
    encoded: list[Json] = []
    if turn.system_prompt.strip():
        role = as_text(endpoint.options.get("system_role")) or "system"
        encoded.append({"role": role, "content": turn.system_prompt})
    for message in merged(sendable(turn.messages)):
        match message.role:
            case Role.USER:
                encoded += _results(message, endpoint)
                content = _user_content(message, turn, model, endpoint)
                if content:
                    encoded.append({"role": "user", "content": content})
            case Role.TOOL:
                encoded += _results(message, endpoint)
            case Role.ASSISTANT:
                encoded += _reply(message, model, endpoint)
    last = as_object(encoded[-1]) if encoded else {}
    if last.get("role") != "assistant" or not turn.continues_reply:
        return encoded, False
    return _continue(encoded, last, model, endpoint)


def _continue(
    encoded: list[Json], last: Object, model: ModelInfo, endpoint: Endpoint
) -> tuple[list[Json], bool]:
    """Ask to go on with a partial reply, in the way that this server has.

    `assistant`: a last assistant message is simply gone on with (llama.cpp, Groq); `vllm`: the
    same, with two flags; `prefix`: marked so (Mistral, DeepSeek's beta path); `partial`: marked so
    (Kimi). Models that think begin with their thoughts, so the first two do not fit them. All
    others get a turn of the user that asks for the rest: a trailing reply is refused by some and
    answered with a fresh start by others.
    """
    style = as_text(endpoint.options.get("continue_style"))
    if "tool_calls" in last or (style in {"assistant", "vllm"} and model.reasons):
        style = ""
    if style in {"prefix", "partial"}:
        encoded[-1] = {**last, style: True}
    if style in {"assistant", "vllm", "prefix", "partial"}:
        return encoded, True
    return [*encoded, {"role": "user", "content": CONTINUE_PROMPT}], False


def _reply(message: Message, model: ModelInfo, endpoint: Endpoint) -> list[Json]:
    calls = [part for part in message.parts if isinstance(part, ToolCallPart)]
    text = message.text
    if not text and not calls:
        return []
    encoded: Object = {"role": "assistant", "content": text or None}
    if calls:
        encoded["tool_calls"] = [
            {
                "id": _call_id(call.call_id, endpoint),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments.strip() or "{}"},
            }
            for call in calls
        ]
    encoded |= _reasoning(message, model, endpoint)
    return [encoded]


def _reasoning(message: Message, model: ModelInfo, endpoint: Endpoint) -> Object:
    """Return the raw items that this model wants back, untouched.

    DeepSeek V4 wants the field on every assistant turn once it thinks; what another model said
    has none, and never gets that model's thoughts: the field is empty there.
    """
    found: Object = {}
    is_wanted = wants_reasoning_back(endpoint, model.ref)
    if is_wanted:
        found["reasoning_content"] = ""
    for item in message.raw_items:
        if not _replays(item, endpoint, model.ref):
            continue
        payload = parse_json(item.payload)
        if item.kind == "reasoning_content":
            found["reasoning_content"] = "".join(map(as_text, as_list(payload)))
        else:
            found["reasoning_details"] = payload
    return found


def _results(message: Message, endpoint: Endpoint) -> list[Json]:
    return [
        {
            "role": "tool",
            "tool_call_id": _call_id(part.call_id, endpoint),
            "content": part.text,
        }
        for part in message.parts
        if isinstance(part, ToolResultPart)
    ]


def _call_id(call_id: str, endpoint: Endpoint) -> str:
    """Return an id that this server takes; the same call always gets the same one."""
    length = as_count(endpoint.options.get("call_id_length")) or 0
    if not length:
        return wire_id(call_id, limit=40)
    if len(call_id) == length and all(letter in _ALPHABET for letter in call_id):
        return call_id
    digest = hashlib.sha256(call_id.encode("utf-8", "replace")).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:length])


def _user_content(
    message: Message, turn: Turn, model: ModelInfo, endpoint: Endpoint
) -> str | list[Json]:
    """Return a string where everything is text: many servers know no content lists."""
    content: list[Json] = []
    texts: list[str] = []
    for part in message.parts:
        encoded = _user_part(part, turn, model, endpoint)
        if isinstance(encoded, str):
            texts.append(encoded)
        elif encoded:
            _end_text(texts, content)
            content.append(encoded)
    if not content:
        return "".join(texts)
    _end_text(texts, content)
    return content


def _end_text(texts: list[str], content: list[Json]) -> None:
    text = "".join(texts)
    texts.clear()
    if text.strip():
        content.append({"type": "text", "text": text})


def _kinds(endpoint: Endpoint) -> frozenset[str]:
    return _WITH_PDF if as_text(endpoint.options.get("pdf_style")) else _WITHOUT_PDF


def _user_part(part: Part, turn: Turn, model: ModelInfo, endpoint: Endpoint) -> str | Object:
    if isinstance(part, TextPart):
        return part.text
    if not isinstance(part, BlobPart):
        return ""
    kind = sent_as(part, model, _kinds(endpoint))
    if kind == "audio" and not model.accepts("audio"):
        kind = ""
    if not kind:
        return in_words(part, turn) + "\n"
    content = content_of(part.blob, turn.blobs)
    if kind == "audio":
        subtype = part.blob.media_type.partition("/")[2]
        audio_format = "mp3" if subtype in {"mpeg", "mp3"} else "wav"
        return {
            "type": "input_audio",
            "input_audio": {"data": base64_of(content), "format": audio_format},
        }
    url = data_url(part.blob.media_type, content)
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if endpoint.options.get("pdf_style") == "document_url":
        return {"type": "document_url", "document_url": url}
    name = part.blob.name or "document.pdf"
    return {"type": "file", "file": {"filename": name, "file_data": url}}

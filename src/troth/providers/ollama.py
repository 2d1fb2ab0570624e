"""Ollama's own wire: NDJSON, and the only one that lets a client set the context size.

Its server cuts a prompt over `num_ctx` without a word (the default is as little as 4096), so
`num_ctx` is always sent: the endpoint's option of that name, but never more than the model has.
Source: https://github.com/ollama/ollama/blob/main/docs/api.md, read November 2026, and recorded
traffic.
"""

from __future__ import annotations

from dataclasses import replace

from troth.domain.error import ReplyMalformed
from troth.domain.event import (
    BlobArrived,
    Finished,
    ReplyStarted,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
    WireEvent,
)
from troth.domain.exchange import HttpRequest
from troth.domain.message import (
    BlobPart,
    Finish,
    Message,
    RawItem,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Endpoint, Json, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.domain.usage import Usage
from troth.providers.base import Decoder
from troth.providers.decoder import ReplyDecoder
from troth.providers.errors import error_in_stream
from troth.providers.framing import LineBody
from troth.providers.json_requests import list_request, reply_request
from troth.providers.options import key_headers
from troth.providers.parts import (
    CONTINUE_PROMPT,
    base64_of,
    bytes_of_base64,
    call_arguments,
    content_of,
    merged,
    sendable,
    sniff_media_type,
)
from troth.providers.replay import in_words, media_kind, sent_as
from troth.providers.think_tags import ThinkTags
from troth.providers.wirejson import (
    Object,
    as_count,
    as_list,
    as_object,
    as_text,
    dump_json,
    mend_surrogates,
    parse_json,
)

WIRE = "ollama"
NUM_CTX = 16_384
"""Asked for where neither the user nor the model says otherwise: about 2 GB for an 8B model."""

_LEVELS = frozenset({"low", "medium", "high"})
_NO_THINKING = frozenset({"none", "off", "disabled", "false", "minimal"})
_FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH, "load": Finish.OTHER}
_IMAGES = frozenset({"image"})


class OllamaProvider:
    """One wire, no state."""

    wire = WIRE

    def encode(
        self, turn: Turn, model: ModelInfo, endpoint: Endpoint, key: str | None
    ) -> HttpRequest:
        body: Object = {
            "model": model.ref.model,
            "messages": _messages(turn, model),
            "stream": True,
            "options": _options(turn, model, endpoint),
        }
        if turn.params.effort is not None:
            body["think"] = _think(turn.params.effort)
        url = f"{endpoint.base_url}/api/chat"
        return reply_request(endpoint, key, url, body, accept="application/x-ndjson")

    def decoder(self, endpoint: Endpoint, model: ModelRef, content_type: str) -> Decoder:
        return ReplyDecoder(
            OllamaReader(model), provider=model.provider, model=model.model, body=LineBody()
        )

    def replays(self, item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
        return False

    def carries(self, media_type: str, endpoint: Endpoint) -> bool:
        return media_kind(media_type) in _IMAGES

    def list_models(self, endpoint: Endpoint, key: str | None) -> HttpRequest:
        return list_request(endpoint, key, f"{endpoint.base_url}/api/tags")

    def parse_models(self, body: bytes, endpoint: Endpoint) -> tuple[ModelInfo, ...]:
        """Read `/api/tags`. It tells no context size; `/api/show` does."""
        value = as_object(parse_json(body))
        rows = value.get("models")
        if not isinstance(rows, list):
            if value.get("error"):
                raise error_in_stream(value, provider=endpoint.name, model="")
            raise ReplyMalformed("no model list", provider=endpoint.name, code="models")
        infos = (_model(as_object(row), endpoint) for row in rows)
        return tuple(info for info in infos if info is not None)

    def context_limit(self, model: ModelInfo, endpoint: Endpoint) -> int:
        """Return `num_ctx` as it is sent: the server drops what is beyond it, without a word."""
        asked = as_count(endpoint.options.get("num_ctx")) or NUM_CTX
        return min(asked, model.context_tokens or asked)

    def description_request(
        self, endpoint: Endpoint, key: str | None, model: ModelRef
    ) -> HttpRequest:
        """Ask what a model can do (`/api/show`)."""
        return HttpRequest(
            "POST",
            f"{endpoint.base_url}/api/show",
            (("content-type", "application/json"), *endpoint.headers),
            dump_json({"model": model.model}),
            key_headers(endpoint, key, header="authorization"),
        )

    def parse_description(self, body: bytes, listed: ModelInfo) -> ModelInfo:
        """Read the answer of `/api/show`: context size and capabilities."""
        value = as_object(parse_json(body))
        if "model_info" not in value and "capabilities" not in value:
            raise ReplyMalformed("no description", provider=listed.ref.provider, code="models")
        info = as_object(value.get("model_info"))
        counts = (
            as_count(count) for name, count in info.items() if name.endswith(".context_length")
        )
        told = value.get("capabilities")
        if not isinstance(told, list):
            return replace(listed, context_tokens=next(counts, None) or listed.context_tokens)
        capabilities = {as_text(name) for name in told}
        return replace(
            listed,
            context_tokens=next(counts, None) or listed.context_tokens,
            input_modalities=frozenset({"text", *(["image"] if "vision" in capabilities else [])}),
            reasons="thinking" in capabilities,
        )


class OllamaReader:
    """Reads the lines of one reply. The end mark is `done: true`."""

    __slots__ = ("_calls", "_is_done", "_model", "_started", "_tags")

    def __init__(self, model: ModelRef) -> None:
        self._model = model
        self._started = False
        self._is_done = False
        self._calls = 0
        self._tags = ThinkTags()

    @property
    def is_finished(self) -> bool:
        return self._is_done

    def take_event(self, value: Object) -> list[WireEvent]:
        if self._is_done:
            return []
        if value.get("error"):
            raise error_in_stream(value, provider=self._model.provider, model=self._model.model)
        events: list[WireEvent] = []
        message = as_object(value.get("message"))
        if not self._started and (message or value.get("model") or "done" in value):
            self._started = True
            events.append(ReplyStarted(as_text(value.get("model"))))
        if thinking := as_text(message.get("thinking")):
            events.append(ThinkingDelta(thinking))
        if text := as_text(message.get("content")):
            events += self._tags.feed(text)
        for call in as_list(message.get("tool_calls")):
            events.append(self._call(as_object(call), as_text(value.get("created_at"))))
        for image in as_list(message.get("images")) or as_list(value.get("images")):
            if content := bytes_of_base64(as_text(image)):
                events.append(BlobArrived(content, sniff_media_type(content)))
        if value.get("done") is True:
            self._end(value, events)
        return events

    def take_document(self, value: Json) -> list[WireEvent]:
        return self.take_event(as_object(value))

    def finish(self) -> list[WireEvent]:
        return []

    def _call(self, call: Object, created_at: str) -> WireEvent:
        """Calls come whole, with arguments as an object, and often with no id.

        The id is then made from the line's own time: it must tell calls of two replies apart.
        """
        function = as_object(call.get("function"))
        arguments = function.get("arguments")
        written = as_text(arguments) or dump_json(as_object(arguments)).decode()
        index, self._calls = self._calls, self._calls + 1
        call_id = as_text(call.get("id")) or f"call_{_digits(created_at)}_{index}"
        return ToolCallDelta(index, call_id, as_text(function.get("name")), written)

    def _end(self, value: Object, events: list[WireEvent]) -> None:
        self._is_done = True
        events += self._tags.close()
        usage = Usage(as_count(value.get("prompt_eval_count")), as_count(value.get("eval_count")))
        if usage != Usage():
            events.append(UsageReported(usage))
        reason = as_text(value.get("done_reason"))
        finish = _FINISHES.get(reason, Finish.OTHER) if reason else Finish.STOP
        if finish is Finish.STOP and self._calls:
            finish = Finish.TOOL_CALLS
        events.append(Finished(finish, reason))


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter in "0123456789")


def _options(turn: Turn, model: ModelInfo, endpoint: Endpoint) -> Object:
    params = turn.params
    options: Object = {"num_ctx": OllamaProvider().context_limit(model, endpoint)}
    if params.temperature is not None:
        options["temperature"] = params.temperature
    if params.top_p is not None:
        options["top_p"] = params.top_p
    if params.max_output_tokens is not None:
        options["num_predict"] = params.max_output_tokens
    if params.seed is not None:
        options["seed"] = params.seed
    if params.stop:
        options["stop"] = list[Json](params.stop)
    return options


def _think(effort: str) -> bool | str:
    """`think` is a switch; gpt-oss alone also knows levels, and the others take one as "on"."""
    word = effort.lower()
    return word if word in _LEVELS else word not in _NO_THINKING


def _messages(turn: Turn, model: ModelInfo) -> list[Json]:
    """Return the messages. A trailing reply is gone on with by the server itself.

    Its templates leave the last assistant message open, but for models that think: those get a
    turn of the user that asks for the rest.
    """
    encoded: list[Json] = []
    if turn.system_prompt.strip():
        encoded.append({"role": "system", "content": turn.system_prompt})
    for message in merged(sendable(turn.messages)):
        if message.role is Role.ASSISTANT:
            encoded += _reply(message)
            continue
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                encoded.append({"role": "tool", "content": part.text, "tool_name": part.name})
        if message.role is Role.USER:
            encoded += _prompt(message, turn, model)
    last = as_object(encoded[-1]) if encoded else {}
    is_open = last.get("role") == "assistant" and turn.continues_reply
    if is_open and (model.reasons or "tool_calls" in last):
        encoded.append({"role": "user", "content": CONTINUE_PROMPT})
    return encoded


def _reply(message: Message) -> list[Json]:
    calls: list[Json] = []
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            written = part.arguments if part.arguments.strip() else ""
            function: Object = {"name": part.name, "arguments": call_arguments(written)}
            calls.append({"function": function})
    if not message.text and not calls:
        return []
    encoded: Object = {"role": "assistant", "content": message.text}
    if calls:
        encoded["tool_calls"] = calls
    return [encoded]


def _prompt(message: Message, turn: Turn, model: ModelInfo) -> list[Json]:
    texts: list[str] = []
    images: list[Json] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif isinstance(part, BlobPart) and sent_as(part, model, _IMAGES):
            images.append(base64_of(content_of(part.blob, turn.blobs)))
        elif isinstance(part, BlobPart):
            texts.append(in_words(part, turn) + "\n")
    encoded: Object = {"role": "user", "content": "".join(texts)}
    if images:
        encoded["images"] = images
    return [encoded] if encoded["content"] or images else []


def _model(row: Object, endpoint: Endpoint) -> ModelInfo | None:
    name = mend_surrogates(as_text(row.get("model")) or as_text(row.get("name")))
    details = as_object(row.get("details"))
    families = {as_text(family).lower() for family in as_list(details.get("families"))}
    if not name or not name.isprintable() or any("bert" in family for family in families):
        return None
    told = row.get("capabilities")
    capabilities = {as_text(word) for word in as_list(told)}
    if isinstance(told, list) and "completion" not in capabilities:
        return None
    has_eyes = "vision" in capabilities or bool(families & {"clip", "mllama"})
    return ModelInfo(
        ModelRef(endpoint.name, name),
        title=as_text(details.get("parameter_size")),
        context_tokens=as_count(details.get("context_length")) or None,
        input_modalities=frozenset({"text", "image"}) if has_eyes else None,
        reasons="thinking" in capabilities if isinstance(told, list) else None,
        source="live",
        is_local=endpoint.runs(name),
    )

"""Gemini `generateContent`: requests and model lists. Answers are read in `gemini_stream`.

Sources: https://ai.google.dev/api/generate-content, .../gemini-api/docs/thinking,
.../gemini-api/docs/thought-signatures and the types of the SDK `google-genai` 3.4, read November
2026. The key goes into a header, never into the URL, where logs and proxies would keep it.
"""

from __future__ import annotations

import re

from troth.domain.error import ReplyMalformed
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
from troth.domain.model import Endpoint, Json, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.providers.base import Decoder
from troth.providers.decoder import ReplyDecoder
from troth.providers.gemini_stream import OWN_ID, PART, WIRE, GeminiReader
from troth.providers.json_requests import list_request, reply_request
from troth.providers.parts import base64_of, call_arguments, content_of
from troth.providers.replay import in_words, is_own, lay_out, media_kind, raw_reply, sent_as
from troth.providers.wirejson import (
    Object,
    as_count,
    as_list,
    as_object,
    as_text,
    mend_surrogates,
    parse_json,
)

_KINDS = frozenset({"image", "pdf", "audio", "video"})
_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_BUDGETS = {"none": 0, "minimal": 512, "low": 2048, "medium": 8192, "high": 24576, "dynamic": -1}
"""Thinking budgets of 2.5 models by the words that later models take themselves."""
_KEY_HEADER = "x-goog-api-key"


class GeminiProvider:
    """The Gemini wire, of Google and of gateways that pass it on."""

    @property
    def wire(self) -> str:
        return WIRE

    def encode(
        self, turn: Turn, model: ModelInfo, endpoint: Endpoint, key: str | None
    ) -> HttpRequest:
        body: dict[str, object] = {"contents": _contents(turn, model, endpoint)}
        if turn.system_prompt.strip():
            body["systemInstruction"] = {"parts": [{"text": turn.system_prompt}]}
        config = _generation_config(turn, model)
        if config:
            body["generationConfig"] = config
        url = f"{_url(endpoint)}/{_path(model.ref.model)}:streamGenerateContent?alt=sse"
        return reply_request(endpoint, key, url, body, key_header=_KEY_HEADER)

    def decoder(self, endpoint: Endpoint, model: ModelRef, content_type: str) -> Decoder:
        reader = GeminiReader(provider=endpoint.name, model=model.model)
        return ReplyDecoder(reader, provider=endpoint.name, model=model.model)

    def replays(self, item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
        """Same model only: a signature of another is refused or worth nothing."""
        return _replays(item, endpoint, model)

    def carries(self, media_type: str, endpoint: Endpoint) -> bool:
        return media_kind(media_type) in _KINDS

    def list_models(self, endpoint: Endpoint, key: str | None) -> HttpRequest:
        url = f"{_url(endpoint)}/models?pageSize=1000"
        return list_request(endpoint, key, url, key_header=_KEY_HEADER)

    def parse_models(self, body: bytes, endpoint: Endpoint) -> tuple[ModelInfo, ...]:
        listed = as_object(parse_json(body)).get("models")
        if not isinstance(listed, list):
            raise ReplyMalformed("no list of models", provider=endpoint.name, code="models")
        return tuple(
            _model_info(row, endpoint)
            for row in map(as_object, listed)
            if as_text(row.get("name"))
            and "generateContent" in as_list(row.get("supportedGenerationMethods"))
        )


def _replays(item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
    return item.kind == PART and is_own(item, WIRE, endpoint, model)


def _url(endpoint: Endpoint) -> str:
    base = endpoint.base_url.rstrip("/")
    return base if re.search(r"/v\d+[a-z0-9]*$", base) else f"{base}/v1beta"


def _path(model: str) -> str:
    """Return the model's resource name, safe in a URL: ids come from lists and from users."""
    name = model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    return re.sub(rb"[^A-Za-z0-9._~/-]", lambda at: b"%%%02X" % at[0][0], name.encode()).decode()


def _generation_config(turn: Turn, model: ModelInfo) -> dict[str, object]:
    params = turn.params
    config: dict[str, object] = {}
    if params.temperature is not None and model.takes_temperature is not False:
        config["temperature"] = params.temperature
    if params.top_p is not None and model.takes_temperature is not False:
        config["topP"] = params.top_p
    if params.max_output_tokens is not None:
        config["maxOutputTokens"] = params.max_output_tokens
    if params.seed is not None:
        config["seed"] = params.seed
    if params.stop:
        config["stopSequences"] = list(params.stop)
    if "image" in (model.output_modalities or ()):
        config["responseModalities"] = ["TEXT", "IMAGE"]
    thinking = _thinking(params.effort, model)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _thinking(effort: str | None, model: ModelInfo) -> dict[str, object]:
    """Return `thinkingConfig`: what the user set, and the wish to see thoughts.

    Models that think do so unasked; `includeThoughts` changes only what is shown, and is refused
    by models that do not think, so it is sent where the model is known to. 2.5 takes a budget of
    tokens, a number or one of our words for it; later models take a level and refuse a budget.
    """
    if model.reasons is False:
        return {}
    thinking: dict[str, object] = {}
    if effort and (not model.efforts or effort in model.efforts):
        found = _VERSION.search(model.ref.model)
        if found and (int(found[1]), int(found[2] or 0)) < (3, 0):
            budget = _BUDGETS.get(effort, int(effort) if effort.isdecimal() else None)
            if budget is not None:
                thinking["thinkingBudget"] = budget
        elif effort == "dynamic" or effort.lstrip("-").isdecimal():
            pass  # a budget: it was set for another model
        else:
            thinking["thinkingLevel"] = effort
    if thinking.get("thinkingBudget") != 0 and (model.reasons or thinking):
        thinking = {"includeThoughts": True, **thinking}
    return thinking


def _contents(turn: Turn, model: ModelInfo, endpoint: Endpoint) -> list[dict[str, object]]:
    def raw_of(message: Message) -> list[Object] | None:
        return raw_reply(
            message,
            replays=lambda item: _replays(item, endpoint, model.ref),
            words=_words,
            call_id=_CallIds(message),
        )

    # Newer models answer 400 to a conversation that ends with their own words.
    spoken = lay_out(turn, raw_of, may_end_with_reply=lambda _: False)
    contents: list[dict[str, object]] = []
    lists: list[list[object]] = []
    for one in spoken:
        if one.raw is not None:
            parts: list[object] = [*one.raw]
        else:
            parts = [_part(part, turn, model) for part in one.parts]
        role = "user" if one.is_user else "model"
        if contents and contents[-1]["role"] == role:
            lists[-1].extend(parts)
        else:
            lists.append(parts)
            contents.append({"role": role, "parts": parts})
    return contents


def _part(part: Part, turn: Turn, model: ModelInfo) -> dict[str, object]:
    match part:
        case BlobPart(blob):
            if not sent_as(part, model, _KINDS):
                return {"text": in_words(part, turn)}
            data = base64_of(content_of(blob, turn.blobs))
            return {"inlineData": {"mimeType": blob.media_type, "data": data}}
        case ToolCallPart(call_id, name, arguments):
            return {
                "functionCall": {**_id(call_id), "name": name, "args": call_arguments(arguments)}
            }
        case ToolResultPart(call_id, name, text):
            response = {**_id(call_id), "name": name, "response": _result(text)}
            return {"functionResponse": response}
        case TextPart(text):
            return {"text": text}
        case _:
            raise AssertionError("lay_out leaves only parts that are said")


def _id(call_id: str) -> dict[str, object]:
    """Return the id where the wire gave one: ours stand for none."""
    return {} if call_id.startswith(OWN_ID) else {"id": call_id}


def _result(text: str) -> Json:
    """Return a result as the object that this wire wants: as it is where it is one."""
    try:
        value = parse_json(text)
    except ReplyMalformed:
        return {"output": text}
    return value if isinstance(value, dict) else {"output": text}


def _words(part: Object) -> str:
    return "" if part.get("thought") is True else as_text(part.get("text"))


class _CallIds:
    """Gives each call of one reply the id that the reader gave it, for calls that have none."""

    def __init__(self, message: Message) -> None:
        self._given = [part.call_id for part in message.parts if isinstance(part, ToolCallPart)]

    def __call__(self, part: Object) -> str:
        call = part.get("functionCall")
        if not isinstance(call, dict):
            return ""
        given = self._given.pop(0) if self._given else ""
        return as_text(call.get("id")) or given or OWN_ID


def _model_info(row: Object, endpoint: Endpoint) -> ModelInfo:
    model = mend_surrogates(as_text(row.get("name"))).removeprefix("models/")
    thinks = row.get("thinking")
    found = _VERSION.search(model)
    has_budget = found is not None and found[1] == "2" and thinks is True
    return ModelInfo(
        ref=ModelRef(endpoint.name, model),
        title=mend_surrogates(as_text(row.get("displayName"))),
        context_tokens=as_count(row.get("inputTokenLimit")) or None,
        max_output_tokens=as_count(row.get("outputTokenLimit")) or None,
        reasons=thinks if isinstance(thinks, bool) else None,
        efforts=("low", "medium", "high", "dynamic") if has_budget else (),
        source="live",
        is_local=endpoint.runs(model),
    )

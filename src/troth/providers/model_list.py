"""Read the model list of an OpenAI-style server, which says little, or of those that say more.

OpenAI gives ids only; OpenRouter, NEAR AI, RedPill, xAI prices and modalities; Mistral, Groq,
Together, Fireworks, Moonshot, Hugging Face, DeepInfra, Vercel, Cohere, GitHub, vLLM, llama.cpp and
LM Studio each some facts in words of their own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from troth.domain.error import ReplyMalformed
from troth.domain.model import Endpoint, Json, ModelInfo, ModelRef
from troth.providers.errors import error_in_stream
from troth.providers.wirejson import (
    Object,
    as_count,
    as_list,
    as_number,
    as_object,
    as_text,
    mend_surrogates,
    parse_json,
)

_CONTEXT_KEYS = (
    "context_length", "context_window", "max_context_length", "max_model_len", "context_size",
    "max_input_tokens", "input_token_limit", "contextLength", "max_sequence_length",
    "max_prompt_length",
)  # fmt: skip
_OUTPUT_KEYS = ("max_completion_tokens", "max_output_tokens", "max_output_length", "output_limit")
_DIALECTS = (
    (("prompt", "completion", "input_cache_read"), 1e6),  # OpenRouter and its kin: per token
    (("input_tokens", "output_tokens", "cache_read_tokens"), 1.0),  # DeepInfra
    (("prompt_text_token_price", "completion_text_token_price", "cached_prompt_text_token_price"),
     1e-4),  # xAI: hundredths of a cent
    (("input", "output", "cached_input"), 1.0),  # Together, Hugging Face
)  # fmt: skip
"""Names of the prices of input, output and cached input, and what makes dollars per million."""
_VERCEL = (("input", "output", "input_cache_read"), 1e6)
"""The same names as Together's, per token: told apart by being strings."""
_MODALITIES = {"file": "pdf", "document": "pdf", "vision": "image", "images": "image"}
_OTHER_TYPES = frozenset(
    {
        "embedding",
        "embeddings",
        "rerank",
        "audio",
        "image",
        "transcribe",
        "moderation",
        "tts",
        "stt",
        "video",
    }
)
_NO_CHAT = re.compile(
    r"(?:^|[/_.-])(?:text-embedding|embedd?ings?|embed|rerank(?:er)?|whisper|tts|transcribe"
    r"|moderation|dall-e|davinci|babbage|sora|realtime|ocr|guard|orpheus|playai|asr)(?:[/_.-]|\d|$)",
    re.IGNORECASE,
)


def parse_model_list(body: bytes, endpoint: Endpoint) -> tuple[ModelInfo, ...]:
    """Return the models that can hold a conversation, in the server's order, each once.

    Raises ReplyMalformed where the body is no model list, and what it says where it is an error.
    """
    value = parse_json(body.decode("utf-8", "replace").removeprefix("\ufeff"))
    rows = value if isinstance(value, list) else None
    if isinstance(value, dict):
        listed = value.get("data", value.get("models"))
        rows = listed if isinstance(listed, list) else None
        if rows is None and value.get("error"):
            raise error_in_stream(value, provider=endpoint.name, model="")
        if rows is None and listed is None and "data" in value:
            rows = []
    if rows is None:
        raise ReplyMalformed("the answer is no model list", provider=endpoint.name, code="models")
    found: dict[str, ModelInfo] = {}
    for row in rows:
        info = _model(row, endpoint)
        if info is not None:
            found.setdefault(info.ref.model, info)
    return tuple(found.values())


def _model(row: Json, endpoint: Endpoint) -> ModelInfo | None:
    model = _flat(as_object(row))
    model_id = as_text(row) or as_text(model.get("id")) or as_text(model.get("name"))
    model_id = mend_surrogates(model_id).removeprefix("models/")
    if not model_id or not model_id.isprintable() or not _can_chat(model_id, model):
        return None
    provider = as_object(model.get("top_provider"))
    supported = model.get("supported_parameters")
    price_input, price_output, price_cached = _prices(model)
    return ModelInfo(
        ref=ModelRef(endpoint.name, model_id),
        title=mend_surrogates(_title(model, model_id)),
        context_tokens=_context(model, provider),
        max_output_tokens=_first(provider, _OUTPUT_KEYS) or _first(model, _OUTPUT_KEYS),
        input_modalities=_inputs(model),
        output_modalities=_told(model, "output_modalities"),
        reasons=_reasons(model),
        efforts=tuple(filter(None, map(as_text, as_list(_efforts(model))))),
        takes_temperature="temperature" in supported if isinstance(supported, list) else None,
        price_input=price_input,
        price_output=price_output,
        price_cached=price_cached,
        released="" if endpoint.is_own else _released(model.get("created")),
        source="live",
        is_local=endpoint.runs(model_id),
    )


def _flat(row: Object) -> Object:
    """Return a row with the facts that some keep one floor down.

    DeepInfra has them in `metadata`, GitHub in `limits`, Hugging Face in each host that it may ask:
    there the first that is live and has a price.
    """
    hosts = map(as_object, as_list(row.get("providers")))
    live = (host for host in hosts if host.get("status") == "live" and host.get("pricing"))
    return {
        **as_object(next(live, None)),
        **as_object(row.get("limits")),
        **as_object(row.get("metadata")),
        **row,
    }


def _can_chat(model_id: str, model: Object) -> bool:
    kind = as_text(model.get("type")).lower()
    capabilities = as_object(model.get("capabilities"))
    outputs = _told(model, "output_modalities")
    flags = (
        model.get("active"), model.get("supports_chat"),
        capabilities.get("completion_chat"), capabilities.get("chat_completion"),
    )  # fmt: skip
    if kind in _OTHER_TYPES or False in flags or model.get("archived") is True:
        return False
    uses = as_list(model.get("endpoints"))
    if uses and isinstance(uses[0], str) and "chat" not in uses:
        return False  # Cohere
    if outputs is not None:
        return bool(outputs & {"text", "image"})
    return not _NO_CHAT.search(model_id)


def _title(model: Object, model_id: str) -> str:
    title = as_text(model.get("display_name")) or as_text(model.get("name"))
    return "" if title == model_id else " ".join(title.split())[:120]


def _architecture(model: Object) -> Object:
    return as_object(model.get("architecture")) or model


def _context(model: Object, provider: Object) -> int | None:
    """A running llama.cpp or LM Studio tells the context that it really has: that one counts."""
    meta = as_object(model.get("meta"))
    return (
        _first(meta, ("n_ctx",))
        or _first(model, ("loaded_context_length",))
        or _first(model, _CONTEXT_KEYS)
        or _first(provider, ("context_length",))
        or _first(
            as_object(model.get("limits")), ("max_context_length", "context", "context_window")
        )
        or _first(meta, ("n_ctx_train",))
    )


def _first(values: Object, names: tuple[str, ...]) -> int | None:
    counts = (as_count(values.get(name)) for name in names)
    return next((count for count in counts if count), None)


def _inputs(model: Object) -> frozenset[str] | None:
    told = _told(model, "input_modalities")
    if told is not None:
        return told
    tags = _tags(model)
    if "vision" in tags:
        return frozenset({"text", "image", *(("pdf",) if "file-input" in tags else ())})
    capabilities = as_object(model.get("capabilities"))
    flags = {
        "image": (model.get("supports_image_in"), model.get("supports_image_input"),
                  capabilities.get("vision"), model.get("supports_vision")),
        "video": (model.get("supports_video_in"),),
        "audio": (capabilities.get("audio"),),
    }  # fmt: skip
    known = [flag for values in flags.values() for flag in values if isinstance(flag, bool)]
    if as_text(model.get("type")) == "vlm":  # LM Studio
        return frozenset({"text", "image"})
    if not known:
        return None
    return frozenset({"text", *(name for name, values in flags.items() if True in values)})


def _told(model: Object, name: str) -> frozenset[str] | None:
    architecture = _architecture(model)
    return _modalities(architecture.get(name) or architecture.get(f"supported_{name}"))


def _tags(model: Object) -> set[str]:
    """Return what Vercel and DeepInfra call tags, Cohere and Novita features."""
    return {as_text(tag) for key in ("tags", "features") for tag in as_list(model.get(key))}


def _modalities(value: Json) -> frozenset[str] | None:
    if not isinstance(value, list):
        return None
    names = {as_text(name).lower() for name in value} - {""}
    return frozenset(_MODALITIES.get(name, name) for name in names)


def _reasons(model: Object) -> bool | None:
    capabilities = as_object(model.get("capabilities"))
    for flag in (
        model.get("supports_reasoning"), capabilities.get("reasoning"), model.get("reasoning"),
    ):  # fmt: skip
        if isinstance(flag, bool):
            return flag
    supported = model.get("supported_parameters")
    if isinstance(supported, list):
        return bool(
            {"reasoning", "include_reasoning", "reasoning_effort"} & {*map(as_text, supported)}
        )
    return True if as_object(model.get("reasoning")) or "reasoning" in _tags(model) else None


def _efforts(model: Object) -> Json:
    reasoning = as_object(model.get("reasoning"))
    return reasoning.get("supported_efforts") or model.get("reasoning_efforts")


def _prices(model: Object) -> tuple[float | None, float | None, float | None]:
    """Return dollars per million tokens: input, output, cached input."""
    pricing = as_object(model.get("pricing")) or model
    known = (dialect for dialect in _DIALECTS if pricing.keys() & set(dialect[0][:2]))
    names, factor = next(known, _DIALECTS[0])
    if isinstance(pricing.get("input"), str):
        names, factor = _VERCEL
    first, second, third = (_dollars(pricing.get(name), factor) for name in names)
    return first, second, third


def _dollars(value: Json, factor: float) -> float | None:
    price = _price(value)
    return None if price is None else round(price * factor, 6)


def _price(value: Json) -> float | None:
    """Return a price that can be one: a negative one means "it depends" (OpenRouter's router)."""
    price = as_number(value)
    return price if price is not None and price >= 0 else None


def _released(created: Json) -> str:
    """Return the day of a unix time; some put zero there, local servers the present moment."""
    seconds = as_count(created)
    if not seconds or not 1_500_000_000 < seconds < 4_000_000_000:
        return ""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()

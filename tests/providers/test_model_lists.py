"""Model lists of every dialect, the catalogue behind them, and the table of providers."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.recordings import recorded
from troth.domain.error import KeyRejected, ProviderError, ReplyMalformed, UsageError
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.providers.catalogue import (
    describe,
    merge,
    overlay_models,
    snapshot_date,
    snapshot_models,
)
from troth.providers.model_list import parse_model_list
from troth.providers.registry import WIRES, known_endpoints, provider_for

ENDPOINT = Endpoint("p", "openai-chat", "https://api.example/v1")


def models(*rows: object) -> tuple[ModelInfo, ...]:
    return parse_model_list(json.dumps({"data": rows}).encode(), ENDPOINT)


@pytest.mark.skipif(not recorded("wires/models/*"), reason="TROTH_FIXTURES: no model lists here")
def test_recorded_model_lists_are_read() -> None:
    lists = {path.stem: path.read_bytes() for path in recorded("wires/models/*_models.json")}
    openrouter = parse_model_list(lists["openrouter_models"], ENDPOINT)
    sonnet = openrouter[0]
    assert sonnet.ref.model == "anthropic/claude-sonnet-4"
    assert (sonnet.context_tokens, sonnet.max_output_tokens) == (1_000_000, 64_000)
    assert (sonnet.price_input, sonnet.price_output, sonnet.price_cached) == (3, 15, 0.3)
    assert sonnet.input_modalities == frozenset({"text", "image", "pdf"})
    assert (sonnet.reasons, sonnet.takes_temperature) == (True, True)
    assert sonnet.released == "2025-05-22"
    assert len(openrouter) == 4
    cerebras = parse_model_list(lists["cerebras_models"], ENDPOINT)
    assert [info.ref.model for info in cerebras] == ["gemma-4-31b", "gpt-oss-120b", "zai-glm-4.7"]
    assert all(info.released == "" for info in cerebras), "created: 0 is no date"


def test_each_dialect_tells_what_it_knows() -> None:
    (together,) = parse_model_list(
        b'[{"id":"a/b","type":"chat","context_length":131072,"pricing":{"input":0.9,"output":1}}]',
        ENDPOINT,
    )
    assert (together.context_tokens, together.price_input) == (131072, 0.9)
    vllm, mistral, kimi, groq = models(
        {"id": "v", "max_model_len": 4096, "owned_by": "vllm"},
        {"id": "mi", "capabilities": {"vision": True, "completion_chat": True}},
        {"id": "k", "supports_image_in": True, "supports_reasoning": True, "context_length": 9},
        {"id": "g", "context_window": 8192, "max_completion_tokens": 1024, "active": True},
    )
    assert vllm.context_tokens == 4096
    assert (mistral.accepts("image"), mistral.accepts("pdf")) == (True, False)
    assert (kimi.accepts("image"), kimi.reasons) == (True, True)
    assert (groq.context_tokens, groq.max_output_tokens) == (8192, 1024)


def test_facts_are_found_where_a_vendor_keeps_them() -> None:
    hub, infra, vercel, cohere, xai = models(
        {"id": "h", "architecture": {"input_modalities": ["text"]}, "providers": [
            {"provider": "down", "status": "staging", "context_length": 1, "pricing": {"input": 9}},
            {"provider": "up", "status": "live", "context_length": 204800,
             "pricing": {"input": 0.6, "output": 2.2}}]},
        {"id": "d", "metadata": {"context_length": 262144, "tags": ["vision", "reasoning"],
         "pricing": {"input_tokens": 0.09, "output_tokens": 0.5, "cache_read_tokens": 0.02}}},
        {"id": "v", "type": "language", "tags": ["vision", "file-input"], "pricing": {
            "input": "0.000003", "output": "0.000015", "input_cache_read": "0.0000003"}},
        {"name": "c", "endpoints": ["generate", "chat"], "features": ["vision"]},
        {"id": "x", "input_modalities": ["text", "image"], "prompt_text_token_price": 20000,
         "completion_text_token_price": 60000, "cached_prompt_text_token_price": 5000},
    )  # fmt: skip
    assert (hub.context_tokens, hub.price_input, hub.price_output) == (204800, 0.6, 2.2)
    assert (infra.context_tokens, infra.reasons, infra.price_cached) == (262144, True, 0.02)
    assert (infra.price_input, infra.price_output) == (0.09, 0.5)
    assert (vercel.price_input, vercel.price_output, vercel.price_cached) == (3, 15, 0.3)
    assert (vercel.accepts("image"), vercel.accepts("pdf")) == (True, True)
    assert (cohere.accepts("image"), cohere.accepts("pdf")) == (True, False)
    assert (xai.price_input, xai.price_output, xai.price_cached) == (2, 6, 0.5)
    (github,) = parse_model_list(
        b'[{"id": "o/g", "limits": {"max_input_tokens": 9000, "max_output_tokens": 800},'
        b'  "supported_input_modalities":["text","image"], "supported_output_modalities":["text"]},'
        b' {"id": "o/e", "supported_output_modalities": ["embeddings"]}]',
        ENDPOINT,
    )
    assert (github.context_tokens, github.max_output_tokens) == (9000, 800)
    assert github.accepts("image")


def test_models_that_cannot_chat_are_left_out_and_none_comes_twice() -> None:
    names = ["gpt-5", "text-embedding-3-large", "whisper-1", "tts-1", "omni-moderation-latest",
             "dall-e-3", "gpt-5", "qwen3-embedding-8b", "llama-guard-3"]  # fmt: skip
    rows = [{"id": name} for name in names]
    rows += [{"id": "dead", "active": False}, {"id": "e", "type": "embedding"}]  # type: ignore[dict-item]
    rows += [{"id": "flux", "supports_chat": False}, {"id": "pic", "type": "image"}]  # type: ignore[dict-item]
    rows += [{"id": "ada", "capabilities": {"chat_completion": False}}]  # type: ignore[dict-item]
    rows += [{"id": "emb", "endpoints": ["embed"]}]  # type: ignore[dict-item]
    assert [info.ref.model for info in models(*rows)] == ["gpt-5"]


def test_a_price_that_means_it_depends_is_no_price() -> None:
    (info,) = models({"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}})
    assert (info.price_input, info.price_output) == (None, None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'"models"', b'{"data":7}', b"\xff\xfe"])
def test_what_is_no_model_list_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ReplyMalformed):
        parse_model_list(body, ENDPOINT)


def test_an_error_in_the_place_of_a_list_keeps_its_meaning() -> None:
    with pytest.raises(KeyRejected):
        parse_model_list(b'{"error":{"message":"bad","code":"invalid_api_key"}}', ENDPOINT)


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["data", "models", "id", "pricing", "prompt", "created", "meta", "n_ctx",
                         "architecture", "input_modalities", "capabilities", "type", "name"]),
        inner, max_size=4), max_leaves=10,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_list_is_too_odd(body: bytes) -> None:
    try:
        infos = parse_model_list(body, ENDPOINT)
    except ProviderError:
        return
    for info in infos:
        info.ref.model.encode()


# the catalogue


def known(name: str, **facts: object) -> ModelInfo:
    return ModelInfo(ModelRef("openai", name), **facts)  # type: ignore[arg-type]


def test_each_fact_comes_from_the_best_source_that_has_it() -> None:
    name = snapshot_models("openai")[0].ref.model
    live = (known(name, source="live", context_tokens=7),)
    config = (known(name, source="config", context_tokens=8, price_input=9.0),)
    (info,) = merge("openai", live=live, config=config)
    snapshot = snapshot_models("openai")[0]
    assert (info.source, info.context_tokens, info.price_input) == ("live", 7, 9.0)
    assert info.price_output == snapshot.price_output
    assert info.input_modalities == snapshot.input_modalities


def test_the_live_list_says_which_models_there_are() -> None:
    live = (known("gpt-new", source="live"),)
    config = (known("gpt-mine", source="config"),)
    listed = [info.ref.model for info in merge("openai", live=live, config=config)]
    assert listed == ["gpt-new", "gpt-mine"]
    offline = [info.ref.model for info in merge("openai", config=config)]
    assert offline[0] == "gpt-mine"
    assert len(offline) == len(snapshot_models("openai")) + 1


def test_a_dated_id_is_known_by_its_plain_name() -> None:
    info = describe(ModelRef("anthropic", "claude-sonnet-4-5-20250929"))
    assert info.ref.model == "claude-sonnet-4-5-20250929"
    assert info.context_tokens == 200_000


def test_an_id_that_nobody_knows_stays_usable() -> None:
    ref = ModelRef("nowhere", "some/new-model")
    assert describe(ref) == ModelInfo(ref)


def test_the_overlay_has_what_open_catalogues_lack() -> None:
    assert any("seedream" in info.ref.model for info in overlay_models("ark"))
    veil = {info.ref.model: info for info in overlay_models("veil")}
    assert veil["claude-opus-5"].context_tokens == 1_000_000
    assert veil["gpt-image-2"].output_modalities == frozenset({"image"})
    for provider in ("nearai", "redpill", "tinfoil"):
        for info in overlay_models(provider):
            assert info.price_input is None, "a host's price is not another host's"


def test_the_snapshot_is_dated_and_sane() -> None:
    assert snapshot_date() >= "2026-11-01"
    for endpoint in known_endpoints():
        for info in (*snapshot_models(endpoint.name), *overlay_models(endpoint.name)):
            assert info.ref.provider == endpoint.name
            assert info.context_tokens is None or info.context_tokens > 1000
            for price in (info.price_input, info.price_output, info.price_cached):
                assert price is None or 0 <= price < 1000
            modalities = (info.input_modalities or set()) | (info.output_modalities or set())
            assert modalities <= {"text", "image", "pdf", "audio", "video"}


# the providers


def test_every_known_provider_can_be_used_as_it_stands() -> None:
    names = [endpoint.name for endpoint in known_endpoints()]
    assert len(set(names)) == len(names)
    for endpoint in known_endpoints():
        assert "/" not in endpoint.name
        assert endpoint.wire in WIRES
        assert endpoint.title
        url = urlsplit(endpoint.base_url)
        is_loopback = url.hostname == "127.0.0.1"
        if endpoint.wire == "opengradient" and not endpoint.base_url:
            continue  # a registry or a login names the host
        assert endpoint.name == "azure" or url.scheme == ("http" if is_loopback else "https")
        assert not endpoint.base_url.endswith("/")
        assert endpoint.is_own <= is_loopback
        assert endpoint.key_variables
        request = provider_for(endpoint.wire).list_models(endpoint, "k")
        assert request.method == "GET"
        # OpenGradient is paid or logged in to; a key never goes into a request of its wire.
        carries_key = any("k" in value for _, value in request.secret_headers)
        assert carries_key is (endpoint.wire != "opengradient")


@pytest.mark.parametrize("wire", WIRES)
def test_every_wire_is_one_provider(wire: str) -> None:
    assert provider_for(wire).wire == wire
    assert provider_for(wire) is provider_for(wire)


def test_an_unknown_wire_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="carrier-pigeon"):
        provider_for("carrier-pigeon")

"""Claude models: what the live list says of them, and what their ids give away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from troth.domain.error import ReplyMalformed
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.providers.anthropic import AnthropicProvider
from troth.providers.anthropic_models import claude_version, default_max_tokens

PROVIDER = AnthropicProvider()
ENDPOINT = Endpoint("anthropic", "anthropic", "https://api.anthropic.com")


def info(model: str, **facts: Any) -> ModelInfo:
    return ModelInfo(ModelRef("anthropic", model), **facts)


def test_the_list_is_asked_for_whole() -> None:
    request = PROVIDER.list_models(ENDPOINT, "sk-ant-oat-token")
    assert request.method == "GET"
    assert request.url == "https://api.anthropic.com/v1/models?limit=1000"
    assert request.secret_headers == (("authorization", "Bearer sk-ant-oat-token"),)


def test_capabilities_drive_what_is_known_of_a_model() -> None:
    def can(supported: bool, **more: Any) -> dict[str, Any]:
        return {"supported": supported, **more}

    listed = {
        "data": [
            {
                "id": "claude-opus-5-5",
                "type": "model",
                "display_name": "Claude Opus 5.5",
                "created_at": "2026-09-30T00:00:00Z",
                "max_input_tokens": 1_000_000,
                "max_tokens": 128_000,
                "capabilities": {
                    "image_input": can(True),
                    "pdf_input": can(False),
                    "thinking": can(True, types={"adaptive": can(True), "disabled": can(False)}),
                    "effort": can(
                        True, low=can(True), medium=can(True), high=can(True), max=can(False)
                    ),
                },
            },
            {
                "id": "claude-haiku-4-5",
                "created_at": "1970-01-01T00:00:00Z",
                "capabilities": {
                    "thinking": can(True, types={"enabled": can(True), "disabled": can(True)})
                },
            },
            {"id": "claude-future"},
            {"nonsense": 1},
        ]
    }
    first, second, third = PROVIDER.parse_models(json.dumps(listed).encode(), ENDPOINT)
    assert first == ModelInfo(
        ref=ModelRef("anthropic", "claude-opus-5-5"),
        title="Claude Opus 5.5",
        context_tokens=1_000_000,
        max_output_tokens=128_000,
        input_modalities=frozenset({"text", "image"}),
        reasons=True,
        efforts=("low", "medium", "high"),
        takes_temperature=False,
        released="2026-09-30",
        source="live",
    )
    assert second.efforts == ("none", "low", "medium", "high")
    assert (second.released, second.takes_temperature) == ("", True)
    assert (third.reasons, third.efforts, third.input_modalities) == (None, (), None)


@pytest.mark.parametrize("received", [b"", b"<html>", b"[]", b'{"data": 3}', b'{"error": "x"}'])
def test_what_is_no_model_list_is_refused(received: bytes) -> None:
    with pytest.raises(ReplyMalformed):
        PROVIDER.parse_models(received, ENDPOINT)


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("claude-3-5-sonnet-20241022", (3, 5)),
        ("claude-3-opus-20240229", (3, 0)),
        ("claude-opus-4-20250514", (4, 0)),
        ("claude-haiku-4-5-20251001", (4, 5)),
        ("anthropic/claude-opus-4.6", (4, 6)),
        ("claude-sonnet-5", (5, 0)),
        ("claude-mythos-preview", (99, 0)),
        ("glm-5", None),
    ],
)
def test_version_is_read_from_the_id(model: str, version: tuple[int, int] | None) -> None:
    assert claude_version(model) == version


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        (info("claude-3-haiku-20240307"), 4096),
        (info("claude-3-5-haiku-20241022"), 8192),
        (info("claude-opus-4-1"), 32_000),
        (info("claude-x-4-5", max_output_tokens=64_000, context_tokens=200_000), 50_000),
        (info("claude-x-5", max_output_tokens=128_000, context_tokens=1_000_000), 128_000),
        (info("unheard-of"), 8192),
    ],
)
def test_max_tokens_has_a_default_that_fits(model: ModelInfo, tokens: int) -> None:
    assert default_max_tokens(model) == tokens

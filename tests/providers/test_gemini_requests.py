"""Gemini: what is sent, what goes back unchanged, and what is known of models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from providers.conversations import assistant, tool, user
from providers.recordings import FIXTURES
from providers.wire_decoding import decode
from troth.domain.error import ReplyMalformed
from troth.domain.message import (
    Blob,
    BlobPart,
    Finish,
    Message,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Endpoint, ModelInfo, ModelRef, Params
from troth.domain.turn import Turn
from troth.providers.gemini import GeminiProvider
from troth.providers.parts import CONTINUE_PROMPT

PROVIDER = GeminiProvider()
ENDPOINT = Endpoint("google", "gemini", "https://generativelanguage.googleapis.com/v1beta")
WIRES = FIXTURES / "wires"

here = pytest.mark.skipif(not WIRES.is_dir(), reason="TROTH_FIXTURES: no recorded replies here")


def info(model: str = "gemini-3-pro", **facts: Any) -> ModelInfo:
    return ModelInfo(ModelRef("google", model), **facts)


def body(turn: Turn, model: ModelInfo | None = None, endpoint: Endpoint = ENDPOINT) -> Any:
    return json.loads(PROVIDER.encode(turn, model or info(), endpoint, None).body)


def reply_of(name: str, model: str = "gemini-3-pro") -> Message:
    decoder = PROVIDER.decoder(ENDPOINT, ModelRef("google", model), "")
    return decode(decoder, [(WIRES / name).read_bytes()]).reply(assistant())


def test_the_smallest_request_holds_nothing_unasked() -> None:
    request = PROVIDER.encode(Turn((user("Hi"),)), info("gemini-2.5-flash"), ENDPOINT, "AIza-test")
    assert request.url == (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash"
        ":streamGenerateContent?alt=sse"
    )
    assert json.loads(request.body) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    assert request.secret_headers == (("x-goog-api-key", "AIza-test"),)
    assert "AIza-test" not in repr(request)


@pytest.mark.parametrize(
    ("base", "model", "path"),
    [
        ("https://g.example", "gemini-3-pro", "/v1beta/models/gemini-3-pro"),
        ("https://g.example/v1/", "models/gemini-3-pro", "/v1/models/gemini-3-pro"),
        ("https://g.example/v1beta", "tunedModels/x-1", "/v1beta/tunedModels/x-1"),
        ("https://g.example", "a b?key=1#é", "/v1beta/models/a%20b%3Fkey%3D1%23%C3%A9"),
    ],
)
def test_model_ids_cannot_change_the_address(base: str, model: str, path: str) -> None:
    request = PROVIDER.encode(
        Turn((user("x"),)), info(model), replace(ENDPOINT, base_url=base), "k"
    )
    assert request.url == f"https://g.example{path}:streamGenerateContent?alt=sse"


@here
@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("gemini/stream_text", info("gemini-2.5-flash")),
        ("gemini/stream_thinking", info("gemini-2.5-pro", reasons=True)),
        ("gemini/stream_google_search", info("gemini-2.5-pro")),
        (
            "gemini-image/json_31_flash_lite_image",
            info("gemini-3.1-flash-lite-image", output_modalities=frozenset({"text", "image"})),
        ),
        ("gemini-image/json_flash_image", info("gemini-2.5-flash-image")),
    ],
)
def test_request_equals_the_recorded_one(name: str, model: ModelInfo) -> None:
    expected = json.loads((WIRES / f"{name}.req.json").read_bytes())
    expected.pop("tools", None)  # this client offers none
    system = expected.pop("systemInstruction", {"parts": [{"text": ""}]})["parts"][0]["text"]
    actual = body(Turn((user(expected["contents"][0]["parts"][0]["text"]),), system), model)
    assert actual.pop("systemInstruction", {"parts": [{"text": ""}]})["parts"][0]["text"] == system
    assert actual.pop("generationConfig", {}) == expected.pop("generationConfig")
    assert actual == expected


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        (info("gemini-3-pro"), None, None),
        (info("gemini-3-pro", reasons=True), None, {"includeThoughts": True}),
        (info("gemini-3-pro", reasons=False), "low", None),
        (info("gemini-3-pro"), "low", {"includeThoughts": True, "thinkingLevel": "low"}),
        (info("gemini-flash-latest"), "high", {"includeThoughts": True, "thinkingLevel": "high"}),
        (info("gemini-3-pro", efforts=("low", "high")), "medium", None),
        (info("gemini-3-pro"), "8192", None),
        (info("gemini-2.5-pro"), "low", {"includeThoughts": True, "thinkingBudget": 2048}),
        (info("gemini-2.5-pro"), "8192", {"includeThoughts": True, "thinkingBudget": 8192}),
        (info("gemini-2.5-flash"), "none", {"thinkingBudget": 0}),
        (info("gemini-2.5-flash"), "xhigh", None),
    ],
)
def test_thinking_follows_the_model(model: ModelInfo, effort: str | None, thinking: object) -> None:
    sent = body(Turn((user("x"),), params=Params(effort=effort)), model)
    assert sent.get("generationConfig", {}).get("thinkingConfig") == thinking


def test_parameters_take_the_wires_names() -> None:
    params = Params(0.5, 0.9, 100, None, seed=7, stop=("x",))
    assert body(Turn((user("x"),), params=params))["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 100,
        "seed": 7,
        "stopSequences": ["x"],
    }


def test_parts_roles_and_calls_take_the_wires_form() -> None:
    png = Blob("a" * 64, "image/png", 3, "p.png")
    turn = Turn(
        (
            user("Look", BlobPart(png)),
            assistant(ThinkingPart("hidden"), "Hm.", ToolCallPart("toolu_1", "add", '{"a": 1}')),
            tool(ToolResultPart("toolu_1", "add", "3")),
            user("So?"),
        ),
        "Be brief.",
        blobs={png.sha256: b"png"},
    )
    sent = body(turn)
    assert sent["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert sent["contents"] == [
        {
            "role": "user",
            "parts": [
                {"text": "Look"},
                {"inlineData": {"mimeType": "image/png", "data": "cG5n"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm."},
                {"functionCall": {"id": "toolu_1", "name": "add", "args": {"a": 1}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": "toolu_1",
                        "name": "add",
                        "response": {"output": "3"},
                    }
                },
                {"text": "So?"},
            ],
        },
    ]


def test_a_cut_reply_is_asked_for_the_rest() -> None:
    cut = assistant("Once upon a ", finish=Finish.CUT)
    contents = body(Turn((user("Tell"), cut), continues_reply=True))["contents"]
    assert contents[1:] == [
        {"role": "model", "parts": [{"text": "Once upon a "}]},
        {"role": "user", "parts": [{"text": CONTINUE_PROMPT}]},
    ]


# --- what goes back ---------------------------------------------------------------------------


@here
@pytest.mark.parametrize(
    "name",
    [
        "gemini/stream_thinking.sse",
        "gemini/stream_reasoning_gemini3.sse",
        "gemini/stream_code_execution.sse",
        "gemini-image/json_pro_image_text.json",
        "gemini-image/json_31_flash_lite_image.json",
    ],
)
def test_signed_parts_go_back_byte_for_byte_to_the_same_model_only(name: str) -> None:
    reply = reply_of(name)
    assert any(b"thoughtSignature" in item.payload for item in reply.raw_items)
    blobs = {blob.sha256: b"\x89PNG" for blob in reply.blobs}
    turn = Turn((user("x"), reply, user("and now?")), blobs=blobs)
    sent = PROVIDER.encode(turn, info(), ENDPOINT, None).body
    kept = b",".join(item.payload for item in reply.raw_items)
    assert b'{"role":"model","parts":[' + kept + b"]}" in sent
    for model, endpoint in (
        (info("gemini-3.5-flash"), ENDPOINT),
        (info(), replace(ENDPOINT, name="vertex")),
    ):
        assert b"thoughtSignature" not in PROVIDER.encode(turn, model, endpoint, None).body


@here
@pytest.mark.parametrize("name", ["stream_tool.sse", "stream_parallel_tools.sse"])
def test_a_signed_call_goes_back_with_its_result(name: str) -> None:
    reply = reply_of(f"gemini/{name}")
    calls = [part for part in reply.parts if isinstance(part, ToolCallPart)]
    results = tool(*(ToolResultPart(call.call_id, call.name, '{"t": 20}') for call in calls))
    contents = body(Turn((user("x"), reply, results)))["contents"]
    assert "thoughtSignature" in contents[1]["parts"][0]
    answered = [part["functionResponse"] for part in contents[2]["parts"]]
    called = [part["functionCall"] for part in contents[1]["parts"]]
    assert [(a["name"], a.get("id")) for a in answered] == [
        (c["name"], c.get("id")) for c in called
    ]
    assert all(a["response"] == {"t": 20} for a in answered)


@here
def test_an_image_of_another_model_is_shown_by_the_user() -> None:
    reply = reply_of("gemini-image/json_pro_image_text.json")
    blobs = {blob.sha256: b"png" for blob in reply.blobs}
    turn = Turn((user("x"), reply, user("Bluer")), blobs=blobs)
    contents = body(turn, info("gemini-3.1-flash-image"))["contents"]
    assert contents[1]["parts"][0]["text"].startswith(reply.text)
    assert [list(part) for part in contents[2]["parts"]] == [["inlineData"], ["text"]]


# --- models -----------------------------------------------------------------------------------


def test_model_list_is_read() -> None:
    chats = ["generateContent", "countTokens"]
    listed = {
        "models": [
            {
                "name": "models/gemini-2.5-pro",
                "displayName": "Gemini 2.5 Pro",
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": chats,
                "thinking": True,
            },
            {"name": "models/gemini-3-pro", "supportedGenerationMethods": chats, "thinking": True},
            {"name": "models/embedding-001", "supportedGenerationMethods": ["embedContent"]},
            {"nonsense": 1},
        ]
    }
    first, second = PROVIDER.parse_models(json.dumps(listed).encode(), ENDPOINT)
    assert first.ref == ModelRef("google", "gemini-2.5-pro")
    assert (first.context_tokens, first.max_output_tokens) == (1_048_576, 65_536)
    assert (first.reasons, first.efforts) == (True, ("low", "medium", "high", "dynamic"))
    assert (second.reasons, second.efforts, second.source) == (True, (), "live")
    assert PROVIDER.list_models(ENDPOINT, "k").url.endswith("/v1beta/models?pageSize=1000")
    with pytest.raises(ReplyMalformed):
        PROVIDER.parse_models(b'{"data": []}', ENDPOINT)

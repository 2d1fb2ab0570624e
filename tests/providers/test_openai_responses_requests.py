"""OpenAI Responses: what is sent, what goes back unchanged, and what is known of models."""

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
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Endpoint, ModelInfo, ModelRef, Params
from troth.domain.turn import Turn
from troth.providers.openai_responses import ResponsesProvider
from troth.providers.parts import CONTINUE_PROMPT

PROVIDER = ResponsesProvider()
ENDPOINT = Endpoint("openai", "openai-responses", "https://api.openai.com/v1")
FOLDER = FIXTURES / "wires" / "openai-responses"

here = pytest.mark.skipif(not FOLDER.is_dir(), reason="TROTH_FIXTURES: no recorded replies here")


def info(model: str = "gpt-5", **facts: Any) -> ModelInfo:
    return ModelInfo(ModelRef("openai", model), **facts)


def body(turn: Turn, model: ModelInfo | None = None, endpoint: Endpoint = ENDPOINT) -> Any:
    return json.loads(PROVIDER.encode(turn, model or info(), endpoint, None).body)


def reply_of(name: str, model: str = "gpt-5") -> Message:
    decoder = PROVIDER.decoder(ENDPOINT, ModelRef("openai", model), "")
    return decode(decoder, [(FOLDER / name).read_bytes()]).reply(assistant())


def test_the_smallest_request_keeps_nothing_and_holds_nothing_unasked() -> None:
    request = PROVIDER.encode(Turn((user("Hi"),)), info("gpt-4.1"), ENDPOINT, "sk-test")
    assert request.url == "https://api.openai.com/v1/responses"
    assert json.loads(request.body) == {
        "model": "gpt-4.1",
        "input": [{"role": "user", "content": "Hi"}],
        "store": False,
        "stream": True,
    }
    assert request.secret_headers == (("authorization", "Bearer sk-test"),)
    assert "sk-test" not in repr(request)


@here
@pytest.mark.parametrize(
    ("name", "system", "params"),
    [
        ("stream_basic", "", Params(effort="low")),
        ("stream_reasoning_summary", "", Params(effort="medium")),
        ("xai/stream_function", "You must use tools whenever possible.", Params()),
    ],
)
def test_request_equals_the_recorded_one(name: str, system: str, params: Params) -> None:
    expected = json.loads((FOLDER / f"{name}.req.json").read_bytes())
    expected.pop("tools", None)  # this client offers none
    words = expected["input"][0]["content"]
    assert body(Turn((user(words),), system, params), info(expected["model"])) == expected


@pytest.mark.parametrize(
    ("model", "asks"),
    [
        (info("gpt-4o-mini"), False),
        (info("chatgpt-4o-latest"), False),
        (info("gpt-5-chat-latest"), False),
        (info("openai/gpt-4.1"), False),
        (info("gpt-5.5"), True),
        (info("o3"), True),
        (info("gpt-oss-20b"), True),
        (info("gpt-4o-mini", reasons=True), True),
        (info("gpt-5.5", reasons=False), False),
    ],
)
def test_reasoning_is_asked_for_where_the_model_has_any(model: ModelInfo, asks: bool) -> None:
    sent = body(Turn((user("x"),), params=Params(effort="high")), model)
    assert ("include" in sent, "reasoning" in sent) == (asks, asks)


def test_parameters_go_as_far_as_the_wire_and_the_model_take_them() -> None:
    params = Params(0.5, 0.9, 100, "high", seed=7, stop=("x",))
    sent = body(Turn((user("x"),), params=params), info(takes_temperature=False, efforts=("low",)))
    assert sent["max_output_tokens"] == 100
    assert not {"temperature", "top_p", "seed", "stop", "reasoning"} & sent.keys()
    assert body(Turn((user("x"),), params=params))["temperature"] == 0.5


def test_options_of_the_endpoint_shape_the_body() -> None:
    options = {
        "reasoning_summary": "auto",
        "omit": ["include", "reasoning.effort"],
        "extra": {"service_tier": "flex"},
        "key_header": "api-key",
    }
    endpoint = replace(ENDPOINT, options=options)
    turn = Turn((user("x"),), params=Params(effort="low"))
    request = PROVIDER.encode(turn, info(), endpoint, "k")
    sent = json.loads(request.body)
    assert sent["reasoning"] == {"summary": "auto"}
    assert sent["service_tier"] == "flex"
    assert "include" not in sent
    assert request.secret_headers == (("api-key", "k"),)


def test_parts_take_the_wires_form() -> None:
    png = Blob("a" * 64, "image/png", 3, "p.png")
    pdf = Blob("b" * 64, "application/pdf", 3, "d.pdf")
    turn = Turn(
        (user("Look", BlobPart(png), BlobPart(pdf)),),
        "Be brief.",
        blobs={png.sha256: b"png", pdf.sha256: b"pdf"},
    )
    sent = body(turn)
    assert sent["instructions"] == "Be brief."
    assert sent["input"][0]["content"] == [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "data:image/png;base64,cG5n"},
        {
            "type": "input_file",
            "filename": "d.pdf",
            "file_data": "data:application/pdf;base64,cGRm",
        },
    ]


def test_neutral_history_has_no_foreign_thinking_and_paired_calls() -> None:
    png = Blob("a" * 64, "image/png", 3, "cat.png")
    long_id = "call_" + "x" * 80
    turn = Turn(
        (
            user("sum?"),
            assistant(
                ThinkingPart("hidden"), "H", "m.", ToolCallPart(long_id, "add", ""), BlobPart(png)
            ),
            tool(ToolResultPart(long_id, "add", "3")),
            assistant(ToolCallPart("lost", "add", "{}")),
            user("thanks"),
        ),
        blobs={png.sha256: b"png"},
    )
    said, call, result, shown, thanks = body(turn)["input"][1:]
    assert said == {"role": "assistant", "content": "Hm.[image: cat.png]"}
    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "add", "{}")
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64
    assert (result["type"], result["output"]) == ("function_call_output", "3")
    assert "hidden" not in json.dumps(body(turn))
    assert [part["type"] for part in shown["content"]] == ["input_image"]
    assert thanks == {"role": "user", "content": "thanks"}


def test_a_cut_reply_is_asked_for_the_rest() -> None:
    cut = assistant("Once upon a ", finish=Finish.CUT)
    items = body(Turn((user("Tell"), cut), continues_reply=True))["input"]
    assert items[1:] == [
        {"role": "assistant", "content": "Once upon a "},
        {"role": "user", "content": CONTINUE_PROMPT},
    ]


# --- what goes back ---------------------------------------------------------------------------


@here
@pytest.mark.parametrize(
    "name",
    [
        "stream_moderation.sse",
        "stream_web_search.sse",
        "stream_azure.sse",
        "deepseek/stream_text.sse",
        "stream_basic.sse",
    ],
)
def test_items_go_back_byte_for_byte_to_the_same_model_only(name: str) -> None:
    reply = reply_of(name)
    turn = Turn((user("x"), reply, user("and now?")))
    sent = PROVIDER.encode(turn, info("gpt-5-2025-08-07"), ENDPOINT, None).body
    kept = b",".join(item.payload for item in reply.raw_items)
    assert b'{"role":"user","content":"x"},' + kept + b',{"role":"user"' in sent
    other = body(turn, info("gpt-5.5"))["input"]
    assert other[1] == {"role": "assistant", "content": reply.text}
    elsewhere = replace(ENDPOINT, name="azure")
    assert body(turn, info(), elsewhere)["input"][1] == other[1]


@here
def test_a_call_and_its_reasoning_go_back_with_the_result() -> None:
    reply = reply_of("stream_reasoning_encrypted.sse")
    (call,) = (part for part in reply.parts if isinstance(part, ToolCallPart))
    result = tool(ToolResultPart(call.call_id, call.name, "6666"))
    items = body(Turn((user("x"), reply, result)))["input"]
    assert [item.get("type") for item in items[1:]] == [
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert items[3] == {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": "6666",
    }
    unpaired = body(Turn((user("x"), reply, user("never mind"))))["input"]
    assert [item["role"] for item in unpaired] == ["user", "user"]


@here
def test_a_custom_tool_gets_a_result_of_its_own_kind() -> None:
    reply = reply_of("stream_custom_tool.sse")
    result = tool(ToolResultPart("call_custom_sql_001", "write_sql", "ok"))
    items = body(Turn((user("x"), reply, result)))["input"]
    assert [item.get("type") for item in items[1:]] == [
        "custom_tool_call",
        "custom_tool_call_output",
    ]


@here
def test_reasoning_that_cannot_be_read_again_stays_away_with_what_belongs_to_it() -> None:
    reply = reply_of("stream_moderation.sse")
    item, *others = reply.raw_items
    bare = {k: v for k, v in json.loads(item.payload).items() if k != "encrypted_content"}
    empty = replace(item, payload=json.dumps({**bare, "content": []}).encode())
    turn = Turn((user("x"), replace(reply, raw_items=(empty, *others)), user("y")))
    assert body(turn)["input"][1] == {"role": "assistant", "content": reply.text}
    alone = Turn((user("x"), replace(reply, raw_items=(item,), parts=()), user("y")))
    assert [item.get("role") for item in body(alone)["input"]] == ["user", "user"]


@here
def test_a_stopped_or_altered_reply_goes_back_in_plain_parts() -> None:
    reply = reply_of("stream_moderation.sse")
    for altered in (
        replace(reply, finish=Finish.STOPPED),
        replace(reply, parts=(TextPart("Rome."),)),
        replace(reply, raw_items=(replace(reply.raw_items[0], payload=b"{"),)),
    ):
        turn = Turn((user("x"), altered, user("y")))
        assert body(turn)["input"][1] == {"role": "assistant", "content": altered.text}


# --- models -----------------------------------------------------------------------------------


def test_model_list_is_read() -> None:
    listed = {
        "object": "list",
        "data": [
            {"id": "gpt-5.5", "object": "model", "created": 1_778_000_000, "owned_by": "openai"},
            {"id": "text-embedding-3-small", "object": "model", "created": 1},
            {"id": ""},
        ],
    }
    (model,) = PROVIDER.parse_models(json.dumps(listed).encode(), ENDPOINT)
    assert model.ref == ModelRef("openai", "gpt-5.5")
    assert (model.released, model.source) == ("2026-05-05", "live")
    with pytest.raises(ReplyMalformed):
        PROVIDER.parse_models(b"<html>", ENDPOINT)

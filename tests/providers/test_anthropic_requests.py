"""Anthropic Messages: what is sent, and what goes back unchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from providers.conversations import assistant, tool, user
from providers.recordings import FIXTURES
from providers.wire_decoding import Decoded, decode
from troth.domain.error import UsageError
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
from troth.providers.anthropic import AnthropicProvider
from troth.providers.base import Decoder
from troth.providers.parts import CONTINUE_PROMPT

PROVIDER = AnthropicProvider()
ENDPOINT = Endpoint("anthropic", "anthropic", "https://api.anthropic.com")
FOLDER = FIXTURES / "wires" / "anthropic-messages"

here = pytest.mark.skipif(not FOLDER.is_dir(), reason="TROTH_FIXTURES: no recorded replies here")


def decoder(model: str) -> Decoder:
    return PROVIDER.decoder(ENDPOINT, ModelRef("anthropic", model), "text/event-stream")


def info(model: str = "claude-opus-5", **facts: Any) -> ModelInfo:
    return ModelInfo(ModelRef("anthropic", model), **facts)


def body(turn: Turn, model: ModelInfo | None = None, endpoint: Endpoint = ENDPOINT) -> Any:
    return json.loads(PROVIDER.encode(turn, model or info("claude-x-4-5"), endpoint, None).body)


def test_the_smallest_request_holds_nothing_unasked() -> None:
    turn = Turn((user("Count from 1 to 3"),))
    request = PROVIDER.encode(turn, info("claude-haiku-4-5-20251001"), ENDPOINT, "sk-test")
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert json.loads(request.body) == {
        "model": "claude-haiku-4-5-20251001",
        "max_tokens": 32_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Count from 1 to 3"}]}],
        "stream": True,
    }
    assert request.secret_headers == (("x-api-key", "sk-test"),)
    assert ("anthropic-version", "2023-06-01") in request.headers
    assert "sk-test" not in repr(request)


def test_base_url_may_end_in_v1() -> None:
    endpoint = replace(ENDPOINT, base_url="https://gateway.example/anthropic/v1")
    request = PROVIDER.encode(Turn((user("x"),)), info(), endpoint, None)
    assert request.url == "https://gateway.example/anthropic/v1/messages"
    assert request.secret_headers == ()


def test_same_turn_gives_same_bytes() -> None:
    turn = Turn((user("é\ud83d"), assistant("x"), user("y")), "Be brief.", Params(stop=("a",)))
    first, second = (PROVIDER.encode(turn, info(), ENDPOINT, "k").body for _ in range(2))
    assert first == second
    assert "é\ufffd" in first.decode()


@here
@pytest.mark.parametrize(
    ("name", "model", "params", "text"),
    [
        ("stream_text", info("claude-haiku-4-5-20251001", max_output_tokens=64000), Params(), ""),
        (
            "json_opus5_thinking",
            info("claude-opus-5"),
            Params(max_output_tokens=4096, effort="xhigh"),
            "",
        ),
        (
            "stream_redacted_thinking",
            info("claude-sonnet-4-5-20250929"),
            Params(max_output_tokens=4096, effort="1024"),
            "",
        ),
    ],
)
def test_request_equals_the_recorded_one(
    name: str, model: ModelInfo, params: Params, text: str
) -> None:
    expected = json.loads((FOLDER / f"{name}.req.json").read_bytes())
    words = expected["messages"][0]["content"][0]["text"]
    actual = body(Turn((user(words),), params=params), model)
    expected["stream"] = True
    assert actual == expected


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "output"),
    [
        ("claude-3-5-haiku-20241022", None, None, None),
        ("claude-sonnet-4-5", "medium", {"type": "enabled", "budget_tokens": 8192}, None),
        ("claude-sonnet-4-5", "none", {"type": "disabled"}, None),
        ("claude-opus-4-6", None, None, None),
        ("claude-opus-4-6", "max", {"type": "adaptive", "display": "summarized"}, "max"),
        ("claude-opus-4-8", None, None, None),
        ("claude-opus-5-5", None, {"type": "adaptive", "display": "summarized"}, None),
        ("claude-fable-5-1", "low", {"type": "adaptive", "display": "summarized"}, "low"),
        ("claude-mythos-preview", None, {"type": "adaptive", "display": "summarized"}, None),
        ("glm-5", None, None, None),
        ("glm-5", "high", {"type": "enabled", "budget_tokens": 6553}, None),
    ],
)
def test_thinking_follows_the_model(
    model: str, effort: str | None, thinking: object, output: str | None
) -> None:
    sent = body(Turn((user("x"),), params=Params(effort=effort)), info(model))
    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == output


def test_illegal_effort_is_not_sent() -> None:
    model = info("claude-opus-4-6", efforts=("low", "medium", "high", "max"))
    assert "thinking" not in body(Turn((user("x"),), params=Params(effort="xhigh")), model)
    assert "thinking" not in body(Turn((user("x"),)), info("claude-opus-5", reasons=False))


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        (info("claude-sonnet-4-5"), None, True),
        (info("claude-sonnet-4-5"), "low", False),
        (info("claude-opus-4-7"), None, False),
        (info("claude-opus-4-7", takes_temperature=True), None, True),
        (info("kimi-k3", takes_temperature=False), None, False),
        (info("kimi-k3"), None, True),
    ],
)
def test_temperature_goes_only_where_it_is_taken(
    model: ModelInfo, effort: str | None, sent: bool
) -> None:
    params = Params(temperature=0.5, top_p=0.9, effort=effort)
    actual = body(Turn((user("x"),), params=params), model)
    assert ("temperature" in actual, "top_p" in actual) == (sent, sent)


def test_parts_take_the_wires_form() -> None:
    png, pdf = (
        Blob("a" * 64, "image/png", 3, "p.png"),
        Blob("b" * 64, "application/pdf", 3, "d.pdf"),
    )
    heic = Blob("c" * 64, "image/heic", 3, "h.heic")
    turn = Turn(
        (user("Look", BlobPart(png), BlobPart(pdf), BlobPart(heic), "  "),),
        blobs={png.sha256: b"png", pdf.sha256: b"pdf", heic.sha256: b"hei"},
    )
    assert body(turn)["messages"][0]["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "cGRm"},
        },
        {"type": "text", "text": "[image: h.heic]"},
    ]
    blind = info("claude-x-4-5", input_modalities=frozenset({"text"}))
    told = [block["text"] for block in body(turn, blind)["messages"][0]["content"]]
    assert told == ["Look", "[image: p.png]", "[file: d.pdf]", "[image: h.heic]"]


def test_roles_alternate_begin_and_end_with_the_user() -> None:
    turn = Turn(
        (
            assistant("Welcome."),
            user("a"),
            user("b"),
            assistant(ThinkingPart("foreign thoughts")),
            user("c"),
            assistant("d"),
        )
    )
    messages = body(turn, info("claude-opus-5"))["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [block["text"] for block in messages[2]["content"]] == ["a", "b", "c"]
    assert "foreign thoughts" not in json.dumps(messages)


def test_tool_calls_travel_in_pairs_with_legal_ids() -> None:
    turn = Turn(
        (
            user("sum?"),
            assistant("Hm.", ToolCallPart("functions.add:0", "add", '{"a": 1}')),
            tool(ToolResultPart("functions.add:0", "add", "3")),
            assistant("3", ToolCallPart("lost", "add", "")),
            user("thanks"),
        )
    )
    messages = body(turn)["messages"]
    use = messages[1]["content"][1]
    result = messages[2]["content"][0]
    assert use["input"] == {"a": 1}
    assert use["id"] == result["tool_use_id"] != "functions.add:0"
    assert use["id"].replace("_", "").replace("-", "").isalnum()
    assert result["type"] == "tool_result"
    assert messages[3]["content"] == [{"type": "text", "text": "3"}]


def test_an_image_that_another_model_made_is_shown_by_the_user() -> None:
    png = Blob("a" * 64, "image/png", 3, "cat.png")
    turn = Turn(
        (user("Draw"), assistant("Here:", BlobPart(png)), user("Bluer")),
        blobs={png.sha256: b"png"},
    )
    messages = body(turn)["messages"]
    assert [block["text"] for block in messages[1]["content"]] == ["Here:", "[image: cat.png]"]
    assert [block["type"] for block in messages[2]["content"]] == ["image", "text"]


@pytest.mark.parametrize(
    ("model", "params", "is_prefilled"),
    [
        ("claude-sonnet-4-5", Params(), True),
        ("claude-sonnet-4-5", Params(effort="low"), False),
        ("claude-opus-4-6", Params(), False),
        ("claude-opus-5-5", Params(), False),
        ("glm-5", Params(), False),
    ],
)
def test_a_cut_reply_goes_on(model: str, params: Params, is_prefilled: bool) -> None:
    cut = assistant("Once upon a ", finish=Finish.CUT)
    turn = Turn((user("Tell"), cut), params=params, continues_reply=True)
    messages = body(turn, info(model))["messages"]
    if is_prefilled:
        assert messages[-1] == {
            "role": "assistant",
            "content": [{"type": "text", "text": "Once upon a"}],
        }
    else:
        assert messages[-1]["content"] == [{"type": "text", "text": CONTINUE_PROMPT}]
        assert messages[-2]["content"] == [{"type": "text", "text": "Once upon a "}]


# --- what goes back ---------------------------------------------------------------------------


def recorded_reply(name: str, model: str) -> tuple[Decoded, Message]:
    decoded = decode(decoder(model), [(FOLDER / name).read_bytes()])
    return decoded, decoded.reply(assistant())


@here
def test_recorded_thinking_goes_back_as_in_the_recorded_next_turn() -> None:
    model = "claude-haiku-4-5-20251001"
    _, reply = recorded_reply("stream_thinking_tool_chain.sse", model)
    expected = json.loads((FOLDER / "stream_thinking_tool_chain_turn2.req.json").read_bytes())
    asked = expected["messages"][0]["content"][0]["text"]
    (call,) = (part for part in reply.parts if isinstance(part, ToolCallPart))
    result = tool(ToolResultPart(call.call_id, call.name, "0.32a0"))
    turn = Turn((user(asked), reply, result))
    actual = body(turn, info(model))["messages"]
    actual[1]["content"][1].pop("caller")  # said by the server, not repeated by that client
    assert actual == expected["messages"]


@here
@pytest.mark.parametrize(
    "name",
    [
        "stream_thinking_adaptive_opus46.sse",
        "stream_redacted_thinking.sse",
        "stream_web_search.sse",
        "stream_code_execution.sse",
        "json_opus5_reasoning_high.json",
    ],
)
def test_blocks_go_back_byte_for_byte_to_the_same_model_only(name: str) -> None:
    decoded, reply = recorded_reply(name, "claude-opus-5")
    turn = Turn((user("x"), reply, user("and now?")))
    sent = PROVIDER.encode(turn, info("claude-opus-5-20260101"), ENDPOINT, None).body
    kept = [
        item.payload
        for item in decoded.raw_items
        if item.kind != "text" or json.loads(item.payload)["text"].strip()
    ]
    assert b"[" + b",".join(kept) + b"]" in sent
    other = PROVIDER.encode(turn, info("claude-opus-5-5"), ENDPOINT, None).body
    assert b"signature" not in other
    assert b"redacted_thinking" not in other
    elsewhere = replace(ENDPOINT, name="gateway")
    assert b"signature" not in PROVIDER.encode(turn, info("claude-opus-5"), elsewhere, None).body
    for part in reply.parts:
        if isinstance(part, ThinkingPart):
            assert part.text not in other.decode()


@here
def test_history_only_grows_at_its_end() -> None:
    _, reply = recorded_reply("stream_thinking_adaptive_opus46.sse", "claude-opus-5")
    short = Turn((user("x"), reply, user("y")))
    longer = replace(short, messages=(*short.messages, assistant("z"), user("w")))
    first, second = (PROVIDER.encode(turn, info(), ENDPOINT, None).body for turn in (short, longer))
    prefix = first[: first.index(b'],"thinking"')]
    assert second.startswith(prefix)


@here
def test_a_reply_that_no_longer_says_the_same_goes_back_in_plain_parts() -> None:
    _, reply = recorded_reply("json_opus5_thinking.json", "claude-opus-5")
    stopped = replace(reply, finish=Finish.STOPPED)
    changed = replace(reply, parts=(TextPart("2 + 2 = 5"),))
    for altered in (stopped, changed):
        content = body(Turn((user("x"), altered, user("y"))), info())["messages"][1]["content"]
        assert content == [{"type": "text", "text": altered.text}]


@here
def test_a_paused_turn_is_sent_again_as_it_stands() -> None:
    decoded, reply = recorded_reply("stream_pause_turn.sse", "claude-opus-5")
    assert reply.finish is Finish.PAUSED
    messages = body(Turn((user("x"), reply), continues_reply=True), info())["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant"]
    assert len(messages[1]["content"]) == len(decoded.raw_items)


def test_a_turn_in_which_nothing_is_said_is_not_sent() -> None:
    with pytest.raises(UsageError):
        body(Turn((user("  "), assistant(ThinkingPart("x")))))

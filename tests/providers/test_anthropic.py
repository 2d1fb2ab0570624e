"""Anthropic Messages: every recording, our own vectors, requests, and what goes back unchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.recordings import FIXTURES, recorded, short_name
from providers.turns import as_stream, assistant, odd_json, tool, user
from providers.wire_decoding import Decoded, Vector, decode, decode_all_ways, sse_values, vectors
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
from troth.providers.anthropic_models import claude_version, default_max_tokens
from troth.providers.base import Decoder
from troth.providers.errors import error_from
from troth.providers.parts import CONTINUE_PROMPT

PROVIDER = AnthropicProvider()
ENDPOINT = Endpoint("anthropic", "anthropic", "https://api.anthropic.com")
FOLDER = FIXTURES / "wires" / "anthropic-messages"
REPLIES = [
    path
    for path in recorded(
        "wires/anthropic-messages/*.sse",
        "wires/anthropic-messages/json_*.json",
        "wires/_constructed/anthropic-messages/*.sse",
    )
    if not path.name.endswith((".req.json", ".headers.json"))
]
FINISHES = {"end_turn": "stop", "tool_use": "tool_calls", "pause_turn": "paused"}

here = pytest.mark.skipif(not REPLIES, reason="TROTH_FIXTURES: no recorded replies here")


def decoder(model: str = "claude-opus-5") -> Decoder:
    return PROVIDER.decoder(ENDPOINT, ModelRef("anthropic", model), "text/event-stream")


def info(model: str = "claude-opus-5", **facts: Any) -> ModelInfo:
    return ModelInfo(ModelRef("anthropic", model), **facts)


def body(turn: Turn, model: ModelInfo | None = None, endpoint: Endpoint = ENDPOINT) -> Any:
    return json.loads(PROVIDER.encode(turn, model or info("claude-x-4-5"), endpoint, None).body)


class Expected:
    """What a recording says, read in the most trivial way."""

    def __init__(self, path: Path) -> None:
        received = path.read_bytes()
        self.text = self.thinking = self.stop = ""
        self.usage: dict[str, Any] = {}
        self.has_end = True
        if received.lstrip().startswith(b"{"):
            self._take_document(json.loads(received))
            return
        self.has_end = False
        for value in sse_values(received):
            delta = value.get("delta", {})
            self.text += delta.get("text", "")
            self.thinking += delta.get("thinking", "")
            self.stop = delta.get("stop_reason") or self.stop
            self.usage |= value.get("usage") or value.get("message", {}).get("usage", {})
            self.has_end = self.has_end or value["type"] == "message_stop"

    def _take_document(self, value: dict[str, Any]) -> None:
        self.text = "".join(block.get("text", "") for block in value["content"])
        self.thinking = "".join(block.get("thinking", "") for block in value["content"])
        self.stop, self.usage = value["stop_reason"], value["usage"]

    @property
    def read(self) -> int:
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        return sum(self.usage.get(name) or 0 for name in names)


@here
@pytest.mark.parametrize("path", REPLIES, ids=short_name)
def test_recorded_reply_is_read_the_same_in_any_cuts(path: Path) -> None:
    decoded = decode_all_ways(decoder, path.read_bytes(), cuts=3)
    expected = Expected(path)
    assert decoded.text == expected.text
    assert decoded.thinking == expected.thinking
    assert decoded.usage.input == expected.read
    if not expected.has_end:
        assert decoded.error is not None
        assert decoded.error.kind == "server-failed"
        return
    assert decoded.error is None
    assert decoded.finish == FINISHES[expected.stop]
    assert decoded.usage.output == expected.usage["output_tokens"]
    details = expected.usage.get("output_tokens_details") or {}
    assert decoded.usage.thinking == details.get("thinking_tokens")


@here
def test_parallel_calls_arrive_whole() -> None:
    decoded = decode(decoder(), [(FOLDER / "stream_tool_use.sse").read_bytes()])
    assert [(name, json.loads(arguments)) for _, name, arguments in decoded.calls] == [
        ("get_weather", {"location": "New York, NY"}),
        ("get_time", {"timezone": "America/New_York"}),
    ]


@here
def test_search_results_are_sources_once_each() -> None:
    decoded = decode(decoder(), [(FOLDER / "stream_web_search.sse").read_bytes()])
    assert "https://www.ruby-lang.org/en/downloads/" in decoded.sources
    assert len(set(decoded.sources)) == len(decoded.sources) > 5


@here
def test_any_cut_of_a_recording_is_told_as_a_cut() -> None:
    received = (FOLDER / "stream_thinking_tool_chain_turn2.sse").read_bytes()
    whole = decode(decoder(), [received])
    end = received.index(b"event: message_stop")
    for size in range(1, end, 97):
        decoded = decode(decoder(), [received[:size]])
        assert decoded.error is not None
        assert decoded.error.kind in {"reply-cut", "reply-malformed"}
        assert whole.text.startswith(decoded.text)


@pytest.mark.parametrize("vector", vectors("anthropic"), ids=lambda vector: vector.name)
def test_vector(vector: Vector) -> None:
    vector.check(decode_all_ways(decoder, vector.body))


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("err_401.401.json", 401, "key-rejected"),
        ("err_404_model.404.json", 404, "model-unknown"),
        ("err_400_context.400.json", 400, "context-too-long"),
        ("err_400_effort.400.json", 400, "parameter-refused"),
    ],
)
@here
def test_recorded_error_has_its_kind(name: str, status: int, kind: str) -> None:
    received = (FOLDER / name).read_bytes()
    assert error_from(status, (), received, provider="a", model="m").kind == kind


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_nothing_but_provider_errors(received: bytes) -> None:
    decode_all_ways(decoder, received, cuts=1)


NAMES = [
    "type", "index", "delta", "content_block", "message", "usage", "text", "error", "content",
    "stop_reason", "input", "partial_json", "signature", "citation", "thinking",
]  # fmt: skip
TYPES = [
    "message_start", "content_block_start", "content_block_delta", "content_block_stop",
    "message_delta", "message_stop", "error", "ping",
]  # fmt: skip
WORDS = ["text", "thinking", "tool_use", "text_delta", "input_json_delta", "signature_delta"]
ODD = odd_json(NAMES, WORDS)


@given(st.lists(st.tuples(st.sampled_from(TYPES), ODD, ODD), max_size=12))
def test_any_json_of_the_wires_shape_is_survived(events: list[tuple[str, Any, Any]]) -> None:
    values = [
        {"type": kind, "index": 0, "delta": one, "content_block": other, "message": other}
        for kind, one, other in events
    ]
    decoded = decode(decoder(), [as_stream(values)])
    for text in (decoded.text, decoded.thinking, str(decoded.calls), str(decoded.models)):
        text.encode()


@given(ODD)
def test_any_document_is_survived(value: Any) -> None:
    decode(decoder(), [json.dumps({"content": [value], "usage": value, "delta": value}).encode()])
    decode(decoder(), [json.dumps(value).encode()])


# --- requests ---------------------------------------------------------------------------------


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


# --- models -----------------------------------------------------------------------------------


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
    from troth.domain.error import ReplyMalformed

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

"""Anthropic Messages: every recording, our own vectors, requests, and what goes back unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.conversations import as_stream, odd_json
from providers.recordings import FIXTURES, recorded, short_name
from providers.wire_decoding import Vector, decode, decode_all_ways, sse_values, vectors
from troth.domain.model import Endpoint, ModelRef
from troth.providers.anthropic import AnthropicProvider
from troth.providers.base import Decoder
from troth.providers.errors import error_from

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
    # Thoughts of two blocks are two paragraphs, see thinking-twice.vector.
    assert decoded.thinking.replace("\n\n", "") == expected.thinking.replace("\n\n", "")
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

"""Gemini: every recording, our own vectors, and nonsense."""

from __future__ import annotations

import base64
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
from troth.providers.base import Decoder
from troth.providers.errors import error_from
from troth.providers.gemini import GeminiProvider

PROVIDER = GeminiProvider()
ENDPOINT = Endpoint("google", "gemini", "https://generativelanguage.googleapis.com/v1beta")
FOLDER = FIXTURES / "wires" / "gemini"
REPLIES = [
    path
    for path in recorded(
        "wires/gemini/*.sse",
        "wires/gemini/json_*.json",
        "wires/gemini-image/json_*.json",
        "wires/_constructed/gemini/*.sse",
    )
    if not path.name.endswith((".req.json", ".headers.json"))
]
FINISHES = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "refused"}

here = pytest.mark.skipif(not REPLIES, reason="TROTH_FIXTURES: no recorded replies here")


def decoder() -> Decoder:
    return PROVIDER.decoder(ENDPOINT, ModelRef("google", "gemini-3-pro"), "text/event-stream")


def chunks(path: Path) -> list[dict[str, Any]]:
    received = path.read_bytes()
    return [json.loads(received)] if received.lstrip().startswith(b"{") else sse_values(received)


def parts(path: Path) -> list[dict[str, Any]]:
    found = [c for chunk in chunks(path) for c in chunk.get("candidates", [])]
    return [part for c in found for part in c.get("content", {}).get("parts", [])]


@here
@pytest.mark.parametrize("path", REPLIES, ids=short_name)
def test_recorded_reply_is_read_the_same_in_any_cuts(path: Path) -> None:
    decoded = decode_all_ways(decoder, path.read_bytes(), cuts=3)
    said = [part for part in parts(path) if not part.get("thought")]
    assert decoded.text == "".join(part.get("text", "") for part in said)
    assert decoded.thinking == "".join(p.get("text", "") for p in parts(path) if p.get("thought"))
    images = [part["inlineData"]["data"] for part in said if "inlineData" in part]
    assert [blob.content for blob in decoded.blobs] == [base64.b64decode(data) for data in images]
    last = chunks(path)[-1]
    if "error" in last:
        assert decoded.error is not None
        assert decoded.error.kind == "server-failed"
        return
    assert decoded.error is None
    has_calls = any("functionCall" in part for part in said)
    finish = FINISHES[last["candidates"][0]["finishReason"]]
    assert decoded.finish == ("tool_calls" if has_calls else finish)
    counts = last["usageMetadata"]
    tools = counts.get("toolUsePromptTokenCount", 0)
    assert decoded.usage.input == counts["promptTokenCount"] + tools
    assert (decoded.usage.input or 0) + (decoded.usage.output or 0) == counts["totalTokenCount"]
    assert decoded.usage.thinking == counts.get("thoughtsTokenCount")


@here
def test_parallel_calls_arrive_whole() -> None:
    decoded = decode(decoder(), [(FOLDER / "stream_parallel_tools.sse").read_bytes()])
    assert [(i, n, json.loads(a)) for i, n, a in decoded.calls] == [
        ("dv8szvqe", "get_weather", {"location": "Boston"}),
        ("j80tal12", "get_weather", {"location": "New Delhi"}),
    ]


@here
def test_arguments_that_vertex_streams_are_put_together() -> None:
    decoded = decode(decoder(), [(FOLDER / "stream_vertex_partial_args.sse").read_bytes()])
    assert [(name, json.loads(arguments)) for _, name, arguments in decoded.calls] == [
        ("getWeather", {"location": "Boston"}),
        ("getWeather", {"location": "San Francisco"}),
    ]
    assert len({call_id for call_id, _, _ in decoded.calls}) == 2


@here
def test_grounding_is_sources() -> None:
    decoded = decode(decoder(), [(FOLDER / "stream_google_search.sse").read_bytes()])
    assert len(decoded.sources) == 5


@here
def test_no_part_is_lost_from_what_goes_back() -> None:
    path = FOLDER / "stream_thinking.sse"
    decoded = decode(decoder(), [path.read_bytes()])
    kept = [json.loads(item.payload) for item in decoded.raw_items]
    signed = [part for part in parts(path) if "thoughtSignature" in part]
    assert [part for part in kept if "thoughtSignature" in part] == signed
    thoughts = [part for part in kept if part.get("thought")]
    words = [part for part in kept if not part.get("thought")]
    assert "".join(part.get("text", "") for part in thoughts) == decoded.thinking
    assert "".join(part.get("text", "") for part in words) == decoded.text


@here
def test_any_cut_of_a_recording_is_told_as_a_cut() -> None:
    received = (FOLDER / "stream_thinking.sse").read_bytes()
    whole = decode(decoder(), [received])
    end = received.index(b'"finishReason": "STOP"')
    for size in range(1, end, 251):
        decoded = decode(decoder(), [received[:size]])
        assert decoded.error is not None
        assert decoded.error.kind in {"reply-cut", "reply-malformed"}
        assert whole.text.startswith(decoded.text)


@pytest.mark.parametrize("vector", vectors("gemini"), ids=lambda vector: vector.name)
def test_vector(vector: Vector) -> None:
    vector.check(decode_all_ways(decoder, vector.body))


@pytest.mark.parametrize(
    ("name", "status", "kind", "wait_s"),
    [
        ("err_400_key.400.json", 400, "key-rejected", None),
        ("err_400_context_vertex.400.json", 400, "context-too-long", None),
        ("err_429_quota.429.json", 429, "rate-limited", 48),
        ("err_429_retryinfo.429.json", 429, "rate-limited", 34.4),
    ],
)
@here
def test_recorded_error_has_its_kind(
    name: str, status: int, kind: str, wait_s: float | None
) -> None:
    received = (FOLDER / name).read_bytes()
    error = error_from(status, (), received, provider="g", model="m")
    assert error.kind == kind
    assert error.retry_after_s == pytest.approx(wait_s)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_nothing_but_provider_errors(received: bytes) -> None:
    decode_all_ways(decoder, received, cuts=1)


NAMES = [
    "candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall",
    "name", "args", "partialArgs", "jsonPath", "stringValue", "willContinue", "inlineData", "data",
    "mimeType", "finishReason", "usageMetadata", "promptTokenCount", "promptFeedback", "index",
    "blockReason", "groundingMetadata", "groundingChunks", "web", "uri", "fileData", "fileUri",
]  # fmt: skip
WORDS = ["STOP", "SAFETY", "$.a", "$.a[0].b", "$.a[9999]", "$['x']", "https://x.example", "aGk="]
ODD = odd_json(NAMES, WORDS)


@given(st.lists(st.tuples(ODD, ODD), max_size=8))
def test_any_json_of_the_wires_shape_is_survived(values: list[tuple[Any, Any]]) -> None:
    stream = [
        {"candidates": [{"content": {"parts": [one, other]}, "groundingMetadata": other}]}
        for one, other in values
    ]
    stream += [{"candidates": [{"content": {"parts": [{"functionCall": v}]}}]} for v, _ in values]
    stream += [{"usageMetadata": one, "promptFeedback": other} for one, other in values]
    decoded = decode(decoder(), [as_stream(stream)])
    for text in (decoded.text, decoded.thinking, str(decoded.calls), str(decoded.models)):
        text.encode()


@given(ODD)
def test_any_document_is_survived(value: Any) -> None:
    for document in ({"candidates": value}, {"candidates": [value]}, [value], value):
        decode(decoder(), [json.dumps(document).encode()])

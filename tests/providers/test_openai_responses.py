"""OpenAI Responses: every recording of every vendor, our own vectors, and nonsense."""

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
from troth.providers.openai_responses import ResponsesProvider

PROVIDER = ResponsesProvider()
ENDPOINT = Endpoint("openai", "openai-responses", "https://api.openai.com/v1")
FOLDER = FIXTURES / "wires" / "openai-responses"
REPLIES = [
    path
    for path in recorded(
        "wires/openai-responses/*.sse",
        "wires/openai-responses/*/*.sse",
        "wires/openai-responses/json_*.json",
        "wires/_constructed/openai-responses/*.sse",
    )
    if not path.name.endswith((".req.json", ".headers.json"))
]

here = pytest.mark.skipif(not REPLIES, reason="TROTH_FIXTURES: no recorded replies here")


def decoder() -> Decoder:
    return PROVIDER.decoder(ENDPOINT, ModelRef("openai", "gpt-5"), "text/event-stream")


def final(received: bytes) -> dict[str, Any]:
    """Return the response object that stands at the end of a recording."""
    if received.lstrip().startswith(b"{"):
        return json.loads(received)
    return sse_values(received)[-1]["response"]


def deltas(received: bytes, *kinds: str) -> str:
    return "".join(value["delta"] for value in sse_values(received) if value["type"] in set(kinds))


@here
@pytest.mark.parametrize("path", REPLIES, ids=short_name)
def test_recorded_reply_is_read_the_same_in_any_cuts(path: Path) -> None:
    received = path.read_bytes()
    decoded = decode_all_ways(decoder, received, cuts=3)
    response = final(received)
    if response["status"] == "failed":
        assert decoded.error is not None
        assert decoded.error.kind == "no-credit"
        return
    assert decoded.error is None
    items = response["output"]
    messages = [item for item in items if item["type"] == "message"]
    said = [part["text"] for item in messages for part in item["content"]]
    if not received.lstrip().startswith(b"{"):
        # Where the recording's deltas were cut out, the whole text of the item counts.
        assert decoded.text == (deltas(received, "response.output_text.delta") or "".join(said))
        assert decoded.thinking == deltas(
            received, "response.reasoning_text.delta", "response.reasoning_summary_text.delta"
        )
    else:
        assert decoded.text == "".join(said)
    calls = [item for item in items if item["type"] in {"function_call", "custom_tool_call"}]
    assert decoded.calls == [
        (item["call_id"], item["name"], item.get("arguments") or item["input"]) for item in calls
    ]
    expected = {"completed": "tool_calls" if calls else "stop", "incomplete": "length"}
    assert decoded.finish == expected[response["status"]]
    usage = response["usage"]
    assert decoded.usage.input == usage["input_tokens"]
    assert decoded.usage.output == usage["output_tokens"]
    assert decoded.usage.cached == usage["input_tokens_details"]["cached_tokens"]
    assert decoded.usage.thinking == usage["output_tokens_details"]["reasoning_tokens"]


@here
@pytest.mark.parametrize(
    "name",
    ["stream_basic.sse", "deepseek/stream_reasoning.sse", "stream_reasoning_encrypted.sse"],
)
def test_raw_items_are_the_output_of_the_recording(name: str) -> None:
    received = (FOLDER / name).read_bytes()
    decoded = decode(decoder(), [received])
    items = [value["item"] for value in sse_values(received) if value["type"].endswith("item.done")]
    assert [json.loads(item.payload) for item in decoded.raw_items] == items
    assert {(item.provider, item.model, item.wire) for item in decoded.raw_items} == {
        ("openai", "gpt-5", "openai-responses")
    }


@here
def test_a_generated_image_comes_as_bytes() -> None:
    received = (FOLDER / "json_image_generation.json").read_bytes()
    (image,) = decode(decoder(), [received]).blobs
    (result,) = (item["result"] for item in final(received)["output"] if item.get("result"))
    assert image.content == base64.b64decode(result)
    assert (image.media_type, image.is_preview) == ("image/jpeg", False)


@here
def test_any_cut_of_a_recording_is_told_as_a_cut() -> None:
    received = (FOLDER / "stream_moderation.sse").read_bytes()
    whole = decode(decoder(), [received])
    end = received.index(b'"type":"response.completed"')
    for size in range(1, end, 251):
        decoded = decode(decoder(), [received[:size]])
        assert decoded.error is not None
        assert decoded.error.kind in {"reply-cut", "reply-malformed"}
        assert whole.text.startswith(decoded.text)


@pytest.mark.parametrize("vector", vectors("openai-responses"), ids=lambda vector: vector.name)
def test_vector(vector: Vector) -> None:
    vector.check(decode_all_ways(decoder, vector.body))


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("err_401.401.json", 401, "key-rejected"),
        ("err_400_model.400.json", 400, "model-unknown"),
        ("err_400_context.400.json", 400, "context-too-long"),
        ("err_400_reasoning_item.400.json", 400, "request-refused"),
    ],
)
@here
def test_recorded_error_has_its_kind(name: str, status: int, kind: str) -> None:
    received = (FOLDER / name).read_bytes()
    assert error_from(status, (), received, provider="o", model="m").kind == kind


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_nothing_but_provider_errors(received: bytes) -> None:
    decode_all_ways(decoder, received, cuts=1)


NAMES = [
    "type", "output_index", "content_index", "item", "delta", "response", "part", "status",
    "output", "usage", "error", "content", "text", "summary", "action", "sources", "url",
    "annotation", "result", "outputs", "call_id", "arguments",
]  # fmt: skip
TYPES = [
    "response.created", "response.output_item.added", "response.output_item.done",
    "response.output_text.delta", "response.refusal.delta", "response.reasoning_text.delta",
    "response.function_call_arguments.delta", "response.completed", "response.incomplete",
    "response.output_text.annotation.added", "response.reasoning_summary_part.added",
    "response.image_generation_call.partial_image", "error", "response.failed",
]  # fmt: skip
WORDS = ["message", "reasoning", "function_call", "web_search_call", "image_generation_call",
         "code_interpreter_call", "completed", "failed", "image", "output_text"]  # fmt: skip
ODD = odd_json(NAMES, WORDS)


@given(st.lists(st.tuples(st.sampled_from(TYPES), ODD, ODD), max_size=12))
def test_any_json_of_the_wires_shape_is_survived(events: list[tuple[str, Any, Any]]) -> None:
    values = [
        {"type": kind, "output_index": one, "delta": one, "item": other, "response": other}
        for kind, one, other in events
    ]
    decoded = decode(decoder(), [as_stream(values)])
    for text in (decoded.text, decoded.thinking, str(decoded.calls), str(decoded.models)):
        text.encode()


@given(ODD)
def test_any_document_is_survived(value: Any) -> None:
    for document in ({"output": [value], "usage": value, "status": value}, value):
        decode(decoder(), [json.dumps(document).encode()])

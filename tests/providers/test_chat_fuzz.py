"""Whatever comes over the wire, a decoder gives events or raises a ProviderError, nothing else."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.turns import endpoint
from providers.wire_decoding import decode
from troth.domain.model import ModelRef
from troth.providers.registry import provider_for

WIRES = ["openai-chat", "ollama"]
KEYS = [
    "choices",
    "delta",
    "message",
    "content",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "index",
    "id",
    "finish_reason",
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "error",
    "code",
    "type",
    "images",
    "image_url",
    "url",
    "annotations",
    "citations",
    "search_results",
    "text",
    "thinking",
    "done",
    "done_reason",
    "model",
    "refusal",
    "summary",
    "signature",
    "x_groq",
    "timings",
    "prompt_n",
    "object",
    "detail",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["stop", "error", "\ud83d", "\ude00", "data:image/png;base64,iVBORw0KGgo="]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=14,
)  # fmt: skip


def check(wire: str, body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    model = ModelRef("p", "m")
    provider = provider_for(wire)
    whole = decode(provider.decoder(endpoint(wire), model, ""), [body])
    pieces = [body[start:end] for start, end in itertools.pairwise(edges)]
    assert decode(provider.decoder(endpoint(wire), model, ""), pieces) == whole
    (whole.text + whole.thinking + whole.detail).encode()
    assert bool(whole.finish) != bool(whole.error)


CUTS = st.lists(st.integers(0, 400), max_size=5)


@pytest.mark.parametrize("wire", WIRES)
@given(body=st.binary(max_size=120), cuts=CUTS)
def test_arbitrary_bytes(wire: str, body: bytes, cuts: list[int]) -> None:
    check(wire, body, cuts)


@pytest.mark.parametrize("wire", WIRES)
@settings(max_examples=150)
@given(
    values=st.lists(JSON, max_size=4),
    choices=st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5), max_size=3),
    has_end=st.booleans(),
    cuts=CUTS,
)
def test_json_of_the_wires_shape(
    wire: str, values: list[object], choices: list[object], has_end: bool, cuts: list[int]
) -> None:
    chunks: list[object] = [*values]
    chunks += [
        {"choices": [{"index": 0, "delta": choice}], "message": choice} for choice in choices
    ]
    lines = [json.dumps(chunk) for chunk in chunks]
    if wire == "ollama":
        end = ['{"done":true}'] if has_end else []
        body = "\n".join([*lines, *end])
    else:
        end = ["[DONE]"] if has_end else []
        body = "".join(f"data: {line}\n\n" for line in [*lines, *end])
    check(wire, body.encode(), cuts)

"""Our own small vectors: one oddity each, with what it must come to, in every way of cutting."""

from __future__ import annotations

import pytest

from providers.wire_decoding import Vector, decode_all_ways, vectors
from troth.domain.model import Endpoint, ModelRef
from troth.providers.registry import provider_for

VECTORS = [(wire, vector) for wire in ("openai-chat", "ollama") for vector in vectors(wire)]


@pytest.mark.parametrize(
    ("wire", "vector"), VECTORS, ids=[f"{wire}-{vector.name}" for wire, vector in VECTORS]
)
def test_a_vector_comes_to_what_it_says(wire: str, vector: Vector) -> None:
    endpoint = Endpoint("p", wire, "https://example.invalid")
    model = ModelRef("p", "m")
    decoded = decode_all_ways(lambda: provider_for(wire).decoder(endpoint, model, ""), vector.body)
    vector.check(decoded)
    if decoded.error:
        assert (decoded.error.provider, decoded.error.model) == ("p", "m")

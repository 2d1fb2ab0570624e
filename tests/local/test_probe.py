"""Servers on this machine are known by what they say, never by their port."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.domain.exchange import HttpResponse
from troth.local.probe import Probe, probe_requests, recognize
from troth.transport import is_loopback


def answer(value: Any, status: int = 200, *headers: tuple[str, str]) -> HttpResponse:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HttpResponse(status, (("Content-Type", "application/json"), *headers), body)


def models(*rows: dict[str, Any]) -> HttpResponse:
    return answer({"object": "list", "data": list(rows)})


OLLAMA = {
    "/api/version": answer({"version": "0.13.1"}),
    "/api/tags": answer({"models": [{"name": "qwen3:4b", "model": "qwen3:4b"}]}),
    "/v1/models": models({"id": "qwen3:4b", "owned_by": "library"}),
}
LM_STUDIO_1 = {
    "/api/v1/models": answer(
        {
            "models": [
                {"type": "llm", "key": "qwen/qwen3-4b", "max_context_length": 32768},
                {"type": "embedding", "key": "nomic-embed"},
            ]
        }
    )
}
LM_STUDIO_0 = {
    "/api/v1/models": answer({"error": "Unexpected endpoint"}),
    "/api/v0/models": answer(
        {"data": [{"id": "qwen2", "type": "vlm", "publisher": "x", "max_context_length": 8192}]}
    ),
    "/v1/models": models({"id": "qwen2", "owned_by": "organization_owner"}),
}
VLLM = {
    "/version": answer({"version": "0.11.0"}),
    "/v1/models": models({"id": "m", "owned_by": "vllm", "max_model_len": 40960}),
}
LLAMA_CPP = {"/v1/models": models({"id": "g", "owned_by": "llamacpp", "meta": {"n_ctx": 4096}})}
LLAMA_CPP_LOCKED = {"/v1/models": answer({"error": {}}, 401, ("Server", "llama.cpp"))}
JAN = {"/v1/models": models({"id": "j", "owned_by": "Meta", "engine": "llama.cpp", "settings": {}})}
VEIL = {"/v1/models": answer({"data": [{"id": "o"}]}, 200, ("X-OpenGradient-Verified", "true"))}
UNKNOWN = {"/v1/models": models({"id": "some-model", "owned_by": "me"})}
LOCKED = {"/v1/models": answer({"error": "unauthorized"}, 401)}


def found(port: int, replies: dict[str, HttpResponse]) -> Any:
    servers = recognize([(Probe(port, path), reply) for path, reply in replies.items()])
    return servers[0] if servers else None


@pytest.mark.parametrize(
    ("replies", "kind", "wire", "listed", "tokens"),
    [
        (OLLAMA, "ollama", "ollama", "qwen3:4b", None),
        (LM_STUDIO_1, "lmstudio", "openai-chat", "qwen/qwen3-4b", 32768),
        (LM_STUDIO_0, "lmstudio", "openai-chat", "qwen2", 8192),
        (VLLM, "vllm", "openai-chat", "m", 40960),
        (LLAMA_CPP, "llamacpp", "openai-chat", "g", 4096),
        (JAN, "jan", "openai-chat", "j", None),
        (VEIL, "veil", "openai-chat", "o", None),
        (UNKNOWN, "openai-compatible", "openai-chat", "some-model", None),
    ],
    ids=["ollama", "lmstudio", "lmstudio-old", "vllm", "llamacpp", "jan", "veil", "unknown"],
)
@pytest.mark.parametrize("port", [11434, 8080])
def test_a_server_is_known_at_any_port(
    replies: dict[str, HttpResponse],
    kind: str,
    wire: str,
    listed: str,
    tokens: int | None,
    port: int,
) -> None:
    server = found(port, replies)
    assert (server.kind, server.endpoint.wire) == (kind, wire)
    assert [info.ref.model for info in server.models] == [listed]
    assert server.models[0].context_tokens == tokens
    assert is_loopback(server.endpoint.base_url)
    assert str(port) in server.endpoint.base_url
    assert server.endpoint.base_url.endswith("/v1") == (wire == "openai-chat")


def test_a_locked_server_is_found_and_says_that_it_wants_a_key() -> None:
    assert found(8080, LLAMA_CPP_LOCKED).kind == "llamacpp"
    for replies in (LLAMA_CPP_LOCKED, LOCKED):
        server = found(1337, replies)
        assert server.wants_key
        assert server.endpoint.needs_key
        assert server.models == ()


def test_what_runs_elsewhere_is_not_called_the_users_own() -> None:
    assert not found(11434, VEIL).endpoint.is_own
    assert found(11434, OLLAMA).endpoint.is_own


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"<html>It works!</html>"),
        answer(b""),
        answer({"data": "no list"}),
        answer([1, 2]),
        answer({"error": "not found"}, 404),
        HttpResponse(401, (("content-type", "text/html"),), b"<html>login</html>"),
        answer(b"[" * 100_000),
    ],
    ids=range(7),
)
def test_other_web_servers_are_left_alone(reply: HttpResponse) -> None:
    assert found(8080, {"/v1/models": reply, "/version": reply}) is None


def test_two_servers_of_a_kind_get_two_names() -> None:
    servers = recognize(
        [(Probe(port, path), reply) for port in (8000, 8080) for path, reply in VLLM.items()]
    )
    assert [server.endpoint.name for server in servers] == ["vllm", "vllm-8080"]
    assert servers[1].models[0].ref.provider == "vllm-8080"


def test_only_this_machine_is_asked_and_nothing_is_sent() -> None:
    for probe in probe_requests():
        assert is_loopback(probe.request.url)
        assert (probe.request.method, probe.request.body) == ("GET", b"")
        assert probe.request.secret_headers == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "models", "id", "key", "type", "owned_by", "meta", "version"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    value=json_values,
    status=st.sampled_from([200, 401, 404]),
    path=st.sampled_from([probe.path for probe in probe_requests()]),
)
def test_no_answer_of_any_shape_breaks_the_reader(value: Any, status: int, path: str) -> None:
    recognize([(Probe(8080, path), answer(value, status))])


def test_recorded_answers_of_real_servers_are_known(fixtures_dir: Path) -> None:
    recorded = (fixtures_dir / "local-servers" / "xllamacpp_probe.txt").read_bytes()
    replies: dict[str, HttpResponse] = {}
    for part in recorded.split(b"--- GET ")[1:]:
        path, _, raw = part.partition(b"\n")
        head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
        status = int(head.split(b" ", 2)[1])
        headers = tuple(
            (k.decode(), v.strip().decode())
            for k, v in re.findall(rb"^([\w-]+):(.*)$", head, re.MULTILINE)
        )
        replies[path.decode()] = HttpResponse(status, headers, body.rstrip(b"\n"))
    server = found(8080, replies)
    assert server.kind == "llamacpp"
    assert server.models[0].context_tokens == 2048

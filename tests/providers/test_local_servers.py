"""Raw exchanges with real local servers: statuses, chunked bodies, cuts and all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from providers.recordings import recorded, short_name
from providers.wire_decoding import decode_all_ways
from troth.domain.error import ReplyCut, ReplyMalformed
from troth.domain.model import Endpoint, ModelRef
from troth.providers.errors import error_from
from troth.providers.openai_chat import ChatProvider

ENDPOINT = Endpoint("p", "openai-chat", "http://127.0.0.1:1/v1", is_own=True)
EXCHANGES = recorded("local-servers/*.http")
REFUSALS = {
    "litellm__bad_json": "request-refused",
    "litellm__ctx_overflow": "context-too-long",
    "litellm__not_found": "request-refused",
    "litellm__unknown_model": "model-unknown",
    "llamacpppython__bad_json": "server-failed",
    "llamacpppython__bad_role": "server-failed",
    "llamacpppython__json_schema": "server-failed",
    "llamacpppython__not_found": "request-refused",
    "xllamacpp__bad_json": "request-refused",
    "xllamacpp__ctx_overflow": "context-too-long",
    "xllamacpp__not_found": "request-refused",
}

pytestmark = pytest.mark.skipif(not EXCHANGES, reason="TROTH_FIXTURES: no recorded exchanges here")


def answer_in(path: Path) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Return status, headers and body of the recorded answer, transfer coding taken off."""
    raw = path.read_bytes()
    start = raw.index(b"### RESPONSE")
    head, _, body = raw[raw.index(b"\n", start) + 1 :].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = tuple(
        (line.partition(":")[0].lower(), line.partition(":")[2].strip()) for line in lines[1:]
    )
    if ("transfer-encoding", "chunked") in headers:
        body = unchunked(body)
    return int(lines[0].split()[1]), headers, body


def unchunked(body: bytes) -> bytes:
    whole = b""
    while match := re.match(rb"([0-9a-fA-F]+)\r\n", body):
        size = int(match[1], 16)
        whole += body[match.end() : match.end() + size]
        body = body[match.end() + size :].removeprefix(b"\r\n")
    return whole


@pytest.mark.parametrize("path", EXCHANGES, ids=short_name)
def test_a_recorded_exchange_means_what_it_shows(path: Path) -> None:
    status, headers, body = answer_in(path)
    name = path.stem
    if status >= 400:
        error = error_from(status, headers, body, provider="p", model="m")
        assert error.kind == REFUSALS[name]
        assert error.detail
        return
    if b'"object":"list"' in body:
        assert [info.ref.model for info in ChatProvider().parse_models(body, ENDPOINT)]
        return
    heard = decode_all_ways(lambda: ChatProvider().decoder(ENDPOINT, ModelRef("p", "m"), ""), body)
    if name.endswith("disconnect"):
        assert isinstance(heard.error, ReplyCut)
        assert not heard.finish
        assert heard.text
    elif name == "llamacpppython__ctx_overflow":
        assert isinstance(heard.error, ReplyMalformed), (
            "an empty 200 is an error, not an empty reply"
        )
    else:
        assert heard.error is None
        assert heard.text or heard.calls
        assert heard.finish in {"stop", "length", "tool_calls"}
    if name.endswith("stream_usage") and b'"usage"' in body:  # llama-cpp-python sends none
        assert (heard.usage.input, heard.usage.output) == (36, 12)


def test_llama_cpp_tells_the_context_that_it_really_has() -> None:
    (path,) = recorded("local-servers/xllamacpp__models.http")
    (info,) = ChatProvider().parse_models(answer_in(path)[2], ENDPOINT)
    assert (info.context_tokens, info.input_modalities) == (4096, frozenset({"text"}))
    assert info.is_local

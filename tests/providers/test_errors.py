"""Every vendor's no becomes the right class with its facts, from whatever shape it comes in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.recordings import recorded, short_name
from providers.wire_decoding import VECTORS as WIRE_VECTORS
from troth.domain.error import ProviderError
from troth.providers.errors import (
    error_from,
    error_in_stream,
    is_worth_retrying,
    parse_duration,
    wait_told,
)

BODIES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (WIRE_VECTORS.parent / "errors" / "bodies.jsonl").read_text().splitlines()
]
"""Bodies in all shapes that vendors use: `json` or `text`, and what they must come to."""

RECORDED = recorded("wires/**/err_*.[0-9][0-9][0-9].json")
KINDS = {
    "_constructed/anthropic-messages/err_400_thinking_binding": "request-refused",
    "_constructed/anthropic-messages/err_529": "server-failed",
    "_constructed/openai-chat/err_400_tools_reasoning": "parameter-refused",
    "anthropic-messages/err_400_context": "context-too-long",
    "anthropic-messages/err_400_effort": "parameter-refused",
    "anthropic-messages/err_401": "key-rejected",
    "anthropic-messages/err_404_model": "model-unknown",
    "gemini/err_400_context_vertex": "context-too-long",
    "gemini/err_400_key": "key-rejected",
    "gemini/err_429_quota": "rate-limited",
    "gemini/err_429_retryinfo": "rate-limited",
    "ollama/err_404_model": "model-unknown",
    "openai-chat/err_400_image_url": "request-refused",
    "openai-chat/err_400_reasoning_max_tokens": "parameter-refused",
    "openai-chat/err_401": "key-rejected",
    "openai-chat/err_404_model": "model-unknown",
    "openai-compat/deepseek/err_401": "key-rejected",
    "openai-compat/groq/err_400_tool_use_failed": "request-refused",
    "openai-compat/groq/err_404": "model-unknown",
    "openai-compat/ollama-v1/err_400_context": "context-too-long",
    "openai-compat/ollama-v1/err_401": "key-rejected",
    "openai-compat/openrouter/err_400_context": "context-too-long",
    "openai-compat/openrouter/err_401": "key-rejected",
    "openai-compat/xai/err_400_key": "key-rejected",
    "openai-images/err_400_unknown_param": "parameter-refused",
    "openai-images/err_400_url": "request-refused",
    "openai-responses/err_400_context": "context-too-long",
    "openai-responses/err_400_model": "model-unknown",
    "openai-responses/err_400_reasoning_item": "request-refused",
    "openai-responses/err_401": "key-rejected",
    "seedream/err_400_param": "parameter-refused",
    "seedream/err_404_model": "model-unknown",
    "x402/err_402_session": "no-credit",
}


def refusal(status: int, body: object, *headers: tuple[str, str]) -> ProviderError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from(status, headers, content, provider="p", model="m")


@pytest.mark.skipif(not RECORDED, reason="TROTH_FIXTURES: no recorded errors here")
@pytest.mark.parametrize("path", RECORDED, ids=short_name)
def test_a_recorded_error_is_the_right_class(path: Path) -> None:
    name, status = short_name(path).rsplit(".", 2)[:2]
    error = refusal(int(status), path.read_bytes())
    assert error.kind == KINDS[name]
    assert (error.provider, error.model, error.status) == ("p", "m", int(status))
    words = " ".join(path.read_text().replace('\\"', '"').replace("\\n", " ").split())
    assert error.detail in words


@pytest.mark.parametrize("row", BODIES, ids=lambda row: f"{row['status']}-{row['kind']}")
def test_a_body_of_any_shape_is_understood(row: dict[str, Any]) -> None:
    body = row["text"].encode() if "text" in row else row["json"]
    error = refusal(row["status"], body)
    assert error.kind == row["kind"]
    assert error.detail == row.get("detail", error.detail)


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model.", "max_tokens"),
        ("Unsupported value: 'temperature' does not support 0.2 with this model.", "temperature"),
        ("Unrecognized request argument supplied: reasoning_effort", "reasoning_effort"),
        ("Argument not supported on this model: presencePenalty", "presencePenalty"),
        ("`temperature` is deprecated for this model.", "temperature"),
        ("property 'seed' is unsupported", "seed"),
        (
            'Invalid JSON payload received. Unknown name "thinkingLevel" at generation_config',
            "thinkingLevel",
        ),
        ('"qwen3" does not support thinking', "thinking"),
        ("Model m does not support parameter reasoningEffort.", "reasoningEffort"),
    ],
)
def test_the_parameter_is_found_in_the_sentence(message: str, parameter: str) -> None:
    error = refusal(400, {"error": {"message": message, "type": "invalid_request_error"}})
    assert (error.kind, error.parameter) == ("parameter-refused", parameter)


@pytest.mark.parametrize("name", ["messages", "model", "input", "messages[0].content"])
def test_the_conversation_itself_is_no_parameter(name: str) -> None:
    error = refusal(400, {"error": {"message": "Invalid value", "param": name}})
    assert (error.kind, error.parameter) == ("request-refused", "")


NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Retry-After", "7")], 7),
        ([("retry-after-ms", "1500"), ("retry-after", "9")], 1.5),
        (
            [
                ("retry-after", "Sun, 22 Nov 2026 12:00:30 GMT"),
                ("date", "Sun, 22 Nov 2026 12:00:10 GMT"),
            ],
            20,
        ),
        ([("retry-after", "Sun, 22 Nov 2026 12:00:30 GMT")], 30),
        ([("retry-after", "Sun, 22 Nov 2026 11:00:00 GMT")], 0),
        ([("retry-after", "soon")], None),
        (
            [
                ("x-ratelimit-reset-requests", "6m0s"),
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-tokens", "1s"),
                ("x-ratelimit-remaining-tokens", "100"),
            ],
            360,
        ),
        ([("x-ratelimit-reset-tokens", "7.66s"), ("x-ratelimit-remaining-tokens", "0")], 7.66),
        (
            [
                ("anthropic-ratelimit-requests-reset", "2026-11-22T12:01:00Z"),
                ("anthropic-ratelimit-requests-remaining", "0"),
            ],
            60,
        ),
        ([("X-RateLimit-Reset", str(int(NOON.timestamp() * 1000) + 5000))], 5),
        ([("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-remaining-requests", "12")], None),
        ([], None),
    ],
)
def test_the_wait_is_read_from_any_header(
    headers: list[tuple[str, str]], expected: float | None
) -> None:
    told = wait_told(tuple(headers), now=NOON)
    assert told is None if expected is None else told == pytest.approx(expected)


def test_the_wait_is_read_from_the_body_where_no_header_tells() -> None:
    gemini = {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "quota",
            "details": [{"retryDelay": "34.4s"}],
        }
    }
    assert refusal(429, gemini).retry_after_s == 34.4
    assert refusal(429, {"error": {"message": "Please try again in 1m2.5s."}}).retry_after_s == 62.5
    for told in ("Please retry after 26 seconds. See", "Please wait 26 seconds before retrying."):
        assert refusal(429, {"error": {"message": told}}).retry_after_s == 26
    assert refusal(429, gemini, ("retry-after", "3")).retry_after_s == 3


def test_a_wait_on_a_refusal_that_time_does_not_heal_is_ignored() -> None:
    assert refusal(400, {"error": {"message": "no"}}, ("retry-after", "9")).retry_after_s is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("34.4s", 34.4),
        ("6m0s", 360),
        ("1h2m3s", 3723),
        ("120ms", 0.12),
        ("20 seconds", 20),
        ("", None),
        ("soon", None),
        ("5 apples", None),
        ("1s!", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    found = parse_duration(text)
    assert found is None if seconds is None else found == pytest.approx(seconds)


def test_x_should_retry_has_the_last_word() -> None:
    busy, bad = refusal(529, b""), refusal(400, b"")
    assert is_worth_retrying(busy)
    assert not is_worth_retrying(busy, (("x-should-retry", "false"),))
    assert not is_worth_retrying(bad)
    assert is_worth_retrying(bad, (("x-should-retry", "true"),))
    assert not is_worth_retrying(refusal(429, {"error": {"code": "insufficient_quota"}}))


def test_a_key_in_the_providers_sentence_is_masked() -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwx1234"
    error = refusal(401, {"error": {"message": f"Incorrect API key provided: {key}."}})
    assert "abcdef" not in error.detail
    assert error.detail == "Incorrect API key provided: …1234."
    assert key not in json.dumps(error.facts())


def test_the_request_id_is_kept_for_the_support_desk() -> None:
    assert refusal(500, b"", ("X-Request-Id", "req_1")).request_id == "req_1"
    assert refusal(500, {"error": {"message": "x"}, "request_id": "req_2"}).request_id == "req_2"


def test_an_error_inside_a_200_goes_by_its_own_code() -> None:
    error = error_in_stream({"error": {"code": 429, "message": "slow"}}, provider="p", model="m")
    assert (error.kind, error.status) == ("rate-limited", 429)
    unknown = error_in_stream({"error": "gone"}, provider="p", model="m")
    assert (unknown.kind, unknown.status) == ("server-failed", 200)


@pytest.mark.parametrize("status", [200, 500, 502])
def test_the_vendors_no_behind_a_gateway_is_the_vendors(status: int) -> None:
    """Of an account that is the gateway's own, the user's key is not to blame."""
    for vendor, kind, told in (
        (429, "rate-limited", 429),
        (400, "request-refused", 400),
        (401, "server-failed", status),
        (402, "server-failed", status),
        (503, "server-failed", 503),
    ):
        named = {"error": "no", "source": "provider", "provider_status": vendor}
        for body in (named, {"error": f"Error code: {vendor} - no"}):
            error = refusal(status, body)
            assert (error.kind, error.status, error.detail) == (kind, told, "no")


def test_a_status_in_the_words_of_the_vendor_itself_is_not_taken_for_another() -> None:
    error = refusal(403, {"error": {"message": "Error code: 429 - no"}})
    assert (error.kind, error.status) == ("access-denied", 403)


def test_what_no_time_heals_is_asked_once_whatever_its_status() -> None:
    for words in ("Model 'gpt-99' is not supported", "maximum context length is 8 tokens"):
        assert not is_worth_retrying(refusal(500, {"error": words}))
    assert is_worth_retrying(refusal(500, {"error": "Request processing failed"}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "message",
                    "code",
                    "type",
                    "param",
                    "details",
                    "metadata",
                    "raw",
                    "retryDelay",
                    "status",
                    "loc",
                    "detail",
                    "errors",
                    "request_id",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    status=st.integers(100, 999),
    body=st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["retry-after", "date", "x-ratelimit-reset"]), st.text(max_size=20)
        ),
        max_size=3,
    ),
)
def test_no_body_is_too_odd(status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
    error = error_from(status, tuple(headers), body, provider="p", model="m", now=NOON)
    json.dumps(error.facts()).encode()
    error.detail.encode()
    is_worth_retrying(error, tuple(headers))


def test_a_body_nested_without_end_is_survived() -> None:
    assert refusal(400, b"[" * 100_000).kind == "request-refused"
    assert refusal(400, b'{"error":' * 50_000).kind == "request-refused"

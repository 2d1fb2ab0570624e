"""Every recorded Chat Completions reply is read to its end, the same in every way of cutting.

What is expected is read from the recording by a second, trivial reading: JSON by JSON, whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from providers.recordings import recorded, short_name
from providers.wire_decoding import decode_all_ways
from troth.domain.event import SourceFound
from troth.domain.model import Endpoint, ModelRef
from troth.domain.usage import Usage
from troth.providers.base import Decoder
from troth.providers.openai_chat import ChatProvider

ENDPOINT = Endpoint("p", "openai-chat", "https://example.invalid/v1")
REPLIES = [
    path
    for path in recorded(
        "wires/openai-chat/*",
        "wires/openai-compat/*/*",
        "wires/_constructed/openai-chat/*",
        "wires/_constructed/deepseek/*",
        "wires/_constructed/opengradient-tee/*",
    )
    if not path.name.startswith("err_") and not path.name.endswith((".req.json", ".headers.json"))
]
ERRORS = {
    "_constructed/openai-chat/stream_error_after_headers.sse": "server-failed",
    "_constructed/opengradient-tee/stream_midstream_error.sse": "server-failed",
    "openai-compat/openrouter/stream_midstream_error.sse": "request-refused",
}
FINISHES = {"length": "length", "tool_calls": "tool_calls", "content_filter": "refused"}

pytestmark = pytest.mark.skipif(not REPLIES, reason="TROTH_FIXTURES: no recorded replies here")


def decoder() -> Decoder:
    return ChatProvider().decoder(ENDPOINT, ModelRef("p", "m"), "")


def chunks(body: str) -> Iterator[dict[str, Any]]:
    if body.lstrip().startswith("{"):
        yield json.loads(body)
        return
    for line in body.replace("\r\n", "\n").split("\n"):
        if line.startswith("data: {"):
            yield json.loads(line[6:])


def words(content: object) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of a content that is a string, nothing, or Mistral's list."""
    if isinstance(content, str):
        yield "text", content
    elif isinstance(content, list):
        for part in content:
            if part["type"] == "text":
                yield "text", part["text"]
            elif part["type"] == "thinking":
                yield from (("thinking", inner["text"]) for inner in part["thinking"])


@dataclass
class Plain:
    """A reply read by the book, as someone would who has the whole body at hand."""

    text: str = ""
    thinking: str = ""
    calls: dict[str, list[str]] = field(default_factory=dict)
    at: dict[int, str] = field(default_factory=dict)
    finishes: list[str] = field(default_factory=list)


def plain_reading(body: str) -> Plain:
    """Add up choice 0."""
    expected = Plain()
    for chunk in chunks(body):
        for choice in chunk.get("choices", []):
            if choice.get("index", 0) != 0:
                continue
            delta = choice.get("delta") or choice.get("message") or {}
            thinking = delta.get("reasoning_content") or delta.get("reasoning") or ""
            for kind, text in [*words(delta.get("content")), ("thinking", thinking)]:
                if kind == "text":
                    expected.text += text
                else:
                    expected.thinking += text
            for position, call in enumerate(delta.get("tool_calls") or []):
                index = call.get("index", position)
                if call.get("id"):  # a new id is a new call, also at an index that was used
                    expected.at[index] = call["id"]
                found = expected.calls.setdefault(expected.at[index], [expected.at[index], "", ""])
                found[1] = call["function"].get("name") or found[1]
                found[2] += call["function"].get("arguments") or ""
            if choice.get("finish_reason"):
                expected.finishes.append(choice["finish_reason"])
            if "message" in choice and "delta" in choice:  # Perplexity: the message is the truth
                expected.text = choice["message"]["content"]
    return expected


@pytest.mark.parametrize("path", REPLIES, ids=short_name)
def test_a_recorded_reply_is_read_whole_however_it_is_cut(path: Path) -> None:
    body = path.read_bytes()
    heard = decode_all_ways(decoder, body)
    expected = plain_reading(body.decode())
    assert heard.text == expected.text
    assert heard.thinking == expected.thinking
    assert heard.calls == [tuple(call) for call in expected.calls.values()]
    assert "�" not in heard.text + heard.thinking
    if short_name(path) in ERRORS:
        assert heard.error
        assert heard.error.kind == ERRORS[short_name(path)]
        assert heard.error.provider == "p"
        assert not heard.finish
        return
    assert heard.error is None
    assert heard.finish == FINISHES.get(expected.finishes[0], "stop")
    assert len(heard.models) == 1
    assert heard.text or heard.calls or heard.finish == "refused"


def usage_in(path: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    for chunk in chunks(path.read_text()):
        groq = (chunk.get("x_groq") or {}).get("usage")
        choice: dict[str, Any] = next(iter(chunk.get("choices", [])), {})
        found = chunk.get("usage") or groq or choice.get("usage") or found
    return found


@pytest.mark.parametrize("path", REPLIES, ids=short_name)
def test_usage_is_what_the_provider_counted(path: Path) -> None:
    expected = usage_in(path)
    heard = decode_all_ways(decoder, path.read_bytes(), cuts=1)
    if expected is None or heard.error:
        assert heard.usage == Usage()
        return
    assert heard.usage.input == expected["prompt_tokens"]
    details = expected.get("completion_tokens_details") or {}
    assert heard.usage.thinking == details.get("reasoning_tokens")
    apart = expected["total_tokens"] - expected["prompt_tokens"]
    assert heard.usage.output == apart, (
        "everything written, thinking included (xAI counts it apart)"
    )


def test_perplexity_gives_its_sources_once_with_titles() -> None:
    (path,) = recorded("wires/openai-compat/perplexity/stream_text.sse")
    heard = decode_all_ways(decoder, path.read_bytes(), cuts=1)
    found = [event.source for event in heard.events if isinstance(event, SourceFound)]
    assert len(found) == 8
    assert all(source.url.startswith("https://") and source.title for source in found)


def test_openrouter_gives_its_sealed_reasoning_back_untouched() -> None:
    (path,) = recorded("wires/openai-compat/openrouter/stream_encrypted_reasoning_o3.sse")
    body = path.read_bytes()
    heard = decode_all_ways(decoder, body, cuts=1)
    (item,) = heard.raw_items
    assert (item.kind, item.provider, item.model, item.wire) == (
        "reasoning_details", "p", "m", "openai-chat",
    )  # fmt: skip
    sent = [
        detail
        for chunk in chunks(body.decode())
        for detail in chunk["choices"][0]["delta"].get("reasoning_details") or []
    ]
    assert json.loads(item.payload) == sent

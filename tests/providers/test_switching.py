"""One conversation that went through every provider, as each wire is given it.

What must hold on all of them: the history only grows, each side speaks in turn, nothing is empty,
nobody gets another's thinking, and every call has its result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from providers.conversations import assistant, tool, user
from providers.turns import blob, body_of
from troth.domain.exchange import HttpRequest
from troth.domain.message import (
    Finish,
    Message,
    RawItem,
    SourcePart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.engine.context import build_context
from troth.providers.registry import WIRES, provider_for

MODELS = {
    "anthropic": "claude-opus-5",
    "gemini": "gemini-3-pro",
    "ollama": "qwen3:8b",
    "openai-chat": "deepseek-v4-pro",
    "openai-responses": "gpt-5.5",
    "opengradient": "gpt-5.5",
}
LISTS = {"gemini": "contents", "openai-responses": "input"}
ITEMS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "anthropic": [
        ("thinking", {"type": "thinking", "thinking": "secret", "signature": "c2ln"}),
        ("text", {"type": "text", "text": "from anthropic"}),
    ],
    "gemini": [("part", {"text": "from gemini", "thoughtSignature": "c2ln"})],
    "openai-chat": [("reasoning_content", ["secret"])],  # type: ignore[list-item]
    "openai-responses": [
        ("reasoning", {"type": "reasoning", "encrypted_content": "gAAA", "summary": []}),
        (
            "message",
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "from openai-responses"}],
            },
        ),
    ],
}
PNG = b"\x89PNG\r\n\x1a\n123"
IMAGE = blob(PNG, "image/png", "cat.png")
PDF = blob(b"%PDF-1.7", "application/pdf", "paper.pdf", "the paper")
BLOBS = {part.blob.sha256: content for part, content in ((IMAGE, PNG), (PDF, b"%PDF-1.7"))}


def place(wire: str) -> tuple[Endpoint, ModelInfo]:
    options = {"reasoning_replay": ["deepseek-v4"]} if wire == "openai-chat" else {}
    endpoint = Endpoint(f"at-{wire}", wire, "https://api.example/v1", options=options)
    modalities = frozenset({"text", "image"})
    ref = ModelRef(endpoint.name, MODELS[wire])
    return endpoint, ModelInfo(ref, input_modalities=modalities, context_tokens=200_000)


def reply_of(wire: str, *more: Any, **fields: Any) -> Message:
    """Return what the model of a wire said, with its thinking and its own items."""
    endpoint, info = place(wire)
    items = tuple(
        RawItem(endpoint.name, info.ref.model, wire, kind, json.dumps(value).encode())
        for kind, value in ITEMS.get(wire, [])
    )
    return assistant(
        ThinkingPart("secret"),
        f"from {wire}",
        SourcePart("https://a.example/"),
        *more,
        model=info.ref,
        raw_items=items,
        **{"finish": Finish.STOP, **fields},
    )


def conversation() -> list[Message]:
    """Return it all; each message of the user is the end of one request."""
    call = ToolCallPart("call|1", "clock", '{"zone":"UTC"}')
    said = [user("Look", IMAGE, PDF)]
    for wire in WIRES:
        said += [reply_of(wire, finish=Finish.STOP), user(f"and after {wire}?")]
    calling = assistant("I look.", call, finish=Finish.TOOL_CALLS)
    said += [calling, tool(ToolResultPart("call|1", "clock", "noon")), reply_of("ollama")]
    said += [user("draw"), assistant("here", IMAGE, finish=Finish.STOP), user("what is on it?")]
    said += [reply_of("gemini", finish=Finish.CUT), user("go on"), reply_of("anthropic")]
    return [*said, user("thanks")]


def requests(wire: str) -> Iterator[HttpRequest]:
    """Yield the request at each message of the user, as the engine would make it."""
    endpoint, info = place(wire)
    provider = provider_for(wire)
    path = conversation()
    for end, message in enumerate(path, 1):
        if message.role.value != "user":
            continue
        context = build_context(
            path[:end],
            info,
            replays=lambda item: provider.replays(item, endpoint, info.ref),
            carries=lambda media_type: provider.carries(media_type, endpoint),
            raw_items={},
        )
        turn = Turn(context.messages, system_prompt="Be brief.", blobs=BLOBS)
        yield provider.encode(turn, info, endpoint, "k")


@pytest.mark.parametrize("wire", WIRES)
def test_the_history_of_one_request_begins_the_next(wire: str) -> None:
    name = LISTS.get(wire, "messages")
    histories = [body_of(request)[name] for request in requests(wire)]
    assert len(histories) == 11
    for before, after in pairwise(histories):
        assert after[: len(before)] == before


@pytest.mark.parametrize("wire", WIRES)
def test_what_a_model_thought_goes_to_nobody_else(wire: str) -> None:
    *_, request = requests(wire)
    body = request.body.decode()
    held = ITEMS.get(wire, [])
    own = body.count("secret"), body.count("c2ln"), body.count("gAAA")
    written = json.dumps([value for _, value in held])
    # One of the two replies of Gemini was cut: it goes back in plain words.
    times = 2 if wire == "anthropic" else 1
    assert own == (
        written.count("secret") * times,
        written.count("c2ln") * times,
        written.count("gAAA"),
    )


@pytest.mark.parametrize("wire", WIRES)
def test_everything_said_is_there_and_nothing_is_empty(wire: str) -> None:
    *_, request = requests(wire)
    body = body_of(request)
    text = request.body.decode()
    for said in ("Be brief.", "the paper", "noon", "clock", "thanks", "from gemini", "UTC"):
        assert said in text
    assert all(text.count(f"and after {name}?") == 1 for name in WIRES)
    for message in body[LISTS.get(wire, "messages")]:
        content = message.get("content", message.get("parts"))
        if message.get("type") not in {"reasoning", "function_call", "function_call_output"}:
            assert content or message.get("tool_calls")
    assert "temperature" not in text
    assert "max_tokens" not in text or wire == "anthropic"


@pytest.mark.parametrize("wire", ["anthropic", "gemini"])
def test_the_sides_take_turns_and_the_user_begins_and_ends(wire: str) -> None:
    for request in requests(wire):
        roles = [message["role"] for message in body_of(request)[LISTS.get(wire, "messages")]]
        assert roles[0] == roles[-1] == "user"
        assert all(one != other for one, other in pairwise(roles))

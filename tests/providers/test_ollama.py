"""What a turn looks like on Ollama's wire, and what its recorded answers come to."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from providers.conversations import assistant, user
from providers.recordings import recorded, short_name
from providers.turns import blob, body_of, endpoint, model
from providers.wire_decoding import decode_all_ways
from troth.domain.error import ReplyMalformed
from troth.domain.message import Message, ToolCallPart, ToolResultPart
from troth.domain.model import Endpoint, ModelInfo, ModelRef, Params
from troth.domain.turn import Turn
from troth.providers.ollama import NUM_CTX, OllamaProvider
from troth.providers.parts import CONTINUE_PROMPT

PNG = b"\x89PNG\r\n\x1a\n123"
REPLIES = [
    path
    for path in recorded("wires/ollama/*", "wires/_constructed/ollama/*")
    if "err_" not in path.name and not path.name.endswith(".req.json")
]


def encoded(*messages: Message, params: Params | None = None, **kw: Any) -> dict[str, Any]:
    turn = Turn(
        messages,
        system_prompt=kw.pop("system", ""),
        params=params or Params(),
        blobs=kw.pop("blobs", {}),
        continues_reply=kw.pop("continues", False),
    )
    info = kw.pop("info", model())
    return body_of(OllamaProvider().encode(turn, info, endpoint("ollama", **kw), None))


def test_the_context_size_is_always_sent() -> None:
    """The server cuts a longer prompt without a word."""
    assert encoded(user("Hi")) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "options": {"num_ctx": NUM_CTX},
    }
    assert encoded(user("Hi"), num_ctx=32768)["options"]["num_ctx"] == 32768
    small = model(context_tokens=2048)
    assert encoded(user("Hi"), num_ctx=32768, info=small)["options"]["num_ctx"] == 2048


def test_parameters_are_options_under_ollamas_names() -> None:
    body = encoded(user("Hi"), params=Params(0.2, 0.9, 100, None, 7, ("END",)))
    assert body["options"] == {
        "num_ctx": NUM_CTX,
        "temperature": 0.2,
        "top_p": 0.9,
        "num_predict": 100,
        "seed": 7,
        "stop": ["END"],
    }
    assert "think" not in body


@pytest.mark.parametrize(
    ("effort", "think"), [("none", False), ("on", True), ("high", "high"), ("max", True)]
)
def test_effort_is_a_switch_or_a_level(effort: str, think: object) -> None:
    assert encoded(user("Hi"), params=Params(effort=effort))["think"] == think


def test_images_are_bare_base64_and_documents_their_text() -> None:
    image = blob(PNG, "image/png", "a.png")
    pdf = blob(b"%PDF", "application/pdf", "b.pdf", "the text")
    (message,) = encoded(user("Look", image, pdf), blobs={image.blob.sha256: PNG})["messages"]
    assert message["images"] == [base64.b64encode(PNG).decode()]
    assert "the text" in message["content"]


def test_tool_arguments_are_objects_whatever_the_model_wrote() -> None:
    calls = [ToolCallPart("a", "f", '{"x":1}'), ToolCallPart("b", "g", "oops")]
    results = [ToolResultPart("a", "f", "1"), ToolResultPart("b", "g", "2")]
    messages = encoded(user("Hi"), assistant(*calls), user(*results))["messages"]
    assert [call["function"]["arguments"] for call in messages[1]["tool_calls"]] == [
        {"x": 1},
        {"arguments": "oops"},
    ]
    assert messages[2:] == [
        {"role": "tool", "content": "1", "tool_name": "f"},
        {"role": "tool", "content": "2", "tool_name": "g"},
    ]


def test_a_cut_reply_is_left_open_and_one_that_thinks_is_asked_to_go_on() -> None:
    turn = (user("A story"), assistant("Once"))
    assert encoded(*turn, continues=True)["messages"][-1]["role"] == "assistant"
    thinks = encoded(*turn, continues=True, info=model(reasons=True))["messages"][-1]
    assert thinks == {"role": "user", "content": CONTINUE_PROMPT}


@pytest.mark.skipif(not REPLIES, reason="TROTH_FIXTURES: no recorded replies here")
@pytest.mark.parametrize("path", REPLIES, ids=short_name)
def test_a_recorded_reply_is_read_whole(path: Path) -> None:
    body = path.read_bytes()
    heard = decode_all_ways(
        lambda: OllamaProvider().decoder(endpoint("ollama"), ModelRef("p", "m"), ""), body
    )
    values = [json.loads(line) for line in body.decode().split("\n") if line.strip()]
    messages = [value.get("message", {}) for value in values]
    assert heard.text == "".join(message.get("content", "") for message in messages)
    assert heard.thinking == "".join(message.get("thinking", "") for message in messages)
    calls = [call["function"] for message in messages for call in message.get("tool_calls", [])]
    assert [(name, json.loads(arguments)) for _, name, arguments in heard.calls] == [
        (call["name"], call["arguments"]) for call in calls
    ]
    if "error" in values[-1]:
        assert heard.error
        assert heard.error.kind == "server-failed"
        return
    assert heard.error is None
    assert heard.finish == ("tool_calls" if calls else "stop")
    assert heard.usage.output == values[-1]["eval_count"]
    assert heard.usage.input == values[-1].get("prompt_eval_count")


OWN = Endpoint("ollama", "ollama", "http://127.0.0.1:11434", is_own=True)


def test_models_are_those_that_can_chat() -> None:
    body = json.dumps(
        {
            "models": [
                {"name": "qwen3:8b", "details": {"parameter_size": "8.2B", "families": ["qwen3"]}},
                {"name": "nomic-embed", "details": {"families": ["nomic-bert"]}},
                {"name": "llava", "details": {"families": ["llama", "clip"]}},
                {"name": "glm-5:cloud", "remote_host": "https://ollama.com:443", "details": {}},
            ]
        }
    ).encode()
    infos = OllamaProvider().parse_models(body, OWN)
    assert [(info.ref.model, info.title, info.accepts("image")) for info in infos] == [
        ("qwen3:8b", "8.2B", None),
        ("llava", "", True),
        ("glm-5:cloud", "", None),
    ]
    assert [info.is_local for info in infos] == [True, True, False]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"models":7}', b"\xff"])
def test_what_is_no_model_list_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ReplyMalformed):
        OllamaProvider().parse_models(body, OWN)


def test_details_tell_context_and_abilities() -> None:
    provider, ref = OllamaProvider(), ModelRef("ollama", "qwen3:8b")
    request = provider.description_request(OWN, None, ref)
    assert (request.url, request.body) == (
        "http://127.0.0.1:11434/api/show",
        b'{"model":"qwen3:8b"}',
    )
    info = provider.parse_description(
        b'{"model_info":{"qwen3.context_length":40960},"capabilities":["completion","thinking"]}',
        ModelInfo(ref, title="8.2B"),
    )
    assert info.title == "8.2B"
    assert (info.context_tokens, info.reasons) == (40960, True)
    assert info.accepts("image") is False

"""What a turn looks like on the Chat Completions wire, vendor by vendor."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from providers.conversations import assistant, user
from providers.turns import blob, body_of, endpoint, model
from troth.domain.error import UsageError
from troth.domain.message import (
    Message,
    RawItem,
    SourcePart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Params
from troth.domain.turn import Turn
from troth.providers.openai_chat import ChatProvider
from troth.providers.parts import CONTINUE_PROMPT

PNG = b"\x89PNG\r\n\x1a\n123"
PDF = b"%PDF-1.7"


def encoded(*messages: Message, params: Params | None = None, **kw: Any) -> dict[str, Any]:
    turn = Turn(
        messages,
        system_prompt=kw.pop("system", ""),
        params=params or Params(),
        blobs=kw.pop("blobs", {}),
        continues_reply=kw.pop("continues", False),
    )
    info = kw.pop("info", model())
    return body_of(ChatProvider().encode(turn, info, endpoint("openai-chat", **kw), "sk-1"))


def test_a_plain_turn_carries_nothing_that_the_user_did_not_set() -> None:
    body = encoded(user("Hi"), assistant("Hello"), user("Go on"), system="Be brief.")
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Go on"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_same_turn_gives_the_same_bytes_and_keeps_the_key_apart() -> None:
    turn = Turn((user("Hé 😀 \ud83d"),), params=Params(temperature=0.5, stop=("a", "b"), seed=1))
    requests = [
        ChatProvider().encode(turn, model(), endpoint("openai-chat"), "sk-secret") for _ in range(2)
    ]
    assert requests[0] == requests[1]
    assert "Hé 😀 �".encode() in requests[0].body
    assert requests[0].secret_headers == (("authorization", "Bearer sk-secret"),)
    assert "sk-secret" not in repr(requests[0])


def test_each_parameter_has_the_wires_name() -> None:
    params = Params(0.2, 0.9, 100, "high", 7, ("END",))
    body = encoded(user("Hi"), params=params)
    assert {key: body[key] for key in body if key not in {"model", "messages", "stream"}} == {
        "stream_options": {"include_usage": True},
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 100,
        "seed": 7,
        "stop": ["END"],
        "reasoning_effort": "high",
    }


@pytest.mark.parametrize(
    ("options", "effort", "expected"),
    [
        ({"effort_style": "reasoning"}, "low", {"reasoning": {"effort": "low"}}),
        ({"effort_style": "thinking"}, "none", {"thinking": {"type": "disabled"}}),
        ({"effort_style": "thinking"}, "on", {"thinking": {"type": "enabled"}}),
        (
            {"effort_style": "thinking"},
            "max",
            {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
        ),
        ({"omit": ["reasoning_effort"]}, "low", {}),
    ],
)
def test_effort_is_said_in_the_vendors_way(
    options: dict[str, Any], effort: str, expected: dict[str, Any]
) -> None:
    body = encoded(user("Hi"), params=Params(effort=effort), **options)
    said = {key: body[key] for key in body if "reason" in key or "think" in key}
    assert said == expected


@pytest.mark.parametrize(
    ("makes", "asked"),
    [
        ({"text", "image"}, ["image", "text"]),
        ({"image"}, ["image"]),
        ({"text"}, None),
        (None, None),
    ],
)
def test_images_are_asked_for_where_they_do_not_come_unasked(
    makes: set[str] | None, asked: list[str] | None
) -> None:
    info = replace(model(), output_modalities=None if makes is None else frozenset(makes))
    assert encoded(user("A cat"), info=info, asks_modalities=True).get("modalities") == asked
    assert "modalities" not in encoded(user("A cat"), info=info)


def test_options_rename_and_drop_fields() -> None:
    body = encoded(
        user("Hi"),
        system="S",
        params=Params(max_output_tokens=5),
        max_tokens_field="max_completion_tokens",
        system_role="developer",
        stream_usage=False,
        extra={"user": "x"},
    )
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
    assert "stream_options" not in body
    assert body["messages"][0]["role"] == "developer"
    assert body["user"] == "x"


def test_azure_takes_its_key_bare_in_a_header_of_its_own() -> None:
    request = ChatProvider().encode(
        Turn((user("Hi"),)), model(), endpoint("openai-chat", key_header="api-key"), "k"
    )
    assert request.secret_headers == (("api-key", "k"),)
    assert request.url == "https://api.example/v1/chat/completions"


def test_without_a_key_no_key_header_is_sent() -> None:
    request = ChatProvider().encode(Turn((user("Hi"),)), model(), endpoint("openai-chat"), None)
    assert request.secret_headers == ()


def test_empty_turns_thinking_and_sources_are_not_sent() -> None:
    body = encoded(
        user("Hi"),
        assistant(ThinkingPart("secret thoughts"), SourcePart("https://a.example")),
        user("  "),
        user("There?"),
    )
    assert body["messages"] == [{"role": "user", "content": "Hi\n\nThere?"}]


def test_images_and_documents_take_the_wires_form() -> None:
    image, pdf = blob(PNG, "image/png", "a.png"), blob(PDF, "application/pdf", "b.pdf", "the text")
    blobs = {image.blob.sha256: PNG, pdf.blob.sha256: PDF}
    body = encoded(user("Look: ", image, pdf, "And?"), blobs=blobs, pdf_style="file")
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "Look: "},
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()},
        },
        {
            "type": "file",
            "file": {
                "filename": "b.pdf",
                "file_data": "data:application/pdf;base64," + base64.b64encode(PDF).decode(),
            },
        },
        {"type": "text", "text": "And?"},
    ]


def test_what_a_model_cannot_read_goes_as_its_text_or_its_name() -> None:
    image, pdf = blob(PNG, "image/png", "a.png"), blob(PDF, "application/pdf", "b.pdf", "the text")
    blobs = {image.blob.sha256: PNG, pdf.blob.sha256: PDF}
    blind = model(input_modalities=frozenset({"text"}))
    content = encoded(user("Look: ", image, pdf), blobs=blobs, pdf_style="file", info=blind)[
        "messages"
    ][0]["content"]
    assert isinstance(content, str)
    assert "a.png" in content
    assert "the text" in content


def test_a_blob_that_the_turn_does_not_carry_is_our_own_fault() -> None:
    with pytest.raises(UsageError):
        encoded(user(blob(PNG, "image/png", "a.png")))


CALL = ToolCallPart("toolu_01", "weather", '{"city":"Berlin"}')
RESULT = ToolResultPart("toolu_01", "weather", "15 C")


def test_tool_calls_and_results_are_neutral_pairs() -> None:
    body = encoded(user("Hi"), assistant("Let me see.", CALL), user(RESULT), user("Thanks"))
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "toolu_01",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Berlin"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_01", "content": "15 C"},
        {"role": "user", "content": "Thanks"},
    ]


def test_a_call_without_its_result_goes_nowhere() -> None:
    assert encoded(user("Hi"), assistant(CALL), user("Well?"))["messages"] == [
        {"role": "user", "content": "Hi\n\nWell?"}
    ]


def test_mistral_gets_ids_of_nine_letters_the_same_on_both_sides() -> None:
    messages = encoded(user("Hi"), assistant(CALL), user(RESULT), call_id_length=9)["messages"]
    call_id = messages[1]["tool_calls"][0]["id"]
    assert len(call_id) == 9
    assert call_id.isalnum()
    assert messages[2]["tool_call_id"] == call_id


@pytest.mark.parametrize(
    ("style", "last", "flags"),
    [
        ("assistant", {"role": "assistant", "content": "Once"}, {}),
        (
            "vllm",
            {"role": "assistant", "content": "Once"},
            {"continue_final_message": True, "add_generation_prompt": False},
        ),
        ("prefix", {"role": "assistant", "content": "Once", "prefix": True}, {}),
        ("partial", {"role": "assistant", "content": "Once", "partial": True}, {}),
        ("", {"role": "user", "content": CONTINUE_PROMPT}, {}),
    ],
)
def test_a_cut_reply_is_gone_on_with_in_the_servers_way(
    style: str, last: dict[str, Any], flags: dict[str, Any]
) -> None:
    body = encoded(user("A story"), assistant("Once"), continues=True, continue_style=style)
    assert body["messages"][-1] == last
    assert {key: body[key] for key in body if "final" in key or "generation" in key} == flags


def test_a_model_that_thinks_is_not_handed_the_middle_of_its_reply() -> None:
    body = encoded(
        user("A story"),
        assistant("Once"),
        continues=True,
        continue_style="assistant",
        info=model(reasons=True),
    )
    assert body["messages"][-1] == {"role": "user", "content": CONTINUE_PROMPT}


def test_deepseek_continues_on_its_beta_path_only() -> None:
    options = {"continue_style": "prefix", "continue_path": "/beta/chat/completions"}
    for continues, path in ((True, "/beta/chat/completions"), (False, "/chat/completions")):
        turn = Turn((user("A"), assistant("B")), continues_reply=continues)
        request = ChatProvider().encode(turn, model(), endpoint("openai-chat", **options), "k")
        assert request.url == f"https://api.example/v1{path}"


def raw(kind: str, payload: object, name: str = "m", provider: str = "p") -> RawItem:
    return RawItem(provider, name, "openai-chat", kind, json.dumps(payload).encode())


def test_deepseek_v4_gets_its_own_reasoning_on_every_reply_and_r1_on_none() -> None:
    own = raw("reasoning_content", ["because"], "deepseek-v4-pro")
    history = (user("1"), assistant("a", raw_items=(own,)), user("2"), assistant("b"), user("3"))
    options: dict[str, Any] = {"reasoning_replay": ["deepseek-v4"]}
    v4 = encoded(*history, info=model("deepseek-v4-pro"), **options)["messages"]
    assert [m.get("reasoning_content") for m in v4] == [None, "because", None, "", None]
    r1 = encoded(*history, info=model("deepseek-reasoner"), **options)["messages"]
    assert all("reasoning_content" not in message for message in r1)


def test_another_models_reasoning_is_never_sent() -> None:
    foreign = raw("reasoning_content", ["because"], "deepseek-v4-flash")
    body = encoded(
        user("1"),
        assistant("a", raw_items=(foreign,)),
        user("2"),
        info=model("deepseek-v4-pro"),
        reasoning_replay=["deepseek-v4"],
    )
    assert "because" not in json.dumps(body)


def test_openrouter_gets_its_reasoning_details_back_untouched() -> None:
    details = [{"type": "reasoning.encrypted", "data": "gAAA", "index": 0}]
    body = encoded(
        user("1"), assistant("a", raw_items=(raw("reasoning_details", details),)), user("2")
    )
    assert body["messages"][1]["reasoning_details"] == details
    elsewhere = raw("reasoning_details", details, provider="other")
    assert "gAAA" not in json.dumps(
        encoded(user("1"), assistant("a", raw_items=(elsewhere,)), user("2"))
    )

"""The short way through a long stream sees exactly what the long way sees, whatever comes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.domain.verdict import State
from troth.verifiers import opengradient_frames as frames
from troth.verifiers.opengradient import OPENGRADIENT
from troth.verifiers.opengradient_frames import ReplyRead, read_reply
from verifiers.setting import ASKED_AT, FACTS, REQUEST, STAMP, exchange_of, pinned_trust
from verifiers.signer import Gateway, make_key

GATEWAY = Gateway(make_key("pinned"))
TEXTS = [
    "word ",
    'quo"te',
    "back\\",
    "\\",
    '", "role": "assistant"}',
    "\n\n",
    "data: x",
    "你",
    "🙂",
    "",
]


def read_the_long_way(body: bytes) -> ReplyRead:
    """Every frame by itself."""
    reply = ReplyRead(is_stream=True)
    body = body.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in body:
        body = frames._LINE_ENDS.sub(b"\n", body)
    frames._take_frames(reply, body, is_signed=False)
    reply.text = "".join(reply.pieces)
    return reply


def same(body: bytes) -> None:
    short = read_reply(body, "text/event-stream")
    long = read_the_long_way(body)
    assert replace(short, pieces=[]) == replace(long, pieces=[])


@given(st.lists(st.sampled_from(TEXTS) | st.text(max_size=8), max_size=12))
def test_the_same_is_read_of_honest_streams(texts: list[str]) -> None:
    try:
        body = GATEWAY.stream(REQUEST, texts, STAMP)
    except UnicodeEncodeError:
        return  # half a character: no gateway signs that
    same(body)
    assert read_reply(body, "text/event-stream").text == "".join(texts)


def test_frames_do_not_lean_on_a_first_one_that_cannot_be_read() -> None:
    body = GATEWAY.stream(REQUEST, ["word ", "word ", "word "], STAMP)
    last = body.rindex(b'"model"')
    for broken in (
        body[:last].replace(b'"word ', b'""ord ', 1),
        body[:last].replace(b'"model": "', b'"model": "\x01', 1),
        b'"' + body[1:last].replace(b'"word ', b'""ord ', 2),
    ):
        whole = broken + b"\n\n" + body[body.rindex(b"data: [DONE]") :]
        same(whole)
        assert read_reply(whole, "text/event-stream").faults


@settings(max_examples=150)
@given(st.data())
def test_the_same_is_read_of_streams_that_were_meddled_with(data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.sampled_from(TEXTS), min_size=2, max_size=6))
    body = bytearray(GATEWAY.stream(REQUEST, texts, STAMP))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "double"])):
            case "flip":
                body[at] = data.draw(st.sampled_from(b'"\\\n\r{}: ax\x00\xff'))
            case "cut":
                del body[at : at + data.draw(st.integers(1, 40))]
            case "insert":
                body[at:at] = data.draw(st.sampled_from([b'"', b"\\", b"\n\n", b"data: ", b"\r\n"]))
            case _:
                body[at:at] = body[at : at + data.draw(st.integers(1, 200))]
        if not body:
            return
    same(bytes(body))


def test_the_short_way_is_taken_at_all() -> None:
    body = GATEWAY.stream(REQUEST, ["a\n", '"b"', "ü"] * 50, STAMP)
    start, end, pieces = frames._usual_run(body)
    assert len(pieces) == 149
    assert body[end:].startswith(b'data: {"choices": [{"delta": {}')
    assert start > 0


def call_frames(*calls: tuple[str, str, str]) -> bytes:
    """Frames of tool calls (id, name, arguments) as the gateway passes Google's on: unnumbered."""
    found = b""
    for call_id, name, arguments in calls:
        function = {"name": name, "arguments": arguments}
        call = {"index": None, "type": "function", "function": function, "id": call_id}
        delta = {"role": "assistant", "tool_calls": [call]}
        frame = {"choices": [{"delta": delta, "index": 0, "finish_reason": None}]}
        found += b"data: " + json.dumps(frame).encode() + b"\n\n"
    return found


def state_of(calls: bytes, call_id: str | None, name: str, arguments: str) -> State:
    function = {"name": name, "arguments": arguments}
    signed = json.dumps([{"id": call_id, "type": "function", "function": function}], sort_keys=True)
    final = GATEWAY.final_frame(REQUEST, signed, STAMP).replace(b'"stop"', b'"tool_calls"', 1)
    exchange = exchange_of(REQUEST, calls + final + b"data: [DONE]\n\n")
    trust = pinned_trust(GATEWAY.spki)
    return OPENGRADIENT.verify(exchange, {}, trust, ASKED_AT, FACTS).state


def test_a_tool_call_without_a_number_is_verified_as_the_gateway_signs_it() -> None:
    sent = call_frames(("c1", "look", '{"a": 1}'))
    assert state_of(sent, "c1", "look", '{"a": 1}') is State.VERIFIED_PINNED
    assert state_of(sent, "c1", "look", '{"a": 2}') is State.FAILED


@pytest.mark.parametrize("told", [b', "id": null', b""])
def test_a_tool_call_without_an_id_is_signed_with_null(told: bytes) -> None:
    """Some vendors give calls no id; one kind of gateway passes that on as null, one not at all."""
    sent = call_frames(("", "look", '{"a": 1}')).replace(b', "id": ""', told)
    assert state_of(sent, None, "look", '{"a": 1}') is State.VERIFIED_PINNED
    assert state_of(sent, "c1", "look", '{"a": 1}') is State.FAILED


def test_tool_calls_that_were_signed_as_one_are_partly_covered() -> None:
    sent = call_frames(("c1", "look", '{"a": 1}'), ("c2", "send", '{"b": 2}'))
    merged = '{"a": 1}{"b": 2}'
    assert state_of(sent, "c2", "send", merged) is State.PARTLY_COVERED

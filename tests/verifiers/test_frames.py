"""The short way through a long stream sees exactly what the long way sees, whatever comes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from troth.verifiers import opengradient_frames as frames
from troth.verifiers.opengradient_frames import ReplyRead, read_reply
from verifiers.setting import REQUEST, STAMP
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

"""Framing gives the same events however the bytes are cut, and follows the WHATWG rules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.domain.error import ReplyMalformed
from troth.providers.framing import BodyShape, EventStream, LineSplitter, ReplyBody, ServerEvent

RULES: list[tuple[str, bytes, list[tuple[str, str]]]] = [
    ("lf", b"data: a\n\ndata: b\n\n", [("", "a"), ("", "b")]),
    ("cr", b"data: a\r\rdata: b\r\r", [("", "a"), ("", "b")]),
    ("crlf", b"data: a\r\n\r\ndata: b\r\n\r\n", [("", "a"), ("", "b")]),
    ("bom is skipped once", b"\xef\xbb\xbfdata: a\n\n", [("", "a")]),
    ("a second bom is no field", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [("", "b")]),
    ("comments", b": ping\n\n:ping\ndata: a\n: x\n\n", [("", "a")]),
    ("data lines join", b"data: a\ndata: b\ndata:\n\n", [("", "a\nb\n")]),
    ("one space is optional", b"data:a\n\ndata:  b\n\n", [("", "a"), ("", " b")]),
    ("event names reset", b"event: e\ndata: a\n\ndata: b\n\n", [("e", "a"), ("", "b")]),
    ("no data, no event", b"event: e\n\ndata: b\n\n", [("", "b")]),
    ("last event without blank line", b"data: a\n\ndata: b", [("", "a"), ("", "b")]),
    (
        "unicode line separators are text",
        "data: a\u2028b\u0085c\n\n".encode(),
        [("", "a\u2028b\u0085c")],
    ),
    ("form feed is text", b"data: a\x0cb\x0b\x1c\n\n", [("", "a\x0cb\x0b\x1c")]),
    ("a field without colon", b"data\n\n", [("", "")]),
    ("unknown fields", b"foo: bar\nretry: 3\nid: 7\ndata: a\n\n", [("", "a")]),
    ("bytes that are no utf-8", b"data: a\xffb\n\n", [("", "a\ufffdb")]),
]


@pytest.mark.parametrize(("body", "expected"), [r[1:] for r in RULES], ids=[r[0] for r in RULES])
def test_event_streams_follow_the_rules_however_they_are_cut(
    body: bytes, expected: list[tuple[str, str]]
) -> None:
    for size in (len(body), 1, 2, 3, 5):
        stream = EventStream()
        events: list[ServerEvent] = []
        for at in range(0, len(body), size):
            events += stream.feed(body[at : at + size])
        events += stream.close()
        assert [(event.event, event.data) for event in events] == expected


def test_the_last_id_stays_until_another_one_comes() -> None:
    events = EventStream().feed(b"id: 7\ndata: a\n\ndata: b\n\nid: 8\0\ndata: c\n\n")
    assert [event.id for event in events] == ["7", "7", "7"]


@given(body=st.binary(max_size=80), cuts=st.lists(st.integers(0, 80), max_size=6))
def test_any_bytes_in_any_cuts_give_the_same_lines(body: bytes, cuts: list[int]) -> None:
    whole, pieces = LineSplitter(), LineSplitter()
    expected = whole.feed(body) + whole.close()
    found: list[bytes] = []
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in itertools.pairwise(edges):
        found += pieces.feed(body[start:end])
    assert found + pieces.close() == expected


@given(
    body=st.lists(
        st.sampled_from(
            [b"data: x", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b":c", b" ", b"{", b"<"]
        ),
        max_size=12,
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_a_reply_body_has_one_meaning_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    def read(pieces: list[bytes]) -> tuple[BodyShape, list[ServerEvent] | str]:
        reader = ReplyBody()
        events: list[ServerEvent] = []
        for piece in pieces:
            events += reader.feed(piece)
        try:
            return reader.shape, events + reader.close()
        except ReplyMalformed as error:
            return reader.shape, error.code

    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(edges)]
    assert read(pieces) == read([body])


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "empty"), (b" \r\n\n", "empty"), (b"<html><title>Login</title>", "markup"),
     (b"Internal Server Error", "not_an_event_stream")],
)  # fmt: skip
def test_a_body_that_is_no_reply_is_named(body: bytes, code: str) -> None:
    reader = ReplyBody()
    reader.feed(body)
    with pytest.raises(ReplyMalformed) as raised:
        reader.close()
    assert raised.value.code == code


def test_a_document_comes_whole_at_the_end() -> None:
    reader = ReplyBody()
    assert reader.feed(b'\n{"a":\n') == []
    assert reader.feed(b"1}") == []
    assert reader.close() == [ServerEvent("", '{"a":\n1}')]
    assert reader.shape is BodyShape.DOCUMENT


def test_bare_lines_in_a_stream_are_kept_as_strays() -> None:
    reader = ReplyBody()
    reader.feed(b'data: a\n\n{"error":"upstream went away"}\n')
    assert reader.close() == []
    assert reader.strays == [b'{"error":"upstream went away"}']

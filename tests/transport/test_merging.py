"""Merged chunks: h11 reads the same message from them, however the bytes were cut, and in fewer
pieces; what is broken stays broken."""

from __future__ import annotations

import random
from collections.abc import Sequence

import h11
import pytest

from servers import Answer, ScriptedServer
from troth.domain.exchange import HttpRequest
from troth.transport import Transport
from troth.transport.merging import MOST_BYTES, ChunkMerger

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "no size": HEAD + b"5\r\nhello\r\nxyz\r\nworld\r\n0\r\n\r\n",
    "a size too small": HEAD + b"4\r\nhello\r\n0\r\n\r\n",
    "no line end behind a chunk": HEAD + b"5\r\nhello5\r\nworld\r\n0\r\n\r\n",
    "half a line end": HEAD + b"5\r\nhello\r5\r\nworld\r\n0\r\n\r\n",
    "cut inside a chunk": HEAD + b"5\r\nhello\r\n5\r\nwo",
    "cut inside a size": HEAD + b"5\r\nhello\r\n5",
    "no end": HEAD + b"5\r\nhello\r\n",
    "a size without end": HEAD + b"0" * 9000,
}
WHOLE = {
    "usual": HEAD + b"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n",
    "extensions and capitals": HEAD + b"5;a=b\r\nhello\r\n0A \r\n0123456789\r\n0\r\n\r\n",
    "trailers": HEAD + b"5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n",
    "line ends and sizes as content": HEAD + b"a\r\n\r\n\r\n5\r\n0\r\n\r\n0\r\n\r\n",
    "empty": HEAD + b"0\r\n\r\n",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"2\r\nhi\r\n0\r\n\r\n",
    "bare line feeds in the head": HEAD.replace(b"\r\n", b"\n") + b"2\r\nhi\r\n0\r\n\r\n",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n2\r\nhi\r\n0\r",
    "a length, and chunked as a word": b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n\r\nhi",
}


def read(messages: Sequence[bytes]) -> tuple[bytes, str, int]:
    """Return the body that h11 reads, how it ended, and in how many pieces it came."""
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    reader.send(h11.EndOfMessage())
    body, pieces = b"", 0
    try:
        for received in (*messages, b""):
            reader.receive_data(received)
            while (event := reader.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Data):
                    body, pieces = body + bytes(event.data), pieces + 1
                elif isinstance(event, h11.EndOfMessage):
                    return body, f"whole {sorted(event.headers)}", pieces
                elif isinstance(event, h11.ConnectionClosed):
                    return body, "closed", pieces
    except h11.RemoteProtocolError:
        return body, "broken", pieces
    return body, "waiting", pieces


def in_cuts(message: bytes, longest: int, seed: int) -> list[bytes]:
    chance, cuts = random.Random(seed), list[bytes]()
    while message:
        size = chance.randint(1, longest)
        cuts.append(message[:size])
        message = message[size:]
    return cuts


def merged(cuts: Sequence[bytes]) -> list[bytes]:
    merger = ChunkMerger()
    merger.expect_answer()
    return [given for cut in cuts if (given := merger.feed(cut))]


@pytest.mark.parametrize("name", [*WHOLE, *BROKEN])
@pytest.mark.parametrize("longest", [1, 3, 17, 100_000])
def test_h11_reads_the_same_from_merged_chunks(name: str, longest: int) -> None:
    message = {**WHOLE, **BROKEN}[name]
    for seed in range(20):
        cuts = in_cuts(message, longest, seed)
        body, end, _ = read(merged(cuts))
        plain_body, plain_end, _ = read([message])
        assert end == plain_end
        assert body == plain_body if name in WHOLE else body.startswith(plain_body[:2])


def test_a_broken_answer_is_still_broken() -> None:
    assert {read(merged([message]))[1] for message in BROKEN.values()} == {"broken"}


@pytest.mark.parametrize("seed", range(30))
def test_random_chunks_in_random_cuts_are_the_same_body(seed: int) -> None:
    chance = random.Random(seed)
    contents = [chance.randbytes(chance.choice([1, 2, 40, 300])) for _ in range(200)]
    message = HEAD + b"".join(b"%X\r\n%b\r\n" % (len(c), c) for c in contents) + b"0\r\n\r\n"
    cuts = in_cuts(message, chance.choice([2, 50, 1000, 16_384]), seed)
    body, end, pieces = read(merged(cuts))
    assert (body, end) == (b"".join(contents), "whole []")
    assert pieces <= len(cuts)


def test_a_second_answer_on_the_connection_is_read_like_the_first() -> None:
    merger = ChunkMerger()
    for _ in range(2):
        merger.expect_answer()
        given = merger.feed(WHOLE["usual"])
        assert read([given]) == (b"hello world", "whole []", 1)


async def test_tokens_that_come_together_are_given_together(transport: Transport) -> None:
    tokens = [b"data: %d\n\n" % number for number in range(500)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(token), token) for token in tokens)
    server = ScriptedServer(Answer(steps=(HEAD + chunks + b"0\r\n\r\n",), is_raw=True))
    async with server:
        request = HttpRequest("GET", server.url)
        async with transport.stream(request, purpose="test") as answer:
            received = [chunk async for chunk in answer.chunks()]
    assert b"".join(received) == b"".join(tokens)
    assert len(received) <= 2 + len(chunks) // MOST_BYTES

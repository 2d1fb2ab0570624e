"""One HTTP chunk for all those that came together, so that a fast reply costs a third less.

Servers send each token as a chunk of its own, and httpcore and h11 spend 50 microseconds on each:
at 5,000 tokens a second that alone is a quarter of a core. Only the framing is touched, never a
byte of a body; whatever looks odd is passed on as it is, for h11 to judge.
"""
# ruff: noqa: ASYNC109 - the signatures are httpcore's

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

from troth.transport.lean import httpcore

MOST_BYTES = 16_384
"""For one read: what it holds is decoded at one go, and a key must not wait for more than that."""

SMALL_BYTES = 12_288
REST_S = 0.006
"""After a read of less than that the next one waits so long: tokens come one by one, and every
read costs as much as decoding five. Half a frame at most is lost, and a big body loses nothing."""

_HEAD_LIMIT_BYTES = 1 << 16
_SIZE_LIMIT_BYTES = 4096
_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding:[ \t]*chunked[ \t]*\r?$")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\Z")


class _State(Enum):
    HEAD = auto()
    """Waiting for the end of an answer's head."""
    SIZE = auto()
    """Waiting for the line that says how long the next chunk is."""
    BODY = auto()
    """Inside a chunk, or at the line end behind it."""
    PASS = auto()
    """Everything goes through: no chunks, the last chunk, or something odd."""


class ChunkMerger:
    """What an answer's bytes become on their way: the same message in fewer chunks (RFC 9112, 7.1).

    Gives out no half chunk and no half size, so that it may give nothing for something.
    """

    def __init__(self) -> None:
        self._state = _State.HEAD
        self._kept = b""
        """The head so far, or framing of which the rest has not come."""
        self._left = 0
        """Bytes of the open chunk that have not come."""

    @property
    def is_inside_body(self) -> bool:
        """Whether chunks are on their way."""
        return self._state is _State.SIZE or self._state is _State.BODY

    def expect_answer(self) -> None:
        """A request leaves on this connection: its answer begins with a head."""
        self._state, self._kept = _State.HEAD, b""

    def feed(self, received: bytes) -> bytes:
        """Return what h11 is to be given for `received`."""
        passed = b""
        if self._state is _State.HEAD:
            passed, received = self._take_head(received)
        if self._state is _State.PASS or not received:
            return passed + received
        pieces: list[bytes] = []
        odd = self._take_chunks(self._kept + received, pieces)
        size = sum(map(len, pieces))
        merged = b"%x\r\n%b\r\n" % (size, b"".join(pieces)) if size else b""
        return passed + merged + odd

    def _take_head(self, received: bytes) -> tuple[bytes, bytes]:
        """Return what belongs to heads, which pass through, and the beginning of the body."""
        known = len(self._kept)
        head, start = self._kept + received, 0
        while end := _HEAD_END.search(head, start):
            status = _STATUS.match(head, start)
            code = int(status[1]) if status else 0
            is_interim = 100 <= code < 200 and code != 101
            if not is_interim:
                has_body = code not in {0, 101, 204, 304}
                is_chunked = has_body and _CHUNKED.search(head, start, end.end()) is not None
                self._state = _State.SIZE if is_chunked else _State.PASS
                self._kept = b""
                return head[known : end.end()], head[end.end() :]
            start = end.end()
        self._kept = head[start:]
        if len(self._kept) > _HEAD_LIMIT_BYTES:
            self._state = _State.PASS
        return received, b""

    def _take_chunks(self, buffer: bytes, pieces: list[bytes]) -> bytes:
        """Collect the chunks' contents; return what is to be passed on raw behind them."""
        self._kept = b""
        at = 0
        while at < len(buffer):
            if self._state is _State.SIZE:
                end = buffer.find(b"\r\n", at)
                if end < 0 and len(buffer) - at <= _SIZE_LIMIT_BYTES:
                    break
                size = _SIZE.match(buffer, at, end) if end >= 0 else None
                self._left = int(size[1], 16) if size else 0
                if not self._left:
                    self._state = _State.PASS  # the end, its trailers, or something odd
                    return buffer[at:]
                at, self._state = end + 2, _State.BODY
            elif self._left:
                piece = buffer[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
            elif buffer.startswith(b"\r\n", at):
                at, self._state = at + 2, _State.SIZE
            elif buffer[at:] == b"\r":
                break
            else:
                self._state = _State.PASS
                return b"?" + buffer[at:]  # no size begins so: h11 refuses it, as it would have
        self._kept = buffer[at:]
        return b""


class MergingStream(httpcore.AsyncNetworkStream):
    """A connection whose answers come in fewer chunks."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._merger = ChunkMerger()
        self._rests_until = 0.0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        clock = asyncio.get_running_loop().time
        while True:
            if self._merger.is_inside_body and (rest_s := self._rests_until - clock()) > 0:
                await asyncio.sleep(rest_s)
            received = await self._inner.read(min(max_bytes, MOST_BYTES), timeout)
            if not received:
                return b""
            self._rests_until = clock() + REST_S if len(received) < SMALL_BYTES else 0.0
            if merged := self._merger.feed(received):
                return merged

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._merger.expect_answer()
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return MergingStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class MergingBackend(httpcore.AsyncNetworkBackend):
    """What opens such connections."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return MergingStream(stream)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def merge_chunks(pool: object) -> None:
    """Let an httpx transport open such connections.

    httpcore takes a backend, but httpx hands none on (0.28.1): it is put where httpcore keeps it.
    In a version that keeps it elsewhere replies cost more, and nothing else changes.
    """
    inner = getattr(pool, "_pool", None)
    backend = getattr(inner, "_network_backend", None)
    if isinstance(backend, httpcore.AsyncNetworkBackend):
        setattr(inner, "_network_backend", MergingBackend(backend))  # noqa: B010 - not ours

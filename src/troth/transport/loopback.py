"""A small HTTP server on 127.0.0.1: for a login's way back, and for the simulated enclave.

It speaks just enough HTTP/1.1 for a browser and for Troth itself: one request a connection, bodies
by Content-Length, answers whole or in chunks. It is never bound to another address.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urlsplit

from troth.domain.error import ConnectFailed
from troth.domain.exchange import Headers

_HEAD_LIMIT = 16 << 10
_READ_S = 20.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Given:
    """An answer; `body` may still be coming, and may break off."""

    status: int
    headers: Headers = ()
    body: bytes | AsyncIterable[bytes] = b""


Handler = Callable[[Received], Awaitable[Given]]


class BrokenOff(Exception):
    """Raised by a body that ends as a cut connection would: without its last chunk."""


@asynccontextmanager
async def serving(
    handler: Handler, *, port: int = 0, body_limit: int = 1 << 20
) -> AsyncGenerator[int]:
    """Serve on 127.0.0.1 while the block lasts; gives the port. Raises ConnectFailed if taken."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_S):
                received = await _read(reader, body_limit)
            await _write(writer, await handler(received))
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError, BrokenOff):
            pass  # a browser that opens connections in advance, or one that has gone
        except asyncio.LimitOverrunError:
            pass  # no client of ours sends a head of that size
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(serve, "127.0.0.1", port, limit=_HEAD_LIMIT)
    except OSError as error:
        raise ConnectFailed("127.0.0.1", f"port {port} is taken") from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def page_url(base: str, query: Mapping[str, str]) -> str:
    """Return `base` with a query."""
    return f"{base}?{urlencode(query)}"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, as a browser writes an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def _read(reader: asyncio.StreamReader, body_limit: int) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= body_limit:
        raise ValueError("a body of that size is not taken")
    body = await reader.readexactly(size)
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query))
    return Received(method, parts.path, MappingProxyType(query), MappingProxyType(headers), body)


async def _write(writer: asyncio.StreamWriter, answer: Given) -> None:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append("Connection: close")
    if isinstance(answer.body, bytes):
        lines += [f"Content-Length: {len(answer.body)}", "", ""]
        writer.write("\r\n".join(lines).encode("latin-1") + answer.body)
        await writer.drain()
        return
    writer.write("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode("latin-1"))
    async for piece in answer.body:
        if piece:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()

"""A listening socket on 127.0.0.1, its connections, and what was asked on them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from scripted.certificates import Certificate


@dataclass(eq=False)
class RecordedRequest:
    """One request as it arrived. Times are `time.monotonic()` seconds."""

    method: str
    path: str
    """The request target, undecoded, with its query."""
    headers: tuple[tuple[str, str], ...]
    """In order, as spelt by the client."""
    body: bytes
    connection: int
    """Which connection it came on, counted from 0."""
    received_at: float
    answered_at: float | None = None
    """When the last step had been sent."""
    disconnected_at: float | None = None
    """When the client closed before the answer was over."""

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Changes:
    """Lets tests, in any loop or thread, wait until something about the server is true."""

    condition: threading.Condition = field(default_factory=threading.Condition)
    waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = field(
        default_factory=list
    )

    def announce(self) -> None:
        with self.condition:
            self.condition.notify_all()
            waiters, self.waiters = self.waiters, []
        for loop, future in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_release, future)

    async def until(self, predicate: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while True:
                loop = asyncio.get_running_loop()
                future = loop.create_future()
                with self.condition:
                    if predicate():
                        return
                    self.waiters.append((loop, future))
                await future


def _release(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


TLS_HANDSHAKE = 0x16
"""The first byte of a client that speaks TLS to a server that does not (RFC 8446, 5.1)."""


class Hangup(Exception):
    """The client closed its side, or sent what is no HTTP."""


class Connection:
    """One client connection: reads ahead while an answer is sent, so that a hang-up is noticed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.buffer = bytearray()

    async def fill(self) -> None:
        try:
            received = await self.reader.read(65536)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Hangup from error
        if not received:
            raise Hangup
        self.buffer += received

    async def take_until(self, mark: bytes) -> bytes:
        while (end := self.buffer.find(mark)) < 0:
            await self.fill()
        taken = bytes(self.buffer[:end])
        del self.buffer[: end + len(mark)]
        return taken

    async def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            await self.fill()
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    async def watch(self) -> None:
        """Return when the client has closed; keep what it pipelines meanwhile."""
        try:
            while True:
                await self.fill()
        except Hangup:
            return

    async def request(self, number: int) -> RecordedRequest:
        while not self.buffer:
            await self.fill()
        if self.buffer[0] == TLS_HANDSHAKE:
            self.writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            raise Hangup
        head = (await self.take_until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        try:
            method, path, _version = head[0].split(" ")
        except ValueError as error:
            raise Hangup from error
        pairs = [line.partition(":") for line in head[1:]]
        headers = tuple((name, value.strip()) for name, _, value in pairs)
        lowered = {name.lower(): value for name, value in headers}
        if "chunked" in lowered.get("transfer-encoding", ""):
            body = await self._chunked_body()
        else:
            body = await self.take(int(lowered.get("content-length", "0")))
        return RecordedRequest(method, path, headers, body, number, time.monotonic())

    async def _chunked_body(self) -> bytes:
        body = bytearray()
        while size := int((await self.take_until(b"\r\n")).partition(b";")[0], 16):
            body += await self.take(size)
            await self.take_until(b"\r\n")
        await self.take_until(b"\r\n")
        return bytes(body)


class ListeningServer:
    """A listening socket with its connections, in the test's loop or in a thread of its own."""

    scheme: Literal["http", "https"] = "http"

    def __init__(self, certificate: Certificate | None = None) -> None:
        self.port = 0
        self.connections = 0
        """How many connections were accepted."""
        self._certificate = certificate
        self.changes = Changes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        if certificate is not None:
            self.scheme = "https"

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, no slash at the end."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def handle(self, connection: Connection, number: int) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        context = self._certificate.server_context() if self._certificate else None
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)
        await self._server.wait_closed()

    def __enter__(self) -> Self:
        loop = asyncio.new_event_loop()
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="scripted-server")
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._loop is not None
        assert self._thread is not None
        asyncio.run_coroutine_threadsafe(self.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def until(self, predicate: Callable[[], bool], timeout_s: float = 10) -> None:
        """Wait until `predicate()` holds; it is asked again after every request and hang-up."""
        await self.changes.until(predicate, timeout_s)

    def wait_until(self, predicate: Callable[[], bool], timeout_s: float = 10) -> None:
        """The same for synchronous tests."""
        with self.changes.condition:
            if not self.changes.condition.wait_for(predicate, timeout_s):
                raise TimeoutError

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        self.connections += 1
        try:
            await self.handle(Connection(reader, writer), self.connections - 1)
        except (Hangup, OSError, asyncio.CancelledError):
            pass  # the client left, or the test is over: both are ordinary ends here
        finally:
            self._tasks.discard(task)
            writer.close()

"""A plain HTTP proxy for tests: CONNECT tunnels and absolute-form requests, all recorded."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from scripted.listening import Connection, ListeningServer, RecordedRequest


class ScriptedProxy(ListeningServer):
    """Forwards what it is asked to, or refuses with a status.

    `hosts` says where a name really lives (`{"api.example.test": server.port}`), so that tests can
    use names that no DNS knows. With `credentials` ("user:password") others get a 407.
    """

    def __init__(
        self,
        hosts: Mapping[str, int] | None = None,
        *,
        credentials: str | None = None,
        refuses_with: int | None = None,
    ) -> None:
        super().__init__()
        self.requests: list[RecordedRequest] = []
        """CONNECT requests and absolute-form requests, heads and bodies, in order."""
        self.hosts = dict(hosts or {})
        """May be changed while it runs."""
        self._refuses_with = refuses_with
        token = base64.b64encode(credentials.encode()).decode() if credentials else ""
        self._wanted = f"Basic {token}" if credentials else None

    @property
    def targets(self) -> list[str]:
        """What it was asked to reach: `host:port` for tunnels, whole URLs otherwise."""
        return [request.path for request in self.requests]

    async def handle(self, connection: Connection, number: int) -> None:
        request = await connection.request(number)
        self.requests.append(request)
        self.changes.announce()
        if self._wanted and request.header("proxy-authorization") != self._wanted:
            await _refuse(connection, "407 Proxy Authentication Required")
        elif self._refuses_with:
            await _refuse(connection, f"{self._refuses_with} Refused")
        elif request.method == "CONNECT":
            host, _, port = request.path.rpartition(":")
            await self._tunnel(connection, host, int(port), b"")
        else:
            target = urlsplit(request.path)
            path = f"{target.path or '/'}{'?' + target.query if target.query else ''}"
            lines = [f"{request.method} {path} HTTP/1.1"]
            lines += [f"{k}: {v}" for k, v in request.headers if k.lower() != "connection"]
            head = "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")
            await self._tunnel(
                connection, target.hostname or "", target.port or 80, head + request.body
            )

    async def _tunnel(self, connection: Connection, host: str, port: int, first: bytes) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.hosts.get(host, port))
        except OSError:
            await _refuse(connection, "502 Bad Gateway")
            return
        try:
            if first:
                writer.write(first)
            else:
                connection.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                writer.write(bytes(connection.buffer))
                connection.buffer.clear()
            there = asyncio.create_task(_pump(connection.reader, writer))
            back = asyncio.create_task(_pump(reader, connection.writer))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                there.cancel()
                back.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
        finally:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while received := await reader.read(65536):
            writer.write(received)
            await writer.drain()


async def _refuse(connection: Connection, status: str) -> None:
    connection.writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
    await connection.writer.drain()

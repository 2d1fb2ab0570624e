"""Real servers on 127.0.0.1 that do what a test tells them to, and remember what they were asked.

    async with ScriptedServer(openai_chat_stream(["Hel", "lo"])) as server:
        ... server.url ...          # in the test's own loop
    with ScriptedServer(answer) as server:
        ... server.url ...          # in a thread: for subprocesses and synchronous tests

A script is one `Answer` (given to every request), a sequence of them (one a request, the last one
again and again) or a function from `RecordedRequest` to `Answer`; `routes({...})` makes one by
path. An `Answer` is a status, headers and steps: bytes are sent, `Pause`, `Gate` and
`asyncio.Event` wait, `Cut` closes early, `Reset` sends RST, `Stall` says nothing more. A
`Certificate` makes it TLS; `ScriptedProxy` stands in between. Nothing here knows of Troth.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence

from scripted.certificates import Certificate, make_certificate
from scripted.listening import Connection, ListeningServer, RecordedRequest
from scripted.proxy import ScriptedProxy
from scripted.steps import (
    Answer,
    Cut,
    Gate,
    Pause,
    Reset,
    Stall,
    Step,
    cut_after,
    gated_after,
    html_error,
    in_cuts,
    json_answer,
    slowly,
)
from scripted.streams import (
    anthropic_stream,
    gemini_stream,
    ollama_stream,
    openai_chat_stream,
    openai_responses_stream,
)

__all__ = [
    "Answer",
    "Certificate",
    "Cut",
    "Gate",
    "Pause",
    "RecordedRequest",
    "Reset",
    "ScriptedProxy",
    "ScriptedServer",
    "Stall",
    "Step",
    "anthropic_stream",
    "cut_after",
    "gated_after",
    "gemini_stream",
    "html_error",
    "in_cuts",
    "json_answer",
    "make_certificate",
    "ollama_stream",
    "openai_chat_stream",
    "openai_responses_stream",
    "routes",
    "slowly",
]


Script = Answer | Sequence[Answer] | Callable[[RecordedRequest], Answer]


def routes(answers: Mapping[str, Script], otherwise: Answer | None = None) -> Script:
    """Make a script from "METHOD /path" or "/path" (query ignored); the rest gets a 404."""
    scripts = {key: _Turns(script) for key, script in answers.items()}

    def choose(request: RecordedRequest) -> Answer:
        path = request.path.partition("?")[0]
        turns = scripts.get(f"{request.method} {path}") or scripts.get(path)
        if turns is not None:
            return turns.next(request)
        return otherwise or json_answer({"error": {"message": "no such path"}}, status=404)

    return choose


class _Turns:
    """Hands out a script's answers, request by request."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._served = 0

    def next(self, request: RecordedRequest) -> Answer:
        if isinstance(self._script, Answer):
            return self._script
        if callable(self._script):
            return self._script(request)
        self._served += 1
        return self._script[min(self._served, len(self._script)) - 1]


class ScriptedServer(ListeningServer):
    """An HTTP/1.1 server that follows a script."""

    def __init__(self, script: Script, *, certificate: Certificate | None = None) -> None:
        super().__init__(certificate)
        self.requests: list[RecordedRequest] = []
        self._turns = _Turns(script)

    def script(self, script: Script) -> None:
        """Follow another script from the next request on."""
        self._turns = _Turns(script)

    async def wait_for_request(self, count: int = 1, timeout_s: float = 10) -> RecordedRequest:
        """Wait until `count` requests have arrived whole; return that one."""
        await self.until(lambda: len(self.requests) >= count, timeout_s)
        return self.requests[count - 1]

    async def wait_for_disconnect(self, index: int = 0, timeout_s: float = 10) -> float:
        """Wait until the client of request `index` hung up early; return when it did."""

        def has_left() -> bool:
            return len(self.requests) > index and self.requests[index].disconnected_at is not None

        await self.until(has_left, timeout_s)
        left_at = self.requests[index].disconnected_at
        assert left_at is not None
        return left_at

    async def handle(self, connection: Connection, number: int) -> None:
        keeps_open = True
        while keeps_open:
            request = await connection.request(number)
            self.requests.append(request)
            self.changes.announce()
            answer = self._turns.next(request)
            sending = asyncio.create_task(self._send(connection, request, answer))
            watching = asyncio.create_task(connection.watch())
            try:
                await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
                if not sending.done():
                    request.disconnected_at = time.monotonic()
                    self.changes.announce()
                    return
                keeps_open = sending.result()
                self.changes.announce()
            finally:
                for task in (sending, watching):
                    task.cancel()
                await asyncio.gather(sending, watching, return_exceptions=True)

    async def _send(self, connection: Connection, request: RecordedRequest, answer: Answer) -> bool:
        """Send one answer; return whether the connection may serve another request."""
        writer = connection.writer
        for step in answer.before_head:
            if not await _take_step(writer, step, is_chunked=False):
                return False
        if not answer.is_raw:
            writer.write(answer.head())
        for step in answer.steps:
            if not await _take_step(writer, step, is_chunked=answer.framing == "chunked"):
                return False
        if answer.framing == "chunked" and not answer.is_raw:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        request.answered_at = time.monotonic()
        return answer.keeps_connection and answer.framing != "until-close" and not answer.is_raw


async def _take_step(writer: asyncio.StreamWriter, step: Step, *, is_chunked: bool) -> bool:
    """Do one step; return False when it ended the connection."""
    match step:
        case bytes():
            if step:
                writer.write(b"%x\r\n%s\r\n" % (len(step), step) if is_chunked else step)
                await writer.drain()
        case Pause(seconds):
            await asyncio.sleep(seconds)
        case Gate() | asyncio.Event():
            await step.wait()
        case Stall():
            await asyncio.get_running_loop().create_future()
        case Cut():
            writer.close()
            return False
        case Reset():
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
    return True

"""One reply from request to vault: bytes are kept first, everything else is derived from them.

The order is the promise: policy and keys before a byte leaves, the record before the decoder, the
vault before the word "done". Nothing is tried again once a byte of the body has come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from troth.domain.error import (
    Failure,
    NetworkError,
    ProviderError,
    RateLimited,
    ReplyMalformed,
    TrothError,
)
from troth.domain.event import (
    LinkArrived,
    Notice,
    ReplyEnded,
    RequestSent,
    RetryScheduled,
    WireEvent,
)
from troth.domain.exchange import Exchange, Headers, HttpRequest, find_header
from troth.domain.message import Finish, Message, Role
from troth.domain.model import Endpoint, ModelInfo
from troth.domain.turn import Turn
from troth.domain.usage import Timing
from troth.engine.assembly import Assembly
from troth.engine.channel import Answer, Channel
from troth.engine.pace import Pace
from troth.engine.reply import Reply
from troth.engine.retry import MAX_ATTEMPTS, retry_delay_s
from troth.engine.tokens import estimate_cost
from troth.providers.base import Decoder, Provider
from troth.providers.errors import error_from
from troth.transport import Transport

_ERROR_BODY_LIMIT = 1 << 20
Seal = Callable[[Message, Exchange | None, Assembly], Awaitable[None]]
"""What stores a finished reply. Called exactly once, shielded from cancellation."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that a reply needs, decided before a byte leaves."""

    reply: Reply
    turn: Turn
    model: ModelInfo
    provider: Provider
    reach: Callable[[], Awaitable[tuple[Endpoint, str | None]]]
    """Makes the provider reachable, and returns its endpoint and key. Called at each attempt."""
    message: Message
    """The message to be, without content: ids, model, params and what was left out."""
    remember_refused: Callable[[str], Awaitable[None]]
    """Told what a refusal taught about this model, see `RefusedParameters`."""
    cause_of: Callable[[TrothError], Awaitable[TrothError]]
    """Names what broke a reply off, where we know more than the wire told."""
    pace: Pace
    """When this provider may be asked; shared by all who ask it."""
    channel: Channel
    """The way that the request takes."""


@dataclass(slots=True)
class _Record:
    """The bytes of the current attempt, as they come."""

    request: HttpRequest
    sent_at: datetime
    sent_ns: int
    status: int = 0
    headers: Headers = ()
    request_headers: Headers = ()
    """As they left, without the secret ones."""
    body: bytearray | None = None
    first_token_ms: float | None = None
    is_complete: bool = False

    def left(self, sent_at: datetime) -> None:
        """Take over when the request really left: imports and a waking model are not its time."""
        self.sent_at = sent_at
        waited = datetime.now(UTC) - sent_at
        self.sent_ns = time.perf_counter_ns() - int(waited.total_seconds() * 1e9)

    def elapsed_ms(self) -> float:
        return (time.perf_counter_ns() - self.sent_ns) / 1e6

    def exchange(self, outer_sha256: str) -> Exchange | None:
        if self.body is None:
            return None
        return Exchange(
            method=self.request.method,
            url=self.request.url,
            request_headers=self.request_headers,
            request_body=self.request.body,
            status=self.status,
            response_headers=self.headers,
            response_body=bytes(self.body),
            sent_at=self.sent_at,
            received_at=datetime.now(UTC),
            is_complete=self.is_complete,
            outer_sha256=outer_sha256,
        )


class ReplyRun:
    """Runs one job to its end: asks, listens, keeps, seals."""

    def __init__(self, job: Job, transport: Transport, seal: Seal) -> None:
        self._job = job
        self._transport = transport
        self._seal = seal
        self._turn = job.turn
        self._model = job.model
        self._left_out = job.message.left_out
        self._assembly = Assembly()
        self._record: _Record | None = None
        self._failure: Failure | None = None
        self._crash: BaseException | None = None

    async def run(self) -> None:
        """Bring the reply to its end. Never raises for what a provider or the network does."""
        asking = asyncio.ensure_future(self._ask())
        stopping = asyncio.ensure_future(self._job.reply.stopping())
        try:
            await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also on cancellation (the app closes): what has come is sealed before we go.
            stopping.cancel()
            was_running = asking.cancel()
            await asyncio.wait({asking})
            await asyncio.shield(self._end(was_stopped=was_running, asking=asking))

    async def _ask(self) -> None:
        attempt = 1
        while True:
            try:
                await self._attempt(attempt)
            except (ProviderError, NetworkError) as error:
                if self._has_bytes() or not self._job.channel.is_repeatable:
                    cause = await self._job.cause_of(error)
                    if cause is error:
                        raise
                    raise cause from error
                if isinstance(error, ProviderError) and await self._amend(error):
                    continue
                headers = self._record.headers if self._record else ()
                delay_s = retry_delay_s(error, headers, attempt)
                if delay_s is None or attempt == MAX_ATTEMPTS:
                    raise
                failure = Failure.of(error)
                if isinstance(error, RateLimited):
                    self._job.pace.hold(self._model.ref.provider, delay_s)
                self._job.reply.publish([RetryScheduled(attempt + 1, delay_s, failure)])
                await asyncio.sleep(delay_s)
            else:
                return
            attempt += 1

    def _has_bytes(self) -> bool:
        """Whether a byte of a reply has come: from then on nothing is asked again."""
        record = self._record
        return record is not None and record.status < 300 and bool(record.body)

    async def _attempt(self, attempt: int) -> None:
        job = self._job
        await job.pace.wait(job.model.ref.provider, job.reply)
        endpoint, key = await job.reach()
        request = job.provider.encode(self._turn, self._model, endpoint, key)
        request = await job.channel.prepare(request)
        record = self._record = _Record(request, datetime.now(UTC), time.perf_counter_ns())
        job.reply.publish([RequestSent(attempt)])
        async with job.channel.open(request) as response:
            record.status, record.headers = response.status, response.headers
            record.request_headers = response.request_headers
            record.left(response.sent_at)
            record.body = bytearray()
            if response.status >= 300:
                await self._refuse(response, record)
            job.pace.ease(job.model.ref.provider)
            content_type = find_header(response.headers, "content-type") or ""
            decoder = job.provider.decoder(endpoint, job.model.ref, content_type)
            async for received in response.chunks():
                record.body += received
                self._take(decoder.feed(received), record)
            record.is_complete = response.is_complete
            self._take(_close(decoder, endpoint.name), record)
        await self._fetch_links()

    async def _refuse(self, response: Answer, record: _Record) -> None:
        """Read the error body and raise what it says."""
        assert record.body is not None
        async for received in response.chunks():
            record.body += received
            if len(record.body) > _ERROR_BODY_LIMIT:
                break
        raise error_from(
            response.status,
            response.headers,
            bytes(record.body),
            provider=self._job.model.ref.provider,
            model=self._job.model.ref.model,
        )

    def _take(self, events: list[WireEvent], record: _Record) -> None:
        if not events:
            return
        for event in events:
            self._assembly.add(event)
        if record.first_token_ms is None and self._assembly.has_content:
            record.first_token_ms = record.elapsed_ms()
        self._job.reply.publish(events)

    async def _fetch_links(self) -> None:
        """Bring in images that came as links: such links die within hours."""
        for link in self._assembly.links:
            answer = await self._transport.send(
                HttpRequest("GET", link.url), purpose="image", limit_bytes=64 << 20, timeout_s=120
            )
            if answer.status != 200:
                raise ReplyMalformed(
                    f"image link answered {answer.status}", provider=self._job.model.ref.provider
                )
            media_type = (answer.header("content-type") or link.media_type).partition(";")[0]
            self._assembly.add_blob(answer.body, media_type.strip() or "image/png")

    async def _amend(self, error: ProviderError) -> bool:
        """Change what the provider refused, each thing once; False when there is nothing to."""
        from troth.engine.amend import amend  # rarely needed, and never before the first byte

        amendment = amend(error, self._turn, self._model, self._job.provider.wire)
        if amendment is None:
            return False
        self._turn, self._model = amendment.turn, amendment.model
        self._left_out += amendment.left_out
        if amendment.lesson:
            await self._job.remember_refused(amendment.lesson)
        if amendment.wire_name:
            self._job.reply.publish([Notice("parameter_dropped", amendment.wire_name)])
        return True

    async def _end(self, *, was_stopped: bool, asking: asyncio.Future[None]) -> None:
        finish = self._finish(was_stopped=was_stopped, asking=asking)
        record, info = self._record, self._job.model
        timing = Timing(record.elapsed_ms(), record.first_token_ms) if record else None
        message = replace(
            self._job.message,
            role=Role.ASSISTANT,
            created_at=datetime.now(UTC),
            parts=self._assembly.parts(),
            usage=self._assembly.usage,
            timing=timing,
            finish=finish,
            failure=self._failure,
            params=self._turn.params,
            left_out=self._left_out,
            raw_items=tuple(self._assembly.raw_items),
            cost_usd=estimate_cost(info, self._assembly.usage),
        )
        trace = self._job.channel.trace()
        exchange = record.exchange(trace.outer_sha256) if record else None
        await self._seal(message, exchange, self._assembly)
        paid = [Notice("authorised", amount) for amount in trace.authorised]
        self._job.reply.publish([*paid, ReplyEnded(message)])
        if self._crash is not None:
            raise self._crash

    def _finish(self, *, was_stopped: bool, asking: asyncio.Future[None]) -> Finish:
        if was_stopped or asking.cancelled():
            return Finish.STOPPED
        error = asking.exception()
        if error is None:
            shortfall = self._assembly.shortfall(self._model.ref)
            self._failure = None if shortfall is None else Failure.of(shortfall)
            return self._assembly.finish or Finish.STOP
        if isinstance(error, TrothError):
            self._failure = Failure.of(error)
        else:
            # A fault of ours: what came is sealed like any other reply, then the fault is raised.
            self._failure, self._crash = Failure("crash", {"type": type(error).__name__}), error
        return Finish.CUT if self._assembly.has_content else Finish.FAILED


def _close(decoder: Decoder, provider: str) -> list[WireEvent]:
    events = decoder.close()
    for event in events:
        if isinstance(event, LinkArrived) and not event.url.startswith("https://"):
            raise ReplyMalformed("image link is not https", provider=provider)
    return events

"""To a provider whose connection ends in a machine that proves itself: asked first, then told.

The machine is asked what it is, its answer is judged here, and the prompt leaves on a connection
with the key that the answer binds, or not at all. Where several machines answer at one address, or
one was restarted, the key is another: then it is asked again before a word leaves.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from troth.domain.error import EnclaveRefused, NetworkError, TlsFailed
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.model import Endpoint
from troth.engine.channel import Answer, Fetched, Trace
from troth.transport import ResponseStream, Sight, Transport, origin_of
from troth.verifiers.base import Wanted
from troth.verifiers.tinfoil import BeforeSend, check_before_send, wanted_about, wanted_document
from troth.verifiers.trust import Trust

_FRESH = timedelta(minutes=10)
_MAKERS_FRESH = timedelta(days=1)
_TIMEOUT_S = 20.0
_DOCUMENT_BYTES, _ANSWER_BYTES = 4 << 20, 1 << 20
_MOST_MACHINES = 3
"""How many that share an address are asked until a connection ends at the one that answered."""
_MOST_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """A machine as it was found, and what that came to."""

    evidence: Fetched
    before: BeforeSend


@dataclass(slots=True)
class Machines:
    """Asks machines what they are, and remembers for some minutes what they said."""

    transport: Transport
    _kept: dict[str, tuple[Fetched, datetime]] = field(
        default_factory=dict[str, tuple[Fetched, datetime]]
    )
    _makers: dict[str, tuple[HttpResponse, datetime]] = field(
        default_factory=dict[str, tuple[HttpResponse, datetime]]
    )
    """What hardware makers answered, by URL: they say the same of a chip for months, and AMD
    answers whoever asks often with 429."""

    async def check(self, origin: str, trust: Trust) -> Checked:
        """Ask the machine at `origin` what it is, and judge that. What does not come is missing."""
        kept = self._kept.get(origin)
        now = datetime.now(UTC)
        if kept is None or not timedelta() <= now - kept[1] < _FRESH:
            fetched = await self._ask_machine(wanted_document(origin, secrets.token_bytes(32)))
        else:
            fetched = kept[0]
        fetched = await self._ask_makers(fetched, trust)
        before = await asyncio.to_thread(check_before_send, answers_of(fetched), trust, now)
        if before.is_allowed and (kept is None or fetched is not kept[0]):
            self._kept[origin] = fetched, now
        elif not before.is_allowed:
            self._kept.pop(origin, None)
        return Checked(fetched, before)

    def forget(self, origin: str = "") -> None:
        """Ask again the next time: a machine has changed, or may have."""
        if origin:
            self._kept.pop(origin, None)
        else:
            self._kept.clear()

    async def _ask_machine(self, wanted: Wanted) -> Fetched:
        answer = await self._ask(wanted.request, "attestation", _DOCUMENT_BYTES)
        return {} if answer is None else {wanted.name: (wanted.request, answer)}

    async def _ask_makers(self, fetched: Fetched, trust: Trust) -> Fetched:
        """Add what the makers of the hardware say of it, where the user lets them be asked."""
        for _ in range(_MOST_ROUNDS):
            wanted = await asyncio.to_thread(wanted_about, answers_of(fetched), trust)
            if not wanted:
                break
            fetched = {**fetched, **await self._ask_all(wanted)}
        return fetched

    async def _ask_all(self, wanted: Sequence[Wanted]) -> Fetched:
        answers = await asyncio.gather(*(self._ask_maker(one.request) for one in wanted))
        return {
            one.name: (one.request, answer)
            for one, answer in zip(wanted, answers, strict=True)
            if answer is not None
        }

    async def _ask_maker(self, request: HttpRequest) -> HttpResponse | None:
        known, now = self._makers.get(request.url), datetime.now(UTC)
        if known is not None and timedelta() <= now - known[1] < _MAKERS_FRESH:
            return known[0]
        answer = await self._ask(request, "processor", _ANSWER_BYTES)
        if answer is not None and answer.status == 200:
            self._makers[request.url] = answer, now
        return answer

    async def _ask(
        self, request: HttpRequest, purpose: str, limit_bytes: int
    ) -> HttpResponse | None:
        """Ask once and follow no redirect: another host's proof would be another host's."""
        body = bytearray()
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self.transport.stream(
                    request,
                    purpose=purpose,
                    read_timeout_s=_TIMEOUT_S,
                    limit_bytes=limit_bytes,
                    sight=Sight.ADDRESS,
                ) as answer,
            ):
                async for received in answer.chunks():
                    body += received
        except (NetworkError, TimeoutError):
            return None  # the check says what is missing
        if not answer.is_complete:
            return None
        return HttpResponse(answer.status, answer.headers, bytes(body))


class AttestedChannel:
    """The way of one reply to such a provider."""

    is_repeatable = True

    def __init__(
        self, machines: Machines, endpoint: Endpoint, policy: str, trust: Callable[[], Trust]
    ) -> None:
        self._machines = machines
        self._endpoint = endpoint
        self._policy = policy
        self._trust = trust
        self._checked: Checked | None = None
        self._shown: bytes | None = None

    async def prepare(self, request: HttpRequest) -> HttpRequest:
        self._checked = await self._check(origin_of(request.url))
        return request

    @asynccontextmanager
    async def open(self, request: HttpRequest) -> AsyncGenerator[Answer]:
        async with AsyncExitStack() as stack:
            answer = await self._send(request, stack)
            self._shown = answer.peer_certificate
            yield answer

    def trace(self) -> Trace:
        return Trace(
            evidence=self._checked.evidence if self._checked else {},
            tls_certificate=self._shown,
        )

    async def _check(self, origin: str) -> Checked:
        """Ask the machine at `origin`; raise EnclaveRefused where nothing may leave for it."""
        if not origin.startswith("https://"):
            reason = "Its address does not begin with https://, so that no key can be held to it."
            raise EnclaveRefused(self._endpoint.name, reason, policy=self._policy)
        checked = await self._machines.check(origin, self._trust())
        if not checked.before.is_allowed:
            reason = checked.before.reason
            raise EnclaveRefused(self._endpoint.name, reason, policy=self._policy)
        return checked

    async def _send(self, request: HttpRequest, stack: AsyncExitStack) -> ResponseStream:
        """Send to the machine that was checked; ask again where another one took the call."""
        origin = origin_of(request.url)
        for left in reversed(range(_MOST_MACHINES)):
            assert self._checked is not None
            try:
                return await stack.enter_async_context(
                    self._machines.transport.stream(
                        request, purpose="chat", pinned_key=self._checked.before.tls_key
                    )
                )
            except TlsFailed:
                self._machines.forget(origin)
                if not left:
                    raise
            self._checked = await self._check(origin)
        raise AssertionError


def answers_of(fetched: Fetched) -> Mapping[str, HttpResponse]:
    """Return the evidence alone, as verifiers take it."""
    return {name: answer for name, (_, answer) in fetched.items()}

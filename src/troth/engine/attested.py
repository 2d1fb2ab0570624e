"""To a provider whose connection ends in a machine that proves itself: asked first, then told.

The machine is asked what it is, its answer is judged here, and prompts and the provider's key leave
on a connection with the key that the answer binds, or not at all. Where several machines answer at
one address, or one was restarted, the key is another: then it is asked again before a word leaves.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from troth.domain.error import EnclaveRefused, OtherKey
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.model import Endpoint
from troth.engine.channel import Answer, Fetched, Trace
from troth.engine.makers import Makers, fetch
from troth.transport import Transport, origin_of
from troth.vault.vault import Vault
from troth.verifiers.tinfoil import BeforeSend, check_before_send, wanted_about, wanted_document
from troth.verifiers.trust import Trust

Received = TypeVar("Received")

_FRESH = timedelta(minutes=10)
_DOCUMENT_BYTES = 4 << 20
_MOST_MACHINES = 3
"""How many that share an address are asked until a connection ends at the one that answered."""
_ANOTHER = (
    "Each time another machine took the call than the one that proved itself, or somebody stands in"
    " between."
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A machine as it was found, and what that came to."""

    evidence: Fetched
    before: BeforeSend


class Machines:
    """Asks machines what they are, and remembers for some minutes what they said."""

    def __init__(self, transport: Transport, vault: Callable[[], Vault]) -> None:
        self.transport = transport
        self._makers = Makers(transport, vault)
        self._kept: dict[str, tuple[Fetched, datetime]] = {}

    async def check(self, origin: str, trust: Trust) -> Checked:
        """Ask the machine at `origin` what it is, and judge that. What does not come is missing."""
        now = datetime.now(UTC)
        fetched, asked_at = self._kept.get(origin, ({}, now))
        if not fetched or not timedelta() <= now - asked_at < _FRESH:
            fetched, asked_at = await self._ask(origin), now
        said = await self._ask_makers(fetched, trust)
        fetched = {**fetched, **said}
        before = await asyncio.to_thread(check_before_send, answers_of(fetched), trust, now)
        if before.is_allowed:
            self._kept[origin] = fetched, asked_at
        else:
            self.forget(origin)
            await self._makers.forget(said)
        return Checked(fetched, before)

    def forget(self, origin: str) -> None:
        """Ask again the next time: a machine has changed, or may have."""
        self._kept.pop(origin, None)

    async def _ask(self, origin: str) -> Fetched:
        wanted = wanted_document(origin, secrets.token_bytes(32))
        answer = await fetch(
            self.transport, wanted.request, purpose="attestation", limit_bytes=_DOCUMENT_BYTES
        )
        return {} if answer is None else {wanted.name: (wanted.request, answer)}

    async def _ask_makers(self, fetched: Fetched, trust: Trust) -> Fetched:
        """Return what the makers of the hardware say of it, where the user lets them be asked."""
        wanted = await asyncio.to_thread(wanted_about, answers_of(fetched), trust)
        return await self._makers.ask(wanted)


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
            answer = await self._held_to_its_key(
                origin_of(request.url),
                lambda key: stack.enter_async_context(
                    self._machines.transport.stream(request, purpose="chat", pinned_key=key)
                ),
            )
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
            raise self._refused(reason)
        checked = await self._machines.check(origin, self._trust())
        if not checked.before.is_allowed:
            raise self._refused(checked.before.reason)
        return checked

    def _refused(self, reason: str) -> EnclaveRefused:
        return EnclaveRefused(self._endpoint.name, reason, policy=self._policy)

    async def ask(self, request: HttpRequest, *, purpose: str, timeout_s: float) -> HttpResponse:
        """Ask something that is no chat, of the machine alone; return the whole answer."""
        request = await self.prepare(request)
        return await self._held_to_its_key(
            origin_of(request.url),
            lambda key: self._machines.transport.send(
                request, purpose=purpose, timeout_s=timeout_s, pinned_key=key
            ),
        )

    async def _held_to_its_key(
        self, origin: str, send: Callable[[bytes], Awaitable[Received]]
    ) -> Received:
        """Send to the machine that was checked; ask again where another one took the call."""
        for left in reversed(range(_MOST_MACHINES)):
            assert self._checked is not None
            try:
                return await send(self._checked.before.tls_key)
            except OtherKey as error:
                self._machines.forget(origin)
                if not left:
                    raise self._refused(_ANOTHER) from error
            self._checked = await self._check(origin)
        raise AssertionError


def answers_of(fetched: Fetched) -> Mapping[str, HttpResponse]:
    """Return the evidence alone, as verifiers take it."""
    return {name: answer for name, (_, answer) in fetched.items()}

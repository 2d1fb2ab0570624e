"""Straight to a gateway: by its URL with a key that the user pinned, or by the registry.

The order is fixed: who is there, may they read this, then the prompt, then, where the gateway
asks for it, the payment. A request that was paid for is never sent again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from troth.domain.error import NetworkError
from troth.domain.exchange import Headers, HttpRequest, find_header
from troth.domain.model import Endpoint
from troth.engine.channel import Answer, Trace
from troth.engine.opengradient.gateways import (
    Checked,
    Conditions,
    Gateways,
    refuse_unless_allowed,
)
from troth.engine.opengradient.paying import REQUIRED, SESSION, Payer
from troth.engine.opengradient.picking import Picked, Picker
from troth.transport import ResponseStream, Transport
from troth.verifiers.trust import RegistrySource

_LONGEST_REFUSAL = 64 << 10


@dataclass(frozen=True, slots=True)
class Ways:
    """What the channels of one engine share."""

    transport: Transport
    gateways: Gateways
    picker: Picker


@dataclass(frozen=True, slots=True)
class Way:
    """The way of one reply, as far as all routes to an enclave share it."""

    endpoint: Endpoint
    conditions: Conditions
    shared: Ways
    source: RegistrySource | None
    """The registry that lists the enclave; None where it is named by URL."""


class DirectChannel:
    """To one gateway, over TLS that ends inside it where the registry says how that looks."""

    def __init__(self, way: Way, payer: Payer) -> None:
        """With a registry the gateway comes from that, else from the endpoint's URL."""
        self._way = way
        self._ways = way.shared
        self._payer = payer
        self._checked: Checked | None = None
        self._picked: Picked | None = None
        self._shown: bytes | None = None
        self.is_repeatable = True

    async def prepare(self, request: HttpRequest) -> HttpRequest:
        conditions = self._way.conditions
        settled = request.headers + self._payer.settlement_headers()
        if self._way.source is not None:
            self._picked = await self._ways.picker.pick(
                self._way.source, conditions, through_relay=False
            )
            self._checked = self._picked.checked
            base_url = self._picked.record.endpoint.rstrip("/").removesuffix("/v1")
            path = request.url.partition("/v1/")[2]
            return replace(request, url=f"{base_url}/v1/{path}", headers=settled)
        base_url = _base_of(request)
        self._checked = await self._ways.gateways.check(base_url, conditions)
        if not conditions.trust.is_simulated:  # a simulation shows what a refusal would hide
            refuse_unless_allowed(self._checked.before, conditions)
        return replace(request, headers=settled)

    @asynccontextmanager
    async def open(self, request: HttpRequest) -> AsyncGenerator[Answer]:
        async with AsyncExitStack() as stack:
            answer = await self._pay_as_asked(request, stack)
            self._shown = answer.peer_certificate
            yield Opened(answer)

    def trace(self) -> Trace:
        return Trace(
            evidence=self._checked.evidence if self._checked else {},
            tls_certificate=self._shown,
            pinned_certificate=self._certificate(),
            authorised=tuple(self._payer.authorised),
        )

    async def _pay_as_asked(self, request: HttpRequest, stack: AsyncExitStack) -> ResponseStream:
        """Send with the session that was paid for, if there is one; else pay when it is asked for.

        A session that has ended is a 402 without terms: it is dropped, and all begins anew.
        """
        base_url, payer = _base_of(request), self._payer
        if session := payer.session(base_url):
            self.is_repeatable = False
            answer = await self._send(request, ((SESSION, session),), stack)
            if answer.status != 402:
                return self._paid(base_url, answer)
            payer.drop_session(base_url, session)
            self.is_repeatable = True  # it was refused: nothing was taken
            if not find_header(answer.headers, REQUIRED):
                await _read_out(answer)
                await stack.aclose()
                answer = await self._send(request, (), stack)
        else:
            answer = await self._send(request, (), stack)
        if answer.status != 402 or not find_header(answer.headers, REQUIRED):
            return answer
        terms = answer.headers
        await _read_out(answer)
        await stack.aclose()
        payee = self._picked.record.payment_address if self._picked else ""
        signed = await payer.authorise(terms, payee, base_url)
        self.is_repeatable = False
        answer = self._paid(base_url, await self._send(request, signed, stack))
        if answer.status == 402:
            await _read_out(answer)
            raise payer.not_taken(answer.headers)
        return answer

    def _paid(self, base_url: str, answer: ResponseStream) -> ResponseStream:
        if session := find_header(answer.headers, SESSION):
            self._payer.keep_session(base_url, session)
        return answer

    async def _send(
        self, request: HttpRequest, secret: Headers, stack: AsyncExitStack
    ) -> ResponseStream:
        request = replace(request, secret_headers=request.secret_headers + secret)
        try:
            return await stack.enter_async_context(
                self._ways.transport.stream(
                    request, purpose="chat", pinned_certificate=self._certificate()
                )
            )
        except NetworkError:
            if self._picked is not None:
                self._ways.picker.leave(self._way.endpoint.name, self._picked.record.tee_id)
            raise

    def _certificate(self) -> bytes | None:
        record = self._picked.record if self._picked else None
        return record.tls_certificate if record and record.endpoint.startswith("https:") else None


async def _read_out(answer: ResponseStream) -> None:
    """Read a refusal to its end, so that the network list does not call it broken off."""
    size = 0
    async for received in answer.chunks():
        size += len(received)
        if size > _LONGEST_REFUSAL:
            return


class Opened:
    """An answer without the payment's bearer secret, which must reach no vault and no receipt."""

    def __init__(self, answer: ResponseStream) -> None:
        self._answer = answer
        self.status: int = answer.status
        self.headers: Headers = without_session(answer.headers)
        self.request_headers: Headers = answer.request_headers
        self.sent_at: datetime = answer.sent_at
        self.is_complete = False

    async def chunks(self) -> AsyncGenerator[bytes]:
        async for received in self._answer.chunks():
            yield received
        self.is_complete = self._answer.is_complete


def without_session(headers: Headers) -> Headers:
    """Return headers without the payment's session: whoever has it can spend what was paid."""
    return tuple((name, value) for name, value in headers if name.lower() != SESSION.lower())


def _base_of(request: HttpRequest) -> str:
    return request.url.partition("/v1/")[0]

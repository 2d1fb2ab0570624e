"""Straight to a gateway: by its URL with a key that the user pinned, or by the registry.

The order is fixed: who is there, may they read this, then the prompt.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

from troth.domain.exchange import HttpRequest
from troth.domain.model import Endpoint
from troth.engine.channel import Answer, Trace
from troth.engine.opengradient.gateways import Checked, Gateways, refuse_unless_allowed
from troth.transport import Transport
from troth.verifiers.trust import Trust


class DirectChannel:
    """A gateway whose URL the user gave."""

    is_repeatable = True

    def __init__(
        self,
        endpoint: Endpoint,
        policy: str,
        trust: Trust,
        transport: Transport,
        gateways: Gateways,
    ) -> None:
        self._endpoint = endpoint
        self._policy = policy
        self._trust = trust
        self._transport = transport
        self._gateways = gateways
        self._checked: Checked | None = None
        self._certificate: bytes | None = None

    async def prepare(self, request: HttpRequest) -> HttpRequest:
        base_url = request.url.partition("/v1/")[0]
        name = self._endpoint.name
        self._checked = await self._gateways.check(
            base_url, self._trust, provider=name, policy=self._policy
        )
        if not self._trust.is_simulated:  # a simulation shows what a refusal would hide
            refuse_unless_allowed(self._checked.before, provider=name, policy=self._policy)
        return request

    @asynccontextmanager
    async def open(self, request: HttpRequest) -> AsyncGenerator[Answer]:
        async with self._transport.stream(request, purpose="chat") as answer:
            self._certificate = answer.peer_certificate
            yield answer

    def trace(self) -> Trace:
        trace = Trace(tls_certificate=self._certificate)
        return replace(trace, evidence=self._checked.evidence) if self._checked else trace

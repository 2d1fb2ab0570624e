"""Through og-veil on this computer: it seals, relays and checks; what it says is its word.

Where a reply carries the enclave's proof it is checked here as well. Whose key that is, only a
registry can say: one is read where the endpoint names it, and not otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from troth.domain.error import LoginElsewhere, RegistryFailed
from troth.domain.exchange import HttpRequest
from troth.engine.channel import Answer, Fetched, Trace
from troth.engine.opengradient.gateways import records_evidence
from troth.engine.opengradient.registries import Registries
from troth.transport import Transport
from troth.verifiers.trust import RegistrySource


class VeilChannel:
    """The way through og-veil."""

    is_repeatable = True

    def __init__(
        self,
        transport: Transport,
        registries: Registries,
        source: RegistrySource | None,
        provider: str,
    ) -> None:
        self._transport = transport
        self._registries = registries
        self._source = source
        self._provider = provider
        self._evidence: Fetched = {}

    async def prepare(self, request: HttpRequest) -> HttpRequest:
        if self._source is not None:
            try:
                listing = await self._registries.read(self._source)
            except RegistryFailed:
                return request  # og-veil checks for itself; here the key stays unknown
            self._evidence = records_evidence(listing.records)
        return request

    @asynccontextmanager
    async def open(self, request: HttpRequest) -> AsyncGenerator[Answer]:
        async with self._transport.stream(request, purpose="chat") as answer:
            if answer.status == 401:
                raise LoginElsewhere(self._provider, "og-veil")  # a key of ours would not help
            yield answer

    def trace(self) -> Trace:
        return Trace(route="veil", evidence=self._evidence)

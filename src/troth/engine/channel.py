"""The way that a request takes: plainly over the transport, or with what a route adds to it.

A channel sits between a reply's run and the transport. It may check who is at the other end, pick
where to go, pay, seal and open; the run keeps the inner bytes, as if nothing lay between.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from troth.domain.exchange import Headers, HttpRequest, HttpResponse
from troth.transport import Transport

Fetched = Mapping[str, tuple[HttpRequest, HttpResponse]]
"""Evidence by its name, with the question that it answers."""


class Answer(Protocol):
    """An answer whose head is here and whose body is still coming; inside any seal."""

    status: int
    headers: Headers
    request_headers: Headers
    """As sent, without the secret ones."""
    sent_at: datetime
    is_complete: bool

    def chunks(self) -> AsyncGenerator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Trace:
    """What a channel learnt on the way that the judge of the reply should know."""

    route: str = ""
    """As in `Facts.route`; "" leaves it to the endpoint."""
    evidence: Fetched = field(default_factory=lambda: MappingProxyType({}))
    """Fetched before the request left; it stands beside the reply for ever."""
    tls_certificate: bytes | None = None
    """DER, as the other end showed it."""
    pinned_certificate: bytes | None = None
    """What to trust alone when more evidence is fetched from there."""
    outer_sha256: str = ""
    """Digest of the sealed bytes, request then answer; "" where nothing was sealed."""
    authorised: tuple[str, ...] = ()
    """Payments that were signed for the request, each as an amount and who may draw it."""


class Channel(Protocol):
    """The way of one reply's request, for all its attempts."""

    async def prepare(self, request: HttpRequest) -> HttpRequest:
        """Check what must be checked before a byte leaves, and return the request as it is kept.

        Raises TrothError where it must not leave.
        """
        ...

    def open(self, request: HttpRequest) -> AbstractAsyncContextManager[Answer]:
        """Send the prepared request; leaving the block hangs up."""
        ...

    @property
    def is_repeatable(self) -> bool:
        """Whether the request may be sent again: never once it was paid for."""
        ...

    def trace(self) -> Trace: ...


class PlainChannel:
    """The transport itself."""

    is_repeatable = True

    def __init__(self, transport: Transport, route: str = "") -> None:
        self._transport = transport
        self._route = route

    async def prepare(self, request: HttpRequest) -> HttpRequest:
        return request

    def open(self, request: HttpRequest) -> AbstractAsyncContextManager[Answer]:
        return self._transport.stream(request, purpose="chat")

    def trace(self) -> Trace:
        return Trace(self._route)

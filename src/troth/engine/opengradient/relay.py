"""Through the Oblivious HTTP relay: it knows the account and carries sealed bytes, the enclave
reads the words and never learns where they come from.

The enclave's key is checked first, then the request is sealed to it. What the run keeps are the
opened bytes and a digest of the sealed ones. Media types and headers: relay of November 2026.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from troth.domain.error import EnclaveRefused, NetworkError, RegistryFailed, SealBroken
from troth.domain.exchange import Headers, HttpRequest, find_header
from troth.domain.model import Endpoint
from troth.engine.channel import Answer, Trace
from troth.engine.opengradient.direct import Ways
from troth.engine.opengradient.login import Login, Logins
from troth.engine.opengradient.picking import Picked
from troth.transport import ResponseStream, Sight
from troth.verifiers.ohttp import (
    CHUNKED_TYPE,
    REQUEST_TYPE,
    RESPONSE_TYPE,
    OhttpFailed,
    Opener,
    seal_request,
)
from troth.verifiers.trust import RegistrySource, Trust

if TYPE_CHECKING:
    from hashlib import _Hash as Hash  # pyright: ignore[reportPrivateUsage] - it has no other name

RELAY_PATH = "/api/v1/chat/ohttp"


class RelayChannel:
    """The way through a relay, for all attempts of one reply."""

    is_repeatable = True

    def __init__(
        self,
        endpoint: Endpoint,
        policy: str,
        trust: Trust,
        ways: Ways,
        logins: Logins,
        source: RegistrySource | None,
    ) -> None:
        """Without `source` the login names the registry."""
        self._endpoint = endpoint
        self._policy = policy
        self._trust = trust
        self._ways = ways
        self._logins = logins
        self._source = source
        self._login: Login | None = None
        self._picked: Picked | None = None
        self._outer = sha256()
        self._has_sealed = False

    async def prepare(self, request: HttpRequest) -> HttpRequest:
        name = self._endpoint.name
        self._login = await self._logins.current(self._endpoint)
        source = self._source or self._login.registry
        self._picked = await self._ways.picker.pick(
            source, self._trust, provider=name, policy=self._policy, through_relay=True
        )
        relay = (self._endpoint.base_url or self._login.relay_url).rstrip("/")
        url = relay.removesuffix("/v1").removesuffix(RELAY_PATH) + RELAY_PATH
        return replace(request, url=url, secret_headers=())

    @asynccontextmanager
    async def open(self, request: HttpRequest) -> AsyncGenerator[Answer]:
        async with AsyncExitStack() as stack:
            sealed, opener = self._seal(request)
            answer = await self._send(request, sealed, stack)
            if answer.status == 401 and self._login is not None:
                await stack.aclose()
                self._login = await self._logins.refreshed(self._endpoint, self._login)
                sealed, opener = self._seal(request)
                answer = await self._send(request, sealed, stack)
            if _is_refusal(answer) and await self._has_new_key():
                # It was restarted, or has left: what was sealed to its old key, none can read.
                await stack.aclose()
                request = await self.prepare(request)
                sealed, opener = self._seal(request)
                answer = await self._send(request, sealed, stack)
            yield Unsealed(answer, opener, request, self._endpoint.name, self._outer)

    def trace(self) -> Trace:
        return Trace(
            route="relay",
            evidence=self._picked.checked.evidence if self._picked else {},
            outer_sha256=self._outer.hexdigest() if self._has_sealed else "",
        )

    def _seal(self, request: HttpRequest) -> tuple[HttpRequest, Opener]:
        assert self._picked is not None
        assert self._login is not None
        record = self._picked.record
        if record.ohttp is None:
            raise EnclaveRefused(self._endpoint.name, "This enclave has no key to seal to.")
        try:
            body, opener = seal_request(record.ohttp, request.body, secrets.token_bytes(32))
        except OhttpFailed as error:
            raise EnclaveRefused(self._endpoint.name, str(error)) from error
        self._outer = sha256(body)
        self._has_sealed = True
        headers = (
            ("Content-Type", REQUEST_TYPE),
            ("Accept", CHUNKED_TYPE),
            ("X-TEE-ID", record.tee_id),
            ("X-OHTTP-Stream", "true"),
        )
        bearer = (("Authorization", f"Bearer {self._login.access_token}"),)
        return HttpRequest("POST", request.url, headers, body, bearer), opener

    async def _send(
        self, request: HttpRequest, sealed: HttpRequest, stack: AsyncExitStack
    ) -> ResponseStream:
        try:
            return await stack.enter_async_context(
                self._ways.transport.stream(sealed, purpose="chat, sealed", sight=Sight.ADDRESS)
            )
        except NetworkError:
            self._leave()
            raise

    async def _has_new_key(self) -> bool:
        """Whether the registry, read again, no longer lists the key that was sealed to."""
        assert self._picked is not None
        assert self._login is not None
        used = self._picked.record
        source = self._source or self._login.registry
        try:
            listing = await self._ways.picker.registries.read(source, is_fresh=True)
        except RegistryFailed:
            return False  # the refusal itself is what the user should see
        return all(r.ohttp != used.ohttp for r in listing.records if r.tee_id == used.tee_id)

    def _leave(self) -> None:
        if self._picked is not None:
            self._ways.picker.leave(self._endpoint.name, self._picked.record.tee_id)


class Unsealed:
    """The inner answer: opened chunk by chunk while it arrives. Errors may come unsealed."""

    def __init__(
        self,
        answer: ResponseStream,
        opener: Opener,
        request: HttpRequest,
        provider: str,
        outer: Hash,
    ) -> None:
        self._answer = answer
        self._opener = opener
        self._provider = provider
        self._outer = outer
        self._kind = (find_header(answer.headers, "content-type") or "").partition(";")[0].strip()
        self.status: int = answer.status
        self.headers: Headers = answer.headers
        self.request_headers: Headers = answer.request_headers
        self.sent_at: datetime = answer.sent_at
        self.is_complete = False

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the inner bytes; raises SealBroken where they are not what the enclave sealed."""
        try:
            async for opened in self._opened():
                yield opened
        except OhttpFailed as error:
            raise SealBroken(str(error), provider=self._provider) from error

    async def _opened(self) -> AsyncGenerator[bytes]:
        match self._kind.lower():
            case kind if kind == CHUNKED_TYPE:
                opener = self._opener.chunks()
                async for received in self._received():
                    for opened in opener.feed(received):
                        yield opened
                if self._answer.is_complete:
                    yield opener.close()
                    self.is_complete = True
            case kind if kind == RESPONSE_TYPE:
                sealed = b"".join([received async for received in self._received()])
                if self._answer.is_complete:
                    yield self._opener.open(sealed)
                    self.is_complete = True
            case _ if self.status < 300:
                raise SealBroken("The relay answered in the clear.", provider=self._provider)
            case _:
                async for received in self._received():
                    yield received
                self.is_complete = self._answer.is_complete

    async def _received(self) -> AsyncGenerator[bytes]:
        async for received in self._answer.chunks():
            self._outer.update(received)
            yield received


def _is_refusal(answer: ResponseStream) -> bool:
    kind = find_header(answer.headers, "content-type") or ""
    return answer.status in {400, 404, 421, 502, 503} and not kind.startswith("message/ohttp")

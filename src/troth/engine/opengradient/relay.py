"""Through the Oblivious HTTP relay: it knows the account and carries sealed bytes, the enclave
reads the words and never learns where they come from.

The enclave's key is checked first, then the request is sealed to it. Who vouches: the registry;
where the chat wants hardware, the enclave itself is asked before; without a registry the gateway
that the option `gateway` names is asked. What the run keeps are the opened bytes and a digest of
the sealed ones. Media types and headers: relay of November 2026.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from troth.domain.error import (
    EnclaveRefused,
    LoginMissing,
    NetworkError,
    RegistryFailed,
    SealBroken,
)
from troth.domain.exchange import Headers, HttpRequest, find_header
from troth.engine.channel import Answer, Trace
from troth.engine.opengradient.direct import Way, without_session
from troth.engine.opengradient.gateways import Checked, refuse_unless_allowed
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
from troth.verifiers.trust import RegistrySource

if TYPE_CHECKING:
    from hashlib import _Hash as Hash  # pyright: ignore[reportPrivateUsage] - it has no other name

RELAY_PATH = "/api/v1/chat/ohttp"
_UNOPENED = b"malformed encapsulated request"
"""How a gateway answers to what it cannot open (tee-gateway `ohttp_controller.py` at 04bb288)."""
_REFUSAL_BYTES = 1024
_NOT_THEIR_KEY = (
    "The enclave could not open what was sealed to it. It was started anew and the registry lists"
    " its old key still, or the relay changed the question or took it to another enclave."
)


class RelayChannel:
    """The way through a relay, for all attempts of one reply."""

    is_repeatable = True

    def __init__(self, way: Way, logins: Logins) -> None:
        """Without a registry the option `gateway` names the enclave, else the login a registry."""
        self._way = way
        self._endpoint = way.endpoint
        self._ways = way.shared
        self._logins = logins
        self._gateway = str(way.endpoint.options.get("gateway", "")).rstrip("/").removesuffix("/v1")
        self._login: Login | None = None
        self._picked: Picked | None = None
        self._checked: Checked | None = None
        self._outer = sha256()
        self._has_sealed = False

    async def prepare(self, request: HttpRequest) -> HttpRequest:
        self._login = await self._current_login()
        self._checked = await self._check_enclave()
        given = self._endpoint.base_url or (self._login.relay_url if self._login else "")
        return replace(request, url=relay_url(given), secret_headers=())

    async def _current_login(self) -> Login | None:
        """Return the login; None for a relay of the user's own that may want none."""
        try:
            return await self._logins.current(self._endpoint)
        except LoginMissing:
            if self._endpoint.base_url and (self._way.source or self._gateway):
                return None
            raise

    async def _check_enclave(self) -> Checked:
        conditions, source = self._way.conditions, self._registry()
        if source is not None:
            picker = self._ways.picker
            self._picked = await picker.pick(source, conditions, through_relay=True)
            return self._picked.checked
        checked = await self._ways.gateways.check_sealed(self._gateway, conditions)
        refuse_unless_allowed(checked.before, conditions)
        return checked

    def _registry(self) -> RegistrySource | None:
        if self._way.source is not None or self._gateway:
            return self._way.source
        return self._login.registry if self._login is not None else None

    @asynccontextmanager
    async def open(self, request: HttpRequest) -> AsyncGenerator[Answer]:
        async with AsyncExitStack() as stack:
            sealed, opener = self._seal(request)
            answer = await self._send(request, sealed, stack)
            if answer.status == 401:
                await stack.aclose()
                if self._login is None:
                    raise LoginMissing(self._endpoint.name)
                self._login = await self._logins.refreshed(self._endpoint, self._login)
                sealed, opener = self._seal(request)
                answer = await self._send(request, sealed, stack)
                if answer.status == 401:
                    raise LoginMissing(self._endpoint.name)  # the account itself has ended
            if _is_refusal(answer):
                if await self._has_new_key():
                    # It was restarted, or has left: what was sealed to its old key, none can read.
                    await stack.aclose()
                    request = await self.prepare(request)
                    sealed, opener = self._seal(request)
                    answer = await self._send(request, sealed, stack)
                elif answer.status != 400:
                    self._leave()  # the relay does not reach it: the next try goes to another
            yield Unsealed(answer, opener, request, self._endpoint.name, self._outer)

    def trace(self) -> Trace:
        return Trace(
            route="relay",
            evidence=self._checked.evidence if self._checked else {},
            outer_sha256=self._outer.hexdigest() if self._has_sealed else "",
        )

    def _seal(self, request: HttpRequest) -> tuple[HttpRequest, Opener]:
        assert self._checked is not None
        checked = self._checked
        if checked.sealing is None:
            raise EnclaveRefused(self._endpoint.name, "This enclave has no key to seal to.")
        try:
            body, opener = seal_request(checked.sealing, request.body, secrets.token_bytes(32))
        except OhttpFailed as error:
            raise EnclaveRefused(self._endpoint.name, str(error)) from error
        self._outer = sha256(body)
        self._has_sealed = True
        headers = (
            ("Content-Type", REQUEST_TYPE),
            ("Accept", CHUNKED_TYPE),
            ("X-TEE-ID", checked.tee_id),
            ("X-OHTTP-Stream", "true"),
        )
        login = self._login
        bearer = (("Authorization", f"Bearer {login.access_token}"),) if login else ()
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
        """Whether the key that was sealed to is no longer the enclave's: asked anew."""
        assert self._checked is not None
        source = self._registry()
        if source is None:
            self._ways.gateways.forget()
            old = self._checked.sealing
            self._checked = await self._check_enclave()
            return self._checked.sealing != old
        assert self._picked is not None
        used = self._picked.record
        try:
            listing = await self._ways.picker.registries.read(source, is_fresh=True)
        except RegistryFailed:
            return False  # the refusal itself is what the user should see
        return all(r.ohttp != used.ohttp for r in listing.records if r.tee_id == used.tee_id)

    def _leave(self) -> None:
        if self._picked is not None:
            self._ways.picker.leave(self._endpoint.name, self._picked.record.tee_id)


def relay_url(given: str) -> str:
    """Return where sealed prompts go: a URL that names such a place itself is taken as it is."""
    given = given.rstrip("/")
    return given if given.endswith("/ohttp") else given.removesuffix("/v1") + RELAY_PATH


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
        self.headers: Headers = without_session(answer.headers)
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
                refusal = b""
                async for received in self._received():
                    refusal = (refusal + received)[-_REFUSAL_BYTES:]
                    yield received
                if self.status == 400 and _UNOPENED in refusal:
                    raise SealBroken(_NOT_THEIR_KEY, provider=self._provider)
                self.is_complete = self._answer.is_complete

    async def _received(self) -> AsyncGenerator[bytes]:
        async for received in self._answer.chunks():
            self._outer.update(received)
            yield received


def _is_refusal(answer: ResponseStream) -> bool:
    kind = find_header(answer.headers, "content-type") or ""
    return answer.status in {400, 404, 421, 502, 503} and not kind.startswith("message/ohttp")

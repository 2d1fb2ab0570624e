"""Send a request, or stream its answer. Every failure is a NetworkError that names the host."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import ssl
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from troth.domain.error import (
    AnswerTooLarge,
    ConnectFailed,
    HostUnknown,
    NetworkError,
    TimedOut,
    TlsFailed,
)
from troth.domain.exchange import Headers, HttpRequest, HttpResponse
from troth.transport.address import Address, load_proxy_rules, parse_address, proxy_address
from troth.transport.ledger import Ledger, LedgerLine, Sight
from troth.transport.retry import redirected_request, retry_delay_s
from troth.transport.tls import check_pinned, check_pinned_key, pin, trust_authorities

if TYPE_CHECKING:
    from troth.transport.pools import Call, CheckPeer, Pool, Pools

STREAM_LIMIT_BYTES = 256 << 20
MOST_REDIRECTS = 5
DEFAULT_HEADERS = (("accept", "*/*"), ("user-agent", "troth"))
"""Some hosts refuse requests without them. No version: it would only help to tell users apart."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class _Terms:
    """What `send` was asked, but for the request itself."""

    purpose: str
    timeout_s: float
    limit_bytes: int
    sight: Sight | None
    pins: _Pins


@dataclass(frozen=True, slots=True)
class _Pins:
    """What the other end must show, beside or instead of what public authorities vouch for."""

    certificate: bytes | None = None
    """DER; the only trust anchor."""
    key_sha256: bytes | None = None
    """Of the SPKI, DER; besides the public authorities."""

    @property
    def are_set(self) -> bool:
        return self.certificate is not None or self.key_sha256 is not None

    def check_at(self, address: Address) -> CheckPeer:
        """Return what checks the certificate of the host; raise TlsFailed where there is none."""
        if address.scheme != "https":
            raise TlsFailed(address.host, "a pin needs https")

        def check(presented: bytes | None) -> None:
            if self.certificate is not None:
                check_pinned(address.host, self.certificate, presented)
            if self.key_sha256 is not None:
                check_pinned_key(address.host, self.key_sha256, presented)

        return check


class ResponseStream:
    """An answer whose head is here and whose body is still coming."""

    def __init__(self, call: Call, request_headers: Headers, sent_at: datetime, limit: int) -> None:
        self.status = call.status
        self.headers = call.headers
        """In order, as received."""
        self.request_headers = request_headers
        """As sent, without the secret ones."""
        self.sent_at = sent_at
        self.peer_certificate = call.peer_certificate
        """DER of the host's TLS certificate; None without TLS."""
        self.is_complete = False
        """Whether the body has ended as HTTP says that it should."""
        self.cut: NetworkError | None = None
        """Why the body ended early, once `chunks` is exhausted and it did."""
        self._call = call
        self._limit = limit

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the body's bytes, without transfer coding, as they come. Once only.

        A connection that breaks ends the iteration with `is_complete` False and `cut` set: what
        came is kept, and the wire knows whether its own end mark was among it. Silence for longer
        than the read time-out raises TimedOut, too many bytes AnswerTooLarge.
        """
        size = 0
        async with aclosing(self._call.chunks()) as chunks:
            async for received in chunks:
                size += len(received)
                if size > self._limit:
                    raise AnswerTooLarge(self._call.host, limit_bytes=self._limit)
                yield received
        self.cut = self._call.cut
        self.is_complete = self.cut is None


class Transport:
    """All requests of one program run, in one event loop.

    `proxy` and `ca_file` are the user's own settings and stand above the environment's.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        ca_file: str | None = None,
        use_environment: bool = True,
        ledger: Ledger | None = None,
    ) -> None:
        self._environ: Mapping[str, str] = dict(os.environ) if use_environment else {}
        self._proxies = load_proxy_rules(proxy, self._environ)
        self._ca_file = ca_file
        self._authorities: ssl.SSLContext | None = None
        self._pools: Pools | None = None
        self.ledger = Ledger() if ledger is None else ledger

    async def warm_up(self) -> None:
        """Do in a thread what the first request would wait for: import httpx, load authorities."""
        await _import_late()
        await self._load_authorities("")

    async def send(
        self,
        request: HttpRequest,
        *,
        purpose: str,
        timeout_s: float = 30,
        limit_bytes: int = 16 << 20,
        retries: int = 0,
        sight: Sight | None = None,
        pinned_certificate: bytes | None = None,
        pinned_key: bytes | None = None,
    ) -> HttpResponse:
        """Return the whole answer, whatever its status; `timeout_s` is for each try.

        Redirects are followed for requests that carry nothing (GET, no secret header), never from
        https to http, never to this machine or a private address, and never where one end is
        pinned (as in `stream`). Tries again up to `retries` times where `retry_delay_s` says so.
        """
        await _import_late()  # not on the time of a probe that has 300 ms
        pins = _Pins(pinned_certificate, pinned_key)
        terms = _Terms(purpose, timeout_s, limit_bytes, sight, pins)
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._send_following(request, terms)
            except (ConnectFailed, HostUnknown, TimedOut):
                delay_s = retry_delay_s(None, (), attempt, datetime.now(UTC))
                if attempt > retries or delay_s is None:
                    raise
            else:
                now = datetime.now(UTC)
                delay_s = retry_delay_s(response.status, response.headers, attempt, now)
                if attempt > retries or delay_s is None:
                    return response
            await asyncio.sleep(delay_s)

    async def _send_following(self, request: HttpRequest, terms: _Terms) -> HttpResponse:
        for _ in range(1 + MOST_REDIRECTS):
            response = await self._send_once(request, terms)
            redirected = redirected_request(request, response)
            if redirected is None or terms.pins.are_set:
                return response
            request = redirected
        raise ConnectFailed(_parse(request.url).host, "too many redirects")

    async def _send_once(self, request: HttpRequest, terms: _Terms) -> HttpResponse:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(terms.timeout_s),
                self.stream(
                    request,
                    purpose=terms.purpose,
                    connect_timeout_s=terms.timeout_s,
                    read_timeout_s=terms.timeout_s,
                    pinned_certificate=terms.pins.certificate,
                    pinned_key=terms.pins.key_sha256,
                    limit_bytes=terms.limit_bytes,
                    sight=terms.sight,
                ) as answer,
            ):
                async for received in answer.chunks():
                    body += received
        except TimeoutError as error:
            raise TimedOut(_parse(request.url).host, "whole", limit_s=terms.timeout_s) from error
        if answer.cut is not None:
            raise answer.cut
        return HttpResponse(answer.status, answer.headers, bytes(body))

    @asynccontextmanager
    async def stream(
        self,
        request: HttpRequest,
        *,
        purpose: str,
        connect_timeout_s: float = 5,
        read_timeout_s: float = 600,
        pinned_certificate: bytes | None = None,
        pinned_key: bytes | None = None,
        is_fresh: bool = False,
        limit_bytes: int = STREAM_LIMIT_BYTES,
        sight: Sight | None = None,
    ) -> AsyncGenerator[ResponseStream]:
        """Send `request` and give its answer while it arrives; leaving the block hangs up.

        `read_timeout_s` is the longest silence. With `pinned_certificate` (DER) that certificate
        is the only trust anchor, the host's name is not checked, and no proxy is used; it is
        compared before a byte of the request leaves. `pinned_key` is the SHA-256 of a key's SPKI
        (DER): beside all that counts otherwise, the host must show a certificate with that key, on
        a connection made for this request alone, as also with `is_fresh`. `sight` is what the
        ledger says that the host can see; without it: an address, and the prompt too when there is
        a body.
        """
        address = _parse(request.url)
        headers = _headers_to_send(request, address)
        proxy = None if pinned_certificate is not None else self._proxies.choose(address)
        line = self._note(request, address, purpose, sight, proxy)
        answer: ResponseStream | None = None
        try:
            pins = _Pins(pinned_certificate, pinned_key)
            async with self._pool(address, proxy, pins, is_fresh=is_fresh) as pool:
                from troth.transport.pools import Call

                check = pins.check_at(address) if pins.are_set else None
                call = Call(pool, address, line, proxy, read_timeout_s, check)
                sent_at = datetime.now(UTC)
                await call.open(
                    request.method,
                    request.url,
                    headers + request.secret_headers,
                    request.body,
                    connect_timeout_s,
                )
                try:
                    answer = ResponseStream(call, headers, sent_at, limit_bytes)
                    yield answer
                finally:
                    await call.close()
        finally:
            if answer is None or not answer.is_complete:
                line.failed()

    async def close(self) -> None:
        """Close every idle connection; requests that still run are cut."""
        if self._pools is not None:
            await self._pools.close()

    @asynccontextmanager
    async def _pool(
        self, address: Address, proxy: str | None, pins: _Pins, *, is_fresh: bool
    ) -> AsyncGenerator[Pool]:
        await _import_late()
        from troth.transport.pools import NOT_POOLED, Pools, make_pool

        if pins.certificate is not None:
            async with make_pool(_pin(address, pins.certificate), NOT_POOLED, None) as pool:
                yield pool
            return
        if address.scheme == "https" or (proxy or "").startswith("https:"):
            context = await self._load_authorities(address.host)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is not used
        if is_fresh or pins.key_sha256 is not None:
            # Whoever is at the end of an older connection was checked for another key, or for none.
            async with make_pool(context, NOT_POOLED, proxy) as pool:
                yield pool
            return
        if self._pools is None:
            self._pools = Pools()
        yield self._pools.find(address, proxy, context)

    async def _load_authorities(self, host: str) -> ssl.SSLContext:
        if self._authorities is None:
            try:
                self._authorities = await asyncio.to_thread(
                    trust_authorities, self._ca_file, self._environ
                )
            except OSError as error:
                words = f"the file of certificate authorities is unusable: {error.strerror}"
                raise TlsFailed(host, words) from error
        return self._authorities

    def _note(
        self,
        request: HttpRequest,
        address: Address,
        purpose: str,
        sight: Sight | None,
        proxy: str | None,
    ) -> LedgerLine:
        """Write the contact, and the proxy's if there is one, into the ledger."""
        if sight is None and address.is_loopback:
            sight = Sight.PROMPT if request.body else Sight.NEITHER
        elif sight is None:
            sight = Sight.BOTH if request.body else Sight.ADDRESS
        is_encrypted = address.scheme == "https"
        via = proxy_address(proxy) if proxy else None
        if via is not None:
            proxy_sight = Sight.ADDRESS if is_encrypted else sight
            self.ledger.open(
                via.host, via.port, "proxy", proxy_sight, is_encrypted=via.scheme == "https"
            )
        return self.ledger.open(
            address.host,
            address.port,
            purpose,
            sight,
            is_encrypted=is_encrypted,
            via=via.host if via else "",
        )


async def _import_late() -> None:
    """Import httpx and what it defers to its first connection, without holding up the screen."""
    if "troth.transport.pools" not in sys.modules:
        await asyncio.to_thread(_import_in_thread)


def _import_in_thread() -> None:
    # The first two are httpx's own business, and 90 ms of the first request if left to it.
    for module in ("httpcore", "anyio._backends._asyncio"):
        with suppress(ImportError):
            importlib.import_module(module)
    importlib.import_module("troth.transport.pools")


def _parse(url: str) -> Address:
    address = parse_address(url)
    if address is None:
        raise HostUnknown("", "not a plain http or https address")
    return address


def _pin(address: Address, certificate: bytes) -> ssl.SSLContext:
    if address.scheme != "https":
        raise TlsFailed(address.host, "a pinned certificate needs https")
    try:
        return pin(certificate)
    except (ssl.SSLError, ValueError) as error:
        raise TlsFailed(address.host, "the pinned certificate is unreadable") from error


def _headers_to_send(request: HttpRequest, address: Address) -> Headers:
    """Complete the open headers; refuse what HTTP cannot carry by its name, never its value."""
    for name, value in (*request.headers, *request.secret_headers):
        if not _TOKEN.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            words = f"the header {name!r} holds a character that HTTP does not allow"
            raise NetworkError(address.host, words)
    headers = [(k, v) for k, v in request.headers if k.lower() != "accept-encoding"]
    headers.append(("accept-encoding", "identity"))
    for name, value in DEFAULT_HEADERS:
        if not any(given.lower() == name for given, _ in headers):
            headers.append((name, value))
    if address.is_loopback:
        headers.append(("connection", "close"))
    return tuple(headers)

"""Connections, through httpx: the only module of Troth that imports it, and itself imported late.

It uses httpx's transports and not its client: no cookies, no redirects, no environment, no default
headers; what is sent is what we built. Pools belong to the event loop that first used them.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, cast

from troth.domain.error import ConnectFailed, NetworkError, ProxyFailed, TimedOut, TlsFailed
from troth.domain.exchange import Headers
from troth.transport.address import Address, proxy_address
from troth.transport.failures import is_cut, network_error
from troth.transport.lean import httpx
from troth.transport.ledger import LedgerLine
from troth.transport.merging import merge_chunks

Pool = httpx.AsyncHTTPTransport
CheckPeer = Callable[[bytes | None], None]
"""Takes the certificate (DER) that the host showed; raises NetworkError."""
KEEPALIVE_S = 20.0
"""Shorter than common servers keep an idle connection, so that a reused one is rarely stale."""
POOLED = httpx.Limits(
    max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_S
)
NOT_POOLED = httpx.Limits(max_connections=100, max_keepalive_connections=0)
"""For this machine: small local servers close idle connections without a word."""


class Pools:
    """Open connections by where they lead: direct, this machine, each proxy; TLS apart."""

    def __init__(self) -> None:
        self._pools: dict[tuple[bool, bool, str], Pool] = {}

    def find(self, address: Address, proxy: str | None, context: ssl.SSLContext) -> Pool:
        """Return the pool for ordinary requests to `address`."""
        key = (address.is_loopback, address.scheme == "https", proxy or "")
        if key not in self._pools:
            limits = NOT_POOLED if address.is_loopback else POOLED
            self._pools[key] = make_pool(context, limits, proxy)
        return self._pools[key]

    async def close(self) -> None:
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()


def make_pool(context: ssl.SSLContext, limits: httpx.Limits, proxy: str | None) -> Pool:
    pool = _make_pool(context, limits, proxy)
    merge_chunks(pool)
    return pool


def _make_pool(context: ssl.SSLContext, limits: httpx.Limits, proxy: str | None) -> Pool:
    if proxy is None:
        return Pool(verify=context, trust_env=False, limits=limits)
    if proxy_address(proxy) is None:
        raise ProxyFailed("", "not the address of a proxy")
    try:
        through = httpx.Proxy(proxy, ssl_context=context if proxy.startswith("https:") else None)
        return Pool(verify=context, trust_env=False, limits=limits, proxy=through)
    # Their texts quote the proxy's URL, which may hold a password: neither kept nor chained.
    except ImportError:
        reason = "SOCKS proxies need the package socksio"
    except (ValueError, TypeError, httpx.InvalidURL):
        reason = "not the address of a proxy"
    raise ProxyFailed(_host_of_proxy(proxy), reason)


def _host_of_proxy(proxy: str | None) -> str:
    address = proxy_address(proxy) if proxy else None
    return address.host if address else ""


class Call:
    """One request and its answer on the wire."""

    def __init__(
        self,
        pool: Pool,
        address: Address,
        line: LedgerLine,
        proxy: str | None,
        read_timeout_s: float,
        check_peer: CheckPeer | None,
    ) -> None:
        """`check_peer` is called before a byte of the request leaves, and raises where it must
        not."""
        self._pool = pool
        self.host = address.host
        self._line = line
        self._proxy_host = _host_of_proxy(proxy)
        self._is_forwarded = proxy is not None and address.scheme == "http"
        self._read_timeout_s = read_timeout_s
        self._check_peer = check_peer
        self._tls_event = _tls_event(address, proxy)
        self._is_peer_checked = False
        self._request_size = 0
        self._response: httpx.Response | None = None
        self.status = 0
        self.headers: Headers = ()
        self.peer_certificate: bytes | None = None
        self.cut: NetworkError | None = None
        """Why the body ended early."""

    async def open(
        self, method: str, url: str, headers: Headers, body: bytes, connect_timeout_s: float
    ) -> None:
        """Send the request and read the head of the answer."""
        limits = {
            "connect": connect_timeout_s,
            "pool": connect_timeout_s,
            "read": self._read_timeout_s,
            "write": self._read_timeout_s,
        }
        try:
            request = httpx.Request(
                method,
                url,
                headers=[(k.encode("ascii"), v.encode("latin-1")) for k, v in headers],
                content=body,
                extensions={"timeout": limits, "trace": cast(Trace, self._trace)},
            )
            fields = sum(len(k) + len(v) + 4 for k, v in request.headers.raw)
            self._request_size = len(f"{method} {request.url.path} HTTP/1.1\r\n\r\n") + fields
            self._request_size += len(body)
            self._response = await self._pool.handle_async_request(request)
        except (httpx.TransportError, OSError) as error:
            limit_s = connect_timeout_s if isinstance(error, _BEFORE) else self._read_timeout_s
            raise self._translate(error, limit_s) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            # Both quote what they choke on; the URL may carry more than the user wants in a log.
            raise ConnectFailed(self.host, type(error).__name__) from None
        self._take_head(self._response)
        if self._is_forwarded and self.status == 407:
            await self.close()
            raise ProxyFailed(self._proxy_host, "the proxy answered 407")

    def _take_head(self, response: httpx.Response) -> None:
        self.status = response.status_code
        raw = response.headers.raw
        self.headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in raw)
        self._line.received(sum(len(k) + len(v) + 4 for k, v in raw) + 17)
        stream = response.extensions.get("network_stream")
        tls = stream.get_extra_info("ssl_object") if stream is not None else None
        self.peer_certificate = tls.getpeercert(binary_form=True) if tls is not None else None

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the body's bytes as they come; end early, with `cut` set, where they were cut."""
        assert self._response is not None
        try:
            async for received in cast(httpx.AsyncByteStream, self._response.stream):
                self._line.received(len(received))
                yield received
        except httpx.TimeoutException as error:
            raise TimedOut(self.host, "read", limit_s=self._read_timeout_s) from error
        except httpx.TransportError as error:
            failure = self._translate(error, None)
            if not is_cut(error):
                raise failure from error
            self.cut = failure

    async def close(self) -> None:
        if self._response is not None:
            await self._response.aclose()

    def _translate(self, error: Exception, limit_s: float | None) -> NetworkError:
        return network_error(error, self.host, proxy_host=self._proxy_host, limit_s=limit_s)

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Watch httpcore at work: check who is there and count, before a byte leaves."""
        match event:
            case self._tls_event if self._check_peer is not None:
                stream = info["return_value"]
                tls = stream.get_extra_info("ssl_object")
                try:
                    self._check_peer(tls.getpeercert(binary_form=True))
                except NetworkError:
                    await stream.aclose()
                    raise
                self._is_peer_checked = True
            case "http11.send_request_headers.started" if info["request"].method != b"CONNECT":
                if self._check_peer is not None and not self._is_peer_checked:
                    # An httpcore that names its steps otherwise must not send unchecked.
                    raise TlsFailed(self.host, "the other end could not be checked")
                # All of it is counted when it starts to leave: never less than really left.
                self._line.sent(self._request_size)
            case _:
                pass


def _tls_event(address: Address, proxy: str | None) -> str:
    """Return how httpcore calls the end of the handshake with the host itself, not a proxy."""
    kind = "connection" if proxy is None else "socks" if proxy.startswith("socks") else "proxy"
    return f"{kind}.start_tls.complete" if address.scheme == "https" else ""


Trace = Callable[[str, dict[str, Any]], Awaitable[None]]
_BEFORE = (httpx.ConnectTimeout, httpx.PoolTimeout)

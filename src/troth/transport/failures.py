"""What went wrong, in domain words: httpx, socket and TLS exceptions become NetworkErrors.

Texts of protocol errors are not passed on: they can quote headers, which can be secret, and bytes
of the answer, which are foreign.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import cast

from troth.domain.error import (
    ConnectFailed,
    HostUnknown,
    NetworkError,
    ProxyFailed,
    TimedOut,
    TlsFailed,
)
from troth.transport.lean import httpx


def network_error(
    error: Exception, host: str, *, proxy_host: str = "", limit_s: float | None = None
) -> NetworkError:
    """Translate an exception of one request to `host`; the caller chains the cause."""
    chain = list(_causes(error))
    if isinstance(error, httpx.TimeoutException):
        kind = type(error).__name__.removesuffix("Timeout").lower()
        return TimedOut(host, kind, limit_s=limit_s)
    if isinstance(error, httpx.ProxyError):
        return ProxyFailed(proxy_host or host, _proxy_words(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLError):
            return TlsFailed(host, _tls_words(cause))
    failed_host = proxy_host or host
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            words = cause.strerror or "name not found"
            is_proxy = bool(proxy_host)
            return ProxyFailed(failed_host, words) if is_proxy else HostUnknown(host, words)
    if isinstance(error, httpx.ConnectError) and proxy_host:
        return ProxyFailed(proxy_host, _system_words(chain))
    if isinstance(error, httpx.RemoteProtocolError):
        return ConnectFailed(host, _protocol_words(error))
    return ConnectFailed(host, _system_words(chain))


def is_cut(error: Exception) -> bool:
    """Whether the connection ended before the body did, as against a time-out."""
    return isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.CloseError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", cause).exceptions
        waiting += [link for link in (cause.__cause__, cause.__context__) if link is not None]


def _system_words(chain: list[BaseException]) -> str:
    for cause in reversed(chain):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return "the connection was closed"


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or "handshake failed").replace("_", " ").lower()


def _protocol_words(error: httpx.RemoteProtocolError) -> str:
    text = str(error)
    if "without sending" in text:
        return "the server closed the connection without an answer"
    if "without sending complete" in text or "incomplete" in text:
        return "the connection was cut"
    return "the answer was not HTTP"


def _proxy_words(error: httpx.ProxyError) -> str:
    # httpcore gives "407 Proxy Authentication Required": the status is ours to repeat, the
    # phrase is the proxy's and foreign.
    status = str(error)[:3]
    return f"the proxy answered {status}" if status.isdigit() else "the proxy refused"

"""The bytes of one request and its answer, exactly as sent and received.

Everything else (text, usage, verdict) is derived from these. Authorization never enters here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request ready to leave. `secret_headers` go on the wire and nowhere else."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    secret_headers: Headers = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer, body after transfer coding."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        return find_header(self.headers, name)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent and what came back; the body may end early when `is_complete` is False."""

    method: str
    url: str
    request_headers: Headers
    request_body: bytes
    status: int
    """0 when no status line came."""
    response_headers: Headers
    response_body: bytes
    sent_at: datetime
    received_at: datetime
    """When the last byte came. Aware, UTC."""
    is_complete: bool
    """Whether the connection ended as HTTP says that it should; says nothing about the wire."""
    outer_sha256: str = ""
    """For sealed channels: digest of the outer bytes, whose inner ones are kept above."""


def find_header(headers: Headers, name: str) -> str | None:
    """Return the first header called `name`, in any case; None when absent."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)

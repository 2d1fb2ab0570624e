"""When to ask again, and where: pure rules for answers that say "later" or "elsewhere".

The rule for waiting is that of the vendors' own clients (OpenAI and Anthropic Python, read
November 2026). It does not say whether asking again is allowed: never after the first byte of a
reply, never after a payment.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from datetime import datetime
from urllib.parse import urldefrag, urljoin

from troth.domain.exchange import Headers, HttpRequest, HttpResponse, find_header
from troth.transport.address import parse_address

REDIRECTS = frozenset({301, 302, 303, 307, 308})
RETRIED = frozenset({408, 409, 429})
FIRST_DELAY_S = 0.5
LONGEST_BACKOFF_S = 8.0
LONGEST_WAIT_S = 120.0
"""A server that asks for more is not waited for."""
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


def retry_delay_s(
    status: int | None, headers: Headers, attempt: int, now: datetime
) -> float | None:
    """Return how long to wait before asking again; None when asking again makes no sense.

    `status` is None for a connection that failed; `attempt` counts from 1. The server's word comes
    first: `x-should-retry`, then `retry-after-ms`, then `retry-after` (seconds or a date).
    """
    wish = find_header(headers, "x-should-retry")
    if wish == "false":
        return None
    is_passing = status is None or status in RETRIED or status >= 500
    if not is_passing and wish != "true":
        return None
    told = _told_delay_s(headers, now)
    if told is None:
        return min(FIRST_DELAY_S * 2.0 ** (attempt - 1), LONGEST_BACKOFF_S)
    return told if told <= LONGEST_WAIT_S else None


def _told_delay_s(headers: Headers, now: datetime) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = (find_header(headers, name) or "").strip()
        if _SECONDS.fullmatch(value):
            return float(value) * unit
    from email.utils import parsedate_to_datetime  # 8 ms, for a header that is rare

    try:
        date = parsedate_to_datetime(find_header(headers, "retry-after") or "")
    except ValueError:
        return None
    if date.tzinfo is None:
        return None
    return max(0.0, (date - now).total_seconds())


def redirected_request(request: HttpRequest, response: HttpResponse) -> HttpRequest | None:
    """Return the request that a redirect asks for; None when there is none to be followed.

    Followed only for requests that carry nothing: GET or HEAD, no body, no secret header. Never
    from https to http, and never from elsewhere to this machine or a private address, which would
    let a stranger's link knock at the user's own doors.
    """
    location = find_header(response.headers, "location")
    if response.status not in REDIRECTS or not location:
        return None
    if request.method not in {"GET", "HEAD"} or request.body or request.secret_headers:
        return None
    url = urldefrag(urljoin(request.url, location)).url
    here, there = parse_address(request.url), parse_address(url)
    if here is None or there is None or (here.scheme == "https" and there.scheme == "http"):
        return None
    if there.host != here.host and not _is_public(there.host):
        return None
    return replace(request, url=url)


def _is_public(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return True

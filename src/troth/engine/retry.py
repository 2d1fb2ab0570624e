"""When a request is tried again, and after how long. Pure.

Only before the first byte of a body, only for what may pass by itself: 408, 409, 429, 5xx and
connection errors. What the provider asks for wins; two tries more, half a second doubling.
Source: the retry rules of the OpenAI and Anthropic SDKs (read November 2026).
"""

from __future__ import annotations

from troth.domain.error import (
    ConnectFailed,
    ProviderError,
    RateLimited,
    RequestRefused,
    ServerFailed,
    TimedOut,
    TrothError,
)

MAX_ATTEMPTS = 3
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 8.0
_LONGEST_ASKED_S = 120.0
_PASSING_STATUS = frozenset({408, 409})


def retry_delay_s(error: TrothError, attempt: int) -> float | None:
    """Return the seconds to wait after failed attempt number `attempt`; None means give up."""
    asked = error.retry_after_s if isinstance(error, ProviderError) else None
    if asked is not None and asked > _LONGEST_ASKED_S:
        return None
    if not _is_passing(error):
        return None
    if asked is not None:
        return max(asked, 0.0)
    return min(_FIRST_DELAY_S * 2.0 ** (attempt - 1), _LONGEST_DELAY_S)


def _is_passing(error: TrothError) -> bool:
    match error:
        case RateLimited():
            return True
        case ServerFailed():
            # An error event inside a 200 has no status of its own: never again after bytes.
            return error.status is not None and error.status >= 500
        case RequestRefused():
            return error.status in _PASSING_STATUS
        case ConnectFailed() | TimedOut():
            return error.limit_s is None or isinstance(error, ConnectFailed)
        case _:
            return False

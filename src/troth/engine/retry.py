"""After how long a request is tried again, if at all. Pure.

Only before the first byte of a body, only for what may pass by itself. What the provider asks for
wins; two tries more, half a second doubling.
Source: the retry rules of the OpenAI and Anthropic SDKs (read November 2026).
"""

from __future__ import annotations

from troth.domain.error import ConnectFailed, ProviderError, TrothError
from troth.domain.exchange import Headers
from troth.providers.errors import is_worth_retrying

MAX_ATTEMPTS = 3
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 8.0
_LONGEST_ASKED_S = 120.0
"""A provider that asks for more is not waited for."""


def retry_delay_s(error: TrothError, headers: Headers, attempt: int) -> float | None:
    """Return the seconds to wait after failed attempt number `attempt`; None means give up.

    `headers` are those of the refusal; a provider's `x-should-retry` decides. An error event
    inside a 200 has no status of its own and is never tried again.
    """
    asked: float | None = None
    if isinstance(error, ProviderError):
        is_refusal = error.status is not None and error.status >= 400
        if not is_refusal or not is_worth_retrying(error, headers):
            return None
        asked = error.retry_after_s
    elif not isinstance(error, ConnectFailed):
        return None
    if asked is not None:
        return max(asked, 0.0) if asked <= _LONGEST_ASKED_S else None
    return min(_FIRST_DELAY_S * 2.0 ** (attempt - 1), _LONGEST_DELAY_S)

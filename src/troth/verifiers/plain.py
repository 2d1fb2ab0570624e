"""Replies that nobody signs: what can be said of them, never more.

OpenAI, Anthropic, Google and xAI sign no text that anyone else could check. Such a reply is worth
its TLS connection, or the user's own machine, and is never green.
"""

from __future__ import annotations

import re
from datetime import datetime

from troth.domain.exchange import Exchange, find_header
from troth.domain.verdict import State, Verdict
from troth.verifiers.base import Evidence, Facts, SignedParts, Wanted
from troth.verifiers.fold import Finding, cannot_check, failed, fold, not_covered, passed
from troth.verifiers.trust import Expectation, Trust

SCHEME = "none"
VEIL_HEADER = "X-OpenGradient-Verified"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST = re.compile(r"^(?P<scheme>https?)://(?:[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^/:?#]*)")


def host_in(url: str) -> str:
    """Return the host of an HTTP URL, for sentences; "the provider" when there is none."""
    match = _HOST.match(url)
    return match["host"] if match and match["host"] else "the provider"


def is_encrypted(url: str) -> bool:
    return url.lower().startswith("https://")


class Plain:
    """The scheme of everyone who signs nothing."""

    scheme = SCHEME

    def recognizes(self, exchange: Exchange, facts: Facts) -> bool:
        return True

    def wants(
        self, exchange: Exchange, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        return ()

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, facts: Facts
    ) -> Verdict:
        reached, channel = _channel(exchange, facts)
        findings = [channel, not_covered("signature", "Nothing here is signed.")]
        expected = trust.expectation(facts.provider, facts.model)
        if exchange.status >= 400 or exchange.status == 0:
            reason = f"There is no reply to check: the answer was an error ({exchange.status})."
            findings.append(cannot_check("completeness", reason))
        elif not exchange.is_complete:
            reason = "The connection ended before the reply did."
            findings.append(cannot_check("completeness", reason))
        elif expected is not None:
            findings.append(_stripped(expected))
        return fold(findings, reached, trust=trust, scheme=SCHEME, checked_at=now)

    def signed_parts(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> SignedParts | None:
        return None


def _stripped(expected: Expectation) -> Finding:
    since = f" since {expected.since:%d %b %Y}" if expected.since else ""
    reason = (
        f"{expected.provider} signs the replies of {expected.model}{since}"
        f" ({expected.scheme}); this one carries no signature."
    )
    return failed("expectation", reason)


def _channel(exchange: Exchange, facts: Facts) -> tuple[State, Finding]:
    host = host_in(exchange.url)
    if facts.is_foreign:
        reason = "How it came, only the maker of this file can know; nothing in the file shows it."
        return State.IMPORTED, not_covered("channel", reason)
    if facts.route == "import":
        return State.IMPORTED, not_covered("channel", "It came from a file; how is not known.")
    if facts.route == "device":
        reason = "It was made by a program on this computer or on a machine that you call yours."
        return State.LOCAL, passed("channel", reason)
    if facts.route == "veil":
        word = find_header(exchange.response_headers, VEIL_HEADER)
        says = f"says {word[:40]!r}" if word else "says nothing"
        reason = f"og-veil on this computer {says} of it; Troth got nothing to check for itself."
        return State.CANNOT_CHECK, cannot_check("channel", reason)
    if is_encrypted(exchange.url):
        reason = f"It came over TLS from {host}. Nothing proves which model wrote it."
        return State.TLS_ONLY, passed("channel", reason)
    if host in _LOOPBACK:
        # Nothing leaves the machine here, so TLS would add nothing; who is behind it is unknown.
        reason = (
            "A program on this computer answered, and whom it asked is not known. If it runs the"
            " model itself, call the server your own: then its replies count as local."
        )
        return State.TLS_ONLY, not_covered("channel", reason)
    reason = f"It came from {host} without encryption: anyone on the way could change it."
    return State.CANNOT_CHECK, cannot_check("channel", reason)


def imported(now: datetime, trust: Trust) -> Verdict:
    """Return the verdict on a message that has no exchange at all because it was imported."""
    finding = not_covered("channel", "It came from a file; there is nothing to check.")
    return fold([finding], State.IMPORTED, trust=trust, scheme=SCHEME, checked_at=now)

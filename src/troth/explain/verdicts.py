"""Verdicts in words. Only `verified-*` is ever good; what is unknown is never good.

The glyphs take one cell everywhere (none is East-Asian-ambiguous) and tell the tones apart without
colour; the sentences are those of the table of states, and promise no more than was checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from troth.domain.verdict import Outcome, State

Tone = Literal["good", "bad", "warn", "plain"]


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """What a badge and the first line of the pane say."""

    glyph: str
    short: str
    """Two or three words for a badge; capitals where it must not pass quietly."""
    sentence: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class OutcomeWords:
    """One check's result."""

    glyph: str
    short: str
    tone: Tone


_VERDICTS: dict[State, VerdictWords] = {
    State.VERIFIED_ATTESTED: VerdictWords(
        "✓",
        "verified",
        "Signed by an enclave whose hardware and code are known. Checked on this computer. "
        "It says who sent it, not that it is true.",
        "good",
    ),
    State.VERIFIED_CODE_UNKNOWN: VerdictWords(
        "✓",
        "verified, code unknown",
        "Signed inside genuine hardware; nobody has published what code runs there.",
        "good",
    ),
    State.VERIFIED_REGISTRY: VerdictWords(
        "✓",
        "verified by registry",
        "Signed by a key that the provider's registry lists. The hardware was not checked here.",
        "good",
    ),
    State.VERIFIED_PINNED: VerdictWords(
        "✓",
        "verified",
        "The text shown is the text that was signed, by a key you trust. "
        "It says who sent it, not that it is true.",
        "good",
    ),
    State.SIGNED_UNKNOWN_KEY: VerdictWords(
        "?",
        "signed, key unknown",
        "The signature is valid, but nobody you trust vouches for the signer.",
        "warn",
    ),
    State.PARTLY_COVERED: VerdictWords(
        "?",
        "partly covered",
        "The signature is valid, but something that is shown is not signed.",
        "warn",
    ),
    State.PRIVATE_CHANNEL: VerdictWords(
        "-",
        "private channel",
        "It came through an attested channel and is not signed. You cannot prove it to others.",
        "plain",
    ),
    State.INCOMPLETE: VerdictWords(
        "?", "incomplete", "The reply was cut before its end. Not verified.", "warn"
    ),
    State.TLS_ONLY: VerdictWords(
        "-",
        "unsigned",
        "Not signed by the provider. Only the connection was encrypted (TLS): nothing proves "
        "which model answered.",
        "plain",
    ),
    State.LOCAL: VerdictWords("-", "local", "It ran on your own computer.", "plain"),
    State.UNSIGNED_EXPECTED: VerdictWords(
        "✗",
        "NOT SIGNED",
        "This model's replies are signed, and this one is not. Do not rely on it.",
        "bad",
    ),
    State.STALE: VerdictWords(
        "?",
        "stale",
        "The signature is valid but not fresh: it is older than your question, or its evidence has "
        "expired since.",
        "warn",
    ),
    State.PLATFORM_OUTDATED: VerdictWords(
        "?",
        "hardware outdated",
        "The signature holds, but the hardware lacks security updates.",
        "warn",
    ),
    State.FAILED: VerdictWords(
        "✗",
        "FAILED",
        "It was altered, or is not the answer to your message. Do not rely on it.",
        "bad",
    ),
    State.CANNOT_CHECK: VerdictWords(
        "?",
        "can't check",
        "Something that is needed for the check is missing. Checking again may help.",
        "warn",
    ),
    State.IMPORTED: VerdictWords(
        "-", "imported", "It came from a file; there is nothing to check.", "plain"
    ),
    State.SIMULATED: VerdictWords(
        "~",
        "SIMULATED",
        "A demonstration on this computer. It proves nothing about any real service.",
        "warn",
    ),
}

_UNKNOWN = VerdictWords("?", "not checked", "Nothing was checked about this reply yet.", "plain")

_OUTCOMES: dict[Outcome, OutcomeWords] = {
    Outcome.PASSED: OutcomeWords("✓", "passed", "good"),
    Outcome.FAILED: OutcomeWords("✗", "FAILED", "bad"),
    Outcome.CANNOT_CHECK: OutcomeWords("?", "can't check", "warn"),
    Outcome.NOT_COVERED: OutcomeWords("-", "not covered", "plain"),
}

_CHECKS = {
    "reply-bytes": "Reply text",
    "request-bytes": "Your prompt",
    "signature": "Signature",
    "signing-key": "Key",
    "hardware": "Hardware",
    "code": "Code",
    "freshness": "Freshness",
    "coverage": "Coverage",
    "channel": "Connection",
    "completeness": "Whole reply",
    "expectation": "Expected",
    "replay": "Seen before",
    "upstream": "Behind the signer",
}


def verdict_words(state: State | None) -> VerdictWords:
    """Return the words for a state; None is a reply that nobody has checked."""
    return _UNKNOWN if state is None else _VERDICTS[state]


def outcome_words(outcome: Outcome) -> OutcomeWords:
    return _OUTCOMES[outcome]


def check_title(name: str) -> str:
    """Return what a check is called on screen; unknown slugs are made readable."""
    return _CHECKS.get(name) or name.replace("-", " ").replace("_", " ").capitalize()

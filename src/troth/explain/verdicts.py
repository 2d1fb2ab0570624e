"""Verdicts in words. Only `verified-*` is ever good; what is unknown is never good.

The glyphs take one cell everywhere (none is East-Asian-ambiguous) and tell the tones apart without
colour; the sentences are those of the table of states, and promise no more than was checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from troth.domain.verdict import Outcome, State, Verdict
from troth.explain.channels import channel_sentence

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


_GENUINE = "The signature is genuine, and nothing that it covers was changed."

_VERDICTS: dict[State, VerdictWords] = {
    State.VERIFIED_ATTESTED: VerdictWords(
        "✓",
        "verified",
        "This is, to the letter, what a sealed computer (an “enclave”) signed. Its hardware and "
        "its program were checked here. It says who sent it, not that it is true.",
        "good",
    ),
    State.VERIFIED_CODE_UNKNOWN: VerdictWords(
        "✓",
        "verified, code unknown",
        "This is, to the letter, what a genuine sealed computer (an “enclave”) signed. What its "
        "program does is not known here. It says who sent it, not that it is true.",
        "good",
    ),
    State.VERIFIED_REGISTRY: VerdictWords(
        "✓",
        "verified by registry",
        "This is, to the letter, what was signed, with a key from the provider's public list. "
        "The computer behind the key was not checked here.",
        "good",
    ),
    State.VERIFIED_PINNED: VerdictWords(
        "✓",
        "verified",
        "This is, to the letter, what was signed, with a key that you chose to trust. It says who "
        "sent it, not that it is true.",
        "good",
    ),
    State.SIGNED_UNKNOWN_KEY: VerdictWords(
        "?",
        "signed, key unknown",
        "It is signed and was not changed since, but nobody you trust says whose signature this "
        "is. Anyone can make a key and sign with it.",
        "warn",
    ),
    State.PARTLY_COVERED: VerdictWords(
        "?",
        "partly covered",
        f"{_GENUINE} But it does not cover all of this.",
        "warn",
    ),
    State.PRIVATE_CHANNEL: VerdictWords(
        "-",
        "private channel",
        "It came straight out of a sealed computer over a locked line, and it carries no "
        "signature. You can know it; you cannot prove it to others.",
        "plain",
    ),
    State.INCOMPLETE: VerdictWords(
        "?",
        "incomplete",
        "The reply broke off before its end, and the signature comes last. Nothing about it is "
        "proven. Asking again may bring it whole.",
        "warn",
    ),
    State.TLS_ONLY: VerdictWords(
        "-",
        "unsigned",
        "This provider does not sign its replies. Only the way to you was locked (TLS): nothing "
        "proves which model answered.",
        "plain",
    ),
    State.LOCAL: VerdictWords(
        "-",
        "local",
        "It was made on this computer, or on one that you call your own: no provider was asked.",
        "plain",
    ),
    State.UNSIGNED_EXPECTED: VerdictWords(
        "✗",
        "NOT SIGNED",
        "Replies from here should be signed, and this one is not: the signature was lost or taken "
        "away, or somebody else answered in their place. Do not rely on it.",
        "bad",
    ),
    State.STALE: VerdictWords(
        "?",
        "stale",
        "The signature is genuine, but what proves whose it is is past its time. Good for a few "
        "hours only, as it is made to be, it says nothing about now.",
        "warn",
    ),
    State.PLATFORM_OUTDATED: VerdictWords(
        "?",
        "hardware outdated",
        "The signature is genuine, but the computer that made it lacks security updates of its "
        "maker: others may have got into it.",
        "warn",
    ),
    State.FAILED: VerdictWords(
        "✗",
        "FAILED",
        "A check that must hold does not: this was changed, or answers another message, or the "
        "wrong key signed it. Do not rely on it.",
        "bad",
    ),
    State.CANNOT_CHECK: VerdictWords(
        "?",
        "can't check",
        "Something that the check needs is missing, so it is neither proven nor disproven. "
        "Checking again may help.",
        "warn",
    ),
    State.IMPORTED: VerdictWords(
        "-", "imported", "It came from a file: where it was before, nothing can show.", "plain"
    ),
    State.SIMULATED: VerdictWords(
        "~",
        "SIMULATED",
        "A demonstration: Troth made the sealed computer, its key and its signature here. It "
        "proves nothing about any real service.",
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
    "expectation": "Must be signed",
    "reply-bytes": "The words",
    "request-bytes": "Your question",
    "signature": "Signature",
    "signing-key": "Whose key",
    "registry": "Public list",
    "hardware": "The machine",
    "code": "Its program",
    "platform": "Its updates",
    "freshness": "The time",
    "clock": "The clocks",
    "replay": "Used once",
    "completeness": "Whole reply",
    "coverage": "What is signed",
    "picture": "The picture",
    "settings": "Your settings",
    "upstream": "Behind it",
    "channel": "Connection",
    "receipt": "The receipt",
    "trust-file": "Trust file",
    "verifier": "The check",
}


def verdict_words(state: State | None) -> VerdictWords:
    """Return the words for a state; None is a reply that nobody has checked."""
    return _UNKNOWN if state is None else _VERDICTS[state]


_DO_NOT = "Do not rely on it."
_FAILURES = {
    "reply-bytes": "These are NOT the words that were signed: they were changed, or damaged, "
    "afterwards. Do not rely on them.",
    "request-bytes": f"What was signed is the answer to another question than yours. {_DO_NOT}",
    "replay": "This is an old reply, sent again: its signature came before, with another one. "
    f"{_DO_NOT}",
    "signature": "The signature is not genuine: it does not fit what it should have signed. "
    f"{_DO_NOT}",
    "signing-key": f"The wrong key signed this, not one that is trusted here. {_DO_NOT}",
    "hardware": "The machine's proof of what it is does not hold: nothing says who signed this, or "
    f"that your words stayed with it. {_DO_NOT}",
    "platform": "The maker of the processor does not vouch for the machine that signed this: "
    f"others may have got into it. {_DO_NOT}",
    "code": f"What the machine says of its own program is not what was measured in it. {_DO_NOT}",
    "channel": f"You were connected to another machine than the one that signed. {_DO_NOT}",
    "completeness": f"Something was added to the reply, or taken out of it. {_DO_NOT}",
    "picture": "The picture is NOT the one that was signed: it, or what is said of it, was changed "
    f"afterwards. {_DO_NOT}",
    "receipt": f"The receipt contradicts itself: it was changed, or made so. {_DO_NOT}",
}
"""The check that failed -> what that means. The first in this order speaks."""


_OPEN = {
    "clock": "It is signed with a time that is still to come, so nobody can tell when it was made. "
    "Look whether the date and time of this computer are right.",
    "receipt": "The receipt is dated later than it is here, so one of two clocks is wrong. "
    "Look whether the date and time of this computer are right.",
    "trust-file": "Your trust file cannot be read, so nothing can be checked against it.",
    "verifier": "The check itself broke down. This is a fault in Troth, not in the reply.",
}
"""The check that is open -> what that means, where the general words say too little."""


_NEEDED = {"signature", "reply-bytes", "request-bytes", "hardware"}
_UNSOUND = (
    "A genuine sealed computer (an “enclave”) signed this. Whether it has its security updates is "
    "not known, so nobody can say that it is sound. “Its updates” below says how to find out."
)
_OLD = (
    "The signature is genuine but was made before you asked, so this may be an old reply, sent "
    "again. Do not take it for an answer to this question."
)
_NOTHING_SIGNED = (
    "Nothing in this file is signed: whoever made it could have written anything into it."
)
_CUT = "The reply broke off before its end, or never came. Nothing about it is proven."
_ONLY_PICTURE_SIGNED = (
    "Nobody signed the words. The picture carries a signature of its own: the list below says "
    "whose. It says where the picture came from, not that it is true."
)
_PICTURE_TOO = (
    "The picture carries a signature of its own; that the two belong together, nobody signed."
)
_BY_A_PROGRAM_HERE = (
    "Nobody signed this. A program on this computer gave it to Troth; where that got it, and which "
    "model answered, nothing proves."
)


def has_signed_pictures(verdict: Verdict) -> bool:
    """Whether a reply shows pictures, and each is signed by somebody whom a listed authority
    knows."""
    outcomes = {check.outcome for check in verdict.checks if check.name == "picture"}
    return outcomes == {Outcome.PASSED}


def badge_words(verdict: Verdict) -> str:
    """Return the words of a verdict's badge: those of its state, and what they would hide.

    A signed picture beside words that nobody signed changes neither glyph nor tone: the badge
    stands for the reply, and nothing of the words is proven.
    """
    short = verdict_words(verdict.state).short
    if verdict.state is State.TLS_ONLY and has_signed_pictures(verdict):
        return f"{short} words, signed picture"
    return short


def _unsigned_sentence(verdict: Verdict) -> str:
    """Return what a state means where no scheme is at work; "" where the general words hold."""
    if verdict.state is State.INCOMPLETE and verdict.scheme == "none":
        return _CUT
    if verdict.state is State.IMPORTED and any(c.name == "receipt" for c in verdict.checks):
        return _ONLY_PICTURE_SIGNED if has_signed_pictures(verdict) else _NOTHING_SIGNED
    channel = next((check for check in verdict.checks if check.name == "channel"), None)
    is_locked = channel is None or channel.outcome is Outcome.PASSED
    if verdict.state is State.TLS_ONLY and has_signed_pictures(verdict):
        return _ONLY_PICTURE_SIGNED
    return _BY_A_PROGRAM_HERE if verdict.state is State.TLS_ONLY and not is_locked else ""


def _partly_sentence(verdict: Verdict) -> str:
    """Return which part of a reply is not covered; "" where that is not the question."""
    for check in verdict.checks if verdict.state is State.PARTLY_COVERED else ():
        if check.name == "coverage" and check.outcome is Outcome.NOT_COVERED:
            said = f"{_GENUINE} {check.detail}"
            return f"{said} {_PICTURE_TOO}" if has_signed_pictures(verdict) else said
    return ""


def verdict_sentence(verdict: Verdict) -> str:
    """Return what a verdict means in a few sentences; a failure says what failed, what cannot be
    checked why, and what is covered in part which part is not."""
    if sentence := channel_sentence(verdict):
        return sentence
    if verdict.state is State.FAILED:
        failed = {check.name for check in verdict.checks if check.outcome is Outcome.FAILED}
        for name, sentence in _FAILURES.items():
            if name in failed:
                return sentence
    open_checks = {c.name for c in verdict.checks if c.outcome is Outcome.CANNOT_CHECK}
    if verdict.state is State.STALE and "freshness" in open_checks:
        return _OLD
    if verdict.state is State.CANNOT_CHECK:
        for name, sentence in _OPEN.items():
            if name in open_checks:
                return sentence
        if "platform" in open_checks and not open_checks & _NEEDED:
            return _UNSOUND
    found = _unsigned_sentence(verdict) or _partly_sentence(verdict)
    return found or verdict_words(verdict.state).sentence


def outcome_words(outcome: Outcome) -> OutcomeWords:
    return _OUTCOMES[outcome]


def check_title(name: str) -> str:
    """Return what a check is called on screen; unknown slugs are made readable."""
    return _CHECKS.get(name) or name.replace("-", " ").replace("_", " ").capitalize()

"""Which scheme speaks for an exchange: one table, one call for the engine.

A new scheme is one file and one row here. A fault inside a scheme is caught at this border, the
only one: it becomes `cannot-check`, never a pass.
"""

from __future__ import annotations

from datetime import datetime

from troth.domain.exchange import Exchange
from troth.domain.verdict import State, Verdict
from troth.verifiers.aci import Aci
from troth.verifiers.base import Asking, Evidence, Facts, SignedParts, Verifier, Wanted
from troth.verifiers.body_signature import EIGENAI, GALADRIEL
from troth.verifiers.fold import cannot_check, fold
from troth.verifiers.near import NEAR
from troth.verifiers.opengradient import OpenGradient, signature_of
from troth.verifiers.opengradient_keys import signature_id
from troth.verifiers.plain import Plain
from troth.verifiers.redpill import REDPILL
from troth.verifiers.trust import Expectation, Trust, pattern_of
from troth.verifiers.zerog import ZERO_G

_OPENGRADIENT = OpenGradient()
SCHEMES: tuple[Verifier, ...] = (_OPENGRADIENT, Aci(), NEAR, REDPILL, ZERO_G, EIGENAI, GALADRIEL)
"""In the order in which they are asked whether an exchange is theirs."""

SCHEME_UNKNOWN = "unknown"
_PLAIN = Plain()


def verifier_for(exchange: Exchange, facts: Facts, trust: Trust) -> Verifier:
    """Return the scheme that is to judge an exchange.

    A scheme that we expect of this provider and model judges whatever came: its absence is its
    business. Errors have no reply in them and go to the plain one.
    """
    if facts.route == "import" or not 200 <= exchange.status < 300:
        return _PLAIN
    expected = trust.expectation(facts.provider, facts.model)
    if expected is not None:
        wanted = next((s for s in SCHEMES if s.scheme == expected.scheme), None)
        return wanted or _PLAIN
    return next((s for s in SCHEMES if s.recognizes(exchange, facts)), _PLAIN)


def wanted_for(
    exchange: Exchange, nonce: bytes, trust: Trust, *, facts: Facts
) -> tuple[Wanted, ...]:
    """Return the evidence to fetch for an exchange. `nonce` is 32 fresh random bytes."""
    return verifier_for(exchange, facts, trust).wants(exchange, nonce, facts, trust)


def wanted_next(
    exchange: Exchange, evidence: Evidence, nonce: bytes, trust: Trust, *, facts: Facts
) -> tuple[Wanted, ...]:
    """Return what the evidence that came leads to; nothing that is there already. Never raises."""
    try:
        verifier = verifier_for(exchange, facts, trust)
        if not isinstance(verifier, Asking):
            return ()
        wanted = verifier.wants_more(exchange, evidence, nonce, facts, trust)
    except Exception:  # noqa: BLE001 - the plug-in border: the verdict will say what is missing
        return ()
    return tuple(one for one in wanted if one.name not in evidence)


def verdict_for(
    exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, *, facts: Facts
) -> Verdict:
    """Return the verdict on an exchange as `trust` stands; `now` is aware UTC. Never raises.

    Evidence is judged for the moment when the reply came, so that checking again years later says
    the same; give `facts.judged_at` to ask what it is worth at another moment.
    """
    scheme = SCHEME_UNKNOWN
    try:
        verifier = verifier_for(exchange, facts, trust)
        scheme = verifier.scheme
        return verifier.verify(exchange, evidence, trust, now, facts)
    except Exception as error:  # noqa: BLE001 - the plug-in border: a fault must not become a pass
        reason = f"The check itself broke down ({type(error).__name__}). This is a fault in Troth."
        finding = cannot_check("verifier", reason)
        return fold([finding], State.CANNOT_CHECK, trust=trust, scheme=scheme, checked_at=now)


def signature_name(exchange: Exchange, evidence: Evidence, trust: Trust, *, facts: Facts) -> str:
    """Return what the replay memory calls the signature of an exchange; "" where there is none.

    Reads the whole reply where its scheme signs: 20 microseconds a token, for a thread.
    """
    try:
        verifier = verifier_for(exchange, facts, trust)
        if verifier is _OPENGRADIENT:
            return signature_of(exchange)
        signed = verifier.signed_parts(exchange, evidence, trust, facts)
    except Exception:  # noqa: BLE001 - the plug-in border: the verdict will say what broke down
        return ""
    return signature_id(signed.signature) if signed is not None else ""


def signed_parts_of(
    exchange: Exchange, evidence: Evidence, trust: Trust, *, facts: Facts
) -> SignedParts | None:
    """Return what was signed, spelt out; None when nothing (whole) was."""
    return verifier_for(exchange, facts, trust).signed_parts(exchange, evidence, trust, facts)


def learnt_from(verdict: Verdict, trust: Trust, *, facts: Facts) -> Expectation | None:
    """Return what a verdict teaches: this provider and model sign. None when nothing new.

    Only a verified reply teaches, and never under the simulated trust.
    """
    if not verdict.is_verified or trust.is_simulated or not facts.provider:
        return None
    if trust.expectation(facts.provider, facts.model) is not None:
        return None
    scheme = verdict.scheme.partition("/")[0]
    model, since = pattern_of(facts.model), verdict.checked_at.date()
    return Expectation(facts.provider, model, scheme, since, "learnt from a reply")


def remembered(
    exchange: Exchange, evidence: Evidence, verdict: Verdict, trust: Trust, *, facts: Facts
) -> Trust:
    """Return the trust with this reply's signature in its replay memory.

    Only verified replies are remembered: a forger must not be able to block a signature.
    """
    if not verdict.is_verified and verdict.state not in {State.PARTLY_COVERED, State.SIMULATED}:
        return trust
    name = signature_name(exchange, evidence, trust, facts=facts)
    if not name or name in trust.seen:
        return trust
    return trust.with_seen({**trust.seen, name: facts.message_id})

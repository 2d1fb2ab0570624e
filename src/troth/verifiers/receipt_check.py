"""Check a receipt with our own trust: what it was worth when the reply came, and what it is now."""

from __future__ import annotations

import base64
import json
import textwrap
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from troth.domain.exchange import HttpResponse
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.verifiers.base import Evidence
from troth.verifiers.fold import NAMES, weakest
from troth.verifiers.opengradient_names import SIGNING_KEY
from troth.verifiers.receipt import Receipt
from troth.verifiers.registry import SCHEMES, signed_parts_of, verdict_for, with_channel_of
from troth.verifiers.trust import Expectation, Trust

_REMEMBERED = {
    "expectation": (
        State.UNSIGNED_EXPECTED,
        "Whoever made this receipt expected a signature on this reply, and there was none.",
    ),
    "replay": (
        State.FAILED,
        "Whoever made this receipt had seen this very signature before, with another reply.",
    ),
}
"""Checks that rest on what the maker remembered: name -> what is left, and why. They are his word,
which is believed here alone: it can make a reply worth less, and never more."""


@dataclass(frozen=True, slots=True)
class ReceiptVerdicts:
    """Both answers, each by our trust. `receipt.verdict` is the exporter's own, for comparison."""

    then: Verdict
    """Evidence judged for the moment when the reply came."""
    now: Verdict
    """Evidence judged for today: what has expired since is `stale`."""


def verify_receipt(receipt: Receipt, trust: Trust, now: datetime) -> ReceiptVerdicts:
    """Run every check of a receipt again. Pure: no vault, no network; `now` is aware UTC."""
    evidence = _with_key(receipt)
    trust = with_channel_of(evidence, _with_scheme(receipt, trust), receipt.facts)
    came_at = receipt.exchange.received_at
    then, today = (
        verdict_for(
            receipt.exchange,
            evidence,
            trust,
            now,
            facts=replace(receipt.facts, judged_at=moment),
        )
        for moment in (came_at, max(now, came_at))
    )
    check, ceiling = _receipt_check(receipt, evidence, trust, now)
    then, today = (
        _as_remembered(_lowered(verdict, check, ceiling), receipt) for verdict in (then, today)
    )
    return ReceiptVerdicts(then, today)


def _with_scheme(receipt: Receipt, trust: Trust) -> Trust:
    """Let the scheme that a receipt names judge it: its address may be one that only its maker
    knows. A claim like any other: what that scheme cannot prove by our trust stays unproven."""
    named = receipt.signed.scheme.partition("/")[0] if receipt.signed is not None else ""
    if named not in SCHEMES:
        return trust
    claim = Expectation(receipt.facts.provider, "*", named, source="the receipt's own word")
    return trust.with_expectation(claim)


def _with_key(receipt: Receipt) -> Evidence:
    """Put the receipt's key among the evidence, as if the gateway had served it: a mere claim.

    It stands before what the gateway did serve: that may be another key, or none, where the
    exporter had the right one as a pin or from a registry.
    """
    signed = receipt.signed
    if signed is None or not signed.public_key:
        return receipt.evidence
    text = "\n".join(textwrap.wrap(base64.b64encode(signed.public_key).decode("ascii"), 64))
    pem = f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"
    answer = HttpResponse(200, (), json.dumps({"public_key": pem}).encode())
    return {**receipt.evidence, SIGNING_KEY: answer}


def _receipt_check(
    receipt: Receipt, evidence: Evidence, trust: Trust, now: datetime
) -> tuple[Check, State | None]:
    """Compare what the receipt spells out with what its bytes say, and its times with ours."""
    found = signed_parts_of(receipt.exchange, evidence, trust, facts=receipt.facts)
    stated = receipt.signed
    if stated is not None:
        if found is not None and not stated.public_key:
            # A key that we know ourselves may be missing from the file; another may not be in it.
            found = replace(found, public_key=b"")
        if stated != found:
            reason = "What the receipt says was signed is not what its own bytes say."
            return Check("receipt", Outcome.FAILED, reason), State.FAILED
    if receipt.exchange.received_at > now + timedelta(seconds=trust.policy.clock_skew_s):
        reason = "The receipt is dated in the future: its clock or this computer's is wrong."
        return Check("receipt", Outcome.CANNOT_CHECK, reason), State.CANNOT_CHECK
    reason = "The receipt is whole. Its times are its maker's, but for those that are signed."
    return Check("receipt", Outcome.PASSED, reason), None


def _lowered(verdict: Verdict, check: Check, ceiling: State | None) -> Verdict:
    state = verdict.state if ceiling is None else weakest([verdict.state, ceiling])
    return replace(verdict, state=state, checks=(*verdict.checks, check))


def _as_remembered(verdict: Verdict, receipt: Receipt) -> Verdict:
    """Return the verdict with what the maker's memory found to be wrong."""
    failed = {c.name for c in receipt.verdict.checks if c.outcome is Outcome.FAILED}
    for name in _REMEMBERED.keys() & failed:
        ceiling, reason = _REMEMBERED[name]
        others = [check for check in verdict.checks if check.name != name]
        checks = sorted(
            [*others, Check(name, Outcome.FAILED, reason)], key=lambda c: NAMES.index(c.name)
        )
        state = weakest([verdict.state, ceiling])
        verdict = replace(verdict, state=state, checks=tuple(checks))
    return verdict

"""From single checks to one headline: the weakest thing that was found decides.

Two tables say it all: `STRENGTH` orders the states, `CEILINGS` says how high a headline may still
be once a check came out as it did. Nothing here is ever raised by a check that is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.verifiers.base import VERIFIER
from troth.verifiers.trust import DEFAULT_REQUIRED, Policy, Trust

STRENGTH: tuple[State, ...] = (
    State.FAILED,
    State.UNSIGNED_EXPECTED,
    State.INCOMPLETE,
    State.CANNOT_CHECK,
    State.STALE,
    State.PLATFORM_OUTDATED,
    State.SIMULATED,
    State.IMPORTED,
    State.TLS_ONLY,
    State.LOCAL,
    State.PRIVATE_CHANNEL,
    State.SIGNED_UNKNOWN_KEY,
    State.PARTLY_COVERED,
    State.VERIFIED_PINNED,
    State.VERIFIED_REGISTRY,
    State.VERIFIED_CODE_UNKNOWN,
    State.VERIFIED_ATTESTED,
)
"""Weakest first. The order of states that no reply can have together is of no weight."""

_RANK = {state: rank for rank, state in enumerate(STRENGTH)}

CEILINGS: dict[tuple[str, Outcome], State] = {
    ("expectation", Outcome.FAILED): State.UNSIGNED_EXPECTED,
    ("completeness", Outcome.CANNOT_CHECK): State.INCOMPLETE,
    ("verifier", Outcome.CANNOT_CHECK): State.CANNOT_CHECK,
    ("reply-bytes", Outcome.CANNOT_CHECK): State.CANNOT_CHECK,
    ("request-bytes", Outcome.CANNOT_CHECK): State.CANNOT_CHECK,
    ("signature", Outcome.CANNOT_CHECK): State.CANNOT_CHECK,
    ("clock", Outcome.CANNOT_CHECK): State.CANNOT_CHECK,
    ("signing-key", Outcome.CANNOT_CHECK): State.SIGNED_UNKNOWN_KEY,
    ("freshness", Outcome.CANNOT_CHECK): State.STALE,
    ("platform", Outcome.CANNOT_CHECK): State.PLATFORM_OUTDATED,
    ("coverage", Outcome.NOT_COVERED): State.PARTLY_COVERED,
}
"""What is left to reach. Every other FAILED leaves FAILED; what is not listed lowers nothing."""

NAMES = (
    "expectation",
    "reply-bytes",
    "request-bytes",
    "signature",
    "signing-key",
    "registry",
    "hardware",
    "code",
    "platform",
    "freshness",
    "clock",
    "replay",
    "completeness",
    "coverage",
    "picture",
    "settings",
    "upstream",
    "channel",
    "receipt",
    "verifier",
)
"""Every check name there is, in the order in which a face lists them."""

_PLACE = {name: place for place, name in enumerate(NAMES)}

POLICIES: dict[str, frozenset[State]] = {
    "any": frozenset(State),
    "signed": frozenset(
        {
            State.VERIFIED_ATTESTED,
            State.VERIFIED_CODE_UNKNOWN,
            State.VERIFIED_REGISTRY,
            State.VERIFIED_PINNED,
        }
    ),
    "attested": frozenset({State.VERIFIED_ATTESTED}),
    "device": frozenset({State.LOCAL}),
}
"""The policies of a chat -> the states that satisfy them. An unknown policy satisfies nothing."""


MeasuredFacts = tuple[tuple[str, str], ...]
"""As in Check."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check as a verifier found it. `ceiling` overrides what the table says."""

    name: str
    outcome: Outcome
    detail: str
    ceiling: State | None = None
    facts: MeasuredFacts = ()


def passed(name: str, detail: str, facts: MeasuredFacts = ()) -> Finding:
    return Finding(name, Outcome.PASSED, detail, facts=facts)


def failed(name: str, detail: str, ceiling: State | None = None) -> Finding:
    return Finding(name, Outcome.FAILED, detail, ceiling)


def cannot_check(
    name: str, detail: str, ceiling: State | None = None, facts: MeasuredFacts = ()
) -> Finding:
    return Finding(name, Outcome.CANNOT_CHECK, detail, ceiling, facts)


def not_covered(name: str, detail: str, ceiling: State | None = None) -> Finding:
    return Finding(name, Outcome.NOT_COVERED, detail, ceiling)


def weakest(states: Iterable[State]) -> State:
    """Return the weakest of some states; raises ValueError when there is none."""
    return min(states, key=_RANK.__getitem__)


def strongest(states: Iterable[State]) -> State:
    """Return the strongest of some states; raises ValueError when there is none."""
    return max(states, key=_RANK.__getitem__)


def _ceiling(finding: Finding) -> State | None:
    if finding.ceiling is not None:
        return finding.ceiling
    known = CEILINGS.get((finding.name, finding.outcome))
    if known is not None:
        return known
    return State.FAILED if finding.outcome is Outcome.FAILED else None


def fold_state(findings: Sequence[Finding], reached: State, policy: Policy) -> State:
    """Return the headline: `reached` (what the key is worth), lowered by every finding.

    A check that the policy requires and that is not there, or did not pass, leaves at most
    `cannot-check` of a state that would be verified. Of a private channel, where nothing is signed,
    the checks that it has and that the user added to the usual ones.
    """
    state = weakest([reached, *(c for f in findings if (c := _ceiling(f)) is not None)])
    if state is State.PRIVATE_CHANNEL:
        added = (policy.required - DEFAULT_REQUIRED) & {f.name for f in findings}
        return state if all(_passes(name, findings) for name in added) else State.CANNOT_CHECK
    if _RANK[state] < _RANK[State.VERIFIED_PINNED] and state is not State.PARTLY_COVERED:
        return state
    is_met = all(_passes(name, findings) for name in policy.required)
    return state if is_met else State.CANNOT_CHECK


def _passes(name: str, findings: Sequence[Finding]) -> bool:
    """Whether a check passed and nothing of it stayed open; what is not part of it is no matter."""
    outcomes = {f.outcome for f in findings if f.name == name}
    return outcomes - {Outcome.NOT_COVERED} == {Outcome.PASSED}


def fold(
    findings: Sequence[Finding],
    reached: State,
    *,
    trust: Trust,
    scheme: str,
    checked_at: datetime,
    key_fingerprint: str = "",
    signed_at: datetime | None = None,
) -> Verdict:
    """Make the verdict: checks in the order of NAMES, headline from the weakest.

    Under the simulated trust a good outcome is `simulated`, and `is_simulated` marks every one.
    """
    state = fold_state(findings, reached, trust.policy)
    if trust.is_simulated and _RANK[state] > _RANK[State.SIMULATED]:
        state = State.SIMULATED
    listed = sorted(findings, key=lambda f: _PLACE.get(f.name, len(_PLACE)))
    return Verdict(
        state=state,
        scheme=scheme,
        checks=tuple(Check(f.name, f.outcome, f.detail, f.facts) for f in listed),
        checked_at=checked_at,
        verifier=VERIFIER,
        key_fingerprint=key_fingerprint,
        signed_at=signed_at,
        is_simulated=trust.is_simulated,
    )


def satisfies(state: State, policy: str) -> bool:
    """Whether a reply in this state may stand in a chat with this policy. Closed when unknown."""
    return state in POLICIES.get(policy, frozenset())

"""The headline is the weakest thing that was found: every rule of it as a row."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from troth.domain.verdict import Outcome, State
from troth.verifiers.base import Facts
from troth.verifiers.fold import (
    CEILINGS,
    NAMES,
    POLICIES,
    STRENGTH,
    Finding,
    failed,
    fold,
    fold_state,
    not_covered,
    passed,
    satisfies,
)
from troth.verifiers.meaning import not_proven, who_saw_what
from troth.verifiers.registry import SCHEMES, verdict_for
from troth.verifiers.trust import DEFAULT_REQUIRED, Policy, Trust

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ALL_PASS = tuple(passed(name, "") for name in sorted(DEFAULT_REQUIRED))
GRADES = (
    State.VERIFIED_ATTESTED, State.VERIFIED_CODE_UNKNOWN, State.VERIFIED_REGISTRY,
    State.VERIFIED_PINNED,
)  # fmt: skip
C, F, N = Outcome.CANNOT_CHECK, Outcome.FAILED, Outcome.NOT_COVERED

ROWS: list[tuple[str, Outcome, State]] = [
    ("reply-bytes", F, State.FAILED),
    ("request-bytes", F, State.FAILED),
    ("signature", F, State.FAILED),
    ("signing-key", F, State.FAILED),
    ("hardware", F, State.FAILED),
    ("channel", F, State.FAILED),
    ("replay", F, State.FAILED),
    ("completeness", F, State.FAILED),
    ("expectation", F, State.UNSIGNED_EXPECTED),
    ("completeness", C, State.INCOMPLETE),
    ("reply-bytes", C, State.CANNOT_CHECK),
    ("request-bytes", C, State.CANNOT_CHECK),
    ("signature", C, State.CANNOT_CHECK),
    ("clock", C, State.CANNOT_CHECK),
    ("verifier", C, State.CANNOT_CHECK),
    ("freshness", C, State.STALE),
    ("platform", C, State.PLATFORM_OUTDATED),
    ("signing-key", C, State.SIGNED_UNKNOWN_KEY),
    ("coverage", N, State.PARTLY_COVERED),
]


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize(("name", "outcome", "expected"), ROWS)
def test_one_finding_decides(grade: State, name: str, outcome: Outcome, expected: State) -> None:
    others = tuple(f for f in ALL_PASS if f.name != name)
    assert fold_state((*others, Finding(name, outcome, "")), grade, Policy()) is expected


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize("name", ["hardware", "code", "registry", "settings", "upstream", "replay"])
def test_what_the_policy_does_not_require_may_be_open(grade: State, name: str) -> None:
    for outcome in (C, N):
        assert fold_state((*ALL_PASS, Finding(name, outcome, "")), grade, Policy()) is grade


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize("missing", sorted(DEFAULT_REQUIRED))
def test_a_missing_check_never_passes(grade: State, missing: str) -> None:
    others = tuple(f for f in ALL_PASS if f.name != missing)
    assert fold_state(others, grade, Policy()) is State.CANNOT_CHECK


def test_a_stricter_policy_wants_its_own_checks() -> None:
    strict = Policy(required=DEFAULT_REQUIRED | {"hardware"})
    assert fold_state(ALL_PASS, State.VERIFIED_PINNED, strict) is State.CANNOT_CHECK
    whole = (*ALL_PASS, passed("hardware", ""))
    assert fold_state(whole, State.VERIFIED_ATTESTED, strict) is State.VERIFIED_ATTESTED


def test_a_required_check_has_no_open_end() -> None:
    strict = Policy(required=DEFAULT_REQUIRED | {"hardware"})
    machine, card = passed("hardware", "the machine"), not_covered("hardware", "its card")
    attested = State.VERIFIED_ATTESTED
    assert fold_state((*ALL_PASS, machine, card), attested, strict) is attested
    for other in (Outcome.CANNOT_CHECK, Outcome.NOT_COVERED):
        only = (*ALL_PASS, Finding("hardware", other, ""))
        assert fold_state(only, attested, strict) is State.CANNOT_CHECK
    half_open = (*ALL_PASS, Finding("hardware", C, "open"), machine)
    assert fold_state(half_open, attested, strict) is State.CANNOT_CHECK


def test_of_two_findings_the_weaker_decides() -> None:
    findings = [Finding(name, outcome, "") for name, outcome, _ in ROWS]
    for first, second in itertools.combinations(findings, 2):
        both = fold_state((*ALL_PASS, first, second), State.VERIFIED_ATTESTED, Policy())
        alone = [
            fold_state((*ALL_PASS, one), State.VERIFIED_ATTESTED, Policy())
            for one in (first, second)
        ]
        assert STRENGTH.index(both) == min(STRENGTH.index(state) for state in alone)


def test_the_tables_are_whole() -> None:
    assert set(STRENGTH) == set(State)
    assert {name for name, _ in CEILINGS} <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_simulated_trust_never_looks_real() -> None:
    trust = Trust(is_simulated=True)
    for reached in STRENGTH:
        verdict = fold(ALL_PASS, reached, trust=trust, scheme="x", checked_at=NOW)
        assert verdict.is_simulated
        assert not verdict.is_verified
    bad = fold([failed("signature", "")], State.VERIFIED_PINNED, trust=trust, scheme="x",
               checked_at=NOW)  # fmt: skip
    assert (bad.state, bad.is_simulated) == (State.FAILED, True)


def test_policies_are_closed() -> None:
    for state in State:
        assert satisfies(state, "any")
        assert not satisfies(state, "a policy of the future")
        assert satisfies(state, "signed") == state.value.startswith("verified-")
        assert satisfies(state, "attested") == (state is State.VERIFIED_ATTESTED)
        assert satisfies(state, "device") == (state is State.LOCAL)
    assert set(POLICIES) == {"any", "signed", "attested", "device"}


def test_a_fault_in_a_verifier_is_cannot_check() -> None:
    verdict = verdict_for(None, {}, Trust(), NOW, facts=Facts())  # type: ignore[arg-type]
    assert verdict.state is State.CANNOT_CHECK
    assert [check.name for check in verdict.checks] == ["verifier"]


def test_every_scheme_and_state_says_what_it_does_not_prove() -> None:
    for scheme in (*SCHEMES, "none", "unknown"):
        assert who_saw_what(f"{scheme}/v1", "direct")
        for state in State:
            verdict = fold([], state, trust=Trust(), scheme=scheme, checked_at=NOW)
            assert len(not_proven(verdict)) >= 2

"""SECURITY.md is true of Tinfoil's documents: a checker written from it agrees with Troth."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from troth.domain.exchange import HttpResponse
from troth.domain.verdict import Outcome, State
from troth.verifiers.receipt import build_receipt, parse_receipt
from troth.verifiers.receipt_check import verify_receipt
from verifiers.amd import LEVELS, Guest
from verifiers.attested import sev_v3
from verifiers.independent_receipt import Refused
from verifiers.independent_tinfoil import check
from verifiers.setting import ROUNDS
from verifiers.test_snp import LEAST
from verifiers.test_tinfoil import (
    AMD,
    AT,
    EXCHANGE,
    FACTS,
    KEY,
    NAME,
    NONCE,
    V2,
    V3,
    evidence_of,
    judge,
    trust,
)

LEVELS_LEAST = {"Genoa": dict(LEAST.levels)}
ROOTS = frozenset({AMD.root_sha256})
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def receipt_of(evidence: dict[str, HttpResponse]) -> bytes:
    return build_receipt(EXCHANGE, evidence, judge(evidence), None, facts=FACTS)


def is_genuine(receipt: bytes) -> bool:
    """Whether Troth finds a sound machine in a receipt, for what it is worth."""
    verdict = verify_receipt(parse_receipt(receipt), trust(), NOW).then
    assert not verdict.is_verified
    if verdict.state is not State.IMPORTED:
        return False
    found = {check.name: check.outcome for check in verdict.checks}
    return found.get("hardware") is Outcome.PASSED and found["platform"] is Outcome.PASSED


def independent(receipt: bytes) -> bool:
    try:
        found = check(receipt, roots=ROOTS, least=LEVELS_LEAST)
    except Refused:
        return False
    assert found.tls_key == KEY.hex()
    return True


@pytest.mark.parametrize(("evidence", "version"), [(V2, "v2"), (V3, "v3")], ids=["v2", "v3"])
def test_both_find_the_same_key_and_code(evidence: dict[str, HttpResponse], version: str) -> None:
    receipt = receipt_of(evidence)
    found = check(receipt, roots=ROOTS, least=LEVELS_LEAST)
    assert (found.version, found.tls_key) == (version, KEY.hex())
    assert found.measurement == Guest().measurement.hex()
    assert is_genuine(receipt)
    assert not independent(receipt_of({NAME: HttpResponse(404, (), b"")}))
    with pytest.raises(Refused):
        check(receipt, roots=frozenset({"00" * 32}), least=LEVELS_LEAST)
    assert LEVELS == (10, 0, 23, 84)


@pytest.mark.parametrize(
    "guest",
    [
        Guest(policy=0x30000 | 1 << 19),
        Guest(policy=0x30000 | 1 << 18),
        Guest(vmpl=3),
        Guest(signer=2),
        Guest(launch=(6, 0, 23, 84)),
        Guest(firmware=(bytes([41, 55, 1]), bytes([40, 55, 1]))),
        Guest(chip=bytes(64)),
        Guest(reported=(11, 0, 23, 84)),
        Guest(family_model=bytes([0x19, 0x01, 0])),
    ],
)
def test_both_refuse_the_same_machines(guest: Guest) -> None:
    receipt = receipt_of(evidence_of(sev_v3(AMD, KEY, NONCE, guest)))
    assert not is_genuine(receipt)
    assert not independent(receipt)


@pytest.mark.parametrize("evidence", [V2, V3], ids=["v2", "v3"])
def test_what_troth_takes_after_a_change_the_other_takes_too(
    evidence: dict[str, HttpResponse],
) -> None:
    chance = random.Random(7)
    taken = 0
    for _ in range(400 * ROUNDS):
        name = chance.choice(sorted(evidence))
        body = bytearray(evidence[name].body)
        place = chance.randrange(len(body))
        body[place] ^= 1 << chance.randrange(8)
        receipt = receipt_of({**evidence, name: HttpResponse(200, (), bytes(body))})
        if is_genuine(receipt):
            taken += 1
            assert independent(receipt), (name, place)
    assert taken < 40 * ROUNDS, "only what nothing is bound to may change: names, gzip's head"


def test_the_reply_in_a_receipt_can_be_any_and_so_it_is_never_more_than_imported() -> None:
    outer: dict[str, Any] = json.loads(receipt_of(V3))
    assert outer["signed"] is None
    verdicts = verify_receipt(parse_receipt(receipt_of(V3)), trust(), NOW)
    assert {verdicts.then.state, verdicts.now.state} == {State.IMPORTED}
    assert AT < NOW

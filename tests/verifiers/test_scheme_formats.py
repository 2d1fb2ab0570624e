"""SECURITY.md is true of the other schemes too: a checker written from it agrees with Troth."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from troth.domain.exchange import Exchange, HttpResponse
from troth.verifiers.base import Facts
from troth.verifiers.fold import STRENGTH
from troth.verifiers.receipt import parse_receipt
from troth.verifiers.receipt_check import verify_receipt
from troth.verifiers.trust import PinnedKey, Trust, TrustedRoot
from verifiers import independent_schemes, test_aci, test_near_machine
from verifiers.independent_schemes import Refused, check
from verifiers.setting import ASKED_AT, ROUNDS, exchange_of
from verifiers.test_body_signature import KEY, PUBLIC
from verifiers.test_body_signature import URL as BODY_URL
from verifiers.test_near import WALLET, address_of
from verifiers.test_receipt_format import receipt_of, sealed_again

WEAKEST_GOOD = next(place for place, state in enumerate(STRENGTH) if state == "partly-covered")
"""Every key below is pinned, so that whatever holds is partly covered or better."""


@dataclass(frozen=True)
class Case:
    scheme: str
    key: str
    exchange: Exchange
    evidence: dict[str, HttpResponse]
    facts: Facts
    roots: frozenset[str] = frozenset()

    @property
    def trust(self) -> Trust:
        roots = tuple(TrustedRoot("room", "intel", root) for root in self.roots)
        pin = PinnedKey("it", self.key, scheme=self.scheme.partition("/")[0])
        return Trust(keys=(pin,), roots=roots)

    def receipt(self) -> bytes:
        facts = {"provider": self.facts.provider, "model": self.facts.model}
        return receipt_of(self.exchange, self.trust, self.evidence, **facts)


def cases(fixtures_dir: Path) -> Iterator[Case]:
    near, near_evidence = test_near_machine.signed_by_machine(collateral={})
    roots = frozenset({test_near_machine.INTEL.root_sha256})
    facts = test_near_machine.FACTS
    yield Case("near/machine", address_of(WALLET), near, near_evidence, facts, roots)
    gateway = {"part": "gateway_attestation", "kind": "gateway", "text_model": ""}
    near, near_evidence = test_near_machine.signed_by_machine(collateral={}, **gateway)
    yield Case("near/gateway", address_of(WALLET), near, near_evidence, facts, roots)
    aci, aci_evidence = test_aci.signed_by_machine(collateral=False)
    roots = frozenset({test_aci.INTEL.root_sha256})
    yield Case("aci", test_aci.PUBLIC, aci, aci_evidence, test_aci.FACTS, roots)
    real = json.loads((fixtures_dir / "proofs/others/eigenai/real.json").read_text())
    choice = {"index": 0, "finish_reason": "stop",
              "message": {"role": "assistant", "content": real["output"]}}  # fmt: skip
    answer = {"choices": [choice], "signature": real["signature"], "signer": real["signer"]}
    request = {"model": real["model"], "messages": real["messages"]}
    yield body_case("eigenai", real["signer"], request, answer)
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    answer = {"choices": [choice], "id": "x"}
    text = json.dumps(request, sort_keys=True) + json.dumps(answer, sort_keys=True)
    digest = sha256(text.encode()).digest()
    proof = {"hash": digest.hex(), "public_key": PUBLIC, "signature": KEY.sign(digest).hex()}
    yield body_case("galadriel", PUBLIC, request, answer | proof)


def body_case(scheme: str, key: str, request: dict[str, Any], answer: dict[str, Any]) -> Case:
    body = json.dumps(answer).encode()
    exchange = exchange_of(request, body, is_stream=False, url=BODY_URL)
    return Case(scheme, key, exchange, {}, Facts("it", request["model"], "m1"))


def test_a_stranger_verifies_a_receipt_of_every_scheme(fixtures_dir: Path) -> None:
    for case in cases(fixtures_dir):
        found = check(case.receipt(), roots=case.roots)
        assert (found.scheme, found.key) == (case.scheme, case.key)
        assert found.is_in_machine is bool(case.roots)
        assert holds(case, case.receipt())


def run_alone(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the checker as a stranger does: from elsewhere, nothing of ours on the path."""
    command = [sys.executable, "-I", independent_schemes.__file__, *arguments]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert run.stderr == ""
    return run.returncode, run.stdout


def test_a_stranger_runs_the_checker_from_anywhere(tmp_path: Path, fixtures_dir: Path) -> None:
    machine = next(cases(fixtures_dir))
    path = tmp_path / "reply.receipt"
    path.write_bytes(machine.receipt())
    said = f"signed: near/machine, by {machine.key}; a genuine machine holds it\n"
    assert run_alone(tmp_path, path.name, *machine.roots) == (0, said)
    assert run_alone(tmp_path, path.name) == (1, "not signed: a root that is not known\n")
    path.write_bytes(sealed_again(json.loads(machine.receipt()) | {"evidence": []}))
    assert run_alone(tmp_path, path.name)[0] == 1
    path.write_bytes(sealed_again(json.loads(machine.receipt()) | {"signed": None}))
    code, said = run_alone(tmp_path, path.name)
    assert code == 1
    assert said.startswith("not signed: it is not formed")
    assert run_alone(tmp_path, "missing")[0] == run_alone(tmp_path)[0] == 2


def holds(case: Case, receipt: bytes) -> bool:
    then = verify_receipt(parse_receipt(receipt), case.trust, ASKED_AT).then
    return STRENGTH.index(then.state) >= WEAKEST_GOOD


def changes(receipt: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """The receipt with one byte of a body changed, its digest still that of before."""
    outer = json.loads(receipt)
    bodies = [outer["request"], outer["response"], *outer["evidence"]]
    for number, part in enumerate(bodies):
        body = base64.b64decode(part["body"])
        for at in range(0, len(body), max(1, len(body) // (12 * ROUNDS))):
            changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            part["body"] = base64.b64encode(changed).decode()
            yield f"body {number} byte {at}", outer
        part["body"] = base64.b64encode(body).decode()


@pytest.mark.parametrize("number", range(5))
def test_what_a_stranger_refuses_is_refused_here_too(number: int, fixtures_dir: Path) -> None:
    case = list(cases(fixtures_dir))[number]
    refused = accepted = 0
    for what, outer in changes(case.receipt()):
        changed = sealed_again(outer)
        try:
            check(changed, roots=case.roots)
        except (Refused, KeyError, TypeError, ValueError, AttributeError, IndexError):
            refused += 1
            assert not holds(case, changed), what
        else:
            accepted += 1
    assert refused > 15
    assert accepted < refused

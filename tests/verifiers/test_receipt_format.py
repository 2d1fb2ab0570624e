"""SECURITY.md is true of receipts: a checker written from it alone comes to Troth's own answers."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from troth.domain.exchange import Exchange, HttpResponse
from troth.verifiers.base import Evidence
from troth.verifiers.receipt import build_receipt, parse_receipt
from troth.verifiers.receipt_check import verify_receipt
from troth.verifiers.registry import signed_parts_of, verdict_for
from troth.verifiers.trust import Trust, TrustedRoot
from verifiers import independent_receipt
from verifiers.enclave import Machine, binding
from verifiers.independent_receipt import Refused, check
from verifiers.setting import FACTS, REQUEST, STAMP, Recorded, exchange_of, pinned_trust
from verifiers.signer import Gateway, make_key


def receipt_of(exchange: Exchange, trust: Trust, evidence: Evidence = {}, **facts: Any) -> bytes:  # noqa: B006
    known = replace(FACTS, **facts)
    verdict = verdict_for(exchange, evidence, trust, exchange.received_at, facts=known)
    signed = signed_parts_of(exchange, evidence, trust, facts=known)
    return build_receipt(exchange, evidence, verdict, signed, facts=known)


def sealed_again(receipt: dict[str, Any]) -> bytes:
    """What a forger does after a change: put the digest right."""
    rest = {name: value for name, value in receipt.items() if name != "digest"}
    whole = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps(rest | {"digest": sha256(whole).hexdigest()}).encode()


def test_a_stranger_verifies_the_receipt_of_every_recorded_reply(
    recorded: list[Recorded], gateway_trust: Trust
) -> None:
    keys = frozenset(key.fingerprint for key in gateway_trust.keys)
    checked = 0
    for entry in recorded:
        receipt = receipt_of(entry.exchange, gateway_trust, model=entry.facts.model)
        if entry.signed is None:
            with pytest.raises((Refused, KeyError, TypeError, ValueError)):
                check(receipt, keys=keys)
            continue
        proven = check(receipt, keys=keys)
        ours = parse_receipt(receipt)
        assert ours.signed is not None
        assert (proven.scheme, proven.spki) == (ours.signed.scheme, ours.signed.public_key)
        checked += 1
    assert checked == 66


def changes(receipt: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """The receipt with one thing changed, its digest still that of before."""
    for place in ("request", "response"):
        body = base64.b64decode(json.loads(receipt)[place]["body"])
        for at in range(0, len(body), max(1, len(body) // 60)):
            outer = json.loads(receipt)
            changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            outer[place]["body"] = base64.b64encode(changed).decode()
            yield f"{place} byte {at}", outer
    for name in ("canonical_request", "signed_output", "message", "signature", "public_key"):
        outer = json.loads(receipt)
        content = bytearray(base64.b64decode(outer["signed"][name]))
        content[-1] ^= 1
        outer["signed"][name] = base64.b64encode(content).decode()
        yield f"signed {name}", outer


def test_what_one_checker_refuses_the_other_does_too(
    recorded: list[Recorded], gateway_trust: Trust
) -> None:
    keys = frozenset(key.fingerprint for key in gateway_trust.keys)
    entry = next(r for r in recorded if r.name == "openai-basic-stream")
    now = entry.exchange.received_at + timedelta(days=1)
    refused = 0
    for what, outer in changes(receipt_of(entry.exchange, gateway_trust)):
        changed = sealed_again(outer)
        ours = verify_receipt(parse_receipt(changed), gateway_trust, now).then
        try:
            check(changed, keys=keys)
        except (Refused, KeyError, TypeError, ValueError, AttributeError):
            assert not ours.is_verified, what
            refused += 1
        else:
            # A byte that means nothing (of `created`, of a header's case): both see the same.
            assert ours.is_verified, what
    assert refused > 60


def test_a_stranger_follows_the_hardware_to_its_root() -> None:
    gateway, machine, nonce = Gateway(make_key("attested")), Machine(), bytes(range(20))
    certificate = b"the certificate that the connection showed"
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["Grüße"], STAMP))
    payload = machine.payload(user_data=binding(certificate, gateway.spki), nonce=nonce)
    evidence = {
        f"attestation:{nonce.hex()}": HttpResponse(200, (), machine.sign(payload)),
        "signing-key": HttpResponse(200, (), json.dumps({"public_key": gateway.pem}).encode()),
    }
    trust = Trust(roots=(TrustedRoot("room", "aws-nitro", machine.root_sha256),))
    roots = frozenset({machine.root_sha256})
    receipt = receipt_of(exchange, trust, evidence, tls_certificate=certificate)
    assert check(receipt, roots=roots).is_attested
    assert verify_receipt(parse_receipt(receipt), trust, exchange.received_at).then.is_verified
    elsewhere = receipt_of(exchange, trust, evidence, tls_certificate=b"another")
    with pytest.raises(Refused, match="elsewhere"):
        check(elsewhere, roots=roots)
    found = verify_receipt(parse_receipt(elsewhere), trust, exchange.received_at).then
    assert not found.is_verified


def test_a_key_out_of_the_file_proves_nothing_to_a_stranger() -> None:
    gateway = Gateway(make_key("unknown"))
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["Grüße"], STAMP))
    receipt = receipt_of(exchange, pinned_trust(gateway.spki))
    with pytest.raises(Refused, match="vouches"):
        check(receipt)


def run_alone(*arguments: Path) -> tuple[int, str]:
    """Run the checker as a stranger does: its own file, nothing of ours on the path."""
    command = [sys.executable, "-I", independent_receipt.__file__, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    assert run.stderr == ""
    return run.returncode, run.stdout


def test_a_stranger_runs_the_checker_alone(tmp_path: Path) -> None:
    gateway = Gateway(make_key("pinned"))
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["Grüße", "\x1b[2J"], STAMP))
    receipt, pem = tmp_path / "reply.receipt", tmp_path / "key.pem"
    receipt.write_bytes(receipt_of(exchange, pinned_trust(gateway.spki)))
    pem.write_text(gateway.pem)
    code, said = run_alone(receipt, pem)
    assert (code, "proven: opengradient/v1" in said, "Grüße" in said) == (0, True, True)
    assert "\x1b" not in said
    code, said = run_alone(receipt)
    assert (code, said) == (1, "not proven: nobody vouches for the key\n")
    outer = json.loads(receipt.read_bytes())
    for changes in (
        {"signed": None},
        {"request": []},
        {"response": outer["response"] | {"body": ""}},
    ):
        receipt.write_bytes(sealed_again(outer | changes))
        code, said = run_alone(receipt, pem)
        assert code == 1, changes
        assert said.startswith("not proven: "), changes
    assert (
        run_alone()[0] == run_alone(tmp_path / "missing")[0] == run_alone(receipt, receipt)[0] == 2
    )

"""Receipts: a stranger can check one, nobody can improve one, and no secret is ever in one."""

from __future__ import annotations

import base64
import json
import random
import tracemalloc
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.domain.exchange import HttpResponse
from troth.domain.verdict import Outcome, State
from troth.verifiers.base import Evidence
from troth.verifiers.receipt import (
    MAX_BYTES,
    ReceiptInvalid,
    build_receipt,
    parse_receipt,
)
from troth.verifiers.receipt_check import verify_receipt
from troth.verifiers.registry import signed_parts_of, verdict_for
from troth.verifiers.strict_json import MAX_PARTS, parse_strict
from troth.verifiers.trust import Expectation, Measurement, Trust, TrustedRoot
from verifiers.enclave import ISSUED_AT, Machine, binding
from verifiers.setting import ASKED_AT, FACTS, REQUEST, STAMP, exchange_of, pin, pinned_trust
from verifiers.signer import Gateway, make_key

GATEWAY = Gateway(make_key("pinned"))
TRUST = pinned_trust(GATEWAY.spki)
LATER = ASKED_AT + timedelta(days=400)
SERVED: Evidence = {
    "signing-key": HttpResponse(200, (), json.dumps({"public_key": GATEWAY.pem}).encode())
}
SECRET = "sk-THE-SECRET"
SENT, CAME = "11-22T09:00:00.000000Z", "11-22T09:00:02.000000Z"


def receipt_bytes(trust: Trust = TRUST, evidence: Evidence = SERVED) -> bytes:
    exchange = exchange_of(REQUEST, GATEWAY.stream(REQUEST, ["Grüße", " 👋"], STAMP))
    secret_headers = (
        ("X-Upto-Session", SECRET), ("Set-Cookie", SECRET), ("Authorization", SECRET),
        ("Content-Type", "text/event-stream"),
    )  # fmt: skip
    exchange = replace(
        exchange,
        url=f"https://user:{SECRET}@gateway.example/v1/chat/completions?key={SECRET}#{SECRET}",
        request_headers=secret_headers,
        response_headers=secret_headers,
    )
    verdict = verdict_for(exchange, evidence, trust, exchange.received_at, facts=FACTS)
    signed = signed_parts_of(exchange, evidence, trust, facts=FACTS)
    return build_receipt(exchange, evidence, verdict, signed, facts=FACTS)


def states(received: bytes, trust: Trust, now: datetime = LATER) -> tuple[State, State]:
    verdicts = verify_receipt(parse_receipt(received), trust, now)
    return verdicts.then.state, verdicts.now.state


def edited(received: bytes, **changes: Any) -> bytes:
    """What a forger writes: other fields, and the digest made to fit."""
    receipt = json.loads(received) | changes
    receipt.pop("digest", None)
    flat = json.dumps(receipt, sort_keys=True, separators=(",", ":"))
    receipt["digest"] = sha256(flat.encode()).hexdigest()
    return json.dumps(receipt).encode()


def test_a_receipt_holds_what_it_was_made_of() -> None:
    receipt = parse_receipt(receipt_bytes())
    assert receipt.exchange.request_body == json.dumps(REQUEST).encode()
    assert receipt.verdict.state is State.VERIFIED_PINNED
    assert receipt.signed is not None
    assert receipt.signed.scheme == "opengradient/v1"
    assert receipt.signed.signed_output.decode() == "Grüße 👋"
    assert receipt.signed.public_key == GATEWAY.spki
    assert receipt.facts.is_foreign


def test_no_secret_is_in_a_receipt() -> None:
    received = receipt_bytes()
    assert SECRET.encode() not in received
    assert base64.b64encode(SECRET.encode())[:12] not in received
    assert parse_receipt(received).exchange.url == "https://gateway.example/v1/chat/completions"


def test_who_pins_the_key_verifies_it_years_later_under_any_provider_name() -> None:
    assert states(receipt_bytes(), TRUST) == (State.VERIFIED_PINNED, State.VERIFIED_PINNED)
    elsewhere = pinned_trust(GATEWAY.spki, providers=("another name",))
    assert states(receipt_bytes(), elsewhere)[0] is State.VERIFIED_PINNED


def test_what_a_gateway_serves_later_undoes_no_receipt() -> None:
    """It was restarted with another key, or serves none: the exporter had the right one pinned."""
    another = {"public_key": Gateway(make_key("other")).pem}
    for answer in (HttpResponse(404, (), b""), HttpResponse(200, (), json.dumps(another).encode())):
        received = receipt_bytes(evidence={"signing-key": answer})
        only_a_name = Trust(keys=(replace(pin(GATEWAY.spki), spki=b""),))
        assert states(received, only_a_name)[0] is State.VERIFIED_PINNED
        assert states(received, Trust())[0] is State.SIGNED_UNKNOWN_KEY


def test_a_password_with_an_at_sign_stays_out_whole() -> None:
    exchange = exchange_of(REQUEST, b"{}", url=f"https://user:p@{SECRET}@api.example/v1/chat?x")
    verdict = verdict_for(exchange, {}, Trust(), ASKED_AT, facts=FACTS)
    received = build_receipt(exchange, {}, verdict, None, facts=FACTS)
    assert parse_receipt(received).exchange.url == "https://api.example/v1/chat"


def test_a_key_from_the_receipt_proves_nothing() -> None:
    unknown = (State.SIGNED_UNKNOWN_KEY, State.SIGNED_UNKNOWN_KEY)
    assert states(receipt_bytes(), Trust()) == unknown
    assert states(receipt_bytes(evidence={}), Trust()) == unknown
    stranger = Trust(keys=(pin(Gateway(make_key("other")).spki),))
    assert states(receipt_bytes(), stranger) == unknown


def test_any_other_program_can_recompute_what_was_signed() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    from verifiers.signer import keccak

    signed = json.loads(receipt_bytes())["signed"]
    parts = {name: base64.b64decode(text) for name, text in signed.items() if name[0] in "cmps"
             and name not in {"scheme", "algorithm"}}  # fmt: skip
    stamp = STAMP.to_bytes(32, "big")
    hashed = keccak(parts["canonical_request"]) + keccak(parts["signed_output"]) + stamp
    assert keccak(hashed) == parts["message"]
    key: Any = load_der_public_key(parts["public_key"])
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    key.verify(parts["signature"], parts["message"], pss, hashes.SHA256())


def test_expired_hardware_is_told_then_and_now_apart() -> None:
    machine, nonce = Machine(), bytes(range(20))
    payload = machine.payload(user_data=binding(b"", GATEWAY.spki), nonce=nonce)
    evidence = {
        **SERVED,
        f"attestation:{nonce.hex()}": HttpResponse(200, (), machine.sign(payload)),
    }
    trust = Trust(
        roots=(TrustedRoot("test", "aws-nitro", machine.root_sha256),),
        measurements=(Measurement("gateway 1", "aws-nitro", "9b" * 48),),
    )
    received = receipt_bytes(trust, evidence)
    assert ASKED_AT == ISSUED_AT
    assert states(received, trust, ASKED_AT + timedelta(hours=1)) == (
        State.VERIFIED_ATTESTED,
        State.VERIFIED_ATTESTED,
    )
    assert states(received, trust) == (State.VERIFIED_ATTESTED, State.STALE)
    assert states(received, Trust())[0] is State.FAILED


def test_a_flipped_bit_is_never_verified() -> None:
    received = receipt_bytes()
    chance = random.Random(1)
    for bit in chance.sample(range(len(received) * 8), 150):
        changed = bytearray(received)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            then, now = states(bytes(changed), TRUST)
        except ReceiptInvalid:
            continue
        assert bytes(changed).split() == received.split(), "only white space may differ"
        assert then is now is State.VERIFIED_PINNED


def test_an_edited_receipt_fails_even_with_a_new_digest() -> None:
    received = receipt_bytes()
    whole = json.loads(received)
    other = base64.b64encode(b'{"model": "gpt-4.1", "messages": []}').decode()
    body = base64.b64encode(GATEWAY.stream(REQUEST, ["other"], STAMP)).decode()
    signed = whole["signed"]
    forged_key = base64.b64encode(Gateway(make_key("other")).spki).decode()
    for changes in (
        {"request": whole["request"] | {"body": other}},
        {"response": whole["response"] | {"body": body}},
        {"signed": signed | {"signed_output": base64.b64encode(b"nicer").decode()}},
        {"signed": signed | {"canonical_request": other}},
        {"signed": signed | {"algorithm": "better"}},
        {"signed": signed | {"scheme": "opengradient/v2"}},
        {"model": "a-better-model"},
    ):
        assert set(states(edited(received, **changes), TRUST)) == {State.FAILED}, changes
    alone = edited(received, evidence=[], signed=signed | {"public_key": forged_key})
    assert set(states(alone, Trust())) == {State.FAILED}


def test_a_better_verdict_in_the_file_changes_nothing() -> None:
    received = receipt_bytes(Trust())
    verdict = json.loads(received)["verdict"] | {"state": "verified-attested"}
    assert states(edited(received, verdict=verdict), Trust())[0] is State.SIGNED_UNKNOWN_KEY


def test_a_signature_that_its_maker_missed_is_missed_by_a_stranger_too() -> None:
    """What was expected is known to the maker alone: an expectation is made by what came before."""
    reply = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    url = "https://api.example/v1/chat/completions"
    exchange = exchange_of(REQUEST, json.dumps(reply).encode(), url=url, is_stream=False)
    facts = replace(FACTS, provider="plain")
    trust = Trust(expectations=(Expectation("plain", "*", "opengradient"),))
    verdict = verdict_for(exchange, {}, trust, ASKED_AT, facts=facts)
    assert verdict.state is State.UNSIGNED_EXPECTED
    received = build_receipt(exchange, {}, verdict, None, facts=facts)
    assert set(states(received, Trust())) == {State.UNSIGNED_EXPECTED}
    then = verify_receipt(parse_receipt(received), Trust(), LATER).then
    missed = [check for check in then.checks if check.name == "expectation"]
    assert [(c.outcome, "expected a signature" in c.detail) for c in missed] == [
        (Outcome.FAILED, True)
    ]


def test_a_replay_that_its_maker_saw_is_one_for_a_stranger_too() -> None:
    received = receipt_bytes(TRUST)
    assert states(received, TRUST)[0] is State.VERIFIED_PINNED
    checks = [
        check | ({"outcome": "failed"} if check["name"] == "replay" else {})
        for check in json.loads(received)["checks"]
    ]
    assert set(states(edited(received, checks=checks), TRUST)) == {State.FAILED}


def test_times_that_were_rolled_do_not_pass() -> None:
    received = receipt_bytes()
    rolled = {
        "sent_at": "2027-11-22T09:00:00.000000Z",
        "received_at": "2027-11-22T09:00:02.000000Z",
    }
    assert states(edited(received, **rolled), TRUST)[0] is State.STALE
    early = {"sent_at": f"2025-{SENT}", "received_at": f"2025-{CAME}"}
    assert states(edited(received, **early), TRUST)[0] is State.CANNOT_CHECK
    assert states(received, TRUST, ASKED_AT - timedelta(days=1))[0] is State.CANNOT_CHECK
    with pytest.raises(ReceiptInvalid):
        parse_receipt(edited(received, sent_at=rolled["sent_at"]))


def test_unknown_versions_and_forms_are_refused() -> None:
    received = receipt_bytes()
    whole = json.loads(received)
    evidence = whole["evidence"][0]
    for changes in (
        {"version": 2}, {"version": "1"}, {"version": True}, {"format": "receipt"}, {"more": 1},
        {"version": 1.0},
        {"signed": {}}, {"signed": []}, {"evidence": {}}, {"evidence": [evidence, evidence]},
        {"evidence": [evidence | {"name": "../../etc/passwd"}]}, {"evidence": [evidence] * 100},
        {"route": "a b"}, {"sent_at": "2026-11-22"}, {"checks": [{"name": "x"}]},
        {"request": whole["request"] | {"headers": [["Authorization", "x"]]}},
        {"request": whole["request"] | {"body": "a"}}, {"request": None},
        *({"request": whole["request"] | {"url": f"https://{url}"}}
          for url in ("me:word@host/v1", "me:w@rd@host/v1", "host/v1?key=x", "host/v1#x")),
        *({"outer_sha256": digest} for digest in ("x", "A" * 64, "0" * 63)),
        {"response": whole["response"] | {"status": -1}},
        {"response": whole["response"] | {"is_complete": 1}},
        {"verdict": whole["verdict"] | {"state": "verified-very"}},
        {"checks": [{"name": "x", "outcome": "great", "detail": ""}]},
        {"model": "x" * 30_000},
    ):  # fmt: skip
        with pytest.raises(ReceiptInvalid):
            parse_receipt(edited(received, **changes))
    for garbage in (b"", b"PK\x03\x04", b"[" * 200_000, b'{"format": "troth-receipt"}',
                    received + received, b" " * (MAX_BYTES + 1)):  # fmt: skip
        with pytest.raises(ReceiptInvalid):
            parse_receipt(garbage)


def test_a_file_of_millions_of_small_parts_is_refused_before_they_are_made() -> None:
    """At 64 MiB they would take two gigabytes."""
    many = b'{"checks": [' + b"{}," * MAX_PARTS + b"{}]}"
    tracemalloc.start()
    try:
        with pytest.raises(ReceiptInvalid, match="too many parts"):
            parse_receipt(many)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(many)
    finally:
        tracemalloc.stop()
    text = json.dumps({"text": "[{" * MAX_PARTS})  # in words they are no parts
    assert parse_strict(text)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(received: bytes) -> None:
    with pytest.raises(ReceiptInvalid):
        parse_receipt(received)


@pytest.mark.parametrize("route", ["direct", "device", "relay", "veil", "import", "other"])
def test_a_reply_that_nobody_signed_has_a_receipt_that_shows_nothing(route: str) -> None:
    """A file that calls itself made on this computer is not believed: it came from a file."""
    exchange = exchange_of(REQUEST, b"{}", url="https://api.example/v1/chat/completions")
    facts = replace(FACTS, provider="plain", route=route)
    verdict = verdict_for(exchange, {}, Trust(), ASKED_AT, facts=facts)
    received = build_receipt(exchange, {}, verdict, None, facts=facts)
    verdicts = verify_receipt(parse_receipt(received), Trust(), LATER)
    assert verdicts.then.state is verdicts.now.state is State.IMPORTED
    outcomes = {check.outcome for check in verdicts.then.checks if check.name != "receipt"}
    assert outcomes == {Outcome.NOT_COVERED}


def test_what_only_the_maker_of_a_receipt_can_know_is_called_his_word() -> None:
    machine, nonce = Machine(), bytes(range(20))
    certificate = b"the certificate that the file names"
    payload = machine.payload(user_data=binding(certificate, GATEWAY.spki), nonce=nonce)
    document = HttpResponse(200, (), machine.sign(payload))
    trust = Trust(roots=(TrustedRoot("test", "aws-nitro", machine.root_sha256),))
    received = receipt_bytes(trust, {**SERVED, f"attestation:{nonce.hex()}": document})
    shown = base64.b64encode(certificate).decode()
    then = verify_receipt(
        parse_receipt(edited(received, tls_certificate=shown)), trust, ASKED_AT + timedelta(hours=1)
    ).then
    assert then.state is State.VERIFIED_CODE_UNKNOWN
    found = {check.name: check for check in then.checks}
    assert found["channel"].outcome is Outcome.NOT_COVERED
    assert "our question" not in found["hardware"].detail


@pytest.mark.parametrize("year", ["1999", "2200", "9999"])
def test_times_at_which_no_reply_can_have_come_are_refused(year: str) -> None:
    """A margin added to the last moment there is would break the check down, not the receipt."""
    times = {"sent_at": f"{year}-{SENT}", "received_at": f"{year}-{CAME}"}
    with pytest.raises(ReceiptInvalid):
        parse_receipt(edited(receipt_bytes(), **times))

"""ACI receipts: the specification's own vectors, a machine of our Intel, and every way to cheat."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from troth.domain.exchange import Exchange, HttpResponse
from troth.domain.verdict import State, Verdict
from troth.verifiers.aci_documents import (
    DocumentInvalid,
    canonical,
    digest_of,
    parse_aci_receipt,
    parse_keyset,
    statement_hash,
)
from troth.verifiers.base import Facts
from troth.verifiers.registry import verdict_for, wanted_for, wanted_next
from troth.verifiers.trust import CollateralSource, PinnedKey, Trust, TrustedRoot
from verifiers.intel import Intel, Td
from verifiers.setting import ASKED_AT, STAMP, exchange_of

INTEL = Intel()
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw().hex()
NONCE = bytes(range(32))
FACTS = Facts("redpill", "demo-model", "m1")
URL = "https://api.redpill.ai/v1/chat/completions"
REQUEST = b'{"messages":[{"content":"hi","role":"user"}],"model":"demo-model"}'
REPLY = (
    b'{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"yo"}}]'
    b',"id":"chatcmpl-123"}'
)
KEYSET: dict[str, Any] = {
    "subject": None,
    "not_after": STAMP + 86_400 * 20,
    "receipt_signing_keys": [{"key_id": "r1", "algo": "ed25519", "public_key": PUBLIC}],
    "e2ee_public_keys": [],
    "tls_public_keys": [],
}


def receipt(**changes: Any) -> dict[str, Any]:
    def event(kind: str, body: bytes) -> dict[str, Any]:
        return {"type": kind, "body_hash": f"sha256:{sha256(body).hexdigest()}"}

    document: dict[str, Any] = {
        "api_version": "aci/1",
        "receipt_id": "rcpt-0001",
        "chat_id": "chatcmpl-123",
        "model": "demo-model",
        "workload_keyset_digest": digest_of(changes.pop("keyset", KEYSET)),
        "endpoint": "/v1/chat/completions",
        "method": "POST",
        "served_at": STAMP,
        "event_log": [event("request.received", REQUEST), event("response.returned", REPLY)],
        "key_id": "r1",
    } | changes
    return document | {"signature": KEY.sign(canonical(document)).hex()}


def signed_by_machine(
    document: dict[str, Any] | None = None,
    *,
    keyset: dict[str, Any] = KEYSET,
    td: Td | None = None,
    request: bytes = REQUEST,
    reply: bytes = REPLY,
    status: int = 200,
    report: dict[str, Any] | None = None,
    collateral: bool = True,
) -> tuple[Exchange, dict[str, HttpResponse]]:
    """A reply with a receipt, and the report of the machine that holds its key."""
    exchange = exchange_of(request, reply, is_stream=False, url=URL)
    marks = ("X-ACI-Version", "aci/1"), ("X-Receipt-Id", "rcpt-0001")
    exchange = replace(exchange, response_headers=(*exchange.response_headers, *marks))
    bound = statement_hash(digest_of(keyset), NONCE.hex()) + bytes(32)
    quote = INTEL.quote(td or Td(report_data=bound)).hex()
    shown: dict[str, Any] = {
        "api_version": "aci/1",
        "workload_keyset_digest": digest_of(keyset),
        "attestation": {"tee_type": "tdx", "workload_keyset": keyset, "evidence": {"quote": quote}},
    } | (report or {})
    body = json.dumps(document if document is not None else receipt(), indent=2).encode()
    evidence = {
        "aci-receipt:rcpt-0001": HttpResponse(status, (), body),
        f"aci-report:{NONCE.hex()}": HttpResponse(200, (), json.dumps(shown).encode()),
        **(INTEL.collateral(ASKED_AT) if collateral else {}),
    }
    return exchange, evidence


def judged(
    document: dict[str, Any] | None = None,
    *,
    facts: Facts = FACTS,
    trust: Trust | None = None,
    **changes: Any,
) -> Verdict:
    exchange, evidence = signed_by_machine(document, **changes)
    root = TrustedRoot("our Intel", "intel", INTEL.root_sha256)
    believed = replace(trust or Trust(), roots=(root,))
    return verdict_for(exchange, evidence, believed, exchange.received_at, facts=facts)


def test_the_specifications_vectors_agree(fixtures_dir: Path) -> None:
    text = (fixtures_dir / "proofs/others/aci/test-vectors.md").read_text()
    blocks = re.findall(r"```text\n(.*?)\n```", text, re.S)
    keyset = json.loads(next(b for b in blocks if b.startswith('{"e2ee_public_keys"')))
    digest = re.search(r"workload_keyset_digest = (\S+)", text)
    assert digest is not None
    assert digest_of(keyset) == digest[1]
    bound = re.search(r"report_data = sha256\(statement\) = (\S+)", text)
    assert bound is not None
    assert statement_hash(digest[1], NONCE.hex()).hex() == bound[1]
    document = json.loads(next(b for b in blocks if '"signature":"' in b))
    parsed = parse_aci_receipt(document)
    signing_input = next(b for b in blocks if b.startswith('{"api_version":"aci/1","chat_id"'))
    assert parsed.signed.decode() == signing_input
    report = {"api_version": "aci/1", "workload_keyset_digest": digest[1],
              "attestation": {"workload_keyset": keyset}}  # fmt: skip
    known = parse_keyset(report).receipt_keys[parsed.key_id]
    assert known.hex() == "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    Ed25519PublicKey.from_public_bytes(known).verify(parsed.signature, parsed.signed)


def test_the_references_report_is_read_and_its_stub_proves_nothing(fixtures_dir: Path) -> None:
    report = json.loads((fixtures_dir / "proofs/others/aci/aci_report.json").read_text())
    keyset = parse_keyset(report)
    assert keyset.digest == report["workload_keyset_digest"]
    assert judged(report=report).state is State.FAILED


def test_a_receipt_of_a_proven_machine_verifies() -> None:
    verdict = judged()
    assert verdict.state is State.VERIFIED_CODE_UNKNOWN, verdict.checks
    assert verdict.key_fingerprint == PUBLIC
    pinned = Trust(keys=(PinnedKey("it", PUBLIC, scheme="aci"),))
    assert judged(trust=pinned, collateral=False).state is State.VERIFIED_PINNED
    assert judged(collateral=False).state is State.CANNOT_CHECK


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reply": REPLY.replace(b"yo", b"no")}, State.FAILED),
        ({"request": REQUEST.replace(b"hi", b"ho")}, State.FAILED),
        ({"facts": replace(FACTS, model="other")}, State.FAILED),
        ({"facts": replace(FACTS, shown_text="yo")}, State.VERIFIED_CODE_UNKNOWN),
        ({"facts": replace(FACTS, shown_text="no")}, State.FAILED),
        ({"document": receipt(model="other")}, State.FAILED),
        ({"document": receipt(chat_id="chatcmpl-9")}, State.FAILED),
        ({"document": receipt(endpoint="/v1/completions")}, State.FAILED),
        ({"document": receipt(api_version="aci/2")}, State.FAILED),
        ({"document": receipt(event_log=[])}, State.FAILED),
        ({"document": receipt(event_log=[*receipt()["event_log"], receipt()["event_log"][1]])},
         State.FAILED),
        ({"document": receipt() | {"served_at": STAMP + 1}}, State.FAILED),
        ({"document": receipt() | {"signature": "00" * 64}}, State.FAILED),
        ({"document": receipt() | {"extra": 1}}, State.FAILED),
        ({"document": receipt(key_id="r2")}, State.FAILED),
        ({"document": receipt(served_at=STAMP - 9000)}, State.STALE),
        ({"document": receipt(served_at=STAMP + 9000)}, State.CANNOT_CHECK),
        ({"document": receipt(workload_keyset_digest="sha256:" + "0" * 64)}, State.CANNOT_CHECK),
        ({"status": 404}, State.UNSIGNED_EXPECTED),
        ({"status": 503}, State.CANNOT_CHECK),
        ({"td": Td()}, State.FAILED),
        ({"report": {"workload_keyset_digest": "sha256:" + "0" * 64}}, State.FAILED),
        ({"facts": replace(FACTS, judged_at=ASKED_AT + timedelta(days=25))}, State.STALE),
    ],
)  # fmt: skip
def test_what_a_receipt_is_worth(changes: dict[str, Any], expected: State) -> None:
    verdict = judged(**changes)
    assert verdict.state is expected, verdict.checks


def test_every_single_byte_of_a_signature_and_of_both_bodies_counts() -> None:
    good = receipt()
    for place in range(0, 128, 5):
        digit = "0" if good["signature"][place] != "0" else "1"
        changed = good["signature"][:place] + digit + good["signature"][place + 1 :]
        assert judged(good | {"signature": changed}).state is State.FAILED
    for place in range(0, len(REPLY), 3):
        changed_reply = REPLY[:place] + bytes([REPLY[place] ^ 1]) + REPLY[place + 1 :]
        assert not judged(reply=changed_reply).is_verified
    for place in range(0, len(REQUEST), 3):
        changed_request = REQUEST[:place] + bytes([REQUEST[place] ^ 1]) + REQUEST[place + 1 :]
        assert judged(request=changed_request).state is State.FAILED


def test_what_has_more_than_one_canonical_form_is_refused() -> None:
    for value in ({"ü": 1}, {"a": 1.0}, {"a": 1 << 60}, {"a": ["\ud800"]}):
        with pytest.raises(DocumentInvalid):
            canonical(value)
    assert canonical({"b": "ü\x7f\n", "a": None}) == '{"a":null,"b":"ü\x7f\\n"}'.encode()


def test_receipt_and_report_are_asked_for_and_then_intel() -> None:
    exchange = exchange_of(REQUEST, REPLY, is_stream=False, url=URL)
    marks = ("X-ACI-Version", "aci/1"), ("X-Receipt-Id", "rcpt-0001")
    exchange = replace(exchange, response_headers=marks)
    asked = wanted_for(exchange, NONCE, Trust(), facts=FACTS)
    assert [(one.request.url, one.needs_key) for one in asked] == [
        ("https://api.redpill.ai/v1/aci/receipts/rcpt-0001", True),
        (f"https://api.redpill.ai/v1/aci/attestation?nonce={NONCE.hex()}", False),
    ]
    proof = {"attestation": {"tee_type": "tdx", "evidence": {"quote": INTEL.quote(Td()).hex()}}}
    evidence = {asked[1].name: HttpResponse(200, (), json.dumps(proof).encode())}
    trust = Trust(collateral=(CollateralSource("intel", "https://pccs.example"),))
    assert len(wanted_next(exchange, evidence, NONCE, trust, facts=FACTS)) == 4
    hostile = replace(exchange, response_headers=(marks[0], ("X-Receipt-Id", "../../secret")))
    assert wanted_for(hostile, NONCE, Trust(), facts=FACTS) == ()


def test_the_time_in_a_receipt_is_told() -> None:
    assert judged().signed_at == datetime.fromtimestamp(STAMP, UTC)

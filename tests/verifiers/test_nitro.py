"""Hardware documents: the real ones hold to Amazon's root, and nothing changed or forged does."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import pytest

from troth.domain.exchange import Exchange, HttpResponse
from troth.domain.verdict import Outcome, State, Verdict
from troth.verifiers.base import Facts
from troth.verifiers.nitro import (
    NitroInvalid,
    document_bytes,
    open_document,
    parse_binding,
)
from troth.verifiers.registry import verdict_for, wanted_for
from troth.verifiers.trust import Measurement, Trust, TrustedRoot
from verifiers.enclave import ISSUED_AT, Machine, binding, certify
from verifiers.setting import FACTS, REQUEST, ROUNDS, exchange_of, pin
from verifiers.signer import Gateway

AMAZON = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
NAMES = ("opengradient-og-evm-attestation_doc.bin", "valid-attestation-doc-base64")
NONCE = bytes(range(32))
TLS = b"a certificate"


@pytest.fixture(scope="module")
def documents(fixtures_dir: Path) -> list[bytes]:
    folder = fixtures_dir / "proofs" / "nitro"
    return [document_bytes((folder / name).read_bytes()) for name in NAMES]


def test_real_documents_lead_to_amazons_root(documents: list[bytes], fixtures_dir: Path) -> None:
    pem = (fixtures_dir / "proofs" / "nitro" / "aws-nitro-root-g1.pem").read_text()
    der = base64.b64decode("".join(pem.split("-----")[2].split()))
    assert sha256(der).hexdigest() == AMAZON
    ours, other = map(open_document, documents)
    assert ours.root_sha256 == other.root_sha256 == AMAZON
    assert ours.issued_at == datetime(2026, 2, 12, 17, 56, 2, 724000, tzinfo=UTC)
    assert ours.valid_until == datetime(2026, 2, 12, 20, 56, 2, tzinfo=UTC)
    assert ours.pcrs[0].hex().startswith("9baef83909784e4d2cb84466c02931bb")
    assert ours.nonce.hex() == "0123456789abcdef0123456789abcdef01234567"
    assert parse_binding(ours.user_data).signing_key_sha256.hex().startswith("abf9d745")
    assert (ours.is_debug, other.is_debug) == (False, True)
    with pytest.raises(NitroInvalid):
        parse_binding(other.user_data)


def _is_refused(document: bytes) -> bool:
    try:
        open_document(document)
    except NitroInvalid:
        return True
    return False


def _flipped(document: bytes, bit: int) -> bytes:
    changed = bytearray(document)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_flipped_bit_is_refused(documents: list[bytes]) -> None:
    chance = random.Random(0)
    for document in documents:
        edges = [*range(12 * 8), *range(len(document) * 8 - 100 * 8, len(document) * 8, 5)]
        for bit in edges + chance.sample(range(len(document) * 8), 150):
            assert _is_refused(_flipped(document, bit)), bit


@pytest.mark.slow
@pytest.mark.parametrize("which", range(2))
@pytest.mark.timeout(900)
def test_every_changed_byte_is_refused(documents: list[bytes], which: int) -> None:
    """One bit of each byte, another one from byte to byte; TROTH_FAULT_ROUNDS=8 flips them all."""
    document = documents[which]
    for round_ in range(min(ROUNDS, 8)):
        for byte in range(len(document)):
            bit = byte * 8 + (byte + round_) % 8
            assert _is_refused(_flipped(document, bit)), bit


def test_a_cut_or_longer_document_is_refused(documents: list[bytes]) -> None:
    for document in documents:
        assert _is_refused(document + b"\x00")
        assert _is_refused(document + document)
        assert all(_is_refused(document[:size]) for size in range(0, len(document), 37))


def test_altered_base64_is_refused(documents: list[bytes]) -> None:
    text = base64.b64encode(documents[0])
    assert document_bytes(text + b"\n") == documents[0]
    for changed in (text[:40] + b"\n" + text[40:], text.rstrip(b"="), text + b"=", b"!" + text):
        with pytest.raises(NitroInvalid):
            document_bytes(changed)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine()


def _refused(machine: Machine, **changes: Any) -> str:
    changes = {"user_data": binding(TLS, b"key"), "nonce": NONCE[:20]} | changes
    payload = machine.payload(**changes)
    with pytest.raises(NitroInvalid) as caught:
        open_document(machine.sign(payload))
    return str(caught.value)


def test_a_forged_chain_is_refused(machine: Machine) -> None:
    stranger = Machine()
    assert "not signed by" in _refused(machine, cabundle=[stranger.root_der, machine.middle_der])
    assert "not issued by" in _refused(machine, cabundle=[machine.middle_der, machine.root_der])
    assert "may not sign" in _refused(machine, certificate=machine.leaf(is_ca=True))
    plain = certify("middle", machine.middle_key, "root", machine.root_key, is_ca=False)
    assert "may not issue" in _refused(machine, cabundle=[machine.root_der, plain])
    narrow = certify("root", machine.root_key, "root", machine.root_key, is_ca=True, path_length=0)
    assert "longer" in _refused(machine, cabundle=[narrow, machine.middle_der])
    assert "strange length" in _refused(machine, cabundle=[])


def test_malformed_fields_are_refused(machine: Machine) -> None:
    assert "SHA-384" in _refused(machine, digest="SHA256")
    assert "one too many" in _refused(machine, extra=1)
    assert "PCR" in _refused(machine, pcrs={0: bytes(48), 1: bytes(48)})
    assert "not a SHA-384 digest" in _refused(machine, pcrs={i: bytes(20) for i in range(3)})
    assert "time" in _refused(machine, timestamp=0)
    assert "time" in _refused(machine, timestamp=10**18)
    assert "malformed" in _refused(machine, nonce="text")


def test_ambiguous_encodings_are_refused(machine: Machine) -> None:
    payload = machine.payload(user_data=binding(TLS, b"key"), nonce=NONCE[:20])
    twice = cbor2.dumps(payload)
    twice = bytes([twice[0] + 1]) + cbor2.dumps("nonce") + cbor2.dumps(b"x") + twice[1:]
    for document in (
        machine.sign(twice),
        machine.sign(cbor2.dumps(payload) + b"\x00"),
        machine.sign(payload, protected=cbor2.dumps({1: -7})),
        machine.sign(payload, protected=cbor2.dumps({1: -35, 4: b"x"})),
        b"\xd2" + machine.sign(payload),
        machine.sign(payload).replace(b"\xa0", b"\xa1\x01\x02", 1),
    ):
        assert _is_refused(document)


# What a document does to the verdict on a reply.


def _attested(
    machine: Machine,
    *,
    known_code: bool = True,
    pinned: bool = False,
    facts: Facts = FACTS,
    asked_at: datetime = ISSUED_AT,
    signer: Gateway | None = None,
    attest: Gateway | None = None,
    status: int = 200,
    nonce: bytes = NONCE[:20],
    **changes: Any,
) -> Verdict:
    """Run a signed reply with a document of `machine` through the verifier."""
    signer = signer or Gateway()
    stamp = int(asked_at.timestamp()) + 1
    exchange = exchange_of(REQUEST, signer.stream(REQUEST, ["hi"], stamp), asked_at=asked_at)
    user_data = changes.pop("user_data", binding(TLS, (attest or signer).spki))
    document = machine.sign(machine.payload(user_data=user_data, nonce=nonce, **changes))
    evidence = {
        "signing-key": HttpResponse(
            200, (), f'{{"public_key": {signer.pem!r}}}'.replace("'", '"').encode()
        ),
        f"attestation:{NONCE[:20].hex()}": HttpResponse(status, (), base64.b64encode(document)),
    }
    trust = Trust(roots=(TrustedRoot("test", "aws-nitro", machine.root_sha256),))
    if known_code:
        code = Measurement("gateway 1", "aws-nitro", "9b" * 48)
        trust = replace(trust, measurements=(code,))
    if pinned:
        trust = trust.with_key(pin(signer.spki))
    return verdict_for(exchange, evidence, trust, exchange.received_at, facts=facts)


def _outcome(verdict: Verdict, name: str) -> Outcome:
    return next(check.outcome for check in verdict.checks if check.name == name)


def test_an_attested_key_with_known_code_is_the_best_there_is(machine: Machine) -> None:
    verdict = _attested(machine)
    assert verdict.state is State.VERIFIED_ATTESTED
    assert _outcome(verdict, "hardware") is _outcome(verdict, "code") is Outcome.PASSED


def test_unknown_code_is_said(machine: Machine) -> None:
    verdict = _attested(machine, known_code=False)
    assert verdict.state is State.VERIFIED_CODE_UNKNOWN
    assert _outcome(verdict, "code") is Outcome.CANNOT_CHECK


def test_a_debug_enclave_fails(machine: Machine) -> None:
    zero = {index: bytes(48) for index in range(16)}
    assert _attested(machine, pcrs=zero).state is State.FAILED
    assert _attested(machine, pcrs=zero, pinned=True).state is State.FAILED


def test_a_document_for_another_question_fails(machine: Machine) -> None:
    assert _attested(machine, nonce=bytes(20)).state is State.FAILED
    assert _attested(machine, nonce=b"").state is State.FAILED


def test_a_document_for_another_key_fails(machine: Machine) -> None:
    from verifiers.signer import make_key

    assert _attested(machine, attest=Gateway(make_key("x"))).state is State.FAILED
    good = binding(TLS, Gateway().spki)
    for wrong in (b"\x12\x21" + good[2:], good[:34] + b"\x00\x20" + good[36:], good + b"\x00", b""):
        assert _attested(machine, user_data=wrong).state is State.FAILED


def test_a_foreign_root_fails(machine: Machine) -> None:
    stranger = Machine()
    exchange_trust = _attested(stranger)
    assert exchange_trust.state is State.VERIFIED_ATTESTED
    signer = Gateway()
    exchange = exchange_of(REQUEST, signer.stream(REQUEST, ["hi"], int(ISSUED_AT.timestamp())))
    document = stranger.sign(
        stranger.payload(user_data=binding(TLS, signer.spki), nonce=NONCE[:20])
    )
    evidence = {f"attestation:{NONCE[:20].hex()}": HttpResponse(200, (), document)}
    trust = Trust(roots=(TrustedRoot("test", "aws-nitro", machine.root_sha256),))
    verdict = verdict_for(exchange, evidence, trust, ISSUED_AT, facts=FACTS)
    assert verdict.state is State.FAILED


def test_an_expired_leaf_does_not_speak_for_a_live_reply(machine: Machine) -> None:
    late = ISSUED_AT + timedelta(hours=4)
    assert _attested(machine, asked_at=late).state is State.STALE
    with_pin = _attested(machine, asked_at=late, pinned=True)
    assert with_pin.state is State.VERIFIED_PINNED
    assert _outcome(with_pin, "hardware") is Outcome.CANNOT_CHECK


def test_checking_again_uses_the_documents_time_and_now_is_told_apart(machine: Machine) -> None:
    assert _attested(machine).state is State.VERIFIED_ATTESTED
    year_later = replace(FACTS, judged_at=ISSUED_AT + timedelta(days=365))
    verdict = _attested(machine, facts=year_later)
    assert verdict.state is State.STALE
    told = next(check.detail for check in verdict.checks if check.name == "hardware")
    assert "Was valid on 22 Nov 2026" in told


def test_a_missing_document_leaves_what_else_is_known(machine: Machine) -> None:
    assert _attested(machine, status=503, pinned=True).state is State.VERIFIED_PINNED
    assert _attested(machine, status=503).state is State.SIGNED_UNKNOWN_KEY


def test_the_connection_must_end_in_the_enclave(machine: Machine) -> None:
    inside = replace(FACTS, tls_certificate=TLS)
    assert _outcome(_attested(machine, facts=inside), "channel") is Outcome.PASSED
    elsewhere = replace(FACTS, tls_certificate=b"another")
    assert _attested(machine, facts=elsewhere).state is State.FAILED


def test_the_wanted_document_carries_our_nonce() -> None:
    exchange: Exchange = exchange_of(REQUEST, Gateway().stream(REQUEST, ["x"], 1))
    wanted = wanted_for(exchange, NONCE, Trust(), facts=FACTS)
    assert [w.is_live for w in wanted] == [False, True]
    assert wanted[1].request.url.endswith(f"/enclave/attestation?nonce={NONCE[:20].hex()}")
    relayed = replace(FACTS, route="relay")
    assert wanted_for(exchange, NONCE, Trust(), facts=relayed) == ()

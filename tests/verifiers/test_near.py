"""NEAR AI's signatures: a real one leads to its address, and every weakening is noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from troth.domain.exchange import HttpResponse
from troth.domain.verdict import State
from troth.verifiers.base import Facts
from troth.verifiers.registry import verdict_for, wanted_for
from troth.verifiers.secp256k1 import NotSigned, recover_address
from troth.verifiers.trust import (
    PinnedKey,
    Trust,
)
from verifiers.setting import FACTS, STAMP, exchange_of
from verifiers.signer import keccak

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
WALLET = ec.generate_private_key(ec.SECP256K1())
FACTS = replace(FACTS, provider="nearai", model="openai/gpt-oss-120b")
REQUEST = b'{"model": "openai/gpt-oss-120b"}'
RESPONSE = (
    b'data: {"id":"chatcmpl-12345678","created":%d,"choices":[{"delta":{"content":"hi"}}]}\n\n'
    b"data: [DONE]\n\n" % STAMP
)


def address_of(wallet: ec.EllipticCurvePrivateKey) -> str:
    point = wallet.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return "0x" + keccak(point[1:])[-20:].hex()


def wallet_sign(text: bytes, *, high: bool = False) -> bytes:
    """r, s, v over the EIP-191 digest, with the lower s unless asked."""
    digest = keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)
    der = WALLET.sign(digest, ec.ECDSA(utils.Prehashed(SHA256())))
    r, s = utils.decode_dss_signature(der)
    s = min(s, ORDER - s)
    body = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    v = next(v for v in (27, 28) if _leads_home(text, body + bytes([v])))
    if high:
        return r.to_bytes(32, "big") + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    return body + bytes([v])


def _leads_home(text: bytes, signature: bytes) -> bool:
    try:
        return recover_address(text, signature) == address_of(WALLET)
    except NotSigned:
        return False


def state(
    *,
    response: bytes = RESPONSE,
    request: bytes = REQUEST,
    status: int = 200,
    trust: Trust | None = None,
    facts: Facts = FACTS,
    is_complete: bool = True,
    **changes: Any,
) -> State:
    text = f"{sha256(REQUEST).hexdigest()}:{sha256(RESPONSE).hexdigest()}"
    text = changes.pop("text", text)
    statement = {
        "text": text,
        "signature": "0x" + wallet_sign(text.encode()).hex(),
        "signing_address": address_of(WALLET),
        "signing_algo": "ecdsa",
    } | changes
    url = "https://cloud-api.near.ai/v1/chat/completions"
    exchange = exchange_of(request, response, url=url, is_complete=is_complete)
    evidence = {
        "signature:chatcmpl-12345678": HttpResponse(status, (), json.dumps(statement).encode())
    }
    if trust is None:
        pinned = PinnedKey("near", address_of(WALLET), scheme="near", providers=("nearai",))
        trust = Trust(keys=(pinned,))
    return verdict_for(exchange, evidence, trust, exchange.received_at, facts=facts).state


def test_a_real_signature_leads_to_its_address(fixtures_dir: Path) -> None:
    stored = json.loads((fixtures_dir / "proofs/others/near/signature.json").read_text())
    text, signature = stored["text"].encode(), bytes.fromhex(stored["signature"][2:])
    assert recover_address(text, signature) == stored["signing_address"].lower()
    for place in range(0, 65, 4):
        changed = bytearray(signature)
        changed[place] ^= 1
        try:
            assert recover_address(text, bytes(changed)) != stored["signing_address"].lower()
        except NotSigned:
            continue


def test_another_real_signature_leads_to_its_address(fixtures_dir: Path) -> None:
    stored = json.loads((fixtures_dir / "proofs/others/eigenai/real.json").read_text())
    signature = bytes.fromhex(stored["signature"])
    with pytest.raises(NotSigned):
        recover_address(b"x", signature[:-1])
    assert recover_address(b"x", signature) != stored["signer"]


def test_twins_of_a_signature_are_refused() -> None:
    text = b"a text"
    signature = wallet_sign(text)
    assert recover_address(text, signature) == address_of(WALLET)
    for twin in (
        wallet_sign(text, high=True), signature[:64] + bytes([signature[64] - 27]),
        signature + b"\x00", bytes(64) + b"\x1b", b"\xff" * 64 + b"\x1b",
    ):  # fmt: skip
        with pytest.raises(NotSigned):
            recover_address(text, twin)


def test_a_pinned_key_verifies_and_an_unknown_one_is_said() -> None:
    assert state() is State.VERIFIED_PINNED
    assert state(trust=Trust()) is State.SIGNED_UNKNOWN_KEY
    other = PinnedKey("other", "0x" + "1" * 40, scheme="near", providers=("nearai",))
    assert state(trust=Trust(keys=(other,))) is State.FAILED


def test_ed25519_is_over_the_text_itself() -> None:
    key = Ed25519PrivateKey.generate()
    text = f"{sha256(REQUEST).hexdigest()}:{sha256(RESPONSE).hexdigest()}"
    public = key.public_key().public_bytes_raw().hex()
    pinned = Trust(keys=(PinnedKey("near", public, scheme="near"),))
    fields = {"signing_algo": "ed25519", "signing_address": public}
    good = key.sign(text.encode()).hex()
    assert state(trust=pinned, signature=good, **fields) is State.VERIFIED_PINNED
    assert state(trust=pinned, signature=good[:-2] + "7f", **fields) is State.FAILED
    assert state(trust=pinned, **fields) is State.FAILED


def test_changed_bytes_fail() -> None:
    assert state(response=RESPONSE.replace(b'"hi"', b'"ho"')) is State.FAILED
    assert state(request=REQUEST + b" ") is State.FAILED
    assert state(signing_address="0x" + "1" * 40) is State.FAILED
    assert state(signature="0x" + "00" * 65) is State.FAILED
    assert state(text="a:b") is State.FAILED
    assert state(signing_algo="none") is State.FAILED


def test_the_models_own_machine_names_the_model() -> None:
    digests = f"{sha256(REQUEST).hexdigest()}:{sha256(RESPONSE).hexdigest()}"
    assert state(text=f"{FACTS.model}:{digests}") is State.VERIFIED_PINNED
    assert state(text=f"another/model:{digests}") is State.FAILED


def test_a_signature_that_is_kept_back_is_told_from_a_server_that_is_down() -> None:
    assert state(status=404) is State.UNSIGNED_EXPECTED
    for status in (401, 429, 500, 503):
        assert state(status=status) is State.CANNOT_CHECK
    assert state(response=RESPONSE.replace(b"data: [DONE]\n\n", b"")) is State.FAILED


def test_the_signature_is_asked_for_with_the_users_key() -> None:
    exchange = exchange_of(REQUEST, RESPONSE, url="https://cloud-api.near.ai/v1/chat/completions")
    (wanted,) = wanted_for(exchange, bytes(32), Trust(), facts=FACTS)
    assert wanted.needs_key
    assert wanted.request.url == (
        "https://cloud-api.near.ai/v1/signature/chatcmpl-12345678"
        "?model=openai%2Fgpt-oss-120b&signing_algo=ecdsa"
    )

"""EigenAI's and Galadriel's signatures: real ones hold, and never come out as verified."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from troth.domain.verdict import State
from troth.verifiers.base import Facts
from troth.verifiers.body_signature import NotFitting, verify_ed25519
from troth.verifiers.registry import verdict_for
from troth.verifiers.trust import PinnedKey, Trust
from verifiers.setting import ASKED_AT, exchange_of

URL = "https://api.example/v1/chat/completions"
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw().hex()


def state(request: dict[str, Any], answer: dict[str, Any], trust: Trust | None = None) -> State:
    body = json.dumps(answer).encode()
    exchange = exchange_of(request, body, is_stream=False, url=URL)
    facts = Facts("it", request["model"], "m1")
    return verdict_for(exchange, {}, trust or Trust(), ASKED_AT, facts=facts).state


def test_a_real_answer_of_eigenai_is_partly_covered(fixtures_dir: Path) -> None:
    real = json.loads((fixtures_dir / "proofs/others/eigenai/real.json").read_text())
    request = {"model": real["model"], "messages": real["messages"]}
    message = {"role": "assistant", "content": real["output"]}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    answer = {"choices": [choice], "signature": real["signature"], "signer": real["signer"]}
    pinned = Trust(keys=(PinnedKey("EigenAI", real["signer"], scheme="eigenai"),))
    assert state(request, answer, pinned) is State.PARTLY_COVERED
    assert state(request, answer) is State.SIGNED_UNKNOWN_KEY
    message["content"] += "."
    assert state(request, answer, pinned) is State.FAILED
    message["content"] = real["output"]
    request["messages"][1]["content"] += " "
    assert state(request, answer, pinned) is State.FAILED


def test_content_in_parts_is_not_taken_for_an_answer_of_no_words(fixtures_dir: Path) -> None:
    """The real answer moved behind the question leaves room for one that nobody signed."""
    real = json.loads((fixtures_dir / "proofs/others/eigenai/real.json").read_text())
    pinned = Trust(keys=(PinnedKey("EigenAI", real["signer"], scheme="eigenai"),))
    request = {"model": real["model"], "messages": real["messages"]}
    request["messages"][-1]["content"] += real["output"]
    proof = {"signature": real["signature"], "signer": real["signer"]}
    for content, expected in (
        ("", State.PARTLY_COVERED),  # without borders, which the verdict says
        ([{"type": "text", "text": "what nobody signed"}], State.FAILED),
        ({"text": "what nobody signed"}, State.FAILED),
    ):
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": content}}
        assert state(request, {"choices": [choice]} | proof, pinned) is expected, content


def test_a_real_signature_of_galadriel_is_by_its_key(fixtures_dir: Path) -> None:
    real = json.loads((fixtures_dir / "proofs/others/galadriel/sig.json").read_text())
    signature, digest = bytes.fromhex(real["signature"]), bytes.fromhex(real["hash"])
    verify_ed25519(real["public_key"], signature, digest)
    for place in range(64):
        changed = bytearray(signature)
        changed[place] ^= 1
        with pytest.raises(NotFitting):
            verify_ed25519(real["public_key"], bytes(changed), digest)


def test_galadriels_hash_must_be_of_this_request_and_answer() -> None:
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    message = {"role": "assistant", "content": "yo"}
    answer: dict[str, Any] = {
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "id": "x",
    }  # fmt: skip
    text = json.dumps(request, sort_keys=True) + json.dumps(answer, sort_keys=True)
    digest = sha256(text.encode()).digest()
    proof = {"hash": digest.hex(), "public_key": PUBLIC, "signature": KEY.sign(digest).hex()}
    pinned = Trust(keys=(PinnedKey("it", PUBLIC, scheme="galadriel"),))
    assert state(request, answer | proof, pinned) is State.PARTLY_COVERED
    assert state(request, answer | proof) is State.SIGNED_UNKNOWN_KEY
    assert state(request | {"n": 1}, answer | proof, pinned) is State.FAILED
    assert state(request, answer | proof | {"id": "y"}, pinned) is State.FAILED
    other = "0" if proof["signature"][0] != "0" else "1"
    forged = proof | {"signature": other + proof["signature"][1:]}
    assert state(request, answer | forged, pinned) is State.FAILED

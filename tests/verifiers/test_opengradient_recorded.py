"""The real gateway's own exchanges verify, and none of them survives a change."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from troth.domain.exchange import Exchange
from troth.domain.verdict import Outcome, State
from troth.verifiers.base import Facts
from troth.verifiers.opengradient_frames import PROOF_FIELDS
from troth.verifiers.registry import verdict_for
from troth.verifiers.trust import Trust
from verifiers.setting import FACTS, Recorded

PARTLY = {"openai-tools-with-text", "openai-tools-with-text-stream", "user-parts-image"}
"""Something is shown there that the signature leaves out."""


def state_of(exchange: Exchange, trust: Trust, facts: Facts = FACTS) -> State:
    return verdict_for(exchange, {}, trust, exchange.received_at, facts=facts).state


def test_every_signed_exchange_verifies_with_its_profile_named(
    recorded: list[Recorded], gateway_trust: Trust
) -> None:
    signed = [r for r in recorded if r.signed]
    assert len(signed) == 66
    for entry in signed:
        exchange = entry.exchange
        verdict = verdict_for(exchange, {}, gateway_trust, exchange.received_at, facts=entry.facts)
        wanted = State.PARTLY_COVERED if entry.name in PARTLY else State.VERIFIED_PINNED
        assert (verdict.state, verdict.scheme) == (wanted, "opengradient/v1"), entry.name
        assert Outcome.FAILED not in {check.outcome for check in verdict.checks}


def test_no_unsigned_exchange_verifies(recorded: list[Recorded], gateway_trust: Trust) -> None:
    unsigned = [r for r in recorded if not r.signed]
    assert unsigned
    for entry in unsigned:
        verdict = verdict_for(
            entry.exchange, {}, gateway_trust, entry.exchange.received_at, facts=entry.facts
        )
        assert not verdict.is_verified, entry.name


def _mutations(entry: Recorded, field: str) -> list[Exchange]:
    """Every exchange that differs from `entry` by one changed byte of one signed thing."""
    exchange, signed = entry.exchange, entry.signed
    assert signed is not None
    if field == "request":
        request = json.loads(exchange.request_body)
        texts = [m for m in request["messages"] if isinstance(m["content"], str) and m["content"]]
        if not texts:
            return []
        asked = texts[-1]
        original = asked["content"]
        changed: list[Exchange] = []
        for place, letter in enumerate(original):
            asked["content"] = original[:place] + chr(ord(letter) ^ 1) + original[place + 1 :]
            changed.append(replace(exchange, request_body=json.dumps(request).encode()))
        return changed
    body = exchange.response_body
    spans = {
        "tee_signature": 4 * -(-256 // 3),
        "tee_request_hash": 64,
        "tee_output_hash": 64,
        "tee_timestamp": 10,
        "tee_id": 66,
    }
    if field in PROOF_FIELDS:
        quoted = 0 if field == "tee_timestamp" else 1
        start = body.index(b'"' + field.encode() + b'": ') + len(field) + 4 + quoted
        places = range(start, start + spans[field])
    else:
        marker = b'"content": "'
        start = body.index(marker) + len(marker)
        places = range(start, body.index(b'"', start))
    return [
        replace(exchange, response_body=body[:p] + bytes([body[p] ^ 1]) + body[p + 1 :])
        for p in places
    ]


FIELDS = ("request", "reply", *PROOF_FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_a_changed_byte_fails(field: str, recorded: list[Recorded], gateway_trust: Trust) -> None:
    """A sample of what `test_every_changed_byte_fails` tries."""
    chance = random.Random(field)
    for name in ("openai-basic", "openai-basic-stream", "openai-multiturn-stream"):
        entry = next(r for r in recorded if r.name == name)
        changed = _mutations(entry, field)
        assert changed
        for exchange in chance.sample(changed, min(8, len(changed))):
            assert state_of(exchange, gateway_trust) is State.FAILED


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
def test_every_changed_byte_fails(
    field: str, recorded: list[Recorded], gateway_trust: Trust
) -> None:
    for entry in recorded:
        has_text = b'"content": "' in entry.exchange.response_body
        if entry.name == "openai-long":
            continue  # 20,000 places, all alike
        if not entry.signed or (field == "reply" and (not has_text or "tool" in entry.name)):
            continue
        for exchange in _mutations(entry, field):
            state = state_of(exchange, gateway_trust, entry.facts)
            assert state is State.FAILED, (entry.name, exchange)


def test_a_changed_key_fails(recorded: list[Recorded], gateway_trust: Trust) -> None:
    entry = next(r for r in recorded if r.name == "openai-basic")
    pinned = gateway_trust.keys[0]
    for place in range(len(pinned.spki)):
        spki = pinned.spki[:place] + bytes([pinned.spki[place] ^ 4]) + pinned.spki[place + 1 :]
        trust = replace(gateway_trust, keys=(replace(pinned, spki=spki),))
        assert state_of(entry.exchange, trust) is State.FAILED


def test_a_stream_cut_anywhere_is_never_verified(
    recorded: list[Recorded], gateway_trust: Trust
) -> None:
    entry = next(r for r in recorded if r.name == "openai-basic-stream")
    body = entry.exchange.response_body
    end = body.index(b"data: [DONE]") + len(b"data: [DONE]")
    for size in range(end):
        cut = replace(entry.exchange, response_body=body[:size])
        state = state_of(cut, gateway_trust)
        assert state not in {State.FAILED, State.VERIFIED_PINNED}, size

"""NEAR AI's signatures with their hardware: what a TDX machine's proof adds, and what undoes it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha384
from typing import Any

import pytest

from troth.domain.exchange import Exchange, HttpResponse
from troth.domain.verdict import State, Verdict
from troth.verifiers.registry import remembered, verdict_for, wanted_for, wanted_next
from troth.verifiers.signed_bytes import is_shown
from troth.verifiers.trust import (
    CollateralSource,
    DistrustedKey,
    Measurement,
    PinnedKey,
    Trust,
    TrustedRoot,
)
from verifiers.intel import Intel, Td
from verifiers.setting import ROUNDS, exchange_of
from verifiers.test_near import FACTS, REQUEST, RESPONSE, WALLET, address_of, state, wallet_sign

INTEL = Intel()
NONCE = bytes(range(32))
URL = "https://cloud-api.near.ai/v1/chat/completions"
ASKED = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
COMPOSE = '{"docker_compose_file": "services: {}"}'
EVENTS: list[dict[str, Any]] = [
    {"imr": 0, "event_type": 10, "digest": "ab" * 48, "event": "", "event_payload": ""},
    {"imr": 3, "event_type": 0x08000001, "digest": "", "event": "app-id", "event_payload": "0102"},
    {"imr": 3, "event_type": 0x08000001, "digest": "", "event": "compose-hash",
     "event_payload": sha256(COMPOSE.encode()).hexdigest()},
]  # fmt: skip


def rtmr3(events: list[dict[str, Any]]) -> bytes:
    measured = bytes(48)
    for event in events:
        if event["imr"] == 3:
            payload = bytes.fromhex(event["event_payload"])
            text = bytes.fromhex("01000008") + b":" + event["event"].encode() + b":" + payload
            measured = sha384(measured + sha384(text).digest()).digest()
    return measured


def machine_of(address: str, **changes: Any) -> Td:
    td = Td(
        report_data=bytes.fromhex(address.removeprefix("0x")).ljust(32, b"\0") + NONCE,
        mr_config_id=(b"\1" + sha256(COMPOSE.encode()).digest()).ljust(48, b"\0"),
        rtmr=(*Td().rtmr[:3], rtmr3(EVENTS)),
    )
    return replace(td, **changes)


def signed_by_machine(
    *,
    td: Td | None = None,
    intel: Intel = INTEL,
    part: str = "model_attestations",
    kind: str | None = "provider_tee",
    collateral: dict[str, HttpResponse] | None = None,
    text_model: str = FACTS.model,
    nonce: bytes = NONCE,
    **proof: Any,
) -> tuple[Exchange, dict[str, HttpResponse]]:
    """A reply whose key a machine of our Intel holds, with what proves it."""
    digests = f"{sha256(REQUEST).hexdigest()}:{sha256(RESPONSE).hexdigest()}"
    text = f"{text_model}:{digests}" if text_model else digests
    address = address_of(WALLET)
    statement = {
        "text": text, "signature": wallet_sign(text.encode()).hex(), "signing_address": address,
        "signing_algo": "ecdsa",
    } | ({"signature_kind": kind} if kind else {})  # fmt: skip
    shown = {
        "signing_address": address,
        "signing_algo": "ecdsa",
        "intel_quote": intel.quote(td or machine_of(address)).hex(),
        "event_log": json.dumps(EVENTS),
        "info": {"tcb_info": {"app_compose": COMPOSE}},
    } | proof
    report: dict[str, Any] = shown if part == "top" else {part: shown}
    if part.endswith("s"):
        report = {part: [{"signing_address": "0x" + "22" * 20, "intel_quote": ""}, shown]}
    evidence = {
        "signature:chatcmpl-12345678": HttpResponse(200, (), json.dumps(statement).encode()),
        f"report:{nonce.hex()}": HttpResponse(200, (), json.dumps(report).encode()),
        **(INTEL.collateral(ASKED) if collateral is None else collateral),
    }
    return exchange_of(REQUEST, RESPONSE, url=URL), evidence


def attested(
    *, judged_at: datetime | None = None, trust: Trust | None = None, **changes: Any
) -> Verdict:
    """Judge such a reply."""
    exchange, evidence = signed_by_machine(**changes)
    root = TrustedRoot("our Intel", "intel", INTEL.root_sha256)
    trust = replace(trust or Trust(), roots=(root,))
    facts = replace(FACTS, judged_at=judged_at)
    return verdict_for(exchange, evidence, trust, exchange.received_at, facts=facts)


def test_a_key_in_a_proven_machine_verifies() -> None:
    verdict = attested()
    assert verdict.state is State.VERIFIED_CODE_UNKNOWN, verdict.checks
    assert verdict.scheme == "near/machine"
    code = next(c for c in verdict.checks if c.name == "code")
    assert sha256(COMPOSE.encode()).hexdigest()[:12] in code.detail
    known = Measurement("near 1", "intel-tdx", registers=machine_of("").measurement())
    assert attested(trust=Trust(measurements=(known,))).state is State.VERIFIED_ATTESTED


def test_the_gateways_key_needs_the_gateways_machine() -> None:
    gateway = attested(part="gateway_attestation", kind="gateway", text_model="")
    assert gateway.state is State.VERIFIED_CODE_UNKNOWN
    assert gateway.scheme == "near/gateway"
    assert any(c.name == "upstream" and "word" in c.detail for c in gateway.checks)
    swapped = attested(part="gateway_attestation", kind="provider_tee")
    assert swapped.state is State.SIGNED_UNKNOWN_KEY
    assert attested(kind="gateway").state is State.FAILED
    assert attested(kind="provider_tee", text_model="").state is State.FAILED
    assert attested(kind="nobody").state is State.FAILED
    assert attested(kind=None, part="top").state is State.VERIFIED_CODE_UNKNOWN


def test_a_tls_fingerprint_may_stand_beside_the_key() -> None:
    fingerprint = sha256(b"a TLS key").digest()
    address = bytes.fromhex(address_of(WALLET)[2:])
    td = machine_of(address.hex(), report_data=sha256(address + fingerprint).digest() + NONCE)
    assert attested(td=td, tls_cert_fingerprint=fingerprint.hex()).is_verified
    assert attested(td=td).state is State.FAILED
    assert attested(tls_cert_fingerprint=fingerprint.hex()).state is State.FAILED


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"nonce": bytes(32)}, State.FAILED),
        ({"td": machine_of("0x" + "33" * 20)}, State.FAILED),
        ({"td": machine_of(address_of(WALLET), attributes=b"\1" + bytes(7))}, State.FAILED),
        ({"intel": Intel()}, State.FAILED),
        ({"intel_quote": "00"}, State.FAILED),
        ({"intel_quote": "zz"}, State.FAILED),
        ({"event_log": json.dumps(EVENTS[:-1])}, State.FAILED),
        ({"event_log": json.dumps([*EVENTS, EVENTS[-1]])}, State.FAILED),
        ({"event_log": "{}"}, State.FAILED),
        ({"info": {"tcb_info": {"app_compose": "another"}}}, State.FAILED),
        ({"info": {"tcb_info": json.dumps({"app_compose": COMPOSE})}}, State.VERIFIED_CODE_UNKNOWN),
        ({"event_log": EVENTS, "info": {}}, State.VERIFIED_CODE_UNKNOWN),
        ({"signing_address": "0x" + "33" * 20}, State.SIGNED_UNKNOWN_KEY),
        ({"collateral": {}}, State.CANNOT_CHECK),
        ({"collateral": INTEL.collateral(ASKED, revoked=[INTEL.processor.serial_number])},
         State.FAILED),
        ({"judged_at": ASKED + timedelta(days=40)}, State.STALE),
    ],
)  # fmt: skip
def test_what_a_hardware_proof_is_worth(changes: dict[str, Any], expected: State) -> None:
    verdict = attested(**changes)
    assert verdict.state is expected, verdict.checks


def test_an_outdated_machine_is_said_and_is_not_green() -> None:
    levels = INTEL.tcb_info(ASKED)["tcbLevels"][1:]
    verdict = attested(collateral=INTEL.collateral(ASKED, tcb={"tcbLevels": levels}))
    assert verdict.state is State.PLATFORM_OUTDATED
    assert any("INTEL-SA-00837" in c.detail for c in verdict.checks)


def test_the_users_own_decisions_stand_above_hardware() -> None:
    other = PinnedKey("other", "0x" + "1" * 40, scheme="near", providers=("nearai",))
    assert attested(trust=Trust(keys=(other,))).state is State.FAILED
    distrusted = Trust(distrusted=(DistrustedKey(address_of(WALLET)),))
    assert attested(trust=distrusted).state is State.FAILED


def test_evidence_leads_to_more_evidence() -> None:
    exchange = exchange_of(REQUEST, RESPONSE, url="https://cloud-api.near.ai/v1/chat/completions")
    text = f"{sha256(REQUEST).hexdigest()}:{sha256(RESPONSE).hexdigest()}"
    address = address_of(WALLET)
    statement = {"text": text, "signature": "00", "signing_address": address,
                 "signing_algo": "ecdsa"}  # fmt: skip
    evidence = {
        "signature:chatcmpl-12345678": HttpResponse(200, (), json.dumps(statement).encode())
    }
    source = CollateralSource("intel", "https://pccs.example")
    trust = Trust(collateral=(source,))
    (report,) = wanted_next(exchange, evidence, NONCE, trust, facts=FACTS)
    assert report.request.url == (
        "https://cloud-api.near.ai/v1/attestation/report?model=openai%2Fgpt-oss-120b"
        f"&nonce={NONCE.hex()}&signing_algo=ecdsa&signing_address={address}"
    )
    assert report.is_live
    proof = {"signing_address": address, "intel_quote": INTEL.quote(machine_of(address)).hex()}
    body = json.dumps({"gateway_attestation": proof}).encode()
    evidence[report.name] = HttpResponse(200, (), body)
    assert wanted_next(exchange, evidence, NONCE, Trust(), facts=FACTS) == ()
    asked = wanted_next(exchange, evidence, NONCE, trust, facts=FACTS)
    assert {one.request.url.split("/")[2] for one in asked} == {"pccs.example"}
    evidence |= {one.name: HttpResponse(404, (), b"") for one in asked}
    assert wanted_next(exchange, evidence, NONCE, trust, facts=FACTS) == ()


def test_only_the_host_itself_is_near() -> None:
    for url in (
        "https://evil-near.ai/v1/chat/completions", "https://cloud-api.near.ai.evil/v1/x",
        "http://cloud-api.near.ai/v1/chat/completions", "https://x@cloud-api.near.ai/v1/y",
        "https://evil/cloud-api.near.ai/v1/chat/completions",
        "https://cloud-api.ne\u0430r.ai/v1/chat/completions",
    ):  # fmt: skip
        exchange = exchange_of(REQUEST, RESPONSE, url=url)
        assert wanted_for(exchange, NONCE, Trust(), facts=FACTS) == ()


def test_redpill_and_0g_speak_the_same() -> None:
    text = f"{sha256(REQUEST).hexdigest()}:{sha256(RESPONSE).hexdigest()}"
    statement = {"text": text, "signature": wallet_sign(text.encode()).hex(),
                 "signing_address": address_of(WALLET), "signing_algo": "ecdsa"}  # fmt: skip
    evidence = {
        "signature:chatcmpl-12345678": HttpResponse(200, (), json.dumps(statement).encode())
    }
    for scheme, url, asked in (
        ("redpill", "https://api.redpill.ai/v1/chat/completions", "https://api.redpill.ai/v1/"),
        ("0g", "http://10.0.0.7:3080/v1/proxy/chat/completions", "http://10.0.0.7:3080/v1/proxy/"),
    ):
        exchange = exchange_of(REQUEST, RESPONSE, url=url)
        (wanted,) = wanted_for(exchange, NONCE, Trust(), facts=FACTS)
        assert wanted.request.url.startswith(f"{asked}signature/chatcmpl-12345678?")
        trust = Trust(keys=(PinnedKey("it", address_of(WALLET), scheme=scheme),))
        verdict = verdict_for(exchange, evidence, trust, ASKED, facts=FACTS)
        assert verdict.state is State.VERIFIED_PINNED, verdict.checks
        assert verdict.scheme == f"{scheme}/gateway"


def test_each_byte_of_what_was_signed_counts() -> None:
    text = f"{sha256(REQUEST).hexdigest()}:{sha256(RESPONSE).hexdigest()}"
    signature = wallet_sign(text.encode())
    assert state(signature=signature.hex()) is State.VERIFIED_PINNED

    def flipped(content: bytes, place: int) -> bytes:
        return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    # Every byte with TROTH_FAULT_ROUNDS=3; each check is a whole exchange with its evidence.
    step = max(1, 4 - ROUNDS)
    for place in range(0, len(REQUEST), step):
        assert state(request=flipped(REQUEST, place), signature=signature.hex()) is State.FAILED
    for place in range(0, len(RESPONSE), step):
        found = state(response=flipped(RESPONSE, place), signature=signature.hex())
        # A changed chat id leads to a signature that was never fetched.
        assert found in {State.FAILED, State.CANNOT_CHECK}, place
    for place in range(0, 65, step):
        assert state(signature=flipped(signature, place).hex()) is State.FAILED


def test_a_stopped_reply_is_incomplete_and_not_called_altered() -> None:
    assert state(response=RESPONSE[:40], is_complete=False) is State.INCOMPLETE


def test_what_is_shown_is_what_was_signed() -> None:
    assert state(facts=replace(FACTS, shown_text="hi")) is State.VERIFIED_PINNED
    assert state(facts=replace(FACTS, shown_text="hi!")) is State.FAILED
    assert state(facts=replace(FACTS, shown_text="")) is State.FAILED


def test_a_request_for_another_model_is_not_this_one() -> None:
    assert state(facts=replace(FACTS, model="openai/gpt-5")) is State.FAILED
    assert state(facts=replace(FACTS, model="оpenai/gpt-oss-120b")) is State.FAILED


def test_a_replayed_signature_is_noticed() -> None:
    text = f"{sha256(REQUEST).hexdigest()}:{sha256(RESPONSE).hexdigest()}"
    signature = wallet_sign(text.encode())
    pinned = PinnedKey("near", address_of(WALLET), scheme="near")
    trust = Trust(keys=(pinned,))
    exchange = exchange_of(REQUEST, RESPONSE, url="https://cloud-api.near.ai/v1/chat/completions")
    statement = {"text": text, "signature": signature.hex(), "signing_address": address_of(WALLET),
                 "signing_algo": "ecdsa"}  # fmt: skip
    evidence = {
        "signature:chatcmpl-12345678": HttpResponse(200, (), json.dumps(statement).encode())
    }
    verdict = verdict_for(exchange, evidence, trust, ASKED, facts=FACTS)
    wiser = remembered(exchange, evidence, verdict, trust, facts=FACTS)
    assert len(wiser.seen) == 1
    assert verdict_for(exchange, evidence, wiser, ASKED, facts=FACTS).is_verified
    again = replace(FACTS, message_id="m2")
    assert verdict_for(exchange, evidence, wiser, ASKED, facts=again).state is State.FAILED


def test_the_provider_may_say_that_it_has_no_signature() -> None:
    answer = {"error_code": "STREAM_DISCONNECTED", "message": "Verification is unavailable"}
    exchange = exchange_of(REQUEST, RESPONSE, url="https://cloud-api.near.ai/v1/chat/completions")
    evidence = {"signature:chatcmpl-12345678": HttpResponse(200, (), json.dumps(answer).encode())}
    verdict = verdict_for(exchange, evidence, Trust(), ASKED, facts=FACTS)
    assert verdict.state is State.UNSIGNED_EXPECTED


def test_thinking_that_is_shown_apart_is_not_an_alteration() -> None:
    assert is_shown("<think>hm\n</think>\n\nyes", "yes")
    assert is_shown("yes", "yes")
    for text in ("x<think>hm</think>yes", "<think>hm</think>yes!", "<think>hm yes", "<think>yes"):
        assert not is_shown(text, "yes")

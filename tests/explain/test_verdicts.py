"""What a verdict says to a person must be true of the reply that it speaks of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from troth.domain.exchange import Exchange, HttpResponse
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.explain import verdict_sentence
from troth.verifiers.base import Facts
from troth.verifiers.meaning import not_proven, who_saw_what
from troth.verifiers.receipt import build_receipt, parse_receipt
from troth.verifiers.receipt_check import ReceiptVerdicts, verify_receipt
from troth.verifiers.registry import signed_parts_of, verdict_for
from troth.verifiers.trust import Trust, TrustedRoot
from verifiers.enclave import Machine, binding
from verifiers.setting import FACTS, REQUEST, STAMP, exchange_of, pinned_trust
from verifiers.signer import Gateway
from verifiers.test_near import FACTS as NEAR_FACTS
from verifiers.test_near_machine import INTEL, signed_by_machine

PLAIN = Facts(provider="plain", model="m", message_id="m1")
GATEWAY = Gateway()
SIGNED = exchange_of(REQUEST, GATEWAY.stream(REQUEST, ["Hello"], STAMP))


def judged(exchange: Exchange, facts: Facts, trust: Trust | None = None) -> Verdict:
    return verdict_for(exchange, {}, trust or Trust(), exchange.received_at, facts=facts)


def unsigned(url: str) -> Exchange:
    return exchange_of(REQUEST, b'{"choices": []}', is_stream=False, url=url)


def test_a_line_that_was_not_locked_is_not_called_locked() -> None:
    far = judged(unsigned("https://api.example/v1/chat/completions"), PLAIN)
    near = judged(unsigned("http://127.0.0.1:8080/v1/chat/completions"), PLAIN)
    assert far.state is near.state is State.TLS_ONLY
    assert "TLS" in verdict_sentence(far)
    assert "TLS" not in verdict_sentence(near)
    assert "program on this computer" in verdict_sentence(near)
    assert [seen.who for seen in who_saw_what("none", "loopback")] == ["A program here"]


def test_a_cut_reply_of_one_who_never_signs_is_not_said_to_lack_its_signature() -> None:
    cut = replace(unsigned("https://api.example/v1/chat/completions"), is_complete=False)
    verdict = judged(cut, PLAIN)
    assert verdict.state is State.INCOMPLETE
    assert "signature" not in verdict_sentence(verdict) + " ".join(not_proven(verdict))


def test_of_words_that_were_changed_nothing_is_called_signed() -> None:
    body = SIGNED.response_body.replace(b"Hello", b"Jello")
    verdict = judged(replace(SIGNED, response_body=body), FACTS, pinned_trust(GATEWAY.spki))
    assert verdict.state is State.FAILED
    assert "coverage" not in {check.name for check in verdict.checks}


def test_a_key_that_nobody_knows_proves_no_sealed_computer() -> None:
    verdict = judged(SIGNED, FACTS, Trust(distrusted=()))
    hardware = next(check for check in verdict.checks if check.name == "hardware")
    assert hardware.outcome is Outcome.CANNOT_CHECK
    unknown = replace(verdict, state=State.SIGNED_UNKNOWN_KEY)
    assert "That a sealed computer took part, or which model answered." in not_proven(unknown)


def received(exchange: Exchange, trust: Trust, facts: Facts, later: timedelta) -> ReceiptVerdicts:
    """What a receipt of it comes to, so much later."""
    nonce, machine = bytes(20), MACHINE
    payload = machine.payload(user_data=binding(b"", GATEWAY.spki), nonce=nonce)
    evidence = {f"attestation:{nonce.hex()}": HttpResponse(200, (), machine.sign(payload))}
    verdict = verdict_for(exchange, evidence, trust, exchange.received_at, facts=facts)
    signed = signed_parts_of(exchange, evidence, trust, facts=facts)
    receipt = parse_receipt(build_receipt(exchange, evidence, verdict, signed, facts=facts))
    return verify_receipt(receipt, trust, exchange.received_at + later)


MACHINE = Machine()
ROOT = Trust(
    keys=pinned_trust(GATEWAY.spki).keys,
    roots=(TrustedRoot("room", "aws-nitro", MACHINE.root_sha256),),
)


def test_proof_that_expired_is_not_called_an_old_reply_and_the_other_way_round() -> None:
    both = received(SIGNED, ROOT, FACTS, timedelta(days=40))
    assert both.then.state is State.VERIFIED_CODE_UNKNOWN
    expired = replace(both.now, state=State.STALE)  # as for one who has not pinned the key
    assert "past its time" in verdict_sentence(expired)
    assert "past its time" in not_proven(expired)[0]
    assert "old reply" not in verdict_sentence(expired) + " ".join(not_proven(expired))
    yesterday = GATEWAY.stream(REQUEST, ["Hello"], STAMP - 86_400)
    old = judged(replace(SIGNED, response_body=yesterday), FACTS, pinned_trust(GATEWAY.spki))
    assert old.state is State.STALE
    assert "sent again" in verdict_sentence(old)
    assert "old reply" in not_proven(old)[0]


def test_a_clock_that_is_wrong_is_named() -> None:
    early = received(SIGNED, ROOT, FACTS, timedelta(days=-1))
    assert early.now.state is early.then.state is State.CANNOT_CHECK
    assert "clocks is wrong" in verdict_sentence(early.now)


def test_a_receipt_in_which_nothing_is_signed_is_said_to_be_one() -> None:
    plain = unsigned("https://api.example/v1/chat/completions")
    verdict = received(plain, Trust(), PLAIN, timedelta(0)).now
    assert verdict.state is State.IMPORTED
    assert "Nothing in this file is signed" in verdict_sentence(verdict)


def test_a_failure_of_the_machine_is_not_blamed_on_the_words() -> None:
    verdict = judged(SIGNED, FACTS, pinned_trust(GATEWAY.spki))
    for name in ("hardware", "platform", "code"):
        checks = (*verdict.checks, Check(name, Outcome.FAILED, ""))
        sentence = verdict_sentence(replace(verdict, state=State.FAILED, checks=checks))
        assert "achine" in sentence
        assert "another message" not in sentence


def test_a_machine_of_which_intel_was_not_asked_is_not_said_to_want_another_check() -> None:
    exchange, evidence = signed_by_machine(collateral={})
    trust = Trust(roots=(TrustedRoot("our Intel", "intel", INTEL.root_sha256),))
    verdict = verdict_for(exchange, evidence, trust, exchange.received_at, facts=NEAR_FACTS)
    assert verdict.state is State.CANNOT_CHECK
    assert "“Its updates” below" in verdict_sentence(verdict)
    assert "again" not in verdict_sentence(verdict)


def test_what_is_covered_in_part_says_at_once_which_part_is_not() -> None:
    """The sentence also stands where no list of checks follows: `troth ask`, plain chats."""
    body = GATEWAY.stream(REQUEST, ["Hello"], STAMP, images=["data:image/png;base64,AAAA"])
    verdict = judged(exchange_of(REQUEST, body), FACTS, pinned_trust(GATEWAY.spki))
    assert verdict.state is State.PARTLY_COVERED
    assert verdict_sentence(verdict).endswith("shown beside it: images.")

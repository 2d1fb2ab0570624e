"""What a verdict says to a person must be true of the reply that it speaks of."""

from __future__ import annotations

from dataclasses import replace

from troth.domain.exchange import Exchange
from troth.domain.verdict import Outcome, State, Verdict
from troth.explain import verdict_sentence
from troth.verifiers.base import Facts
from troth.verifiers.meaning import not_proven, who_saw_what
from troth.verifiers.registry import verdict_for
from troth.verifiers.trust import Trust
from verifiers.setting import FACTS, REQUEST, STAMP, exchange_of, pinned_trust
from verifiers.signer import Gateway

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

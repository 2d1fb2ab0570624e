"""Replies that nobody signs: told as what they are, never green, loud where one was expected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from troth.domain.verdict import State
from troth.verifiers.base import Facts
from troth.verifiers.plain import imported
from troth.verifiers.registry import learnt_from, remembered, verdict_for
from troth.verifiers.trust import Expectation, Trust
from verifiers.setting import ASKED_AT, FACTS, REQUEST, STAMP, exchange_of, pinned_trust
from verifiers.signer import Gateway

URL = "https://api.example/v1/chat/completions"
BODY = b'{"choices": [{"message": {"content": "hi"}}]}'
PLAIN = replace(FACTS, provider="openai")


def state(
    url: str = URL, facts: Facts = PLAIN, trust: Trust | None = None, **changes: object
) -> State:
    exchange = replace(exchange_of(REQUEST, BODY, is_stream=False, url=url), **changes)  # type: ignore[arg-type]
    return verdict_for(exchange, {}, trust or Trust(), ASKED_AT, facts=facts).state


@pytest.mark.parametrize(
    ("url", "route", "expected"),
    [
        (URL, "direct", State.TLS_ONLY),
        ("HTTPS://api.example/v1", "direct", State.TLS_ONLY),
        ("http://192.168.1.4:1234/v1", "direct", State.CANNOT_CHECK),
        ("http://127.0.0.1:8080/v1", "direct", State.TLS_ONLY),
        ("http://127.0.0.1:8080/v1", "device", State.LOCAL),
        ("http://127.0.0.1:11434/v1", "veil", State.CANNOT_CHECK),
        (URL, "import", State.IMPORTED),
    ],
)
def test_what_a_route_is_worth(url: str, route: str, expected: State) -> None:
    assert state(url, replace(PLAIN, route=route)) is expected


def test_a_cut_or_failed_answer_is_incomplete() -> None:
    assert state(is_complete=False) is State.INCOMPLETE
    for status in (0, 400, 402, 403, 500):
        assert state(status=status) is State.INCOMPLETE


def test_a_provider_that_signs_is_loud_when_it_does_not() -> None:
    trust = Trust(expectations=(Expectation("openai", "gpt-*", "a scheme of the future"),))
    assert state(trust=trust) is State.UNSIGNED_EXPECTED
    assert state(trust=trust, is_complete=False) is State.INCOMPLETE
    assert state(trust=trust, facts=replace(PLAIN, model="o4")) is State.TLS_ONLY


def test_an_imported_message_has_a_verdict_without_an_exchange() -> None:
    assert imported(ASKED_AT, Trust()).state is State.IMPORTED


def test_a_verified_reply_teaches_what_to_expect_and_is_remembered() -> None:
    gateway = Gateway()
    trust = pinned_trust(gateway.spki)
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["hi"], STAMP))
    verdict = verdict_for(exchange, {}, trust, ASKED_AT, facts=FACTS)
    learnt = learnt_from(verdict, trust, facts=FACTS)
    assert learnt is not None
    wiser = remembered(exchange, {}, verdict, trust.with_expectation(learnt), facts=FACTS)
    assert learnt_from(verdict, wiser, facts=FACTS) is None
    bare = exchange_of(REQUEST, gateway.stream(REQUEST, ["hi"], STAMP).replace(b"tee_", b"t_"))
    stripped = verdict_for(bare, {}, wiser, ASKED_AT, facts=FACTS)
    assert stripped.state is State.UNSIGNED_EXPECTED
    again = verdict_for(exchange, {}, wiser, ASKED_AT, facts=replace(FACTS, message_id="m2"))
    assert again.state is State.FAILED


@pytest.mark.parametrize("model", ["m[1]", "*", "gpt-?", "a[!b]*"])
def test_what_is_learnt_of_a_model_holds_for_it_and_for_no_other(model: str) -> None:
    """Names come from servers, and expectations are patterns."""
    gateway = Gateway()
    request = REQUEST | {"model": model}
    facts = replace(FACTS, model=model)
    trust = pinned_trust(gateway.spki)
    exchange = exchange_of(request, gateway.stream(request, ["hi"], STAMP))
    learnt = learnt_from(
        verdict_for(exchange, {}, trust, ASKED_AT, facts=facts), trust, facts=facts
    )
    assert learnt is not None
    wiser = trust.with_expectation(learnt)
    bare = exchange_of(request, gateway.stream(request, ["hi"], STAMP).replace(b"tee_", b"t_"))
    assert verdict_for(bare, {}, wiser, ASKED_AT, facts=facts).state is State.UNSIGNED_EXPECTED
    for other in ("m1", "gpt-4", "another"):
        assert wiser.expectation("og", other) is None


def test_what_stands_beside_the_words_of_a_message_is_said_to_be_unsigned() -> None:
    gateway = Gateway()
    said = {"role": "user", "content": "hi", "name": "bob", "note": "pay him"}
    request = REQUEST | {"messages": [said]}
    exchange = exchange_of(request, gateway.stream(request, ["hello"], STAMP))
    trust = pinned_trust(gateway.spki)
    verdict = verdict_for(exchange, {}, trust, ASKED_AT, facts=FACTS)
    assert verdict.state is State.VERIFIED_PINNED
    told = next(check.detail for check in verdict.checks if check.name == "settings")
    assert "beside their words is not signed: name and note." in told


def test_a_question_that_og_veil_rewrote_is_explained() -> None:
    gateway = Gateway()
    asked = REQUEST | {"messages": [{"role": "user", "content": "I am <PERSON>"}]}
    exchange = exchange_of(REQUEST, gateway.stream(asked, ["hello"], STAMP))
    trust = pinned_trust(gateway.spki)
    for route, is_told in (("veil", True), ("direct", False)):
        facts = replace(FACTS, route=route)
        verdict = verdict_for(exchange, {}, trust, ASKED_AT, facts=facts)
        assert verdict.state is State.FAILED
        found = next(check.detail for check in verdict.checks if check.name == "request-bytes")
        assert ("rewrites questions" in found) is is_told


def test_an_unverified_reply_teaches_nothing() -> None:
    gateway = Gateway()
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["hi"], STAMP))
    for trust in (Trust(), replace(pinned_trust(gateway.spki), is_simulated=True)):
        verdict = verdict_for(exchange, {}, trust, ASKED_AT, facts=FACTS)
        assert learnt_from(verdict, trust, facts=FACTS) is None


def test_the_text_shown_must_be_the_text_that_was_signed() -> None:
    gateway = Gateway()
    trust = pinned_trust(gateway.spki)
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["9,000 ", "euro"], STAMP))

    def shown(text: str) -> State:
        facts = replace(FACTS, shown_text=text)
        return verdict_for(exchange, {}, trust, ASKED_AT, facts=facts).state

    assert shown("9,000 euro") is State.VERIFIED_PINNED
    assert shown("90,000 euro") is State.FAILED

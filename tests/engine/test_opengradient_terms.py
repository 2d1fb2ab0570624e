"""Terms of a 402 are foreign text: read strictly, shown plainly, and signed as others sign them."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.test_opengradient_payment import PAYEE, TERMS, WALLET
from troth.domain.error import ExtraMissing
from troth.engine.opengradient.terms import TermsInvalid, choose_offer, other_host, parse_terms
from troth.engine.opengradient.wallet import Wallet, load_eth_account
from troth.engine.payment import OPG, Limits, written_opg

try:
    load_eth_account()
except ExtraMissing:
    pytest.skip("needs troth[pay]", allow_module_level=True)

OFFER: dict[str, Any] = TERMS["accepts"][0]
LIMITS = Limits(OPG, OPG, OPG, "private")


def written(terms: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(terms).encode()).decode()


def offering(**changes: Any) -> str:
    return written(TERMS | {"accepts": [OFFER | changes]})


DEEP = base64.b64encode(b"[" * 20_000).decode()
TWICE = base64.b64encode(
    json.dumps(TERMS).replace('"amount": ', '"amount": "1", "amount": ').encode()
).decode()
UTF16 = base64.b64encode(json.dumps(TERMS).encode("utf-16")).decode()
UNREADABLE = {
    "no base64": "%%%",
    "no JSON": base64.b64encode(b"hello").decode(),
    "too deep": DEEP,
    "a key twice": TWICE,
    "another encoding": UTF16,
    "float": offering(amount=0.1),
    "number": offering(amount=10**17),
    "negative": offering(amount="-5"),
    "2 to the 256th": offering(amount=str(2**256)),
    "other digits": offering(amount="١٢٣"),
    "line end": offering(payTo=f"{PAYEE}\n"),
    "an hour as a float": offering(maxTimeoutSeconds=300.0),
    "a yes for a time": offering(maxTimeoutSeconds=True),
    "for ever": offering(maxTimeoutSeconds=10**4000),
    "escapes": offering(scheme="up\x1b[2J\u202eto"),
    "half a character": offering(scheme="\ud800"),
    "invisible": offering(network="eip155:8453\u200b"),
    "seventeen offers": written(TERMS | {"accepts": [OFFER] * 17}),
    "no offer": written(TERMS | {"accepts": []}),
    "version as a text": written(TERMS | {"x402Version": "2"}),
}


@pytest.mark.parametrize("header", UNREADABLE.values(), ids=UNREADABLE)
def test_terms_that_need_guessing_are_none(header: str) -> None:
    with pytest.raises(TermsInvalid, match="cannot be read"):
        choose_offer(parse_terms(header), LIMITS, PAYEE)


def test_enormous_terms_are_not_even_read() -> None:
    with pytest.raises(TermsInvalid, match="far too long"):
        parse_terms("A" * 70_000)


def test_a_refusal_quotes_nothing_that_could_move_a_cursor() -> None:
    for header in UNREADABLE.values():
        with pytest.raises(TermsInvalid) as refused:
            choose_offer(parse_terms(header), LIMITS, PAYEE)
        assert str(refused.value).isascii()
        assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://gateway.example/v1/chat/completions", ""),
        ("http://127.0.0.1:8000/v1/chat/completions", ""),  # as it knows itself behind a proxy
        ("https://elsewhere.example/", "elsewhere.example"),
        ("https://gateway.example@elsewhere.example/", "a place that cannot be read"),
        ("https://\u202eelpmaxe.yawetag/", "a place that cannot be read"),
        (f"https://{'a' * 300}.example/", "a place that cannot be read"),
    ],
)
def test_another_host_is_named_plainly(url: str, named: str) -> None:
    terms = parse_terms(written(TERMS | {"resource": {"url": url}}))
    assert other_host(terms, "https://gateway.example") == named


def test_the_header_is_byte_for_byte_that_of_og_x402(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is of what og-x402 0.0.2 made of these terms at this time, with this nonce."""
    nonce = 123456789012345678901234567890
    monkeypatch.setattr("secrets.randbits", lambda _: nonce)
    extra = OFFER["extra"] | {"facilitatorAddress": "0x00000000000000000000000000000000000fac11"}
    lower = {name: OFFER[name].lower() for name in ("asset", "payTo")}
    terms = parse_terms(offering(**lower, extra=extra))
    offer, raw_offer = choose_offer(terms, LIMITS, PAYEE)
    now = datetime.fromtimestamp(1795900000, UTC)
    header = Wallet(WALLET).authorise(terms, offer, raw_offer, now)
    expected = "599d22c8e54941a6176b0db8d5e2c5e54cfca694c22c45e9a91e2bd6385ae4f1"
    assert hashlib.sha256(header.encode()).hexdigest() == expected


def test_what_a_402_leaves_out_is_not_sent_back() -> None:
    terms = parse_terms(written({"x402Version": 2, "accepts": [OFFER], "extensions": None}))
    offer, raw_offer = choose_offer(terms, LIMITS, PAYEE)
    header = Wallet(WALLET).authorise(terms, offer, raw_offer, datetime.now(UTC))
    assert sorted(json.loads(base64.b64decode(header))) == ["accepted", "payload", "x402Version"]


def test_amounts_are_written_as_people_do() -> None:
    amounts = (Decimal(0), Decimal(1) / OPG, Decimal("0.10"), Decimal(15000))
    assert [written_opg(amount) for amount in amounts] == [
        "0 OPG", "0.000000000000000001 OPG", "0.1 OPG", "15000 OPG",
    ]  # fmt: skip

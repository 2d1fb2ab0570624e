"""Payment by x402: rules before questions, caps before signatures, and never a second try."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from enclaves import PaidEnclave, Registry, registry_record
from engine.opengradient_home import ADDRESS, MODEL, Home, failure_of
from servers import Answer, RecordedRequest, make_certificate
from troth.domain.error import ExtraMissing
from troth.domain.message import Finish
from troth.domain.verdict import State
from troth.engine.opengradient.terms import CHAIN_ID, PERMIT2, SPENDER
from troth.engine.opengradient.wallet import load_eth_account, message_of, typed_data
from troth.engine.payment import PaymentRequest, Payments
from troth.vault.vault import Vault

try:
    load_eth_account()
except ExtraMissing:
    pytest.skip("needs troth[pay]", allow_module_level=True)

WALLET = "0x" + "4c" * 32
PAYEE = "0x9deEBB5D1b22e4a6e027977CeAd13893A7E4cC1a"
TERMS: dict[str, Any] = {
    "x402Version": 2,
    "error": "Payment required",
    "resource": {"url": "http://127.0.0.1/v1/chat/completions", "mimeType": "application/json"},
    "accepts": [
        {
            "scheme": "upto",
            "network": "eip155:8453",
            "asset": "0xFbC2051AE2265686a469421b2C5A2D5462FbF5eB",
            "amount": "100000000000000000",
            "payTo": PAYEE,
            "maxTimeoutSeconds": 300,
            "extra": {
                "assetTransferMethod": "permit2",
                "facilitatorAddress": "0x00000000000000000000000000000000000Fac11",
            },
        }
    ],
    "extensions": {"any": {"thing": 1}},
}


def terms(**changes: Any) -> dict[str, Any]:
    return TERMS | {"accepts": [TERMS["accepts"][0] | changes]}


class Asked:
    """A user who answers, and what they were shown."""

    def __init__(self, *, says: bool = True) -> None:
        self.says = says
        self.requests: list[PaymentRequest] = []

    async def __call__(self, request: PaymentRequest) -> bool:
        self.requests.append(request)
        return self.says


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with AsyncExitStack() as stack:
        yield Home(tmp_path, stack)


async def test_two_programs_that_pay_at_once_keep_one_limit(tmp_path: Path) -> None:
    made = await Vault.create(tmp_path / "data", "a passphrase", memory_kib=65_536)
    other = await Vault.open(tmp_path / "data", recovery_words=made.recovery_words)
    both = Payments(lambda: made.vault), Payments(lambda: other)
    try:
        counted = await asyncio.gather(*(one.note(2, 41) for one in both for _ in range(25)))
        assert counted.count(True) == 20
        assert [await one.authorised_today() for one in both] == [40, 40]
        assert sum(one.authorised for one in both) == 40
    finally:
        await other.close()
        await made.vault.close()


async def test_a_reply_is_paid_once_and_the_session_used_again(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    server = await home.serve(enclave)
    engine = await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    engine.enclaves.payments.ask = user = Asked()
    chat = await engine.new_chat(model=MODEL)
    message, verdict = await home.ask(chat)
    assert message.finish is Finish.STOP, message.failure
    assert verdict is not None
    assert verdict.state is State.VERIFIED_PINNED
    await home.ask(chat, "again")
    assert len(enclave.payments) == 1
    assert enclave.asked[-1].header("x-upto-session") == "session-1"
    assert {r.header("x-settlement-type") for r in enclave.asked} == {"private"}
    (shown,) = user.requests
    assert (shown.amount, shown.pay_to, shown.settlement) == (Decimal("0.1"), PAYEE, "private")
    assert engine.enclaves.payments.authorised == 10**17


async def test_the_authorisation_is_what_the_chain_will_check(home: Home) -> None:
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    enclave = PaidEnclave(terms=TERMS)
    server = await home.serve(enclave)
    engine = await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    engine.enclaves.payments.ask = Asked()
    await home.ask()
    (paid,) = enclave.payments
    authorisation = paid["payload"]["permit2Authorization"]
    domain, types = typed_data()
    message = encode_typed_data(
        domain_data=domain, message_types=types, message_data=message_of(authorisation)
    )
    signer = Account.recover_message(message, signature=paid["payload"]["signature"])
    assert signer == authorisation["from"] == Account.from_key(WALLET).address
    assert authorisation["spender"] == SPENDER
    assert domain["verifyingContract"] == PERMIT2
    assert domain["chainId"] == CHAIN_ID
    assert int(authorisation["deadline"]) - int(authorisation["witness"]["validAfter"]) == 900
    assert paid["accepted"] == TERMS["accepts"][0]
    assert paid["extensions"] == TERMS["extensions"]


def test_recorded_authorisations_are_over_what_we_would_sign(fixtures_dir: Path) -> None:
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    log = json.loads(
        (fixtures_dir / "proofs/opengradient-x402/facilitator-and-backend-log.json").read_text()
    )
    checked = 0
    domain, types = typed_data()
    for entry in log:
        if entry["path"] != "/verify":
            continue
        payload = json.loads(entry["body"])["paymentPayload"]["payload"]
        authorisation = payload["permit2Authorization"]
        message = encode_typed_data(
            domain_data=domain, message_types=types, message_data=message_of(authorisation)
        )
        signer = Account.recover_message(message, signature=payload["signature"])
        assert signer == authorisation["from"]
        checked += 1
    assert checked >= 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": "100000000000000001"}, "your limit"),
        ({"amount": "0"}, "amount of zero"),
        ({"amount": "-1"}, "cannot be read"),
        ({"asset": "0x" + "11" * 20}, "another token"),
        ({"network": "eip155:1"}, "another network"),
        ({"payTo": "0x" + "22" * 20}, "your settings do not name"),
        ({"maxTimeoutSeconds": 3601}, "your limit is 3600 s"),
        ({"scheme": "exact"}, "does not know"),
        ({"extra": {**TERMS["accepts"][0]["extra"], "assetTransferMethod": "approve"}}, "not know"),
    ],
)
async def test_terms_outside_the_rules_are_refused_without_a_question(
    home: Home, changes: dict[str, Any], words: str
) -> None:
    enclave = PaidEnclave(terms=terms(**changes))
    server = await home.serve(enclave)
    engine = await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    engine.enclaves.payments.ask = user = Asked()
    message, _ = await home.ask()
    kind, reason = failure_of(message)
    assert kind == "payment-refused"
    assert words in reason
    assert user.requests == []
    assert enclave.payments == []


async def test_a_payee_that_is_not_the_registrys_is_refused(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    certificate = make_certificate(["enclave.invalid"])
    gateway = await home.serve(enclave, certificate=certificate)

    def record(payment: str) -> bytes:
        return registry_record(
            enclave.gateway, endpoint=gateway.url, certificate=certificate.der, payment=payment
        )

    chain = Registry([record("0x" + "0b" * 20)])
    registry = await home.serve(chain)
    engine = await home.open(
        "", wallet=WALLET, pay_to=[PAYEE], registry=f"{registry.url}:{ADDRESS}"
    )
    engine.enclaves.payments.ask = user = Asked()
    message, _ = await home.ask()
    kind, reason = failure_of(message)
    assert kind == "payment-refused"
    assert "the registry names 0x0b0b" in reason.lower()
    assert user.requests == []
    chain.records = [record(PAYEE)]
    await engine.enclaves.listing("og")
    message, verdict = await home.ask()
    assert message.finish is Finish.STOP, message.failure
    assert verdict is not None
    assert verdict.state is State.VERIFIED_REGISTRY


async def test_nobody_there_means_no(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    server = await home.serve(enclave)
    await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    message, _ = await home.ask()
    assert failure_of(message)[0] == "payment-refused"
    assert "Nobody was there" in failure_of(message)[1]
    assert enclave.payments == []


async def test_a_no_of_the_users_is_a_no(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    server = await home.serve(enclave)
    engine = await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    engine.enclaves.payments.ask = Asked(says=False)
    message, _ = await home.ask()
    assert "You said no" in failure_of(message)[1]
    assert enclave.payments == []


async def test_without_a_wallet_the_words_say_how_to_set_one(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    server = await home.serve(enclave)
    await home.open(server.url, pin=enclave.gateway, pay_to=[PAYEE])
    message, _ = await home.ask()
    assert failure_of(message)[0] == "payment-refused"
    assert "troth keys set og" in failure_of(message)[1]


async def test_a_stale_session_is_dropped_and_the_cap_counts_again(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    server = await home.serve(enclave)
    engine = await home.open(
        server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE], max_opg_session="0.2"
    )
    engine.enclaves.payments.ask = user = Asked()
    chat = await engine.new_chat(model=MODEL)
    await home.ask(chat)
    enclave.sessions.clear()
    _, verdict = await home.ask(chat, "after the session ended")
    assert verdict is not None
    assert verdict.is_verified
    assert len(enclave.payments) == 2
    assert len(user.requests) == 1  # the same wallet, payee and amount: asked once a session
    enclave.sessions.clear()
    message, _ = await home.ask(chat, "once more")
    assert "your limit is 0.2" in failure_of(message)[1]
    assert len(enclave.payments) == 2


async def test_the_days_cap_survives_a_restart(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    server = await home.serve(enclave)
    engine = await home.open(
        server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE], max_opg_day="0.15"
    )
    engine.enclaves.payments.ask = Asked()
    assert await engine.enclaves.payments.note(6 * 10**16, 10**18)
    message, _ = await home.ask()
    assert "authorised" in failure_of(message)[1]
    assert enclave.payments == []


async def test_a_paid_request_is_never_sent_again(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    sent: list[RecordedRequest] = []

    def breaks_after_payment(request: RecordedRequest) -> Answer:
        if request.header("payment-signature"):
            sent.append(request)
            return Answer(status=503, steps=(b"try again",))
        return enclave(request)

    server = await home.serve(breaks_after_payment)
    engine = await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    engine.enclaves.payments.ask = Asked()
    message, _ = await home.ask()
    assert failure_of(message)[0] == "server-failed"
    assert len(sent) == 1


async def test_no_payment_secret_is_kept(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    server = await home.serve(enclave)
    engine = await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    engine.enclaves.payments.ask = Asked()
    chat = await engine.new_chat(model=MODEL)
    for text in ("one", "two"):
        message, _ = await home.ask(chat, text)
        exchange = await engine.proofs.exchange(chat, message.id)
        receipt = await engine.proofs.receipt(chat, message.id)
        for secret in ("session-1", "payment-signature", "4c4c4c"):
            assert secret not in repr(exchange).lower()
            assert secret.encode() not in receipt.lower()


async def test_an_attestation_that_fails_stops_the_payment(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)

    def lies(request: RecordedRequest) -> Answer:
        if request.path.startswith("/enclave/attestation"):
            return Answer(steps=(b"bm90IGEgZG9jdW1lbnQ=",))
        return enclave(request)

    server = await home.serve(lies)
    engine = await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    engine.enclaves.payments.ask = user = Asked()
    message, _ = await home.ask()
    assert failure_of(message)[0] == "enclave-refused"
    assert user.requests == []
    assert enclave.asked == []


def test_the_wallet_library_leaves_the_recursion_limit_alone() -> None:
    script = (
        "import json, sys\n"
        "limit = sys.getrecursionlimit()\n"
        "from troth.engine.opengradient.wallet import load_eth_account\n"
        "load_eth_account()\n"
        "assert sys.getrecursionlimit() == limit\n"
        "try:\n    json.loads('[' * 100_000)\n"
        "except RecursionError:\n    print('survived')\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "survived"), ended.stderr

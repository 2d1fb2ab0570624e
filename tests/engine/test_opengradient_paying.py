"""What a yes covers, how two payments share a cap, and what becomes of one that is not taken."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from enclaves import PaidEnclave
from engine.opengradient_home import MODEL, Home, failure_of
from engine.test_lock import sealed_in
from engine.test_opengradient_payment import PAYEE, TERMS, WALLET, Asked, terms
from servers import Answer, RecordedRequest, cut_after, json_answer
from troth.domain.event import Notice
from troth.domain.message import Finish
from troth.domain.model import Endpoint, ModelRef
from troth.engine.chat import Chat
from troth.engine.payment import PaymentRequest, payment_lines
from troth.explain import explain_failure, notice_words
from troth.vault.vault import Vault

OFFER = TERMS["accepts"][0]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with AsyncExitStack() as stack:
        yield Home(tmp_path, stack)


async def opened(home: Home, enclave: PaidEnclave, **options: Any) -> Asked:
    """Open an engine that pays `enclave`, and return the user who is asked."""
    server = await home.serve(enclave)
    engine = await home.open(
        server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE], **options
    )
    engine.enclaves.payments.ask = user = Asked()
    return user


async def notices_of(home: Home, chat: Chat) -> list[Notice]:
    reply = await home.engine.send(chat, "a question")
    return [event async for event in reply.follow() if isinstance(event, Notice)]


async def test_an_authorisation_may_hold_for_the_hour_that_gateways_ask_for(home: Home) -> None:
    enclave = PaidEnclave(terms=terms(maxTimeoutSeconds=3600))
    user = await opened(home, enclave)
    message, _ = await home.ask()
    assert message.finish is Finish.STOP, message.failure
    (shown,) = user.requests
    assert ("valid", "for 1 hour after your yes") in payment_lines(shown)


async def test_a_shorter_limit_of_the_users_holds(home: Home) -> None:
    enclave = PaidEnclave(terms=terms(maxTimeoutSeconds=3600))
    user = await opened(home, enclave, max_valid_s=300)
    message, _ = await home.ask()
    assert "your limit is 300 s (`max_valid_s`)" in failure_of(message)[1]
    assert user.requests == []


async def test_the_deadline_counts_from_the_yes(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    await opened(home, enclave)
    agreed_at = 0

    async def thinks_it_over(_: PaymentRequest) -> bool:
        nonlocal agreed_at
        asked_at = int(time.time())
        while (agreed_at := int(time.time())) == asked_at:
            await asyncio.sleep(0.01)
        return True

    home.engine.enclaves.payments.ask = thinks_it_over
    await home.ask()
    authorisation = enclave.payments[0]["payload"]["permit2Authorization"]
    assert int(authorisation["deadline"]) >= agreed_at + 300


async def test_two_replies_at_once_share_one_cap(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    await opened(home, enclave, max_opg_session="0.15")
    both_wait = asyncio.Event()
    asked: list[PaymentRequest] = []

    async def says_yes_late(request: PaymentRequest) -> bool:
        asked.append(request)
        await both_wait.wait()
        return True

    home.engine.enclaves.payments.ask = says_yes_late
    chats = [await home.engine.new_chat(model=MODEL) for _ in range(2)]
    replies = [await home.engine.send(chat, "at once") for chat in chats]
    while len(enclave.asked) < 2:
        await asyncio.sleep(0.01)
    both_wait.set()
    for reply in replies:
        async for _ in reply.follow():
            pass
    messages = [reply.message for reply in replies]
    assert len(enclave.payments) == len(asked) == 1
    assert sorted(str(m.finish) for m in messages if m) == ["failed", "stop"]
    refused = next(m for m in messages if m and m.finish is Finish.FAILED)
    assert "(`max_opg_session`)" in failure_of(refused)[1]


async def test_two_authorisations_at_once_are_both_counted(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    await opened(home, enclave)
    chats = [await home.engine.new_chat(model=MODEL) for _ in range(3)]
    await asyncio.gather(*(home.ask(chat) for chat in chats))
    payments = home.engine.enclaves.payments
    assert await payments.authorised_today() == payments.authorised
    assert payments.authorised == len(enclave.payments) * 10**17


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": {**OFFER["extra"], "facilitatorAddress": "0x" + "66" * 20}},
        {"maxTimeoutSeconds": 301},
        {"amount": str(10**17 + 1)},
    ],
)
async def test_a_yes_covers_nothing_that_was_not_shown(home: Home, changes: dict[str, Any]) -> None:
    enclave = PaidEnclave(terms=TERMS)
    user = await opened(home, enclave, max_opg_reply="0.2")
    chat = await home.engine.new_chat(model=MODEL)
    await home.ask(chat)
    enclave.sessions.clear()
    enclave.terms = terms(**changes)
    await home.ask(chat, "again")
    assert len(user.requests) == len(enclave.payments) == 2


async def test_a_host_that_was_not_asked_is_named_before_the_yes(home: Home) -> None:
    resource = {"url": "https://elsewhere.example/v1/chat/completions"}
    enclave = PaidEnclave(terms=TERMS | {"resource": resource})
    user = await opened(home, enclave)
    await home.ask()
    (shown,) = user.requests
    assert "elsewhere.example" in dict(payment_lines(shown))["BEWARE"]


async def test_a_session_serves_the_wallet_that_paid_for_it(home: Home) -> None:
    enclave = PaidEnclave(terms=TERMS)
    await opened(home, enclave)
    await home.ask()
    engine = home.engine
    first = engine.providers.endpoint("og")
    other = Endpoint(**{f: getattr(first, f) for f in ("wire", "base_url", "options")}, name="two")
    await engine.providers.add_endpoint(replace(other, needs_key=False))
    await engine.providers.set_key("two", "0x" + "5d" * 32)
    chat = await engine.new_chat(model=ModelRef("two", MODEL.model))
    await home.ask(chat)
    payers = [p["payload"]["permit2Authorization"]["from"] for p in enclave.payments]
    assert len(set(payers)) == 2


@dataclass
class Picky(PaidEnclave):
    """A gateway whose facilitator finds fault with every payment."""

    fault: str = ""

    def chat(self, request: RecordedRequest) -> Answer:
        if signed := request.header("payment-signature"):
            self.payments.append(json.loads(base64.b64decode(signed)))
            told = json.dumps(self.terms | {"error": self.fault}).encode()
            header = base64.b64encode(told).decode()
            return json_answer({}, status=402, headers=(("PAYMENT-REQUIRED", header),))
        return super().chat(request)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("insufficient_balance", "holds less OPG"),
        ("permit2_allowance_required", "troth pay approve og"),
        ("permit2_deadline_expired", "clock"),
        ("permit2_not_yet_valid", "clock"),
        ("invalid_permit2_signature", "signature does not hold"),
        ("upto_facilitator_mismatch", "“upto_facilitator_mismatch”"),
        ("", "gives no reason"),
    ],
)
async def test_a_payment_that_is_not_taken_says_why(home: Home, code: str, words: str) -> None:
    enclave = Picky(terms=TERMS, fault=code)
    await opened(home, enclave)
    message, _ = await home.ask()
    kind, reason = failure_of(message)
    assert kind == "payment-not-taken"
    assert words in reason
    assert message.failure is not None
    told = explain_failure(message.failure).detail
    assert "has left this computer" in told
    assert len(enclave.payments) == 1  # nothing is paid twice
    assert await home.engine.enclaves.payments.authorised_today() == 10**17


@pytest.mark.parametrize("breaks", ["not at all", "after some words", "before the first"])
async def test_what_was_authorised_is_told_however_the_reply_ends(home: Home, breaks: str) -> None:
    enclave = PaidEnclave(terms=TERMS)

    def script(request: RecordedRequest) -> Answer:
        answer = enclave(request)
        if not request.header("payment-signature") or breaks == "not at all":
            return answer
        if breaks == "before the first":
            return json_answer({"error": "the model is gone"}, status=500)
        return cut_after(answer, 2)

    server = await home.serve(script)
    engine = await home.open(server.url, pin=enclave.gateway, wallet=WALLET, pay_to=[PAYEE])
    engine.enclaves.payments.ask = Asked()
    chat = await engine.new_chat(model=MODEL)
    (notice,) = await notices_of(home, chat)
    assert "0.1 OPG at og" in notice_words(notice.kind, notice.detail)
    last = chat.path[-1]
    assert last.finish is {"not at all": Finish.STOP, "after some words": Finish.CUT}.get(
        breaks, Finish.FAILED
    )
    assert bool(last.text) is (breaks != "before the first")
    assert engine.enclaves.payments.authorised == Decimal("0.1") * 10**18


async def test_a_wallet_library_that_fails_quotes_no_key(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eth_account.signers.local import LocalAccount

    def quotes_it(account: LocalAccount, **_: object) -> None:
        raise TypeError(f"cannot sign with {account.key.hex()}")

    monkeypatch.setattr(LocalAccount, "sign_typed_data", quotes_it)
    enclave = PaidEnclave(terms=TERMS)
    await opened(home, enclave)
    message, _ = await home.ask()
    kind, reason = failure_of(message)
    assert (kind, reason) == ("payment-refused", "The wallet's library could not sign this.")
    assert enclave.payments == []


async def test_a_vault_that_is_locked_meanwhile_counts_nothing_and_signs_nothing(
    home: Home, tmp_path: Path
) -> None:
    enclave = PaidEnclave(terms=TERMS)
    await opened(home, enclave)
    engine = home.engine
    made = await Vault.create(tmp_path / "data", "a passphrase for tests", memory_kib=65_536)
    await engine.use_vault(made.vault)

    async def locks(_: PaymentRequest) -> bool:
        await engine.lock()
        return True

    engine.enclaves.payments.ask = locks
    reply = await engine.send(await engine.new_chat(model=MODEL), "a question")
    await sealed_in(tmp_path / "data")
    await engine.use_vault(await Vault.open(tmp_path / "data", recovery_words=made.recovery_words))
    message = await reply.wait()
    assert failure_of(message)[0] == "vault-locked"
    assert enclave.payments == []
    assert await engine.enclaves.payments.authorised_today() == 0

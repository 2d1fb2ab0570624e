"""Receipts: everything that one reply's proof needs, in one file that a stranger can check."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from troth.domain.error import NotFound, ReceiptRefused, UsageError
from troth.domain.message import Message, Role
from troth.domain.model import Endpoint
from troth.domain.verdict import Verdict
from troth.engine.chat import Chat
from troth.engine.demo.root import PROVIDER, simulated_trust
from troth.engine.judging import TLS_CERTIFICATE, facts_of
from troth.engine.trusting import TrustFile
from troth.settings import find_paths
from troth.verifiers.receipt import Receipt, ReceiptInvalid, build_receipt, parse_receipt
from troth.verifiers.receipt_check import ReceiptVerdicts, verify_receipt
from troth.verifiers.registry import signed_parts_of
from troth.verifiers.trust import Trust


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """A receipt with what it was worth when the reply came and what it is worth now."""

    receipt: Receipt
    then: Verdict
    now: Verdict

    def decisive(self, *, is_proven: bool) -> Verdict:
        """Return the verdict that the answer rests on: what has merely expired was good then."""
        return self.then if is_proven and not self.now.is_verified else self.now


async def receipt_of(chat: Chat, message: Message, endpoint: Endpoint, trust: Trust) -> bytes:
    """Return the receipt of one reply; raise UsageError where there is nothing to prove."""
    if message.role is not Role.ASSISTANT:
        raise UsageError("only replies have receipts")
    exchange = await chat.store.exchange(message.id)
    verdict = chat.verdicts.get(message.id)
    if exchange is None or verdict is None:
        raise NotFound("proof of this reply", message.id)
    evidence = await chat.store.evidence(message.id)
    shown = evidence.pop(TLS_CERTIFICATE, None)  # a receipt has a field of its own for it
    certificate = shown.body if shown is not None else None
    facts = replace(facts_of(message, endpoint), tls_certificate=certificate)
    signed = signed_parts_of(exchange, evidence, trust, facts=facts)
    return await asyncio.to_thread(build_receipt, exchange, evidence, verdict, signed, facts=facts)


def verify(
    receipt: bytes, *, trust: Trust | None = None, at: datetime | None = None
) -> CheckedReceipt:
    """Check a receipt with no vault and no network; raise ReceiptRefused when it is none.

    `trust` is the user's own by default, `at` (aware) is now: another time asks what the receipt
    is worth then.
    """
    try:
        parsed = parse_receipt(receipt)
    except ReceiptInvalid as error:
        raise ReceiptRefused(str(error)) from error
    if trust is None and parsed.facts.provider == PROVIDER:
        # Whoever writes this name into a receipt gains nothing: it can only come out as simulated.
        trust = simulated_trust()
    elif trust is None:
        import os

        trust = TrustFile(find_paths(os.environ)).load()
    verdicts: ReceiptVerdicts = verify_receipt(parsed, trust, at or datetime.now(UTC))
    return CheckedReceipt(parsed, verdicts.then, verdicts.now)

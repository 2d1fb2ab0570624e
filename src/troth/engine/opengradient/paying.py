"""From a 402 to an authorisation: rules first, then caps, then the user, then one signature."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from troth.domain.error import NetworkError, PaymentRefused
from troth.domain.exchange import Headers, HttpRequest, find_header
from troth.domain.model import Endpoint
from troth.engine.opengradient.terms import (
    ASSET,
    TermsInvalid,
    choose_offer,
    parse_terms,
)
from troth.engine.opengradient.wallet import Wallet, WalletUnreadable
from troth.engine.payment import (
    SETTLEMENTS,
    Limits,
    PaymentRequest,
    Payments,
    to_opg,
)
from troth.transport import Sight, Transport

REQUIRED = "PAYMENT-REQUIRED"
SESSION = "X-Upto-Session"
_BALANCE_OF = "0x70a08231"


@dataclass(slots=True)
class Payer:
    """Pays for the requests of one channel."""

    endpoint: Endpoint
    private_key: str | None
    payments: Payments
    transport: Transport

    def settlement_headers(self) -> Headers:
        """Return the open header that says how a reply is to be settled; none without a wallet."""
        if not self.private_key:
            return ()
        return (("X-SETTLEMENT-TYPE", Limits.of(self.endpoint).settlement),)

    async def authorise(self, headers: Headers, payee: str) -> Headers:
        """Return the secret header that pays what a 402 with `headers` asks for.

        `payee` is the registry's payment address for this enclave, or empty. Raises PaymentRefused,
        or ExtraMissing; money is counted before the signature leaves.
        """
        name = self.endpoint.name
        if not self.private_key:
            raise PaymentRefused(
                name, f"It asks for a payment, and no wallet is set: `troth keys set {name}`."
            )
        limits = Limits.of(self.endpoint)
        payees = (payee.lower(),) if payee else limits.pay_to
        try:
            terms = parse_terms(find_header(headers, REQUIRED) or "")
            offer, raw_offer = choose_offer(terms, limits, payees)
            wallet = await asyncio.to_thread(Wallet, self.private_key)
        except (TermsInvalid, WalletUnreadable) as error:
            raise PaymentRefused(name, str(error)) from error
        today = await self.payments.authorised_today()
        self._check_caps(offer.base_units, today, limits)
        now = datetime.now(UTC)
        request = PaymentRequest(
            provider=name,
            wallet=wallet.address,
            balance=await self._balance(wallet.address, limits),
            amount=to_opg(offer.base_units),
            pay_to=offer.payTo,
            facilitator=offer.extra.facilitatorAddress,
            network=offer.network,
            valid_until=now + timedelta(seconds=offer.maxTimeoutSeconds),
            settlement=limits.settlement,
            publishes=SETTLEMENTS[limits.settlement],
            max_per_session=to_opg(limits.session),
            max_per_day=to_opg(limits.day),
            authorised_today=to_opg(today),
        )
        if not await self.payments.consents(request):
            why = "You said no." if self.payments.ask else "Nobody was there to say yes."
            raise PaymentRefused(name, f"It asks for up to {request.amount} OPG. {why}")
        await self.payments.note(offer.base_units)
        signed = await asyncio.to_thread(wallet.authorise, terms, offer, raw_offer, now)
        return (("PAYMENT-SIGNATURE", signed),)

    def _check_caps(self, amount: int, today: int, limits: Limits) -> None:
        for spent, cap, when in (
            (self.payments.authorised, limits.session, "since Troth was started"),
            (today, limits.day, "today"),
        ):
            if spent + amount > cap:
                raise PaymentRefused(
                    self.endpoint.name,
                    f"It asks for up to {to_opg(amount)} OPG. {to_opg(spent)} OPG were authorised"
                    f" {when}, and your limit is {to_opg(cap)}.",
                )

    async def _balance(self, wallet: str, limits: Limits) -> Decimal | None:
        """Ask the user's own RPC endpoint for the wallet's OPG; None where none is set or helps."""
        if not limits.balance_rpc:
            return None
        call = {"to": ASSET, "data": _BALANCE_OF + wallet.removeprefix("0x").lower().rjust(64, "0")}
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
        headers = (("Content-Type", "application/json"),)
        request = HttpRequest("POST", limits.balance_rpc, headers, json.dumps(body).encode())
        try:
            answer = await self.transport.send(
                request, purpose="wallet", timeout_s=10, limit_bytes=1 << 16, sight=Sight.ADDRESS
            )
            return to_opg(int(json.loads(answer.body)["result"], 16))
        except (NetworkError, ValueError, KeyError, TypeError):
            return None  # the dialog says that it is not known

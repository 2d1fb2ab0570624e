"""From a 402 to an authorisation: rules first, then caps, then the user, then one signature."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from troth.domain.error import NetworkError, PaymentRefused
from troth.domain.exchange import Headers, find_header
from troth.domain.model import Endpoint
from troth.engine.opengradient.approval import Approver, Standing
from troth.engine.opengradient.terms import TermsInvalid, choose_offer, parse_terms
from troth.engine.opengradient.wallet import Wallet, WalletUnreadable
from troth.engine.payment import (
    SETTLEMENTS,
    Limits,
    PaymentRequest,
    Payments,
    to_opg,
)
from troth.transport import Transport

REQUIRED = "PAYMENT-REQUIRED"
SESSION = "X-Upto-Session"


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
        standing = await self._standing()
        now = datetime.now(UTC)
        request = PaymentRequest(
            provider=name,
            wallet=wallet.address,
            balance=standing.balance if standing else None,
            allowed=standing.allowed if standing else None,
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

    async def _standing(self) -> Standing | None:
        """Ask the user's own RPC endpoint about the wallet; None where none is set or helps."""
        if not Limits.of(self.endpoint).balance_rpc:
            return None
        try:
            return await Approver(self.endpoint, self.private_key, self.transport).standing()
        except (NetworkError, PaymentRefused):
            return None  # the dialog says that it is not known

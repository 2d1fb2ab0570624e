"""From a 402 to an authorisation: rules first, then caps, then the user, then one signature."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from troth.domain.error import NetworkError, PaymentNotTaken, PaymentRefused
from troth.domain.exchange import Headers, find_header
from troth.domain.model import Endpoint
from troth.engine.opengradient.approval import Approver, Standing
from troth.engine.opengradient.terms import (
    Offer,
    Terms,
    TermsInvalid,
    choose_offer,
    other_host,
    parse_terms,
    rejection_words,
)
from troth.engine.opengradient.wallet import Wallet, WalletUnreadable, checksum_address
from troth.engine.payment import SETTLEMENTS, Limits, PaymentRequest, Payments, to_opg, written_opg
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
    authorised: list[str] = field(default_factory=list[str])
    """What was authorised on this channel, each as words: `0.1 OPG at og`."""

    def settlement_headers(self) -> Headers:
        """Return the open header that says how a reply is to be settled; none without a wallet."""
        if not self.private_key:
            return ()
        return (("X-SETTLEMENT-TYPE", Limits.of(self.endpoint).settlement),)

    def session(self, base_url: str) -> str:
        """Return the session that this wallet has paid for at a gateway; "" where there is none."""
        return self.payments.session(self._purse(base_url)) if self.private_key else ""

    def keep_session(self, base_url: str, session: str) -> None:
        self.payments.keep_session(self._purse(base_url), session)

    def drop_session(self, base_url: str, session: str) -> None:
        self.payments.drop_session(self._purse(base_url), session)

    def _purse(self, base_url: str) -> str:
        """Name who pays where: what one wallet paid for is not for the replies of another."""
        wallet = sha256((self.private_key or "").encode()).hexdigest()
        return f"{self.endpoint.name} {wallet} {base_url}"

    async def authorise(self, headers: Headers, payee: str, base_url: str) -> Headers:
        """Return the secret header that pays what the 402 of `base_url` with `headers` asks for.

        `payee` is the registry's payment address for this enclave, or empty. Raises PaymentRefused,
        or ExtraMissing; money is counted before the signature leaves.
        """
        name = self.endpoint.name
        if not self.private_key:
            raise PaymentRefused(
                name, f"It asks for a payment, and no wallet is set: `troth keys set {name}`."
            )
        limits = Limits.of(self.endpoint)
        try:
            terms = parse_terms(find_header(headers, REQUIRED) or "")
            offer, raw_offer = choose_offer(terms, limits, payee)
            wallet = await asyncio.to_thread(Wallet, self.private_key)
        except (TermsInvalid, WalletUnreadable) as error:
            raise PaymentRefused(name, str(error)) from error
        async with self.payments.turn:
            await self._check_caps(offer.base_units, limits)
            request = await self._request(offer, limits, wallet, other_host(terms, base_url))
            if not await self.payments.consents(request):
                raise PaymentRefused(name, self._no_words(request))
            is_counted = False
            while not is_counted:  # another program may have paid, or may be paying now
                await self._check_caps(offer.base_units, limits)
                is_counted = await self.payments.note(offer.base_units, limits.day)
        # The time is that of the signature: a person may have thought about it for long.
        now = datetime.now(UTC)
        try:
            signed = await asyncio.to_thread(wallet.authorise, terms, offer, raw_offer, now)
        except WalletUnreadable as error:
            raise PaymentRefused(name, str(error)) from error
        self.authorised.append(f"{written_opg(request.amount)} at {name}")
        return (("PAYMENT-SIGNATURE", signed),)

    def _no_words(self, request: PaymentRequest) -> str:
        asked = f"It asks for up to {written_opg(request.amount)}."
        if self.payments.ask:
            return f"{asked} You said no."
        return f"{asked} Nobody was there to say yes: `troth ask --max-opg N` says it before."

    async def _request(
        self, offer: Offer, limits: Limits, wallet: Wallet, stranger: str
    ) -> PaymentRequest:
        standing = await self._standing(limits)
        return PaymentRequest(
            provider=self.endpoint.name,
            wallet=wallet.address,
            balance=standing.balance if standing else None,
            allowed=standing.allowed if standing else None,
            amount=to_opg(offer.base_units),
            pay_to=checksum_address(offer.payTo),
            facilitator=checksum_address(offer.extra.facilitatorAddress),
            network=offer.network,
            valid_s=offer.maxTimeoutSeconds,
            settlement=limits.settlement,
            publishes=SETTLEMENTS[limits.settlement],
            max_per_session=to_opg(limits.session),
            max_per_day=to_opg(limits.day),
            authorised_today=to_opg(await self.payments.authorised_today()),
            other_host=stranger,
        )

    def not_taken(self, headers: Headers) -> PaymentNotTaken:
        """Return the error of a 402 that answers a payment, with the gateway's own reason."""
        try:
            terms: Terms | None = parse_terms(find_header(headers, REQUIRED) or "")
        except TermsInvalid:
            terms = None
        reason = rejection_words((terms and terms.error) or "", self.endpoint.name)
        return PaymentNotTaken(self.endpoint.name, reason)

    async def _check_caps(self, amount: int, limits: Limits) -> None:
        for spent, cap, option, when in (
            (
                self.payments.authorised,
                limits.session,
                "max_opg_session",
                "since Troth was started",
            ),
            (await self.payments.authorised_today(), limits.day, "max_opg_day", "today"),
        ):
            if spent + amount > cap:
                raise PaymentRefused(
                    self.endpoint.name,
                    f"It asks for up to {written_opg(to_opg(amount))}."
                    f" {written_opg(to_opg(spent))} were authorised {when}, and your limit is"
                    f" {written_opg(to_opg(cap))} (`{option}`).",
                )

    async def _standing(self, limits: Limits) -> Standing | None:
        """Ask the user's own RPC endpoint about the wallet; None where none is set or helps."""
        if not limits.balance_rpc:
            return None
        try:
            return await Approver(self.endpoint, self.private_key, self.transport).standing()
        except (NetworkError, PaymentRefused):
            return None  # the dialog says that it is not known

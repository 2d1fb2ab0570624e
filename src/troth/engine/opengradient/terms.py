"""What a gateway asks for with its 402, read strictly, and whether that may be paid at all.

x402 version 2, scheme `upto` over Permit2, as recorded from the gateway in November 2026. The
rules refuse without a question: a person in a hurry says yes.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from troth.engine.payment import Limits, to_opg, written_opg
from troth.transport import host_of, is_loopback
from troth.verifiers.strict_json import parse_strict

NETWORK = "eip155:8453"
CHAIN_ID = 8453
"""Base."""
ASSET = "0xfbc2051ae2265686a469421b2c5a2d5462fbf5eb"
"""The OPG token on Base, lower case."""
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
SPENDER = "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002"
"""x402's `upto` proxy: the only contract that may draw on an authorisation."""
_HEADER_LIMIT = 64 << 10
_REJECTIONS = (
    ("balance", "The wallet holds less OPG than it asks for: `troth pay status {}`."),
    (
        "allowance",
        "Permit2 may not draw that much from the wallet yet: `troth pay approve {} --amount N`.",
    ),
    ("deadline", "It says that the authorisation is too old: look at this computer's clock."),
    ("not_yet_valid", "It says that the authorisation is early: look at this computer's clock."),
    ("signature", "It says that the signature does not hold."),
)
"""Part of a facilitator's code (og-x402 0.0.2, `upto/facilitator/errors.py`) -> what it means."""
_HOST = re.compile(r"[a-z0-9.:-]{1,253}")
_Address = Field(pattern=r"^0x[0-9a-fA-F]{40}$")


class TermsInvalid(ValueError):
    """The 402 cannot be read."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Extra(_Strict):
    assetTransferMethod: str
    facilitatorAddress: str = _Address


class Offer(_Strict):
    """One way to pay."""

    scheme: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    network: str = Field(pattern=r"^[a-z0-9-]{3,8}:[a-zA-Z0-9_-]{1,32}$")
    """As in CAIP-2."""
    asset: str = _Address
    amount: str = Field(pattern=r"^[0-9]{1,30}$")
    payTo: str = _Address
    maxTimeoutSeconds: int = Field(gt=0, lt=10**9)
    extra: Extra

    @property
    def base_units(self) -> int:
        return int(self.amount)


class Terms(_Strict):
    """A whole 402. `accepts` may hold ways that we do not know."""

    x402Version: int
    error: str | None = None
    """Why: that a payment is due, or what is wrong with the one that was sent."""
    accepts: list[dict[str, Any]] = Field(min_length=1, max_length=16)
    resource: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


def parse_terms(header: str) -> Terms:
    """Read the header `PAYMENT-REQUIRED`; raise TermsInvalid."""
    if len(header) > _HEADER_LIMIT:
        raise TermsInvalid("The gateway's payment terms are far too long.")
    try:
        decoded = parse_strict(base64.b64decode(header, validate=True))
        terms = Terms.model_validate(decoded)
    except (binascii.Error, ValueError, ValidationError) as error:
        raise TermsInvalid("The gateway's payment terms cannot be read.") from error
    if terms.x402Version != 2:
        raise TermsInvalid(f"The gateway speaks x402 version {terms.x402Version}, Troth version 2.")
    return terms


def choose_offer(terms: Terms, limits: Limits, payee: str = "") -> tuple[Offer, dict[str, Any]]:
    """Return the first offer that may be paid, parsed and as it came.

    `payee` is the only one that may be paid, where a registry names one for this gateway. Raises
    TermsInvalid with the reason of the first refusal.
    """
    reasons: list[str] = []
    for raw in terms.accepts:
        try:
            offer = Offer.model_validate(raw)
        except ValidationError:
            reasons.append("The gateway's payment terms cannot be read.")
            continue
        reason = why_not(offer, limits, payee)
        if not reason:
            return offer, raw
        reasons.append(reason)
    raise TermsInvalid(reasons[0])


def why_not(offer: Offer, limits: Limits, payee: str) -> str:
    """Return the reason not to pay an offer, as a sentence; "" where there is none."""
    if (offer.scheme, offer.extra.assetTransferMethod) != ("upto", "permit2"):
        return f"It wants to be paid in a way that Troth does not know ({offer.scheme})."
    if offer.network != NETWORK:
        return f"It wants to be paid on another network ({offer.network}) than Base."
    if offer.asset.lower() != ASSET:
        return f"It wants another token ({offer.asset}) than OPG."
    if payee and offer.payTo.lower() != payee.lower():
        return f"It wants to be paid at {offer.payTo}; the registry names {payee} for it."
    if not payee and offer.payTo.lower() not in limits.pay_to:
        return (
            f"It wants to be paid at {offer.payTo}, which your settings do not name. `pay_to` in"
            " the provider's options allows an address."
        )
    if offer.maxTimeoutSeconds > limits.valid_s:
        return (
            f"It wants an authorisation that holds for {offer.maxTimeoutSeconds} s; your limit is"
            f" {limits.valid_s} s (`max_valid_s`)."
        )
    if offer.base_units <= 0:
        return "It asks for an amount of zero, which no authorisation should have."
    if offer.base_units > limits.reply:
        asked, cap = written_opg(to_opg(offer.base_units)), written_opg(to_opg(limits.reply))
        return f"It asks for up to {asked} at once; your limit is {cap} (`max_opg_reply`)."
    return ""


def other_host(terms: Terms, base_url: str) -> str:
    """Return the host that the terms say is paid for, where that is not the one that was asked.

    "" where it is, or where none is named: behind a proxy a gateway knows itself as this machine.
    """
    named = (terms.resource or {}).get("url")
    if not isinstance(named, str) or not named or is_loopback(named):
        return ""
    host = host_of(named)
    if host == host_of(base_url):
        return ""
    return host if _HOST.fullmatch(host) else "a place that cannot be read"


def rejection_words(error: str, provider: str) -> str:
    """Say why a gateway did not take an authorisation, from the code in its 402."""
    for part, words in _REJECTIONS:
        if part in error:
            return words.format(provider)
    quoted = " ".join(error.split())[:120]
    return f"It says: “{quoted}”." if quoted else "It gives no reason."

"""Paying for replies: what a face must show before money moves, and what was authorised so far.

Nothing here signs; `engine.opengradient` does, and is imported when a gateway asks for money.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from troth.domain.error import UsageError
from troth.domain.model import Endpoint
from troth.vault.vault import Vault

OPG = 10**18
"""Base units in one OPG (the token has 18 decimals)."""

_BASE = "eip155:8453"
SETTLEMENTS = {
    "private": "Only that you paid this gateway, and how much, goes on the chain.",
    "batch": "A digest of many replies, this one among them, goes on the chain.",
    "individual": "Your whole prompt and the whole reply are published on the chain, for ever.",
}
"""Settlement type -> what it makes public."""


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What the user must see before the first authorisation. Amounts are OPG."""

    provider: str
    wallet: str
    """Address that pays."""
    balance: Decimal | None
    """None where no RPC endpoint for it is configured."""
    amount: Decimal
    """The most that this authorisation can take."""
    pay_to: str
    facilitator: str
    network: str
    valid_until: datetime
    settlement: str
    publishes: str
    """What this settlement type makes public, as a sentence."""
    max_per_session: Decimal
    max_per_day: Decimal
    authorised_today: Decimal
    """Before this one."""
    allowed: Decimal | None = None
    """What the token lets Permit2 draw; None where no RPC endpoint for it is configured."""


Consent = Callable[[PaymentRequest], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The user's caps, in base units of OPG, and how replies are settled."""

    reply: int
    session: int
    day: int
    settlement: str
    pay_to: tuple[str, ...] = ()
    """Lower-case addresses that may be paid where no registry names one."""
    balance_rpc: str = ""

    @classmethod
    def of(cls, endpoint: Endpoint) -> Limits:
        """Read them from an endpoint's options; raise UsageError for what makes no sense."""
        options = endpoint.options
        settlement = str(options.get("settlement", "private"))
        if settlement not in SETTLEMENTS:
            raise UsageError(f"settlement is one of {', '.join(SETTLEMENTS)}")
        given = options.get("pay_to", [])
        listed = given if isinstance(given, list) else [given]
        return cls(
            reply=to_base_units(options.get("max_opg_reply", "0.1")),
            session=to_base_units(options.get("max_opg_session", "1")),
            day=to_base_units(options.get("max_opg_day", "2")),
            settlement=settlement,
            pay_to=tuple(str(address).lower() for address in listed),
            balance_rpc=str(options.get("balance_rpc", "")),
        )


@dataclass(slots=True)
class Payments:
    """Who is asked, and what was authorised in this session and today.

    `ask` is set by a face: without one nobody can say yes, and nothing is paid.
    """

    vault: Callable[[], Vault]
    ask: Consent | None = None
    _agreed: dict[tuple[str, str, str], int] = field(
        default_factory=dict[tuple[str, str, str], int]
    )
    _sessions: dict[str, str] = field(default_factory=dict[str, str])
    _authorised: int = 0

    async def consents(self, request: PaymentRequest) -> bool:
        """Whether the user agrees: asked once a session for a wallet, payee and amount."""
        key = (request.provider, request.wallet, request.pay_to.lower())
        amount = int(request.amount * OPG)
        if self._agreed.get(key, -1) >= amount:
            return True
        if self.ask is None or not await self.ask(request):
            return False
        self._agreed[key] = amount
        return True

    @property
    def authorised(self) -> int:
        """Base units authorised since the program started."""
        return self._authorised

    async def authorised_today(self) -> int:
        return int(await self.vault().state(_today()) or "0")

    async def note(self, amount: int) -> None:
        """Count an authorisation of `amount` base units, before it is sent."""
        self._authorised += amount
        await self.vault().set_state(_today(), str(await self.authorised_today() + amount))

    # sessions are bearer secrets: in memory only, never in an exchange, receipt or the vault

    def session(self, base_url: str) -> str:
        return self._sessions.get(base_url, "")

    def keep_session(self, base_url: str, session: str) -> None:
        self._sessions[base_url] = session

    def drop_session(self, base_url: str) -> None:
        self._sessions.pop(base_url, None)


def to_base_units(given: object) -> int:
    """Read an amount of OPG (`0.1`); raise UsageError unless it is a number from 0 to a million."""
    try:
        amount = Decimal(str(given))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 1_000_000:
        raise UsageError("an amount of OPG is a number such as 0.1")
    return int(amount * OPG)


def to_opg(base_units: int) -> Decimal:
    return Decimal(base_units) / OPG


def _today() -> str:
    return f"opg:{datetime.now(UTC):%Y-%m-%d}"


def _allowance_line(request: PaymentRequest) -> tuple[tuple[str, str], ...]:
    if request.allowed is None:
        return ()
    if request.allowed >= request.amount:
        return (("may draw", f"Permit2 may draw {request.allowed} OPG of this wallet"),)
    words = (
        f"Permit2 may draw only {request.allowed} OPG: this cannot be settled before"
        f" `troth pay approve {request.provider}`, which is asked apart"
    )
    return (("may draw", words),)


def payment_lines(request: PaymentRequest) -> tuple[tuple[str, str], ...]:
    """Return what a person must see before a yes, as rows of name and value."""
    balance = "not known" if request.balance is None else f"{request.balance} OPG"
    return (
        ("at most", f"{request.amount} OPG, authorised now, settled later for what was used"),
        ("to", request.pay_to),
        ("from wallet", request.wallet),
        ("balance", balance),
        *_allowance_line(request),
        ("settled by", request.facilitator),
        ("network", f"Base ({request.network})" if request.network == _BASE else request.network),
        ("valid until", f"{request.valid_until.astimezone():%d %b %Y %H:%M:%S}"),
        ("settlement", f"{request.settlement}. {request.publishes}"),
        (
            "your limits",
            f"{request.max_per_session} OPG a session, {request.max_per_day} a day;"
            f" {request.authorised_today} authorised today",
        ),
    )

"""Paying for replies: what a face must show before money moves, and what was authorised so far.

Nothing here signs; `engine.opengradient` does, and is imported when a gateway asks for money.
"""

from __future__ import annotations

import asyncio
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
    "private": "Only that you paid this gateway, and how much, goes public, if it keeps to that.",
    "batch": "A digest of many replies goes on the chain, this one too, if it keeps to that.",
    "individual": "Your whole prompt and the whole reply are published on the chain, for ever.",
}
"""Settlement type -> what it makes public; what the gateway does is not seen from here."""


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
    valid_s: int
    """How many seconds it can be drawn on, counted from the yes."""
    settlement: str
    publishes: str
    """What this settlement type makes public, as a sentence."""
    max_per_session: Decimal
    max_per_day: Decimal
    authorised_today: Decimal
    """Before this one."""
    allowed: Decimal | None = None
    """What the token lets Permit2 draw; None where no RPC endpoint for it is configured."""
    other_host: str = ""
    """Where the gateway says that the payment is for a host that was not asked: that one."""

    def covers(self, other: PaymentRequest) -> bool:
        """Whether a yes to this one is a yes to `other`: nothing in it is new, nothing more."""
        return (
            self.amount >= other.amount
            and self.valid_s >= other.valid_s
            and all(getattr(self, name) == getattr(other, name) for name in _SAME)
        )


_SAME = ("provider", "wallet", "pay_to", "facilitator", "network", "settlement", "other_host")

Consent = Callable[[PaymentRequest], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The user's caps, in base units of OPG, and how replies are settled."""

    reply: int
    session: int
    day: int
    settlement: str
    valid_s: int = 3600
    """The longest that an authorisation may be drawn on. The published gateway asks for an hour
    (tee-gateway `definitions.py` at 2028486), which older ones kept to five minutes."""
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
            valid_s=_seconds(options.get("max_valid_s", 3600)),
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
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from the look at the caps until the authorisation is counted: two replies at once are
    asked about one after the other, and never count on the same rest."""
    _agreed: list[PaymentRequest] = field(default_factory=list[PaymentRequest])
    _sessions: dict[str, str] = field(default_factory=dict[str, str])
    _authorised: int = 0

    async def consents(self, request: PaymentRequest) -> bool:
        """Whether the user agrees: asked again where anything but the balance is new."""
        if any(agreed.covers(request) for agreed in self._agreed):
            return True
        if self.ask is None or not await self.ask(request):
            return False
        self._agreed.append(request)
        return True

    @property
    def authorised(self) -> int:
        """Base units authorised since the program started."""
        return self._authorised

    async def authorised_today(self) -> int:
        return int(await self.vault().state(_today()) or "0")

    async def note(self, amount: int, most_a_day: int) -> bool:
        """Count an authorisation of `amount` base units, before it is sent. Take `turn` first.

        False, and not counted, where another program has used up what was left of the day.
        """
        is_counted = await self.vault().count_up(_today(), amount, most_a_day)
        self._authorised += amount if is_counted else 0
        return is_counted

    # sessions are bearer secrets: in memory only, never in an exchange, receipt or the vault

    def session(self, purse: str) -> str:
        """Return the session that `purse` opened, which names gateway, provider and wallet."""
        return self._sessions.get(purse, "")

    def keep_session(self, purse: str, session: str) -> None:
        self._sessions[purse] = session

    def drop_session(self, purse: str, session: str) -> None:
        """Forget a session that has ended, unless another one has taken its place."""
        if self._sessions.get(purse) == session:
            del self._sessions[purse]


def to_base_units(given: object) -> int:
    """Read an amount of OPG (`0.1`); raise UsageError unless it is a number from 0 to a million."""
    try:
        amount = Decimal(str(given))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 1_000_000:
        raise UsageError("an amount of OPG is a number such as 0.1")
    return int(amount * OPG)


def _seconds(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 86_400:
        raise UsageError("max_valid_s is a number of seconds, at most 86400")
    return given


def to_opg(base_units: int) -> Decimal:
    return Decimal(base_units) / OPG


def written_opg(amount: Decimal) -> str:
    """Write an amount for people: `0.1 OPG`, and never as `1E-18`."""
    return f"{amount.normalize():f} OPG"


def _today() -> str:
    return f"opg:{datetime.now(UTC):%Y-%m-%d}"


def _allowance_line(request: PaymentRequest) -> tuple[tuple[str, str], ...]:
    if request.allowed is None:
        return ()
    if request.allowed >= request.amount:
        return (("may draw", f"Permit2 may draw {written_opg(request.allowed)} of this wallet"),)
    words = (
        f"Permit2 may draw only {written_opg(request.allowed)}: this cannot be settled before"
        f" `troth pay approve {request.provider}`, which is asked apart"
    )
    return (("may draw", words),)


def payment_lines(request: PaymentRequest) -> tuple[tuple[str, str], ...]:
    """Return what a person must see before a yes, as rows of name and value."""
    balance = "not known" if request.balance is None else written_opg(request.balance)
    return (
        *_stranger_line(request),
        (
            "at most",
            f"{written_opg(request.amount)}, authorised now, settled later for what was used",
        ),
        ("to", request.pay_to),
        ("from wallet", request.wallet),
        ("balance", balance),
        *_allowance_line(request),
        ("settled by", request.facilitator),
        ("network", f"Base ({request.network})" if request.network == _BASE else request.network),
        ("valid", f"for {_duration(request.valid_s)} after your yes"),
        ("settlement", f"{request.settlement}. {request.publishes}"),
        (
            "your limits",
            f"{written_opg(request.max_per_session)} until Troth ends,"
            f" {written_opg(request.max_per_day)} a day;"
            f" {written_opg(request.authorised_today)} authorised today",
        ),
        ("asked again", "not for the same terms until Troth ends; your limits hold all the same"),
    )


def _duration(seconds: int) -> str:
    for size, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    raise AssertionError("every number of seconds is one of seconds")


def _stranger_line(request: PaymentRequest) -> tuple[tuple[str, str], ...]:
    if not request.other_host:
        return ()
    words = f"the gateway says that this pays for {request.other_host}, which you did not ask"
    return (("BEWARE", words),)

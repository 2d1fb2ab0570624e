"""The door for signature and attestation schemes: pure, from bytes and trust to a verdict.

A new scheme is one new file and one row in `registry`. A verifier never touches the network: it
says what evidence it wants, the engine fetches and stores it, and the check can be run again
offline for years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from troth.domain.exchange import Exchange, HttpRequest, HttpResponse
from troth.domain.verdict import Verdict
from troth.verifiers.trust import Trust

VERIFIER = "troth 2"
"""Stands in every verdict: raised when the same bytes could come out differently than before."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Evidence that a verifier asks for. `name` is its key in the evidence mapping.

    A name carries what the check needs to know of the request (`attestation:<nonce hex>`), so that
    stored evidence can be checked again without the request that fetched it.
    """

    name: str
    request: HttpRequest
    is_live: bool
    """Whether it only proves something when fetched now (a nonce of ours is in it)."""
    needs_key: bool = False
    """Whether the provider answers only with the user's key; the engine adds it, as a secret."""
    may_lag: bool = False
    """Whether it is written down only after the reply ended: a 404 may mean "not yet"."""


Evidence = Mapping[str, HttpResponse]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the engine knows about an exchange and no byte of it can say.

    `route` is one of `direct` (HTTPS to the provider or gateway), `relay` (sealed, Oblivious
    HTTP), `veil` (a verifying proxy on loopback), `device` (the user's own machine) and `import`.
    """

    provider: str = ""
    model: str = ""
    message_id: str = ""
    route: str = "direct"
    shown_text: str | None = None
    """The reply's text as the chat shows it; None when it is not known. Must be the signed text."""
    shown_kinds: frozenset[str] = frozenset()
    """What else of the reply is on the screen: `image`, `thinking`, `source`, `document`."""
    shown_pictures: tuple[str, ...] | None = None
    """SHA-256 (hex) of the pictures on the screen; None where that is not known."""
    tls_certificate: bytes | None = None
    """DER of the certificate that the other end of a direct connection showed."""
    is_foreign: bool = False
    """The evidence came in a stranger's file: only what proves itself may count."""
    judged_at: datetime | None = None
    """The moment for which evidence must be valid; None = when the reply came."""


@dataclass(frozen=True, slots=True)
class SignedParts:
    """What a signature is over, spelt out for a receipt, so that a second program can follow."""

    scheme: str
    """With its profile: `opengradient/v1`."""
    algorithm: str
    canonical_request: bytes
    """The bytes of the request that were hashed."""
    signed_output: bytes
    """The bytes of the reply that were hashed."""
    message: bytes
    """What the signature is over."""
    signature: bytes
    public_key: bytes
    """SPKI DER; empty when it is not known here."""


class Verifier(Protocol):
    """One scheme."""

    @property
    def scheme(self) -> str: ...

    def recognizes(self, exchange: Exchange, facts: Facts) -> bool:
        """Whether this exchange carries this scheme's marks. Cheap; never raises."""
        ...

    def wants(
        self, exchange: Exchange, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        """Return what else is needed to reach this scheme's strongest verdict.

        `nonce` is 32 fresh random bytes.
        """
        ...

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, facts: Facts
    ) -> Verdict:
        """Run every check, none stopping the others, and fold them. Never raises on bad input."""
        ...

    def signed_parts(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> SignedParts | None:
        """Return what was signed, None when nothing (whole) was. Proves nothing by itself."""
        ...


@runtime_checkable
class Asking(Protocol):
    """A scheme whose evidence leads to more: what to ask next depends on what came."""

    def wants_more(
        self, exchange: Exchange, evidence: Evidence, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        """Return what else is needed beside `evidence`; nothing new when it is enough."""
        ...


@runtime_checkable
class Naming(Protocol):
    """A scheme that finds its signature without spelling out what it is over."""

    def signature_name(self, exchange: Exchange) -> str:
        """Return what the replay memory calls the signature; "" where there is none."""
        ...

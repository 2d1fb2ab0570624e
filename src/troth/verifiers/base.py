"""The door for signature and attestation schemes: pure, from bytes and trust to a verdict.

A new scheme is one new file and one row in `registry`. A verifier never touches the network: it
says what evidence it wants, the engine fetches and stores it, and the check can be run again
offline for years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from troth.domain.exchange import Exchange, HttpRequest, HttpResponse
from troth.domain.verdict import Verdict
from troth.verifiers.trust import Trust


@dataclass(frozen=True, slots=True)
class Wanted:
    """Evidence that a verifier asks for. `name` is its key in the evidence mapping."""

    name: str
    request: HttpRequest
    is_live: bool
    """Whether it only proves something when fetched now (a nonce of ours is in it)."""


Evidence = Mapping[str, HttpResponse]


class Verifier(Protocol):
    """One scheme."""

    @property
    def scheme(self) -> str: ...

    def recognizes(self, exchange: Exchange) -> bool:
        """Whether this exchange carries this scheme's marks. Cheap; never raises."""
        ...

    def wants(self, exchange: Exchange, nonce: bytes) -> tuple[Wanted, ...]:
        """Return what else is needed to reach this scheme's strongest verdict."""
        ...

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime
    ) -> Verdict:
        """Run every check, none stopping the others, and fold them. Never raises on bad input."""
        ...

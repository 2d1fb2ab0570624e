"""What was checked about a reply and what came out: values that mean the same for years.

A verdict is never a bare yes: it is every check with its outcome, and a state folded from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """The result of one check."""

    PASSED = "passed"
    FAILED = "failed"
    CANNOT_CHECK = "cannot-check"
    """Evidence or a network answer is missing; trying again may help."""
    NOT_COVERED = "not-covered"
    """Not part of this scheme: it neither helps nor harms."""


class State(StrEnum):
    """The headline, in the words that `--json` prints. Only `verified-*` is ever green."""

    VERIFIED_ATTESTED = "verified-attested"
    VERIFIED_CODE_UNKNOWN = "verified-code-unknown"
    VERIFIED_REGISTRY = "verified-registry"
    VERIFIED_PINNED = "verified-pinned"
    SIGNED_UNKNOWN_KEY = "signed-unknown-key"
    PARTLY_COVERED = "partly-covered"
    PRIVATE_CHANNEL = "private-channel"
    INCOMPLETE = "incomplete"
    TLS_ONLY = "tls-only"
    LOCAL = "local"
    UNSIGNED_EXPECTED = "unsigned-expected"
    STALE = "stale"
    PLATFORM_OUTDATED = "platform-outdated"
    FAILED = "failed"
    CANNOT_CHECK = "cannot-check"
    IMPORTED = "imported"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer.

    `name` is a stable slug (`reply-bytes`, `request-bytes`, `signature`, `signing-key`,
    `hardware`, `code`, `freshness`, `coverage`, ...); `detail` holds facts for people, in English.
    """

    name: str
    outcome: Outcome
    detail: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    """What the check measured, for programs: names and values. A `code` check gives `platform` and
    the registers of the hardware document (`pcr0`, `mrtd`, ...) as lower-case hex."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of one verification run.

    `scheme` names the signature scheme with its profile (`opengradient/v1`), or `none`.
    `checked_at` is aware UTC and comes from the caller: verifiers own no clock.
    """

    state: State
    scheme: str
    checks: tuple[Check, ...]
    checked_at: datetime
    verifier: str = ""
    """Name and version of the verifier, so that a re-check years later can be compared."""
    key_fingerprint: str = ""
    signed_at: datetime | None = None
    """The signer's own clock."""
    is_simulated: bool = False
    """Checked against the trust of `troth demo`: every face must say SIMULATED beside the state."""

    @property
    def is_verified(self) -> bool:
        return self.state.value.startswith("verified-")

    @property
    def is_loud(self) -> bool:
        """Whether a face must not let this pass quietly."""
        return self.state in {State.FAILED, State.UNSIGNED_EXPECTED}

"""Before a prompt leaves for an OpenGradient enclave: who would read it, and may they.

What is sealed to the wrong key is told to the wrong party, and no check afterwards takes it back.
So the key's owner is judged first; what is not known to be allowed is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from troth.domain.verdict import Outcome, State
from troth.verifiers.base import Evidence, Facts
from troth.verifiers.fold import Finding, satisfies, weakest
from troth.verifiers.opengradient_hardware import check_hardware
from troth.verifiers.opengradient_keys import (
    SigningKey,
    candidate_keys,
    judge_key,
    tee_id_of,
)
from troth.verifiers.opengradient_sealing import SignedOhttp, check_sealing
from troth.verifiers.trust import OhttpConfig, Trust


@dataclass(frozen=True, slots=True)
class BeforeSend:
    """May the prompt leave? `reached` is the best state that a reply of this key can have."""

    findings: tuple[Finding, ...]
    reached: State
    is_allowed: bool
    policy: str = ""

    @property
    def reason(self) -> str:
        """Return why not, as a sentence: what failed, else what is open and the policy wants."""
        for finding in self.findings:
            if finding.outcome is Outcome.FAILED:
                return finding.detail
        is_open = [f for f in self.findings if f.outcome is Outcome.CANNOT_CHECK]
        wanted = ("hardware", "code") if self.policy == "attested" else ("registry", "signing-key")
        is_open.sort(key=lambda finding: finding.name not in wanted)
        return is_open[0].detail if is_open else ""


def check_before_send(
    spki: bytes,
    evidence: Evidence,
    trust: Trust,
    now: datetime,
    *,
    facts: Facts,
    policy: str,
    sealing: OhttpConfig | None = None,
    signed_sealing: SignedOhttp | None = None,
) -> BeforeSend:
    """Judge the enclave that holds the signing key `spki`, for a chat's policy.

    `evidence` is what `wanted_from_gateway` asked for, as far as it came. `sealing` is the key that
    the prompt would be sealed to, from the registry; `signed_sealing` the same as the enclave signs
    it, where the gateway is new enough to offer that.
    """
    hardware = check_hardware(evidence, trust, facts, spki, now)
    known = next((k for k in candidate_keys(evidence, trust, facts) if k.spki == spki), None)
    key = known or SigningKey(spki)
    judged = judge_key(key, tee_id_of(spki), hardware, trust, facts, now)
    findings = [*hardware.findings, *judged.findings]
    if sealing is not None:
        listing = next((f for f in judged.findings if f.name == "registry"), None)
        wants_hardware = policy == "attested"
        findings.append(
            check_sealing(
                key, sealing, signed_sealing, listing=listing, wants_hardware=wants_hardware
            )
        )
    has_failed = any(f.outcome is Outcome.FAILED for f in findings)
    reached = weakest([judged.reached, State.FAILED]) if has_failed else judged.reached
    is_allowed = not has_failed and satisfies(reached, policy)
    return BeforeSend(tuple(findings), reached, is_allowed, policy)

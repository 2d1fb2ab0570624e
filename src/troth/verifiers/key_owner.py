"""Whose key signed: pinned by the user, held by proven hardware, or nobody's that we know.

For schemes whose keys are addresses or raw keys. The user's own decisions come first: a distrusted
key never counts, and where keys are pinned for a provider no other key does, hardware or not.
"""

from __future__ import annotations

from dataclasses import dataclass

from troth.domain.verdict import State
from troth.verifiers.base import Facts
from troth.verifiers.fold import Finding, cannot_check, failed, passed, strongest
from troth.verifiers.trust import Trust, short


@dataclass(frozen=True, slots=True)
class Vouching:
    """What hardware says of a key."""

    is_bound: bool = False
    """Genuine hardware names the key, whether or not it is sound today."""
    is_sound: bool = False
    knows_code: bool = False


NOBODY = Vouching()
"""No hardware speaks for the key."""


def check_owner(
    fingerprint: str, scheme: str, vouching: Vouching, trust: Trust, facts: Facts
) -> tuple[Finding, State]:
    """Say who stands for a key, and how high a headline that allows."""
    name = short(fingerprint)
    if trust.distrust_of(fingerprint) is not None:
        return failed("signing-key", "You distrust this key."), State.SIGNED_UNKNOWN_KEY
    pins = [pin for pin in trust.keys if pin.scheme == scheme]
    if not facts.is_foreign:
        pins = [pin for pin in pins if pin.counts_for(facts.provider)]
    pin = next((pin for pin in pins if pin.fingerprint.lower() == fingerprint.lower()), None)
    if pin is None and any(pin.providers for pin in pins) and not facts.is_foreign:
        reason = f"Replies here must be signed with a key that you pinned; {name} is none."
        return failed("signing-key", reason), State.SIGNED_UNKNOWN_KEY
    reached = [State.VERIFIED_PINNED] if pin is not None else []
    if vouching.is_bound and vouching.is_sound:
        known = vouching.knows_code
        reached.append(State.VERIFIED_ATTESTED if known else State.VERIFIED_CODE_UNKNOWN)
    if pin is not None:
        return passed("signing-key", f"The key {name} is pinned as {pin.name}."), strongest(reached)
    if reached:
        reason = f"The key {name} lives in the machine whose hardware was proven."
        return passed("signing-key", reason), strongest(reached)
    if vouching.is_bound:
        reason = (
            f"A genuine machine holds the key {name}; whether that machine is sound could not be"
            " checked."
        )
        return cannot_check("signing-key", reason, State.CANNOT_CHECK), State.SIGNED_UNKNOWN_KEY
    reason = f"Nobody vouches for the key {name}: anyone could have made it."
    return cannot_check("signing-key", reason), State.SIGNED_UNKNOWN_KEY

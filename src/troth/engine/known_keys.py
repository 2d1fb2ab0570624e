"""The key that signed a reply: who vouches for it, and what the user decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from troth.domain.exchange import Exchange
from troth.domain.verdict import Verdict
from troth.engine.trusting import TrustFile
from troth.verifiers.base import Evidence, Facts
from troth.verifiers.registry import signed_parts_of
from troth.verifiers.trust import PinnedKey, Trust, fingerprint_of


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A signing key as a person meets it."""

    fingerprint: str
    scheme: str
    provider: str
    spki: bytes = b""
    """DER, where it came with the reply's evidence: what is pinned can be checked offline."""
    pinned_as: str = ""
    since: date | None = None
    is_own_pin: bool = False
    """Whether the pin stands in the user's own file, and not in the one that comes with Troth."""
    distrusted_because: str | None = None
    """The reason, perhaps empty; None when it is not distrusted."""
    registry: str = ""
    """Name of the registry that lists it, as far as was looked."""


def known_key_of(
    exchange: Exchange, evidence: Evidence, verdict: Verdict, trust: Trust, own: Trust, facts: Facts
) -> KnownKey:
    """Gather what is known of the key in a verdict."""
    fingerprint = verdict.key_fingerprint
    signed = signed_parts_of(exchange, evidence, trust, facts=facts)
    spki = signed.public_key if signed is not None else b""
    if spki and fingerprint_of(spki) != fingerprint:
        spki = b""
    pin = next((key for key in trust.keys if key.fingerprint == fingerprint), None)
    distrust = trust.distrust_of(fingerprint)
    record = next((r for r in trust.records if fingerprint_of(r.public_key) == fingerprint), None)
    return KnownKey(
        fingerprint=fingerprint,
        scheme=verdict.scheme.partition("/")[0],
        provider=facts.provider,
        spki=spki,
        pinned_as=pin.name if pin else "",
        since=pin.since if pin else None,
        is_own_pin=any(key.fingerprint == fingerprint for key in own.keys),
        distrusted_because=distrust.reason if distrust else None,
        registry=record.registry if record else "",
    )


async def pin_known(trust_file: TrustFile, key: KnownKey, name: str) -> None:
    """Pin a key for the provider whose reply it signed."""
    await trust_file.pin(
        PinnedKey(
            name=name,
            fingerprint=key.fingerprint,
            scheme=key.scheme,
            spki=key.spki,
            providers=(key.provider,) if key.provider else (),
            source="pinned from a reply",
        )
    )

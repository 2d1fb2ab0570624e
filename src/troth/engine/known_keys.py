"""The key that signed a reply: who vouches for it, and what the user decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from troth.domain.exchange import Exchange
from troth.domain.verdict import Verdict
from troth.engine.known_code import code_named, measured_in
from troth.engine.trusting import TrustFile
from troth.verifiers.base import Evidence, Facts
from troth.verifiers.fold import MeasuredFacts
from troth.verifiers.opengradient_names import SCHEME
from troth.verifiers.opengradient_records import known_records
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
    can_be_listed: bool = False
    """Whether there are registries for keys of its kind, which can be asked."""
    measured: MeasuredFacts = ()
    """The code of the genuine machine that holds it; () where none was proven."""
    code_name: str = ""
    """What that code is known as; "" for code that nobody knows."""
    is_own_code: bool = False
    """Whether it is known from the user's own file."""


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
    measured = () if verdict.is_simulated else measured_in(verdict)
    known = trust.code_of(measured)
    records = known_records(evidence, trust, facts)
    record = next((r for r in records if fingerprint_of(r.public_key) == fingerprint), None)
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
        can_be_listed=verdict.scheme.startswith(SCHEME) and not verdict.is_simulated,
        measured=measured,
        code_name=known.name if known else "",
        is_own_code=known in own.measurements,
    )


async def pin_known(trust_file: TrustFile, key: KnownKey, name: str) -> tuple[PinnedKey, ...]:
    """Pin a key for the provider whose reply it signed; return those that count there beside it."""
    pinned = PinnedKey(
        name=name,
        fingerprint=key.fingerprint,
        scheme=key.scheme,
        spki=key.spki,
        providers=(key.provider,) if key.provider else (),
        source="pinned from a reply",
    )
    await trust_file.pin(pinned)
    return trust_file.pinned_beside(pinned)


async def know_code(trust_file: TrustFile, key: KnownKey, name: str) -> None:
    """Know the code of the machine that holds a key by this name from now on."""
    await trust_file.know(code_named(name, key.measured, "named from a reply"))

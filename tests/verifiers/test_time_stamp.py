"""Time stamps of pictures: what a clock that counts is worth, and every stamp that is none."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from troth.verifiers.c2pa import PictureProof, PictureState, verify_picture
from troth.verifiers.pictures import describe
from troth.verifiers.time_stamp import StampInvalid, check_stamp
from troth.verifiers.trust import Trust, TrustedRoot
from verifiers import credentials as make
from verifiers.clocks import Clock, over_claim, over_signature, unprotected
from verifiers.credentials import Recipe
from verifiers.picture_authority import EMAIL, NOW, Authority, der, pem
from verifiers.reference import flip, trusting

S = PictureState
STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)
LATER = NOW + timedelta(days=900)
"""When the signer's certificate has long expired."""


@pytest.fixture(scope="module")
def clocks() -> Authority:
    return Authority("Clocks")


@pytest.fixture(scope="module")
def clock(clocks: Authority) -> Clock:
    return Clock(clocks.signer("ps256", uses=STAMPING))


@pytest.fixture(scope="module")
def trust(authority: Authority, clocks: Authority) -> Trust:
    whole = der(clocks.root)
    root = TrustedRoot(
        "the tests' clock", "c2pa-time", hashlib.sha256(whole).hexdigest(), certificate=whole
    )
    return replace(trusting(authority), roots=(*trusting(authority).roots, root))


def stamped(authority: Authority, clock: Clock, version: int = 2) -> bytes:
    def stamp(protected: bytes, claim: bytes, signature: bytes) -> dict[Any, Any]:
        if version == 2:
            return unprotected("sigTst2", clock.token(over_signature(protected, signature)))
        return unprotected("sigTst", clock.token(over_claim(protected, claim), whole=True))

    recipe = Recipe(version=version, stamp=stamp)
    return make.signed(make.plain(), authority.signer(), recipe)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("algorithm", ["ps256", "es256"])
def test_a_stamp_keeps_what_was_signed_before_the_certificate_expired(
    version: int, algorithm: str, authority: Authority, clocks: Authority, trust: Trust
) -> None:
    clock = Clock(clocks.signer(algorithm, uses=STAMPING))
    picture = stamped(authority, clock, version)
    proof = verify_picture(picture, trust, LATER)
    assert proof.state is S.SIGNED, proof.stamp_fault
    assert (proof.stamped_at, proof.stamped_by) == (NOW, "the tests' clock")
    said = describe(proof, LATER)
    assert "It was signed by 22 Nov 2026, by a clock that the tests' clock vouches for." in said
    assert success_codes(picture, authority, clocks) >= {"timeStamp.validated"}


def success_codes(picture: bytes, authority: Authority, clocks: Authority) -> set[str]:
    """Return what the reference library found to hold."""
    c2pa = pytest.importorskip("c2pa")
    anchors = pem(authority.root) + pem(clocks.root)
    settings = {
        "trust": {"trust_anchors": anchors},
        "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    context = c2pa.Context(c2pa.Settings.from_dict(settings))
    with c2pa.Reader("image/png", io.BytesIO(picture), context=context) as reader:
        found = (reader.get_validation_results() or {})["activeManifest"]
    return {code["code"] for code in found["success"]}


def test_without_a_stamp_nothing_shows_when_it_was_signed(
    authority: Authority, trust: Trust
) -> None:
    picture = make.signed(make.plain(), authority.signer())
    assert verify_picture(picture, trust, LATER).state is S.OUT_OF_DATE


def of_another_root(authority: Authority, clocks: Authority) -> bytes:
    return stamped(authority, Clock(Authority("Else").signer(uses=STAMPING)))


def for_other_use(authority: Authority, clocks: Authority) -> bytes:
    return stamped(authority, Clock(clocks.signer(uses=(EMAIL,))))


def for_more_uses(authority: Authority, clocks: Authority) -> bytes:
    return stamped(authority, Clock(clocks.signer(uses=(*STAMPING, EMAIL))))


def expired_clock(authority: Authority, clocks: Authority) -> bytes:
    old = (NOW - timedelta(days=400), NOW - timedelta(days=30))
    return stamped(authority, Clock(clocks.signer(uses=STAMPING, valid=old)))


def of_something_else(authority: Authority, clocks: Authority) -> bytes:
    clock = Clock(clocks.signer(uses=STAMPING))

    def stamp(protected: bytes, claim: bytes, signature: bytes) -> dict[Any, Any]:
        return unprotected("sigTst2", clock.token(over_signature(protected, b"another")))

    return make.signed(make.plain(), authority.signer(), Recipe(stamp=stamp))


def no_time_stamp(authority: Authority, clocks: Authority) -> bytes:
    signer = clocks.signer(uses=STAMPING)
    return stamped(authority, Clock(signer, kind="1.2.840.113549.1.7.1"))


def to_come(authority: Authority, clocks: Authority) -> bytes:
    return stamped(authority, Clock(clocks.signer(uses=STAMPING), at=LATER + timedelta(days=1)))


NONE: dict[str, Callable[[Authority, Authority], bytes]] = {
    "a clock that is not trusted": of_another_root,
    "a certificate for mail": for_other_use,
    "a certificate for mail too": for_more_uses,
    "a clock that had expired": expired_clock,
    "of another signature": of_something_else,
    "no time stamp at all": no_time_stamp,
    "of a time to come": to_come,
}


@pytest.mark.parametrize("what", NONE)
def test_a_stamp_that_does_not_count_changes_nothing(
    what: str, authority: Authority, clocks: Authority, trust: Trust
) -> None:
    picture = NONE[what](authority, clocks)
    late = verify_picture(picture, trust, LATER)
    assert late.state is S.OUT_OF_DATE
    assert late.stamp_fault
    assert "Its time stamp does not count" in describe(late, LATER)
    assert verify_picture(picture, trust, NOW).state is S.SIGNED, "it needs none yet"


def test_a_stamp_may_also_say_that_it_was_signed_too_late(
    authority: Authority, clocks: Authority, trust: Trust
) -> None:
    late = NOW + timedelta(days=350)
    clock = Clock(clocks.signer(uses=STAMPING, valid=(NOW, LATER)), at=late)
    proof = verify_picture(stamped(authority, clock), trust, LATER)
    assert proof.state is S.OUT_OF_DATE
    assert "at another time than it was signed" in describe(proof, LATER)


def test_no_changed_byte_of_a_stamp_moves_its_time(clock: Clock, trust: Trust) -> None:
    token = clock.token(b"what was signed")
    whole = check_stamp(token, b"what was signed", trust)
    assert whole.at == NOW
    kept = 0
    for place in range(len(token)):
        for bit in (1, 0x80):
            changed = token[:place] + bytes([token[place] ^ bit]) + token[place + 1 :]
            try:
                assert check_stamp(changed, b"what was signed", trust) == whole
                kept += 1
            except StampInvalid:
                continue
    assert kept < 400, "what its signature leaves out: numbers, names, the list of algorithms"
    for end in range(0, len(token), 9):
        with pytest.raises(StampInvalid):
            check_stamp(token[:end], b"what was signed", trust)


def test_changed_bytes_of_a_stamped_picture_prove_nothing_new(
    authority: Authority, clock: Clock, trust: Trust
) -> None:
    picture = stamped(authority, clock)
    place = picture.index(b"caBX") + 4
    whole = verify_picture(picture, trust, NOW)
    from verifiers.reference import resum

    def same(proof: PictureProof, other: PictureProof) -> bool:
        when: datetime | None = None
        blank = {"stamped_at": when, "stamped_by": "", "stamp_fault": ""}
        return replace(proof, **blank) == replace(other, **blank)

    for at in range(place, len(picture) - 12, 3):
        proof = verify_picture(resum(flip(picture, at)), trust, NOW)
        assert not proof.is_signed or same(proof, whole)
        assert proof.stamped_at in (None, NOW)

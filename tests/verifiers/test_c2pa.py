"""Content Credentials: what holds, and every way in which they do not.

Each case is also put to the reference library, where it has a wheel: whatever it calls invalid
must not be green here, and what it trusts must be.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from troth.verifiers.c2pa import PictureProof, PictureState, verify_picture
from troth.verifiers.trust import DistrustedKey, Trust, fingerprint_of
from verifiers import credentials as make
from verifiers import picture_authority
from verifiers.credentials import FORMS, Recipe
from verifiers.picture_authority import NOW, Authority, Signer
from verifiers.reference import (
    flip,
    oracle,
    resum,
    signed_by_reference,
    trusting,
)

S = PictureState


@pytest.fixture(scope="module")
def trust(authority: Authority) -> Trust:
    return trusting(authority)


# -- what holds


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("is_relative", [False, True])
def test_a_picture_that_was_left_alone_is_signed(
    form: str, version: int, is_relative: bool, authority: Authority, signer: Signer, trust: Trust
) -> None:
    recipe = Recipe(version=version, is_relative=is_relative)
    picture = make.signed(make.plain(form), signer, recipe)
    proof = verify_picture(picture, trust, NOW)
    assert proof.state is S.SIGNED, proof.reason
    assert (proof.signer, proof.root) == ("Example AI", "the tests' root")
    assert proof.is_made_by_model
    assert proof.left_out == 0
    assert oracle(picture, authority)[0] == "Trusted"


@pytest.mark.parametrize("algorithm", picture_authority.ALGORITHMS)
def test_every_algorithm_of_the_specification_is_known(
    algorithm: str, authority: Authority, trust: Trust
) -> None:
    picture = make.signed(make.plain(), authority.signer(algorithm))
    assert verify_picture(picture, trust, NOW).state is S.SIGNED
    assert oracle(picture, authority)[0] == "Trusted"


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_longer_hashes_are_known(
    algorithm: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    picture = make.signed(make.plain(), signer, Recipe(algorithm=algorithm))
    assert verify_picture(picture, trust, NOW).state is S.SIGNED
    assert oracle(picture, authority)[0] == "Trusted"


def test_certificates_may_stand_outside_the_signature_as_older_writers_do(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    recipe = Recipe(version=1, unprotected_chain=True, is_tagged=False)
    picture = make.signed(make.plain(), signer, recipe)
    assert verify_picture(picture, trust, NOW).state is S.SIGNED


def test_a_store_larger_than_a_segment_of_a_jpeg_is_put_together(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    more = [("org.example.large", {"filling": bytes(150_000)})]
    picture = make.signed(make.plain("jpeg"), signer, Recipe(more=more))
    assert picture.count(b"\xff\xeb") >= 3
    assert verify_picture(picture, trust, NOW).state is S.SIGNED
    assert oracle(picture, authority)[0] == "Trusted"


@pytest.mark.parametrize("form", FORMS)
def test_what_the_reference_library_signs_is_signed(
    form: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    picture = signed_by_reference(make.plain(form), signer)
    assert oracle(picture, authority)[0] == "Trusted"
    proof = verify_picture(picture, trust, NOW)
    assert proof.state is S.SIGNED, proof.reason
    assert proof.generator == "troth-tests"


# -- what does not


def pixel_changed(picture: bytes) -> bytes:
    return flip(picture, picture.index(b"IDAT") + 20)


def claim_changed(picture: bytes) -> bytes:
    return resum(picture.replace(b"xmp:iid:1", b"xmp:iid:2"))


def assertion_changed(picture: bytes) -> bytes:
    return resum(picture.replace(b"trainedAlgorithmicMedia", b"digitalCaptureAsIfItWas"))


def binding_changed(picture: bytes) -> bytes:
    """Let the assertion leave out one byte more than what was signed."""
    at = picture.index(b"flength") + 7
    return resum(flip(picture, at + 2))


def moved(picture: bytes) -> bytes:
    """Put the credentials into another picture of the same size."""
    at = picture.index(b"caBX") - 4
    size = 12 + int.from_bytes(picture[at : at + 4], "big")
    other = make.plain(seed=99)
    return other[:33] + picture[at : at + size] + other[33:]


def appended(picture: bytes) -> bytes:
    return picture + b"and more"


def signature_changed(picture: bytes) -> bytes:
    return resum(flip(picture, picture.index(b"caBX") + int.from_bytes(
        picture[picture.index(b"caBX") - 4 : picture.index(b"caBX")], "big"
    ) - 5))  # fmt: skip


ALTERED: dict[str, Callable[[bytes], bytes]] = {
    "a pixel": pixel_changed,
    "the claim": claim_changed,
    "an assertion": assertion_changed,
    "the range that is left out": binding_changed,
    "moved to another picture": moved,
    "something behind the end": appended,
    "the signature": signature_changed,
}
CODES = {
    "claimSignature.mismatch",
    "assertion.dataHash.mismatch",
    "assertion.hashedURI.mismatch",
}
"""What the reference library calls the failures that mean that something was altered."""


@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_is_called_so(
    what: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    picture = make.signed(make.plain(), signer)
    changed = ALTERED[what](picture)
    assert changed != picture
    assert verify_picture(changed, trust, NOW).state is S.ALTERED
    state, codes = oracle(changed, authority)
    assert state == "Invalid"
    assert codes & CODES


@pytest.mark.parametrize("form", FORMS)
def test_a_changed_byte_of_any_kind_of_file_is_seen(
    form: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    bare = make.plain(form)
    picture = make.signed(bare, signer)
    place = picture.index(bare[-24:-8]) + 3
    changed = flip(picture, place)
    assert verify_picture(changed, trust, NOW).state is S.ALTERED
    assert oracle(changed, authority)[0] == "Invalid"


def of_foreign_root(authority: Authority) -> bytes:
    return make.signed(make.plain(), Authority("Somebody Else").signer(name="OpenAI"))


def expired(authority: Authority) -> bytes:
    old = (NOW - timedelta(days=400), NOW - timedelta(days=35))
    return make.signed(make.plain(), authority.signer(valid=old))


def for_other_use(authority: Authority) -> bytes:
    return make.signed(make.plain(), authority.signer(uses=(ExtendedKeyUsageOID.SERVER_AUTH,)))


def for_any_use(authority: Authority) -> bytes:
    uses = (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, picture_authority.EMAIL)
    return make.signed(make.plain(), authority.signer(uses=uses))


def by_an_authority(authority: Authority) -> bytes:
    return make.signed(make.plain(), authority.signer(is_ca=True))


def undeclared(authority: Authority) -> bytes:
    recipe = Recipe(undeclared=[("org.example.late", {"said": "later"})])
    return make.signed(make.plain(), authority.signer(), recipe)


def missing(authority: Authority) -> bytes:
    return make.signed(make.plain(), authority.signer(), Recipe(after=lambda boxes: boxes.pop(0)))


def doubled(authority: Authority) -> bytes:
    picture = make.signed(make.plain(), authority.signer())
    at = picture.index(b"caBX") - 4
    size = 12 + int.from_bytes(picture[at : at + 4], "big")
    return picture[: at + size] + picture[at:]


def cut_short(authority: Authority) -> bytes:
    return make.signed(make.plain(), authority.signer())[:900]


def unbound(authority: Authority) -> bytes:
    store = make.store_of(make.manifest(authority.signer(), None, Recipe()))
    return make.embed(make.plain(), store)[0]


def bound_twice(authority: Authority) -> bytes:
    again = ("c2pa.hash.data__1", make.data_hash(make.plain(), [], "sha256"))
    return make.signed(make.plain(), authority.signer(), Recipe(more=[again]))


def weakly_hashed(authority: Authority) -> bytes:
    return make.signed(make.plain(), authority.signer(), Recipe(algorithm="md5"))


def another_signature_named(authority: Authority) -> bytes:
    def change(claim: dict[str, Any]) -> None:
        claim["signature"] = f"self#jumbf=/c2pa/{make.new_label()}/c2pa.signature"

    return make.signed(make.plain(), authority.signer(), Recipe(change_claim=change))


NOT_GREEN: dict[str, tuple[Callable[[Authority], bytes], PictureState]] = {
    "a root that is not trusted": (of_foreign_root, S.UNKNOWN_SIGNER),
    "an expired certificate": (expired, S.OUT_OF_DATE),
    "a certificate for servers": (for_other_use, S.UNFIT_SIGNER),
    "a certificate for anything": (for_any_use, S.UNFIT_SIGNER),
    "an authority signs itself": (by_an_authority, S.UNFIT_SIGNER),
    "an assertion that is not listed": (undeclared, S.UNREADABLE),
    "an assertion that is not there": (missing, S.UNREADABLE),
    "two sets of credentials": (doubled, S.UNREADABLE),
    "the file is cut": (cut_short, S.UNREADABLE),
    "nothing is tied to the picture": (unbound, S.UNREADABLE),
    "tied to the picture twice": (bound_twice, S.UNREADABLE),
    "a hash that is broken": (weakly_hashed, S.UNREADABLE),
    "the claim names another signature": (another_signature_named, S.UNREADABLE),
}


@pytest.mark.parametrize("what", NOT_GREEN)
def test_what_proves_nothing_is_neither_green_nor_called_altered(
    what: str, authority: Authority, trust: Trust
) -> None:
    making, state = NOT_GREEN[what]
    picture = making(authority)
    proof = verify_picture(picture, trust, NOW)
    assert proof.state is state, proof.reason
    assert oracle(picture, authority)[0] != "Trusted"


def test_a_part_that_the_signature_leaves_out_is_counted(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    bare = make.plain("jpeg")
    length = len(make.signed(bare, signer))
    picture = make.signed(bare, signer, also_left_out=[(length - 10, 4)])
    proof = verify_picture(picture, trust, NOW)
    assert proof.state is S.PARTLY_SIGNED
    assert proof.left_out == 4
    changed = flip(picture, length - 9)
    assert verify_picture(changed, trust, NOW).state is S.PARTLY_SIGNED, "which is why it is said"


def test_a_root_known_by_its_digest_alone_counts_where_the_picture_brings_it(
    authority: Authority, signer: Signer
) -> None:
    named = trusting(authority, whole=False)
    assert verify_picture(make.signed(make.plain(), signer), named, NOW).state is S.UNKNOWN_SIGNER
    brought = make.signed(make.plain(), authority.signer(with_root=True))
    assert verify_picture(brought, named, NOW).state is S.SIGNED


def test_a_distrusted_key_counts_for_nothing(signer: Signer, trust: Trust) -> None:
    picture = make.signed(make.plain(), signer)
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    spki = signer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    distrusting = replace(trust, distrusted=(DistrustedKey(fingerprint_of(spki), "it leaked"),))
    proof = verify_picture(picture, distrusting, NOW)
    assert proof.state is S.UNFIT_SIGNER
    assert "it leaked" in proof.reason


def test_what_has_expired_since_held_when_it_came(signer: Signer, trust: Trust) -> None:
    picture = make.signed(make.plain(), signer)
    assert verify_picture(picture, trust, NOW).state is S.SIGNED
    assert verify_picture(picture, trust, NOW + timedelta(days=400)).state is S.OUT_OF_DATE
    assert verify_picture(picture, trust, NOW - timedelta(days=60)).state is S.OUT_OF_DATE


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_without_credentials_is_unsigned(form: str, trust: Trust) -> None:
    assert verify_picture(make.plain(form), trust, NOW) == PictureProof(S.UNSIGNED)
    assert verify_picture(make.plain(form)[:60], trust, NOW).state is S.UNSIGNED
    assert verify_picture(b"GIF89a" + bytes(40), trust, NOW).state is S.OTHER_KIND


def test_credentials_that_lie_elsewhere_are_named_and_not_fetched(trust: Trust) -> None:
    xmp = b'<rdf:Description dcterms:provenance="https://store.example/m.c2pa"/>'
    body = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    bare = make.plain("jpeg")
    picture = bare[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + bare[2:]
    proof = verify_picture(picture, trust, NOW)
    assert proof.state is S.REMOTE
    assert proof.remote_url == "https://store.example/m.c2pa"

"""Content Credentials of a picture: who signed it, and whether it is still what was signed.

Pure and offline by construction: nothing is fetched, neither a manifest that lies elsewhere nor an
answer about a certificate (OCSP), and no pixel is decoded. Written on our own readers and
`cryptography` instead of the reference library: that one is 16 MB of native code that strangers'
bytes would meet, has no wheel for Windows, and reaches for the network by default. It is the
oracle of the tests instead.

Only digests and signatures that do not fit mean that something was altered. What is merely
unknown, expired, unreadable or elsewhere is another state: whoever transcodes pictures makes
those every day, and a loud false alarm teaches people to look away.
Source: C2PA specification 2.2, section 15 (validation); 1.4 for claims of version 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding

from troth.verifiers.c2pa_binding import BindingUnknown, algorithm_of, check_binding, digest_of
from troth.verifiers.c2pa_manifest import (
    CborMap,
    HashedUri,
    Manifest,
    ManifestInvalid,
    base_of,
    find,
    generator_of,
    hashed_uri,
    parse_manifests,
    source_type_of,
    text_of,
    uri_of,
)
from troth.verifiers.c2pa_signer import (
    PLATFORM,
    Signature,
    SignatureInvalid,
    SignerInvalid,
    check_profile,
    holds,
    key_fingerprint,
    name_of,
    parse_signature,
)
from troth.verifiers.certificate_chain import find_anchor
from troth.verifiers.picture_file import PictureFile, PictureInvalid, read_picture
from troth.verifiers.time_stamp import Stamp, StampInvalid, check_stamp
from troth.verifiers.trust import Trust

MAX_UPDATES = 16
MAX_INGREDIENTS = 64


class PictureState(StrEnum):
    """What is known of a picture's origin. Only SIGNED is ever green."""

    SIGNED = "signed"
    """Whole, and signed by somebody whom a listed authority knows."""
    ALTERED = "altered"
    """It, or what is said of it, was changed after it was signed."""
    PARTLY_SIGNED = "partly-signed"
    """Signed by somebody listed, but not all of the file."""
    UNKNOWN_SIGNER = "unknown-signer"
    UNFIT_SIGNER = "unfit-signer"
    """The certificate may not sign pictures, or you distrust it."""
    OUT_OF_DATE = "out-of-date"
    """A certificate was not valid at the time for which it was judged."""
    UNREADABLE = "unreadable"
    """There are credentials, and they are not written as they must be, or in ways not known."""
    REMOTE = "remote"
    """Its credentials are said to lie on the network: never fetched."""
    UNSIGNED = "unsigned"
    OTHER_KIND = "other-kind"
    """A kind of file whose credentials are not read."""


@dataclass(frozen=True, slots=True)
class PictureProof:
    """What came out about one picture. Names are claims unless the state is SIGNED."""

    state: PictureState
    reason: str = ""
    """Why, as a clause; empty where the state says it all."""
    signer: str = ""
    authority: str = ""
    """Who certified the signer."""
    root: str = ""
    """Name of the trusted root."""
    key_fingerprint: str = ""
    generator: str = ""
    """What the signer calls the program that made it."""
    is_made_by_model: bool = False
    """The signer says that a model made it (`trainedAlgorithmicMedia`)."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    stamped_at: datetime | None = None
    """When it was signed at the latest, by a clock that is trusted."""
    stamped_by: str = ""
    """Name of the trusted root of that clock."""
    stamp_fault: str = ""
    """Why a time stamp that comes with it proves nothing."""
    ingredients: tuple[str, ...] = ()
    """What the signer says it was made from, with whose signature."""
    left_out: int = 0
    """Bytes that the signature does not cover, its own place not counted."""
    remote_url: str = ""

    @property
    def is_signed(self) -> bool:
        return self.state is PictureState.SIGNED


class _Altered(Exception):
    """A digest or a signature does not fit; a clause for people."""


def verify_picture(content: bytes, trust: Trust, at: datetime) -> PictureProof:
    """Return what is known of a picture's origin; `at` (aware) is when certificates must be valid.

    Never raises on bad bytes.
    """
    try:
        file = read_picture(content)
        if file is None:
            return PictureProof(PictureState.OTHER_KIND)
        if not file.spans:
            state = PictureState.REMOTE if file.remote_url else PictureState.UNSIGNED
            return PictureProof(state, remote_url=file.remote_url)
        manifests = parse_manifests(file.store)
        return _Check(file, content, manifests).proof(trust, at)
    except (PictureInvalid, ManifestInvalid, SignatureInvalid, BindingUnknown) as error:
        return PictureProof(PictureState.UNREADABLE, str(error))


class _Check:
    """All checks of one picture, from its bytes to the manifest that speaks for it."""

    def __init__(self, file: PictureFile, content: bytes, manifests: tuple[Manifest, ...]) -> None:
        self._file = file
        self._content = content
        self._all: Mapping[str, Manifest] = {manifest.label: manifest for manifest in manifests}
        self._active = manifests[-1]
        self._chain = self._responsible()
        # Other manifests in the store may be anybody's: no signature counts how many lie there.
        self._redacted = frozenset(
            place for manifest in self._chain for place in _redacted_by(manifest)
        )
        self._digests: dict[tuple[str, tuple[str, ...], str], bytes] = {}
        """By place and algorithm: many ingredients may name one large manifest."""

    def proof(self, trust: Trust, at: datetime) -> PictureProof:
        chain = self._chain
        signatures = [parse_signature(m.signature, m.claim_bytes) for m in chain]
        facts = self._facts(signatures[0])
        unfit = ""
        try:
            for manifest, signature in zip(chain, signatures, strict=True):
                try:
                    if not holds(signature):
                        raise _Altered("what is said of it does not fit its signature")
                    check_profile(signature.leaf)
                except SignerInvalid as error:
                    unfit = unfit or str(error)
                self._check_assertions(manifest)
            bound = check_binding(chain[-1], self._file, self._content, is_grown=len(chain) > 1)
            if not bound.is_same:
                raise _Altered("its bytes are not those that were signed")
            ingredients = self._ingredients()
        except _Altered as error:
            return replace(facts, state=PictureState.ALTERED, reason=str(error))
        said = [*chain, *(one.manifest for one in ingredients if one.is_parent and one.manifest)]
        named = {one.manifest.label: one.manifest for one in ingredients if one.manifest}
        signers = {label: _signer_words(manifest, trust, at) for label, manifest in named.items()}
        facts = replace(
            facts,
            ingredients=tuple(_described(one, signers) for one in ingredients),
            left_out=bound.left_out,
            is_made_by_model=any(source_type_of(m) == "trainedAlgorithmicMedia" for m in said),
        )
        if unfit:
            return replace(facts, state=PictureState.UNFIT_SIGNER, reason=unfit)
        found = facts
        for signature in reversed(signatures):
            found = _trusted(facts, signature, trust, at)
            if not found.is_signed:
                break
        return found

    def _responsible(self) -> list[Manifest]:
        """Return the manifest that speaks for the picture and, where it is only an update, those
        before it, down to the one that is tied to the bytes."""
        chain = [self._active]
        while chain[-1].is_update:
            labels = chain[-1].named("c2pa.ingredient")
            uri = None
            if len(labels) == 1:
                uri = _ingredient_uri(chain[-1].assertion(labels[0]), chain[-1])
            before = self._all.get(uri.manifest) if uri is not None else None
            if before is None or before in chain or len(chain) > MAX_UPDATES:
                raise ManifestInvalid("an update in them does not say what it updates")
            chain.append(before)
        return chain

    def _facts(self, signature: Signature) -> PictureProof:
        leaf = signature.leaf
        return PictureProof(
            PictureState.UNKNOWN_SIGNER,
            signer=name_of(leaf.subject),
            authority=name_of(leaf.issuer),
            key_fingerprint=key_fingerprint(leaf),
            generator=generator_of(self._active),
            valid_from=leaf.not_valid_before_utc,
            valid_until=leaf.not_valid_after_utc,
        )

    def _check_assertions(self, manifest: Manifest) -> None:
        """Check that all assertions are the ones that the claim lists, and no others."""
        listed: set[str] = set()
        for uri in manifest.declared:
            if uri.manifest != manifest.label or uri.path[:1] != ("c2pa.assertions",):
                raise ManifestInvalid("its claim lists what is not its own")
            if len(uri.path) != 2 or uri.path[1] in listed:
                raise ManifestInvalid("its claim lists an assertion twice")
            listed.add(uri.path[1])
            if (manifest.label, uri.path) in self._redacted and manifest is not self._active:
                continue
            box = find(self._all, uri)
            if box is None:
                raise ManifestInvalid("an assertion that its claim lists is not there")
            if self._digest(uri, manifest, box.payload) != uri.digest:
                raise _Altered("what is said of it was changed after it was signed")
        if not manifest.assertions.keys() <= listed:
            raise ManifestInvalid("it holds an assertion that its claim does not list")

    def _digest(self, uri: HashedUri, manifest: Manifest, payload: memoryview) -> bytes:
        own: CborMap = {"alg": uri.algorithm} if uri.algorithm else {}
        algorithm = algorithm_of(own, manifest.claim)
        place = uri.manifest, uri.path, algorithm
        if place not in self._digests:
            self._digests[place] = digest_of(algorithm, [payload])
        return self._digests[place]

    def _ingredients(self) -> list[_Ingredient]:
        """Return what the picture was made from; raise _Altered where the manifests of ingredients
        that were signed over are not those that lie there."""
        listed = [(manifest, label) for manifest in self._chain
                  for label in manifest.named("c2pa.ingredient")]  # fmt: skip
        if len(listed) > MAX_INGREDIENTS:
            raise ManifestInvalid("it was made from far too many things")
        return [self._ingredient(manifest, label) for manifest, label in listed]

    def _ingredient(self, manifest: Manifest, label: str) -> _Ingredient:
        fields = manifest.assertion(label)
        # In quotes and escaped: it stands in our sentences, and its maker wrote it.
        title = repr(text_of(fields.get("dc:title"))[:80] or "without a name")
        is_parent = fields.get("relationship") == "parentOf"
        uri = _ingredient_uri(fields, manifest)
        if uri is None:
            return _Ingredient(title, is_parent)
        box = find(self._all, uri)
        if box is None or uri.path:
            raise ManifestInvalid("the credentials of something in it are not there")
        if any(place[0] == uri.manifest for place in self._redacted):
            return _Ingredient(title, is_parent, is_cut=True)
        if self._digest(uri, manifest, box.payload) != uri.digest:
            raise _Altered("the credentials of something in it were changed")
        return _Ingredient(title, is_parent, self._all[uri.manifest])


@dataclass(frozen=True, slots=True)
class _Ingredient:
    """Something that a picture was made from, as its signer says."""

    title: str
    is_parent: bool
    """It is the picture itself, as it was before."""
    manifest: Manifest | None = None
    """The manifest that was signed over; None for one without."""
    is_cut: bool = False
    """Something was taken out of its manifest, so that no hash holds what is left of it."""


def _ingredient_uri(fields: CborMap, manifest: Manifest) -> HashedUri | None:
    """Return where the manifest of an ingredient lies; None for one that came without."""
    for name in ("activeManifest", "c2pa_manifest"):
        if name in fields:
            return hashed_uri(fields[name], manifest.label)
    return None


def _described(ingredient: _Ingredient, signers: Mapping[str, str]) -> str:
    """Say what an ingredient is; `signers` has the words on each manifest's signer by its label."""
    title, manifest = ingredient.title, ingredient.manifest
    if ingredient.is_cut:
        return f"{title}, out of whose credentials something was taken"
    return f"{title}, unsigned" if manifest is None else f"{title}, {signers[manifest.label]}"


def _signer_words(manifest: Manifest, trust: Trust, at: datetime) -> str:
    """Say who signed a manifest: anybody can write any name where no authority that counts vouches
    for it."""
    try:
        signature = parse_signature(manifest.signature, manifest.claim_bytes)
        name = name_of(signature.leaf.subject) if holds(signature) else ""
        check_profile(signature.leaf)
    except (SignatureInvalid, SignerInvalid):
        name = ""
    else:
        proof = _trusted(PictureProof(PictureState.UNKNOWN_SIGNER), signature, trust, at)
        if name and not proof.is_signed:
            return f"signed by one who gives the name {name!r}"
    return f"signed by {name}" if name else "whose signature does not hold"


def _redacted_by(manifest: Manifest) -> list[tuple[str, tuple[str, ...]]]:
    """Return what a manifest says was taken out of earlier ones; raise ManifestInvalid where that
    must not be taken out, or is its own."""
    listed = manifest.claim.get("redacted_assertions", [])
    if not isinstance(listed, list):
        raise ManifestInvalid("what was taken out of them is not a list")
    places: list[tuple[str, tuple[str, ...]]] = []
    for value in listed:
        place = uri_of(value, manifest.label)
        base = base_of(place[1][-1]) if place[1] else ""
        if place[0] == manifest.label or base.startswith(("c2pa.hash.", "c2pa.actions")):
            raise ManifestInvalid("something was taken out of them that must stay")
        places.append(place)
    return places


def _trusted(facts: PictureProof, signature: Signature, trust: Trust, at: datetime) -> PictureProof:
    """Say what a signature that holds is worth by our trust."""
    names = [sha256(c.public_bytes(Encoding.DER)).hexdigest() for c in signature.chain]
    if distrusted := trust.distrust_of(*names, *map(key_fingerprint, signature.chain)):
        reason = distrusted.reason or "no reason is noted"
        return replace(
            facts, state=PictureState.UNFIT_SIGNER, reason=f"you distrust its key ({reason[:200]})"
        )
    anchor = find_anchor(signature.chain, trust, PLATFORM)
    if anchor is None:
        return facts
    stamp, fault = _stamp_of(signature, trust, at)
    facts = replace(
        facts,
        root=anchor.root.name,
        valid_from=anchor.valid_from,
        valid_until=anchor.valid_until,
        stamped_at=stamp.at if stamp else None,
        stamped_by=stamp.root if stamp else "",
        stamp_fault=fault,
    )
    signed_at = stamp.at if stamp else at
    if not anchor.valid_from <= signed_at <= anchor.valid_until:
        return replace(facts, state=PictureState.OUT_OF_DATE)
    if facts.left_out:
        return replace(facts, state=PictureState.PARTLY_SIGNED)
    return replace(facts, state=PictureState.SIGNED)


def _stamp_of(signature: Signature, trust: Trust, at: datetime) -> tuple[Stamp | None, str]:
    """Return the earliest time stamp that counts, else why the ones there do not."""
    found: list[Stamp] = []
    fault = ""
    for token, stamped in signature.stamps:
        try:
            stamp = check_stamp(token, stamped, trust)
        except StampInvalid as error:
            fault = str(error)
            continue
        if stamp.at <= at + timedelta(seconds=trust.policy.clock_skew_s):
            found.append(stamp)
        else:
            fault = "it is of a time that is still to come"
    return (min(found, key=lambda stamp: stamp.at), "") if found else (None, fault)

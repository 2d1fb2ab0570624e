"""Content Credentials as data: manifests with their claim, their assertions and their signature.

Sources: C2PA specification 2.2, sections 8 (URIs in a store), 10 (claims), 11 (manifests); 1.4 for
claims of version 1. Nothing is verified here: what is read is what the picture's maker claims.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from troth.verifiers.cose import Cbor, CborInvalid, parse_open_cbor
from troth.verifiers.jumbf import Box, JumbfInvalid, parse_jumbf
from troth.verifiers.picture_file import C2PA_KIND

MAX_MANIFESTS = 64
MAX_ACTIONS = 8
"""Lists of actions in one manifest, each of which may be fifty thousand pieces of CBOR."""
_TAIL = b"\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_MANIFEST, _UPDATE, _COMPRESSED = b"c2ma" + _TAIL, b"c2um" + _TAIL, b"c2cm" + _TAIL
_ASSERTIONS, _CLAIM, _SIGNATURE = b"c2as" + _TAIL, b"c2cl" + _TAIL, b"c2cs" + _TAIL
_CBOR, _JSON = b"cbor" + _TAIL, b"json" + _TAIL
_CLAIM_LABELS = {"c2pa.claim": 1, "c2pa.claim.v2": 2}
_LABEL = re.compile(r"(?:urn:uuid:|urn:c2pa:|[a-z0-9.-]{1,64}:urn:uuid:)[A-Za-z0-9:._-]{1,160}\Z")
_URI = re.compile(r"self#jumbf=(?:/c2pa/(?P<manifest>[^/]+)/?)?(?P<path>[^/].*)?\Z", re.S)
_NUMBERED = re.compile(r"__\d+\Z")

CborMap = Mapping[int | str, Cbor]


class ManifestInvalid(ValueError):
    """The credentials are not written as they must be; a clause for people."""


@dataclass(frozen=True, slots=True)
class HashedUri:
    """A place in the manifest store and the digest of what must be there."""

    manifest: str
    """Label of the manifest that it lies in."""
    path: tuple[str, ...]
    """Labels from there on; empty for the manifest itself."""
    algorithm: str
    """As written; "" leaves it to the claim."""
    digest: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """One signed statement about a picture, as read."""

    label: str
    box: Box
    version: int
    """Of its claim: 1 or 2."""
    is_update: bool
    """Whether it says nothing of the pixels and leaves that to the manifest before it."""
    claim: CborMap
    claim_bytes: bytes
    """What the signature is over."""
    signature: bytes
    """COSE_Sign1."""
    assertions: Mapping[str, Box]
    declared: tuple[HashedUri, ...]
    """The assertions that the claim lists."""

    def named(self, base: str) -> tuple[str, ...]:
        """Return the labels of assertions of one kind, of any version and number."""
        return tuple(label for label in self.assertions if base_of(label) == base)

    def assertion(self, label: str) -> CborMap:
        """Return an assertion's CBOR map; raise ManifestInvalid."""
        box = self.assertions[label]
        if box.kind != _CBOR:
            raise ManifestInvalid(f"its {label[:60]!r} is not written in CBOR")
        return map_of(_cbor_of(box), label)


def base_of(label: str) -> str:
    """Return an assertion's label without its version and number (`c2pa.ingredient.v3__1`)."""
    return re.sub(r"\.v\d+\Z", "", _NUMBERED.sub("", label))


def map_of(value: Cbor, what: str) -> CborMap:
    if not isinstance(value, dict):
        raise ManifestInvalid(f"its {what[:60]} is not a map")
    return value


def list_of(value: Cbor, what: str) -> list[Cbor]:
    if not isinstance(value, list):
        raise ManifestInvalid(f"its {what[:60]} is not a list")
    return value


def text_of(value: Cbor) -> str:
    """Return a text, shortened to what a sentence can bear; "" for anything else."""
    return value[:200] if isinstance(value, str) else ""


def parse_manifests(store: bytes) -> tuple[Manifest, ...]:
    """Return the manifests of a store, the one that speaks for the picture last.

    Raises ManifestInvalid for the first thing that is not as it must be.
    """
    try:
        root = parse_jumbf(store)
        if root.kind != C2PA_KIND or root.label != "c2pa" or root.contents:
            raise ManifestInvalid("what should hold them holds something else")
        if not 1 <= len(root.boxes) <= MAX_MANIFESTS:
            raise ManifestInvalid("there is none of them, or far too many")
        manifests = tuple(_manifest(box) for box in root.boxes)
    except (JumbfInvalid, CborInvalid) as error:
        raise ManifestInvalid(str(error)) from error
    if len({manifest.label for manifest in manifests}) != len(manifests):
        raise ManifestInvalid("two of them have the same name")
    return manifests


def _manifest(box: Box) -> Manifest:
    if box.kind == _COMPRESSED:
        raise ManifestInvalid("they are compressed, which Troth does not read")
    if box.kind not in {_MANIFEST, _UPDATE} or not _LABEL.match(box.label) or box.contents:
        raise ManifestInvalid("one of them is of an unknown kind")
    claim_box, signature_box, store = (
        _one(box, _CLAIM),
        _one(box, _SIGNATURE),
        _one(box, _ASSERTIONS),
    )
    version = _CLAIM_LABELS.get(claim_box.label)
    if version is None or signature_box.label != "c2pa.signature":
        raise ManifestInvalid("its claim or its signature has an unknown name")
    if store.label != "c2pa.assertions" or store.contents:
        raise ManifestInvalid("its assertions are not where they must be")
    claim_bytes = claim_box.only(b"cbor")
    claim = map_of(parse_open_cbor(claim_bytes), "claim")
    assertions = {assertion.label: assertion for assertion in store.boxes}
    if len(assertions) != len(store.boxes):
        raise ManifestInvalid("two of its assertions have the same name")
    listed = ["assertions"] if version == 1 else ["created_assertions", "gathered_assertions"]
    declared = [
        hashed_uri(entry, box.label)
        for name in listed
        if name in claim
        for entry in list_of(claim[name], name)
    ]
    signed_at = uri_of(claim.get("signature"), box.label)
    if signed_at != (box.label, ("c2pa.signature",)):
        raise ManifestInvalid("its claim names another signature than its own")
    return Manifest(
        label=box.label,
        box=box,
        version=version,
        is_update=box.kind == _UPDATE,
        claim=claim,
        claim_bytes=claim_bytes,
        signature=signature_box.only(b"cbor"),
        assertions=assertions,
        declared=tuple(declared),
    )


def _one(box: Box, kind: bytes) -> Box:
    found = [child for child in box.boxes if child.kind == kind]
    if len(found) != 1:
        raise ManifestInvalid("one of them lacks a part, or has it twice")
    return found[0]


def _cbor_of(box: Box) -> Cbor:
    try:
        return parse_open_cbor(box.only(b"cbor"))
    except (CborInvalid, JumbfInvalid) as error:
        raise ManifestInvalid(str(error)) from error


def uri_of(value: Cbor, here: str) -> tuple[str, tuple[str, ...]]:
    """Return (manifest, path) of a JUMBF URI in manifest `here`; raise ManifestInvalid."""
    match = _URI.match(value) if isinstance(value, str) and len(value) < 1_000 else None
    if match is None or (match["manifest"] is None and match["path"] is None):
        raise ManifestInvalid("a reference in it leads nowhere")
    path = tuple(match["path"].split("/")) if match["path"] else ()
    return match["manifest"] or here, path


def hashed_uri(value: Cbor, here: str) -> HashedUri:
    """Read a hashed URI; raise ManifestInvalid."""
    entry = map_of(value, "reference")
    digest, algorithm = entry.get("hash"), entry.get("alg", "")
    if not isinstance(digest, bytes) or not isinstance(algorithm, str):
        raise ManifestInvalid("a reference in it has no digest")
    manifest, path = uri_of(entry.get("url"), here)
    return HashedUri(manifest, path, algorithm, digest)


def find(manifests: Mapping[str, Manifest], uri: HashedUri) -> Box | None:
    """Return the box that a URI leads to; None where there is none."""
    manifest = manifests.get(uri.manifest)
    box = manifest.box if manifest is not None else None
    for label in uri.path:
        if box is None:
            return None
        box = next((child for child in box.boxes if child.label == label), None)
    return box


def source_type_of(manifest: Manifest) -> str:
    """Return the last word of the source that its first actions name; "" where they name none.

    `trainedAlgorithmicMedia` is what a model made (IPTC digital source type).
    """
    labels = manifest.named("c2pa.actions")
    if len(labels) > MAX_ACTIONS:
        raise ManifestInvalid("they list far too many actions")
    for label in labels:
        if manifest.assertions[label].kind != _CBOR:
            continue
        for action in list_of(manifest.assertion(label).get("actions"), "actions"):
            if isinstance(action, dict) and isinstance(action.get("digitalSourceType"), str):
                return cast("str", action["digitalSourceType"]).rpartition("/")[2][:80]
    return ""


def generator_of(manifest: Manifest) -> str:
    """Return what its maker calls the program that wrote it: a claim like any other."""
    info = manifest.claim.get("claim_generator_info")
    first = info[0] if isinstance(info, list) and info else info
    named = text_of(first.get("name")) if isinstance(first, dict) else ""
    return named or text_of(manifest.claim.get("claim_generator"))

"""What ties a claim to a picture's bytes: its hard binding (C2PA specification 2.2, section 9.2).

`c2pa.hash.data` is one hash over the file without the ranges that it leaves out; `c2pa.hash.boxes`
is one hash for each run of the file's parts. What a binding leaves out beside the credentials
themselves is not protected by anybody, so it is counted and said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from troth.verifiers.c2pa_manifest import CborMap, Manifest, ManifestInvalid, list_of, map_of
from troth.verifiers.cose import Cbor
from troth.verifiers.picture_file import C2PA_PART, WEBP, FilePart, PictureFile

ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})
KINDS = ("c2pa.hash.data", "c2pa.hash.boxes")
OTHER_KINDS = ("c2pa.hash.bmff", "c2pa.hash.collection.data", "c2pa.hash.multi-asset")
"""Bindings of videos and of archives, which none of the pictures that are read here has."""
_DATA_FIELDS = frozenset({"exclusions", "alg", "hash", "pad", "pad2", "name"})
_BOX_FIELDS = frozenset({"names", "alg", "hash", "pad", "excluded"})
_MOST_RANGES = 1_024
_LARGEST = 1 << 40


class BindingUnknown(ValueError):
    """A binding that is not checked here; a clause for people."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What came of a hard binding."""

    is_same: bool
    """Whether the bytes are those that were signed."""
    left_out: int = 0
    """Bytes of the picture that the binding does not cover, its credentials not counted."""


def digest_of(algorithm: str, pieces: Iterable[bytes | memoryview]) -> bytes:
    """Return the digest of some pieces; raise ManifestInvalid for an algorithm not allowed."""
    if algorithm not in ALGORITHMS:
        raise ManifestInvalid(f"it hashes with {algorithm[:20]!r}, which C2PA does not allow")
    state = hashlib.new(algorithm)
    for piece in pieces:
        state.update(piece)
    return state.digest()


def algorithm_of(entry: CborMap, *above: CborMap) -> str:
    """Return the hash algorithm that an entry names, or those above it; SHA-256 by default."""
    for level in (entry, *above):
        if "alg" in level:
            named = level["alg"]
            return named if isinstance(named, str) else ""
    return "sha256"


def binding_label(manifest: Manifest) -> str:
    """Return the label of the one hard binding; raise ManifestInvalid or BindingUnknown."""
    found = [label for kind in (*KINDS, *OTHER_KINDS) for label in manifest.named(kind)]
    if not found:
        raise ManifestInvalid("nothing in them is tied to the picture")
    if len(found) > 1:
        raise ManifestInvalid("they are tied to the picture in more than one way")
    if manifest.named(OTHER_KINDS[0]) or found[0] not in KINDS:
        raise BindingUnknown("they are tied to the picture in a way that Troth does not know")
    return found[0]


def check_binding(
    manifest: Manifest, file: PictureFile, content: bytes, *, is_grown: bool = False
) -> Bound:
    """Compare a manifest's hard binding with the picture's bytes.

    `is_grown`: manifests were added since (an update), so the store is larger than the range that
    was left out for it. Raises ManifestInvalid and BindingUnknown.
    """
    label = binding_label(manifest)
    assertion = manifest.assertion(label)
    if label == KINDS[1]:
        return _check_boxes(assertion, manifest.claim, file, content)
    _check_known(assertion, _DATA_FIELDS)
    left_out = _ranges(assertion)
    if is_grown:
        left_out = _grown(left_out, file.spans)
    if left_out and left_out[-1][1] > len(content):
        return Bound(is_same=False)
    algorithm = algorithm_of(assertion, manifest.claim)
    found = digest_of(algorithm, _kept(memoryview(content), left_out))
    if found != assertion.get("hash"):
        return Bound(is_same=False)
    excluded = sum(end - start for start, end in left_out)
    own = sum(
        max(0, min(end, span_end) - max(start, span_start))
        for start, end in left_out
        for span_start, span_end in file.spans
    )
    return Bound(is_same=True, left_out=excluded - own)


def _check_known(fields: CborMap, known: frozenset[str]) -> None:
    """Raise BindingUnknown for a field that a later version may give a meaning: to go past it would
    call a picture altered that is not."""
    if not fields.keys() <= known:
        raise BindingUnknown("they are tied to the picture in a way that Troth does not know")


def _ranges(assertion: CborMap) -> list[tuple[int, int]]:
    """Return the ranges that a data hash leaves out as (start, end), in order and apart."""
    ranges: list[tuple[int, int]] = []
    listed = list_of(assertion.get("exclusions", []), "list of exclusions")
    if len(listed) > _MOST_RANGES:
        raise ManifestInvalid("it leaves out far too many pieces of the picture")
    place = 0
    for entry in listed:
        fields = map_of(entry, "exclusion")
        start, length = _number(fields.get("start")), _number(fields.get("length"))
        if start < place:
            raise ManifestInvalid("the pieces that it leaves out overlap")
        place = start + length
        ranges.append((start, place))
    return ranges


def _number(value: Cbor) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST:
        raise ManifestInvalid("a piece that it leaves out has no place")
    return value


def _grown(
    ranges: list[tuple[int, int]], spans: tuple[tuple[int, int], ...]
) -> list[tuple[int, int]]:
    """Return the ranges with the one for the store as large as the store is by now."""
    start = spans[0][0]
    is_plain = len(ranges) == 1 and ranges[0][0] == start
    is_whole = all(before[1] == after[0] for before, after in pairwise(spans))
    if not is_plain or not is_whole:
        raise BindingUnknown("they were added to in a way that Troth does not know")
    return [(start, spans[-1][1])]


def _kept(content: memoryview, left_out: list[tuple[int, int]]) -> list[memoryview]:
    pieces: list[memoryview] = []
    place = 0
    for start, end in left_out:
        pieces.append(content[place:start])
        place = end
    return [*pieces, content[place:]]


def _check_boxes(assertion: CborMap, claim: CborMap, file: PictureFile, content: bytes) -> Bound:
    """Check a hash for each run of parts, which must be the file's own, in order."""
    if file.media_type == WEBP:
        raise BindingUnknown("they are tied to the picture in a way that Troth does not know")
    parts = list(_runs(file.parts))
    left_out = place = 0
    for entry in list_of(assertion.get("boxes"), "list of parts"):
        box = map_of(entry, "part")
        names = list_of(box.get("names"), "list of names")
        run = parts[place : place + len(names)]
        if not names or [part.name for part in run] != names:
            return Bound(is_same=False)
        place += len(names)
        _check_known(box, _BOX_FIELDS)
        if names == [C2PA_PART]:
            continue
        if box.get("excluded") is True:
            left_out += run[-1].end - run[0].start
            continue
        algorithm = algorithm_of(box, assertion, claim)
        covered = memoryview(content)[run[0].start : run[-1].end]
        if C2PA_PART in names or digest_of(algorithm, [covered]) != box.get("hash"):
            return Bound(is_same=False)
    # What follows the last part that is listed is hashed by nobody.
    left_out += len(content) - (parts[place - 1].end if place else 0)
    return Bound(is_same=True, left_out=left_out)


def _runs(parts: Iterable[FilePart]) -> Iterable[FilePart]:
    """Yield the parts, the segments that hold one store as one."""
    held: FilePart | None = None
    for part in parts:
        if part.name == C2PA_PART:
            held = FilePart(C2PA_PART, held.start if held else part.start, part.end)
            continue
        if held is not None:
            yield held
            held = None
        yield part
    if held is not None:
        yield held

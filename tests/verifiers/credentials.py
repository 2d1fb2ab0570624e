"""Content Credentials made for tests, by a writer of our own: it can lie in every way.

Written from the C2PA specification 2.2 with `cbor2` and `cryptography`, and nothing of Troth.
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import cbor2
from PIL import Image

from verifiers.picture_authority import ALGORITHMS, Signer, der

FORMS = ("png", "jpeg", "webp")
_TAIL = "-0011-0010-8000-00aa00389b71"
# -- pictures without credentials


def plain(form: str = "png", size: tuple[int, int] = (24, 16), seed: int = 7) -> bytes:
    """Return a small picture whose pixels are all different."""
    image = Image.new("RGB", size)
    image.putdata(
        [
            ((x * 37 + seed) % 256, (y * 91) % 256, (x * y + seed) % 256)
            for y in range(size[1])
            for x in range(size[0])
        ]
    )
    written = io.BytesIO()
    image.save(written, form.upper())
    return written.getvalue()


def form_of(picture: bytes) -> str:
    return {b"\x89P": "png", b"\xff\xd8": "jpeg", b"RI": "webp"}[picture[:2]]


def embed(picture: bytes, store: bytes) -> tuple[bytes, int, int]:
    """Return a picture with a manifest store in it, and where the part that holds it lies."""
    form = form_of(picture)
    if form == "png":
        chunk = b"caBX" + store
        part = struct.pack(">I", len(store)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return picture[:33] + part + picture[33:], 33, len(part)
    if form == "jpeg":
        pieces = [store[at : at + 60_000] for at in range(0, len(store), 60_000)]
        part = b""
        for number, piece in enumerate(pieces, 1):
            body = b"JP" + struct.pack(">HI", 0x0211, number)
            body += (store[:8] if number > 1 else b"") + piece
            part += b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body
        return picture[:2] + part + picture[2:], 2, len(part)
    part = b"C2PA" + struct.pack("<I", len(store)) + store + b"\0" * (len(store) % 2)
    whole = picture + part
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:], len(picture), len(part)


# -- boxes


def jumb(kind: str, label: str, *contents: bytes, salt: bytes = b"") -> bytes:
    """Return a superbox; `kind` is four letters, or the whole UUID."""
    uuid = UUID(kind.encode().hex() + _TAIL) if len(kind) == 4 else UUID(kind)
    private = struct.pack(">I", len(salt) + 8) + b"c2sh" + salt if salt else b""
    about = uuid.bytes + bytes([0x13 if salt else 0x03]) + label.encode() + b"\0" + private
    inner = struct.pack(">I", len(about) + 8) + b"jumd" + about + b"".join(contents)
    return struct.pack(">I", len(inner) + 8) + b"jumb" + inner


def cbor_box(value: Any) -> bytes:
    encoded = value if isinstance(value, bytes) else cbor2.dumps(value)
    return struct.pack(">I", len(encoded) + 8) + b"cbor" + encoded


def assertion(label: str, value: Any) -> bytes:
    return jumb("cbor", label, cbor_box(value), salt=hashlib.sha256(label.encode()).digest()[:16])


MADE_BY_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
ACTIONS = {"actions": [{"action": "c2pa.created", "digitalSourceType": MADE_BY_MODEL}]}


def new_label(version: int = 2) -> str:
    return f"urn:c2pa:{uuid4()}" if version == 2 else f"urn:uuid:{uuid4()}"


def hashed(url: str, box: bytes, algorithm: str = "") -> dict[str, Any]:
    digest = hashlib.new(algorithm or "sha256", box[8:]).digest()
    return {"url": url, "hash": digest, **({"alg": algorithm} if algorithm else {})}


def no_change(_: Any) -> None:
    """Leave it."""


def no_stamp(protected: bytes, claim: bytes, signature: bytes) -> dict[Any, Any]:
    """Leave the header as it is."""
    return {}


@dataclass
class Recipe:
    """How a manifest is written. Each `change_*` may alter what it is given before it is signed."""

    version: int = 2
    algorithm: str = "sha256"
    label: str = ""
    actions: dict[str, Any] = field(default_factory=lambda: dict(ACTIONS))
    more: Sequence[tuple[str, Any]] = ()
    """Further assertions."""
    undeclared: Sequence[tuple[str, Any]] = ()
    is_update: bool = False
    is_relative: bool = False
    """Whether URIs leave the manifest's name out, as older writers do."""
    unprotected_chain: bool = False
    is_tagged: bool = True
    unprotected: dict[Any, Any] = field(default_factory=lambda: {"pad": bytes(24)})
    stamp: Callable[[bytes, bytes, bytes], dict[Any, Any]] = no_stamp
    """Given the protected header, the claim and the signature, what to add to the header."""
    change_claim: Callable[[dict[str, Any]], None] = no_change
    after: Callable[[list[bytes]], None] = no_change
    """May change the assertions' boxes after the claim was signed."""


def manifest(signer: Signer, binding: tuple[str, Any] | None, recipe: Recipe) -> bytes:
    """Return one manifest as a box."""
    label = recipe.label or new_label(recipe.version)
    own = "self#jumbf=" if recipe.is_relative else f"self#jumbf=/c2pa/{label}/"
    listed = [("c2pa.actions.v2", recipe.actions), *recipe.more]
    if recipe.is_update:
        listed = list(recipe.more)
    if binding is not None:
        listed.append(binding)
    boxes = [assertion(name, value) for name, value in listed]
    uris = [
        hashed(f"self#jumbf=c2pa.assertions/{name}", box)
        if recipe.algorithm == "sha256"
        else hashed(f"{own}c2pa.assertions/{name}", box, recipe.algorithm)
        for (name, _), box in zip(listed, boxes, strict=True)
    ]
    about: dict[str, Any] = {"signature": f"{own}c2pa.signature", "instanceID": "xmp:iid:1"}
    if recipe.version == 1:
        about |= {"claim_generator": "troth-tests/1", "assertions": uris, "dc:format": "image/png"}
        about["claim_generator_info"] = [{"name": "troth-tests"}]
    else:
        about |= {"claim_generator_info": {"name": "troth-tests"}, "created_assertions": uris}
    about["alg"] = recipe.algorithm
    recipe.change_claim(about)
    claim = cbor2.dumps(about)
    boxes += [assertion(name, value) for name, value in recipe.undeclared]
    recipe.after(boxes)
    name = "c2pa.claim.v2" if recipe.version == 2 else "c2pa.claim"
    return jumb(
        "c2um" if recipe.is_update else "c2ma",
        label,
        jumb("c2as", "c2pa.assertions", *boxes),
        jumb("c2cl", name, cbor_box(claim)),
        jumb("c2cs", "c2pa.signature", cbor_box(cose(signer, claim, recipe))),
    )


def cose(signer: Signer, claim: bytes, recipe: Recipe) -> bytes:
    chain = [der(certificate) for certificate in signer.chain]
    header: dict[Any, Any] = {1: ALGORITHMS[signer.algorithm]}
    unprotected = dict(recipe.unprotected)
    (unprotected if recipe.unprotected_chain else header)[33] = chain
    protected = cbor2.dumps(header)
    signature = signer.sign(cbor2.dumps(["Signature1", protected, b"", claim]))
    unprotected |= recipe.stamp(protected, claim, signature)
    message: Any = [protected, unprotected, None, signature]
    return cbor2.dumps(cbor2.CBORTag(18, message) if recipe.is_tagged else message)


def store_of(*manifests: bytes) -> bytes:
    return jumb("c2pa", "c2pa", *manifests)


def data_hash(picture: bytes, ranges: Sequence[tuple[int, int]], algorithm: str) -> dict[str, Any]:
    """Return a data hash over a picture; ranges are (start, length)."""
    state, place = hashlib.new(algorithm), 0
    for start, length in ranges:
        state.update(picture[place:start])
        place = start + length
    state.update(picture[place:])
    exclusions = [{"start": start, "length": length} for start, length in ranges]
    return {
        "exclusions": exclusions,
        "name": "jumbf manifest",
        "alg": algorithm,
        "hash": state.digest(),
        "pad": b"",
    }


def signed(
    picture: bytes,
    signer: Signer,
    recipe: Recipe | None = None,
    *,
    before: Sequence[bytes] = (),
    also_left_out: Sequence[tuple[int, int]] = (),
    change_binding: Callable[[dict[str, Any]], None] = no_change,
) -> bytes:
    """Return a picture with credentials that fit it. `also_left_out` are places in the result."""
    recipe = recipe or Recipe()
    recipe.label = recipe.label or new_label(recipe.version)
    start, length = 0, 0
    for _ in range(40):  # the size of a signature in DER, as in a stamp's certificates, varies
        whole, _, _ = embed(picture, bytes(max(0, length - 12)))
        whole, start, length = _placed(picture, whole, start, length)
        ranges = sorted([(start, length), *also_left_out])
        binding = data_hash(whole, ranges, recipe.algorithm)
        change_binding(binding)
        store = store_of(*before, manifest(signer, ("c2pa.hash.data", binding), recipe))
        if len(store) % 2 and form_of(picture) == "webp":
            recipe.unprotected["pad"] = bytes(len(recipe.unprotected["pad"]) + 1)
            store = store_of(*before, manifest(signer, ("c2pa.hash.data", binding), recipe))
        whole, new_start, new_length = embed(picture, store)
        if (new_start, new_length) == (start, length):
            return whole
        start, length = new_start, new_length
    raise AssertionError("the size did not settle")


def parts_of(picture: bytes) -> list[tuple[str, int, int]]:
    """Return a PNG's or a JPEG's parts as (name, start, end), the credentials as one."""
    parts: list[tuple[str, int, int]] = []
    if form_of(picture) == "png":
        parts, place = [("PNGh", 0, 8)], 8
        while place < len(picture):
            end = place + 12 + int.from_bytes(picture[place : place + 4], "big")
            kind = picture[place + 4 : place + 8].decode()
            parts.append(("C2PA" if kind == "caBX" else kind, place, end))
            place = end
        return parts
    names = {0xD8: "SOI", 0xD9: "EOI", 0xDA: "SOS", 0xDB: "DQT", 0xC4: "DHT", 0xC0: "SOF0"}
    place = 0
    while place < len(picture):
        marker = picture[place + 1]
        end = place + 2
        if marker not in (0xD8, 0xD9):
            end += int.from_bytes(picture[place + 2 : place + 4], "big")
        if marker == 0xDA:
            end = picture.rindex(b"\xff\xd9")
        name = names.get(marker, f"APP{marker - 0xE0}")
        if marker == 0xEB and parts[-1][0] == "C2PA":
            parts[-1] = ("C2PA", parts[-1][1], end)
        else:
            parts.append(("C2PA" if marker == 0xEB else name, place, end))
        place = end
    return parts


def box_hash(
    picture: bytes, *, group: bool = False, change: Callable[[list[Any]], None] = no_change
) -> dict[str, Any]:
    """Return a hash for each part; `group` takes all that follow the credentials as one run."""
    boxes: list[dict[str, Any]] = []
    for name, start, end in parts_of(picture):
        after = bool(boxes) and any("C2PA" in box["names"] for box in boxes)
        if group and after and boxes[-1]["names"] != ["C2PA"]:
            boxes[-1]["names"].append(name)
            boxes[-1]["span"] = (boxes[-1]["span"][0], end)
            continue
        boxes.append({"names": [name], "span": (start, end)})
    for box in boxes:
        start, end = box.pop("span")
        is_own = box["names"] == ["C2PA"]
        box["hash"] = b"\0" if is_own else hashlib.sha256(picture[start:end]).digest()
        box["pad"] = b""
    change(boxes)
    return {"alg": "sha256", "boxes": boxes}


def signed_by_boxes(
    picture: bytes,
    signer: Signer,
    *,
    group: bool = False,
    change: Callable[[list[Any]], None] = no_change,
) -> bytes:
    """Return a picture whose parts are hashed one by one: where these lie is no matter."""
    binding = box_hash(embed(picture, bytes(900))[0], group=group, change=change)
    return embed(picture, store_of(manifest(signer, ("c2pa.hash.boxes", binding), Recipe())))[0]


class Stored:
    """A picture hashed part by part: what lies in its store is then no matter to its hash."""

    def __init__(self) -> None:
        self.picture = plain()
        hashes = box_hash(embed(self.picture, bytes(900))[0])
        self._binding = ("c2pa.hash.boxes", hashes)

    def manifest(self, signer: Signer, **recipe: Any) -> bytes:
        return manifest(signer, self._binding, Recipe(**recipe))

    def with_store(self, *manifests: bytes) -> bytes:
        return embed(self.picture, store_of(*manifests))[0]


def ingredient(
    label: str, box: bytes, relationship: str = "parentOf", title: str = "photo"
) -> tuple[str, Any]:
    reference = hashed(f"self#jumbf=/c2pa/{label}", box)
    said = {"dc:title": title, "relationship": relationship, "activeManifest": reference}
    return ("c2pa.ingredient.v3", said)


def _placed(picture: bytes, whole: bytes, start: int, length: int) -> tuple[bytes, int, int]:
    """Return a picture with room for credentials of a known size."""
    if not length:
        return embed(picture, bytes(900))
    if form_of(picture) != "webp":
        return picture[:start] + bytes(length) + picture[start:], start, length
    grown = picture + bytes(length)
    return grown[:4] + struct.pack("<I", len(grown) - 8) + grown[8:], start, length


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()

"""A second checker of the documents in Tinfoil's receipts, written from SECURITY.md alone.

It shares no code with Troth. What comes out is which key a genuine AMD machine of a known root
binds and which code it runs; that the reply came from there no receipt can show. Intel's quotes
are `independent_schemes`' affair.
"""

from __future__ import annotations

import base64
import re
import struct
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

from verifiers.independent_receipt import Refused, _bytes, _demand, _json, _read

_PREFIX = "tinfoil-attestation:"
_T = "https://tinfoil.sh/"
_AMD = "1.3.6.1.4.1.3704.1."
_PSS = padding.PSS(padding.MGF1(SHA384()), 48)
_ORDER = ("bootloader", "tee", "snp", "microcode", "fmc")


@dataclass(frozen=True)
class Bound:
    """What the document of a receipt binds."""

    version: str
    tls_key: str
    measurement: str


def check(receipt: bytes, *, roots: frozenset[str], least: dict[str, dict[str, int]]) -> Bound:
    """Check the document beside a reply; `least` is PRODUCT -> part of a TCB -> number."""
    outer = _read(receipt)
    _demand(outer["signed"] is None, "nothing of such a reply is signed")
    kept = {e["name"]: _bytes(e["body"]) for e in outer["evidence"] if e["status"] == 200}
    name = next((name for name in sorted(kept) if name.startswith(_PREFIX)), "")
    _demand(name != "", "no document")
    try:
        return _document(kept[name], name.removeprefix(_PREFIX), kept, roots, least)
    except (ValueError, LookupError, TypeError, AttributeError, struct.error, zlib.error) as error:
        raise Refused("malformed") from error


def _document(
    raw: bytes, nonce: str, kept: dict[str, bytes], roots: frozenset[str], least: Any
) -> Bound:
    document = _json(raw)
    if document["format"] == f"{_T}predicate/sev-snp-guest/v2":
        _demand(set(document) == {"format", "body"}, "other fields")
        opening = zlib.decompressobj(31)
        report = opening.decompress(_b64(document["body"]), 65_537)
        _demand(opening.eof and not opening.unused_data, "not one gzip member")
        data, measured = _report(report, kept, roots, least)
        return Bound("v2", data[:32].hex(), measured)
    _demand(document["format"] == f"{_T}predicate/attestation/v3", "another format")
    label = f"{_T}report-data/v1"
    challenge, evidence = document["challenge"], document["cpu_evidence"]
    _demand(challenge["report_data_algorithm"] == label, "another algorithm")
    _demand(challenge["nonce"] == nonce and len(nonce) == 64, "another nonce")
    _demand(evidence["format"] == f"{_T}format/sev-snp-report/v1", "another report")
    for entry in document["collateral"]:
        if entry["format"] == f"{_T}collateral/amd-vcek/v1":
            kept.setdefault("amd-vcek", _b64(entry["data"]["vcek_der_base64"]))
            kept.setdefault("amd-chain", entry["data"]["cert_chain_pem"].encode())
    data, measured = _report(_b64(evidence["report_base64"]), kept, roots, least)
    material, devices = _b64(document["crypto_material"]), _b64(document["device_evidence"])
    hashes = bytes.fromhex(nonce) + sha256(material).digest() + sha256(devices).digest()
    _demand(data == sha256(label.encode() + hashes).digest() + bytes(32), "binds something else")
    keys = _json(material)
    _demand(keys["format"] == f"{_T}crypto-material/v1", "another section")
    _demand(_json(devices)["format"] == f"{_T}device-evidence/v1", "another section")
    (tls,) = [item for item in keys["items"] if item["id"] == "tls"]
    _demand(tls["format"] == f"{_T}key/spki-fp-sha256/v1", "another key")
    _demand(re.fullmatch("[0-9a-f]{64}", tls["data"]) is not None, "no key")
    return Bound("v3", tls["data"], measured)


def _b64(text: str) -> bytes:
    content = base64.b64decode(text, validate=True)
    _demand(base64.b64encode(content).decode() == text, "not canonical")
    return content


def _report(
    raw: bytes, kept: dict[str, bytes], roots: frozenset[str], least: Any
) -> tuple[bytes, str]:
    product, chip, tcb, key = _chip(kept["amd-vcek"], kept["amd-chain"], roots)
    _demand(len(raw) == 0x4A0, "another length")
    version, policy = struct.unpack_from("<I4xQ", raw)
    vmpl, kind = struct.unpack_from("<II", raw, 0x30)
    _demand(2 <= version <= 5 and kind == 1 and vmpl == 0, "another kind of report")
    _demand(struct.unpack_from("<I", raw, 0x48)[0] & ~1 == 0, "not the chip's own key")
    _demand(policy >> 17 & 1 == 1 and policy >> 26 == 0, "another policy")
    _demand(not policy & (1 << 18 | 1 << 19 | 1 << 21), "debug, migration or CXL")
    named = [(0, 0x4C), (0x50, 0x188), (0x1A0, 0x1EB), (0x1EC, 0x1EF), (0x1F0, 0x1F8)]
    named += [(0x2A0, 0x330), *([(0x188, 0x18B)] if version > 2 else [])]
    named += [(0x1F8, 0x208)] if version == 5 else []
    for place, byte in enumerate(raw):
        _demand(not byte or any(a <= place < b for a, b in named), "something where nothing is")
    if version > 2:
        family, model = raw[0x188], raw[0x189]
        is_zen5 = family == 0x1A
        _demand(is_zen5 is (product == "Turin") and family in {0x19, 0x1A}, "another processor")
        _demand(is_zen5 or (model < 0x10) is (product == "Milan"), "another processor")
    wanted = raw[0x1A0:0x1A8] if product == "Turin" else raw[0x1A0:0x1E0]
    _demand(wanted == chip, "another chip")
    places = 0x180, 0x38, 0x1E0, 0x1F0
    levels = [_tcb(raw[place : place + 8], product) for place in places]
    _demand(levels[0] == tcb, "another level than the key's")
    parts = least[product]
    _demand(all(one[p] >= parts[p] for one in levels for p in parts), "too old")
    same = raw[0x1E8:0x1EB] == raw[0x1EC:0x1EF] and raw[0x38:0x40] == raw[0x1E0:0x1E8]
    _demand(same, "firmware on trial")
    r, s = (int.from_bytes(raw[at : at + 72], "little") for at in (0x2A0, 0x2E8))
    try:
        key.verify(utils.encode_dss_signature(r, s), raw[:0x2A0], ec.ECDSA(SHA384()))
    except InvalidSignature as error:
        raise Refused("not what the chip signed") from error
    return raw[0x50:0x90], raw[0x90:0xC0].hex()


def _tcb(raw: bytes, product: str) -> dict[str, int]:
    first = [raw[0]] if product == "Turin" else []
    rest = raw[len(first) :]
    middle = rest[3:6] if first else rest[2:6]
    _demand(not any(middle), "an unknown part")
    snp = rest[2] if first else rest[6]
    values = (rest[0], rest[1], snp, rest[-1], *(first or [0]))
    return dict(zip(_ORDER, values, strict=True))


def _chip(
    vcek: bytes, pem: bytes, roots: frozenset[str]
) -> tuple[str, bytes, dict[str, int], ec.EllipticCurvePublicKey]:
    ask, ark = (
        base64.b64decode(block)
        for block in re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.S)
    )
    _demand(sha256(ark).hexdigest() in roots, "a root that is not known")
    signed_by = {"ark": _certificate(ark), "ask": _certificate(ask), "vcek": _certificate(vcek)}
    root, authority, leaf = signed_by["ark"], signed_by["ask"], signed_by["vcek"]
    product = root["name"].removeprefix("ARK-")
    _demand(authority["name"] == f"SEV-{product}" and leaf["name"] == "SEV-VCEK", "another name")
    for child, issuer in ((root, root), (authority, root), (leaf, authority)):
        key = load_der_public_key(issuer["spki"])
        _demand(isinstance(key, rsa.RSAPublicKey), "another kind of key")
        try:
            key.verify(child["signature"], child["signed"], _PSS, SHA384())  # type: ignore[union-attr, call-arg, arg-type]
        except InvalidSignature as error:
            raise Refused("a chain that does not fit") from error
    stated = leaf["extensions"]
    kind = _one(stated[f"{_AMD}2"])[1].decode("ascii")
    _demand(kind.partition("-")[0] == product, "another product")
    numbers = {"bootloader": "3.1", "tee": "3.2", "snp": "3.3", "microcode": "3.8"}
    tcb = {part: int.from_bytes(_one(stated[_AMD + n])[1], "big") for part, n in numbers.items()}
    fmc = _one(stated[f"{_AMD}3.9"])[1] if product == "Turin" else b"\0"
    tcb["fmc"] = int.from_bytes(fmc, "big")
    chip_key = load_der_public_key(leaf["spki"])
    _demand(isinstance(chip_key, ec.EllipticCurvePublicKey), "another kind of key")
    return product, stated[f"{_AMD}4"], tcb, chip_key  # type: ignore[return-value]


def _one(raw: bytes) -> tuple[int, bytes]:
    (only,) = _all(raw)
    return only[0], only[1]


def _all(raw: bytes) -> list[tuple[int, bytes, bytes]]:
    """The values in DER: tag, content, and all of it."""
    found: list[tuple[int, bytes, bytes]] = []
    while raw:
        size, head = raw[1], 2
        if size & 0x80:
            head = 2 + (size & 0x7F)
            size = int.from_bytes(raw[2:head], "big")
        _demand(len(raw) >= head + size, "cut")
        found.append((raw[0], raw[head : head + size], raw[: head + size]))
        raw = raw[head + size :]
    return found


def _certificate(raw: bytes) -> dict[str, Any]:
    signed, _, signature = _all(_one(raw)[1])
    fields = _all(signed[1])
    subject, spki, extensions = fields[5], fields[6], fields[7]
    listed = [_all(one[1]) for one in _all(_one(extensions[1])[1])]
    names = [_all(_one(part[1])[1]) for part in _all(subject[1])]
    (common,) = [value[1] for oid, value in names if _oid(oid[1]) == "2.5.4.3"]
    return {
        "signed": signed[2],
        "signature": signature[1][1:],
        "name": common.decode(),
        "spki": spki[2],
        "extensions": {_oid(one[0][1]): one[-1][1] for one in listed},
    }


def _oid(raw: bytes) -> str:
    numbers, number = [raw[0] // 40, raw[0] % 40], 0
    for byte in raw[1:]:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    return ".".join(map(str, numbers))

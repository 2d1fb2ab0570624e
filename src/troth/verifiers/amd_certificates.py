"""AMD's certificates: a chip's key (VCEK), the authority of its kind (ASK) and the root (ARK).

Read by hand: VCEKs bear the serial number 0, which general readers of certificates refuse. What is
read is exactly the DER that is there, so that no byte can be changed unnoticed; the root is known
by the SHA-256 of its DER, which our trust names.

Source: AMD Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification
(publication 57230), chapters 3 (certificates) and 4 (service). RFC 5280, section 4.1, for the form;
RFC 4055, section 3.1, for RSASSA-PSS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

from troth.verifiers.der import Der, DerInvalid, children, integer, oid, read_one, write
from troth.verifiers.snp_report import PRODUCTS, Tcb
from troth.verifiers.strict_bytes import parse_base64

PLATFORM = "amd"
_AMD = "1.3.6.1.4.1.3704.1"
_PRODUCT, _HARDWARE_ID = f"{_AMD}.2", f"{_AMD}.4"
_LEVELS = {
    "bootloader": f"{_AMD}.3.1",
    "tee": f"{_AMD}.3.2",
    "snp": f"{_AMD}.3.3",
    "microcode": f"{_AMD}.3.8",
}
_FMC = f"{_AMD}.3.9"
_BASIC_CONSTRAINTS, _KEY_USAGE = "2.5.29.19", "2.5.29.15"
_COMMON_NAME = "2.5.4.3"
_RSASSA_PSS = "1.2.840.113549.1.1.10"
_PSS = padding.PSS(padding.MGF1(SHA384()), 48)
_SEQUENCE, _BIT_STRING, _OCTETS, _IA5 = 0x30, 0x03, 0x04, 0x16
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_MAX_DER_BYTES, _MAX_PEM_BYTES = 4096, 16_384
_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,64}\r?\n)+)"
    rb"-----END CERTIFICATE-----\r?\n?"
)


class CertificateInvalid(ValueError):
    """A certificate does not hold; the argument is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate taken apart. Its signature is not checked here."""

    der: bytes
    signed: bytes
    """TBSCertificate, DER."""
    signature: bytes
    issuer: bytes
    subject: bytes
    """Names, DER."""
    spki: bytes
    valid_from: datetime
    valid_until: datetime
    extensions: Mapping[str, bytes]

    @property
    def common_name(self) -> str:
        return _common_name(self.subject)


@dataclass(frozen=True, slots=True)
class Chip:
    """A processor's own key, and what AMD certified of it; signatures hold up to `root_sha256`.

    Whether the root is trusted is the caller's question, and so is the time.
    """

    key: ec.EllipticCurvePublicKey
    product: str
    tcb: Tcb
    hardware_id: bytes
    """64 bytes; 8 of a Turin."""
    root_sha256: str
    root_name: str
    valid_from: datetime
    valid_until: datetime


@lru_cache(maxsize=64)
def open_chip(vcek: bytes, authorities: bytes) -> Chip:
    """Check a chip's certificate (DER) by its authorities (PEM: ASK, then ARK).

    Raises CertificateInvalid.
    """
    try:
        ask, ark = (_parse(der) for der in _split(authorities))
        # From the root down: nothing more of one is used before its signature was checked.
        product = ark.common_name.removeprefix("ARK-")
        if product not in PRODUCTS or ask.common_name != f"SEV-{product}":
            raise CertificateInvalid("AMD's authorities are not those of a processor known here.")
        _check_issued(ark, ark)
        _check_issued(ask, ark)
        leaf = _parse(vcek)
        _check_issued(leaf, ask)
        if leaf.common_name != "SEV-VCEK":
            raise CertificateInvalid("The certificate is not one of a processor's own key.")
        return Chip(
            key=_chip_key(leaf),
            product=_stated_product(leaf, product),
            tcb=_stated_tcb(leaf, product),
            hardware_id=_stated_id(leaf, product),
            root_sha256=sha256(ark.der).hexdigest(),
            root_name=ark.common_name,
            valid_from=max(one.valid_from for one in (leaf, ask, ark)),
            valid_until=min(one.valid_until for one in (leaf, ask, ark)),
        )
    except CertificateInvalid:
        raise
    except (ValueError, LookupError) as error:  # of another form, and be it one field too many
        raise CertificateInvalid("A certificate of AMD's is not what it should be.") from error


def _split(pem: bytes) -> tuple[bytes, bytes]:
    """Return the DER of exactly two certificates in strict PEM."""
    if len(pem) > _MAX_PEM_BYTES:
        raise CertificateInvalid("AMD's certificates are far too large.")
    blocks: list[bytes] = []
    place = 0
    while place < len(pem) and (block := _PEM.match(pem, place)) is not None:
        try:
            blocks.append(parse_base64(block[1].replace(b"\r", b"").replace(b"\n", b"").decode()))
        except ValueError as error:
            raise CertificateInvalid("AMD's certificates are not exact PEM.") from error
        place = block.end()
    if place != len(pem) or len(blocks) != 2:
        raise CertificateInvalid("AMD's authorities are not two certificates in PEM.")
    return blocks[0], blocks[1]


def _parse(der: bytes) -> Certificate:
    """Take a certificate apart; raise DerInvalid for what is not exactly one of version 3."""
    if len(der) > _MAX_DER_BYTES:
        raise DerInvalid("it is far too large")
    signed, algorithm, signature = children(read_one(der))
    version, serial, inner, issuer, validity, subject, spki, *rest = children(signed)
    if version != (0xA0, b"\x02\x01\x02") or algorithm != inner or len(rest) != 1:
        raise DerInvalid("it is of another form")
    if oid(children(algorithm)[0]) != _RSASSA_PSS or signature[0] != _BIT_STRING:
        raise DerInvalid("it is signed in another way")
    if not signature[1].startswith(b"\0"):
        raise DerInvalid("its signature is not whole bytes")
    begins, ends = children(validity)
    tag, listed = rest[0]
    if tag != 0xA3:
        raise DerInvalid("it has no extensions")
    integer(serial)  # its form counts, and nothing asks for its value
    return Certificate(
        der=der,
        signed=write(*signed),
        signature=signature[1][1:],
        issuer=write(*issuer),
        subject=write(*subject),
        spki=write(*spki),
        valid_from=_time(begins),
        valid_until=_time(ends),
        extensions=_extensions(read_one(listed)),
    )


def _time(value: Der) -> datetime:
    tag, content = value
    form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}.get(tag)
    try:
        return datetime.strptime(content.decode("ascii"), form or "").replace(tzinfo=UTC)
    except ValueError as error:
        raise DerInvalid("it has a time that cannot be read") from error


def _extensions(listed: Der) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for extension in children(listed):
        name, *middle, value = children(extension)
        is_known = middle in ([], [(0x01, b"\xff")])
        if not is_known or value[0] != _OCTETS or (key := oid(name)) in found:
            raise DerInvalid("an extension is malformed or stands there twice")
        found[key] = value[1]
    return found


def _common_name(name: bytes) -> str:
    """Return the one common name; "" where there is none or more than one."""
    found: list[str] = []
    for tag, content in children(read_one(name)):
        if tag != 0x31:
            raise DerInvalid("a name is malformed")
        kind, text = children(read_one(content))
        if oid(kind) == _COMMON_NAME:
            found.append(text[1].decode("utf-8", "replace"))
    return found[0] if len(found) == 1 else ""


def _check_issued(child: Certificate, issuer: Certificate) -> None:
    if child.issuer != issuer.subject:
        raise CertificateInvalid("A certificate of AMD's was issued by somebody else.")
    # Both are DER values of exactly these bytes: CA true, and a usage with keyCertSign.
    constraints = children(read_one(issuer.extensions[_BASIC_CONSTRAINTS]))
    usage = read_one(issuer.extensions[_KEY_USAGE])
    if (0x01, b"\xff") not in constraints or usage[0] != _BIT_STRING or not usage[1][1] & 0x04:
        raise CertificateInvalid("A certificate was issued by one that may not issue any.")
    try:
        key = load_der_public_key(issuer.spki)
        if not isinstance(key, rsa.RSAPublicKey):
            raise CertificateInvalid("An authority of AMD's holds a key of the wrong kind.")
        key.verify(child.signature, child.signed, _PSS, SHA384())
    except InvalidSignature as error:
        raise CertificateInvalid("A signature in AMD's certificate chain does not fit.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, CertificateInvalid):
            raise
        raise CertificateInvalid("An authority of AMD's holds no readable key.") from error


def _chip_key(leaf: Certificate) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(leaf.spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateInvalid("The processor's certificate holds no readable key.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise CertificateInvalid("The processor's certificate holds a key of the wrong kind.")
    return key


def _stated_product(leaf: Certificate, product: str) -> str:
    """Return the product, which a certificate may name with its stepping (`Milan-B0`)."""
    tag, stated = read_one(leaf.extensions[_PRODUCT])
    if tag != _IA5 or stated.partition(b"-")[0] != product.encode():
        raise CertificateInvalid("The processor's certificate is for another kind of processor.")
    return product


def _stated_tcb(leaf: Certificate, product: str) -> Tcb:
    levels = {name: integer(read_one(leaf.extensions[key])) for name, key in _LEVELS.items()}
    fmc = integer(read_one(leaf.extensions[_FMC])) if product == "Turin" else 0
    return Tcb(**levels, fmc=fmc)


def _stated_id(leaf: Certificate, product: str) -> bytes:
    """Return the chip's id: the extension's bytes themselves, or an OCTET STRING in them."""
    size = 8 if product == "Turin" else 64
    stated = leaf.extensions[_HARDWARE_ID]
    if len(stated) == size + 2:
        tag, stated = read_one(stated)
        if tag != _OCTETS:
            raise DerInvalid("the chip's id is of another kind")
    if len(stated) != size:
        raise DerInvalid("the chip's id has another length")
    return stated

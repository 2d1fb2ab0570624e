"""Intel's certificates: a processor's (PCK) and those that sign what Intel says of processors.

Chains are checked by hand on `cryptography`: two or three certificates, P-256 and SHA-256, up to a
root that our trust names by the SHA-256 of its DER. Who is revoked stands in signed lists.

Source: Intel SGX PCK Certificate and Certificate Revocation List Profile Specification, revision
1.5, section 1.3.5 (the extension 1.2.840.113741.1.13.1).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from troth.verifiers.certificates import UNREADABLE
from troth.verifiers.der import DerInvalid, children, integer, oid, read_one, write
from troth.verifiers.strict_bytes import parse_base64

PLATFORM = "intel"
PCK_AUTHORITIES = {
    "Intel SGX PCK Platform CA": "platform",
    "Intel SGX PCK Processor CA": "processor",
}
TCB_SIGNER = "Intel SGX TCB Signing"
_SGX = x509.ObjectIdentifier("1.2.840.113741.1.13.1")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
"""AlgorithmIdentifier of ecdsa-with-SHA256 (RFC 5758, section 3.2), DER."""
_MAX_PEM_BYTES = 16_384
_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)-----END CERTIFICATE-----\n?"
)


class CertificateInvalid(ValueError):
    """A certificate or a revocation list does not hold; the argument is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Processor:
    """What Intel certified of a processor (the SGX extension of its PCK certificate)."""

    fmspc: bytes
    """Family, model, stepping, platform, custom SKU: 6 bytes; the key of its TCB levels."""
    pce_id: bytes
    sgx_svns: tuple[int, ...]
    """16 security version numbers."""
    pce_svn: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Leaf first, root last; signatures hold. Whether the root is trusted is the caller's question,
    and so is the time."""

    certificates: tuple[x509.Certificate, ...]
    root_sha256: str

    @property
    def leaf(self) -> x509.Certificate:
        return self.certificates[0]

    @property
    def valid_from(self) -> datetime:
        return max(c.not_valid_before_utc for c in self.certificates)

    @property
    def valid_until(self) -> datetime:
        return min(c.not_valid_after_utc for c in self.certificates)


def common_name(name: x509.Name) -> str:
    """Return the one common name; "" where there is none or more than one."""
    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


@lru_cache(maxsize=64)
def parse_chain(pem: bytes) -> Chain:
    """Read PEM certificates, leaf first, and check each by the next; raise CertificateInvalid.

    The PEM is read strictly, so that no byte of it can be changed unnoticed; NULs may follow.
    """
    pem = pem.rstrip(b"\0")
    if len(pem) > _MAX_PEM_BYTES:
        raise CertificateInvalid("Intel's certificates are far too large.")
    blocks: list[bytes] = []
    place = 0
    while place < len(pem):
        block = _PEM.match(pem, place)
        if block is None:
            raise CertificateInvalid("Intel's certificates are not exact PEM.")
        blocks.append(_decoded(block[1]))
        place = block.end()
    if not 2 <= len(blocks) <= 3:
        raise CertificateInvalid("Intel's certificate chain has a strange length.")
    certificates = tuple(map(_load, blocks))
    # From the root down: nothing more of a certificate is read before its signature was checked.
    issuers = (*certificates[1:], certificates[-1])
    for child, issuer in reversed(list(zip(certificates, issuers, strict=True))):
        _check_issued(child, issuer)
    return Chain(certificates, sha256(blocks[-1]).hexdigest())


def _decoded(lines: bytes) -> bytes:
    text = lines.decode("ascii")
    if any(len(line) != 64 for line in text.split("\n")[:-2]):
        raise CertificateInvalid("Intel's certificates are not exact PEM.")
    try:
        return parse_base64(text.replace("\n", ""))
    except ValueError as error:
        raise CertificateInvalid("Intel's certificates are not exact PEM.") from error


def _load(der: bytes) -> x509.Certificate:
    try:
        _check_serial(der)
        certificate = x509.load_der_x509_certificate(der)
        if der != _exact(certificate.tbs_certificate_bytes, certificate.signature):
            raise CertificateInvalid("A certificate of Intel's is not exact DER.")
        _ = certificate.subject, certificate.issuer
    except UNREADABLE as error:
        raise CertificateInvalid("A certificate of Intel's cannot be read.") from error
    return certificate


def _check_serial(der: bytes) -> None:
    """Refuse what `cryptography` would only warn about: a serial number that is not positive."""
    fields = children(children(read_one(der))[0])
    place = 1 if fields[0][0] == 0xA0 else 0
    if len(fields) <= place or not integer(fields[place]):
        raise DerInvalid("its serial number is not positive")


def public_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """Return a certificate's key; raise CertificateInvalid unless it is on P-256."""
    try:
        key = certificate.public_key()
    except UNREADABLE as error:
        raise CertificateInvalid("A certificate of Intel's holds no readable key.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateInvalid("A certificate of Intel's holds a key of the wrong kind.")
    return key


def _check_issued(child: x509.Certificate, issuer: x509.Certificate) -> None:
    """Check name, authority and signature, as RFC 5280 section 6.1.3 has it."""
    if child.issuer != issuer.subject:
        raise CertificateInvalid("A certificate of Intel's was issued by somebody else.")
    if child.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        raise CertificateInvalid("A certificate of Intel's is signed in an unknown way.")
    try:
        public_key(issuer).verify(child.signature, child.tbs_certificate_bytes, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise CertificateInvalid(
            "A signature in Intel's certificate chain does not fit."
        ) from error
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, *UNREADABLE) as error:
        raise CertificateInvalid("Intel's authority does not say that it is one.") from error
    if not basic.ca or not usage.key_cert_sign:
        raise CertificateInvalid("A certificate was issued by one that may not issue any.")


def verify_raw(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    """Whether a 64-byte signature (r || s) over `signed` is of this key (ECDSA P-256, SHA-256)."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def parse_processor(certificate: x509.Certificate) -> Processor:
    """Read the SGX extension of a PCK certificate; raise CertificateInvalid."""
    try:
        found = certificate.extensions.get_extension_for_oid(_SGX).value
        if not isinstance(found, x509.UnrecognizedExtension):
            raise DerInvalid("it is of another kind")
        fields = _pairs(found.value)
        levels = _pairs_in(fields[f"{_SGX.dotted_string}.2"])
        prefix = f"{_SGX.dotted_string}.2."
        svns = tuple(integer(levels[f"{prefix}{i}"]) for i in range(1, 17))
        fmspc, pce_id = _octets(fields, 4, 6), _octets(fields, 3, 2)
        pce_svn = integer(levels[f"{prefix}17"])
    except (DerInvalid, KeyError, x509.ExtensionNotFound) as error:
        raise CertificateInvalid(
            "The processor's certificate lacks what Intel puts there."
        ) from error
    return Processor(fmspc, pce_id, svns, pce_svn)


Der = tuple[int, bytes]


def _pairs(content: bytes) -> dict[str, Der]:
    return _pairs_in(read_one(content))


def _pairs_in(sequence: Der) -> dict[str, Der]:
    found: dict[str, Der] = {}
    for pair in children(sequence):
        parts = children(pair)
        if len(parts) != 2 or (name := oid(parts[0])) in found:
            raise DerInvalid("a field is malformed or stands there twice")
        found[name] = parts[1]
    return found


def _octets(fields: dict[str, Der], number: int, size: int) -> bytes:
    tag, content = fields[f"{_SGX.dotted_string}.{number}"]
    if tag != 0x04 or len(content) != size:
        raise DerInvalid("a field has the wrong size")
    return content


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list whose signature holds."""

    issued_at: datetime
    next_at: datetime
    serials: frozenset[int]


def _exact(signed: bytes, signature: bytes) -> bytes:
    """Return the one DER of a certificate or list (RFC 5280, sections 4.1 and 5.1).

    The outer name of the algorithm and the framing of the signature are signed by nothing, so they
    must be what there is.
    """
    return write(0x30, signed + _ECDSA_SHA256 + write(0x03, b"\0" + signature))


@lru_cache(maxsize=32)
def parse_revocations(der: bytes, issuer_pem: bytes) -> RevocationList:
    """Read a revocation list (DER) that the certificate `issuer_pem` must have signed.

    Raises CertificateInvalid.
    """
    try:
        issuer = x509.load_pem_x509_certificate(issuer_pem)
        listed = x509.load_der_x509_crl(der)
        if listed.issuer != issuer.subject:
            raise CertificateInvalid("A list of revoked certificates is somebody else's.")
        if der != _exact(listed.tbs_certlist_bytes, listed.signature):
            raise CertificateInvalid("A list of revoked certificates is not exact DER.")
        if not listed.is_signature_valid(public_key(issuer)):
            raise CertificateInvalid("A list of revoked certificates is not signed by Intel.")
        next_at = listed.next_update_utc
        if next_at is None:
            raise CertificateInvalid(
                "A list of revoked certificates does not say how long it holds."
            )
        serials = frozenset(entry.serial_number for entry in listed)
        return RevocationList(listed.last_update_utc, next_at, serials)
    except UNREADABLE as error:
        if isinstance(error, CertificateInvalid):
            raise
        raise CertificateInvalid("A list of revoked certificates cannot be read.") from error


def to_pem(certificate: x509.Certificate) -> bytes:
    """Return one certificate as PEM."""
    der = certificate.public_bytes(Encoding.DER)
    text = base64.b64encode(der).decode("ascii")
    lines = "".join(f"{text[place : place + 64]}\n" for place in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n".encode("ascii")

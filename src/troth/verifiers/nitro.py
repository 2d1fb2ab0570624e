"""AWS Nitro attestation documents: who signed them, for which code, when, and bound to what.

A document proves itself: COSE_Sign1 by a certificate that leads to Amazon's root. Its chain is
checked by hand on `cryptography` (X.509 profiles of web servers do not fit these certificates).
Sources: aws-nitro-enclaves-nsm-api docs/attestation_process.md (read 2026-11-22), RFC 9052,
RFC 5280; user_data layout: brave/nitriding `attestation.go`.

user_data of nitriding, 68 bytes:
    0   2   12 20 (multihash: SHA-256, 32 bytes)
    2  32   SHA-256 of the enclave's TLS certificate, DER
   34   2   12 20
   36  32   SHA-256 that the application registered: here of the signing key's SPKI, DER
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.oid import SignatureAlgorithmOID

from troth.verifiers.certificates import UNREADABLE, load_certificate
from troth.verifiers.cose import (
    CborInvalid,
    as_byte_strings,
    as_bytes,
    as_map,
    parse_cbor,
    parse_sign1,
)
from troth.verifiers.keccak import keccak256
from troth.verifiers.strict_bytes import parse_base64

PLATFORM = "aws-nitro"
MAX_DOCUMENT_BYTES = 32_768
ES384 = -35
_SIGNATURE_BYTES = 96
_PCR_BYTES = 48
_REQUIRED = frozenset({"module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"})
_OPTIONAL = frozenset({"public_key", "user_data", "nonce"})
_LATEST_MS = 253_402_300_799_000
"""31 Dec 9999, the last moment that a datetime can hold."""


class NitroInvalid(ValueError):
    """The document does not hold together; the argument is a whole sentence for people."""


@dataclass(frozen=True, slots=True)
class NitroDocument:
    """A document whose signature and chain hold. Whether its root, its times, its code and its
    bindings are what we want is the caller's question."""

    module_id: str
    issued_at: datetime
    pcrs: Mapping[int, bytes]
    user_data: bytes
    nonce: bytes
    public_key: bytes
    root_sha256: str
    root_name: str
    valid_from: datetime
    """When the last certificate of the chain became valid."""
    valid_until: datetime
    """When the first certificate of the chain expires (the leaf's three hours, in practice)."""

    @property
    def is_debug(self) -> bool:
        """Whether the enclave ran in debug mode: its memory can be read, PCR0 is all zero."""
        return not any(self.pcrs[0]) or not any(self.pcrs[2])

    @property
    def pcr_hash(self) -> bytes:
        """Return Keccak-256 of PCR0, PCR1 and PCR2, as the OpenGradient registry keeps it."""
        return keccak256(self.pcrs[0] + self.pcrs[1] + self.pcrs[2])


@dataclass(frozen=True, slots=True)
class Binding:
    """What a nitriding enclave put into user_data."""

    tls_certificate_sha256: bytes
    signing_key_sha256: bytes


def document_bytes(body: bytes) -> bytes:
    """Return the document in an HTTP body: base64 text as nitriding serves it, or raw CBOR.

    Raises NitroInvalid for anything else, also for base64 that is not canonical.
    """
    if len(body) > 2 * MAX_DOCUMENT_BYTES:
        raise NitroInvalid("The attestation document is far too large.")
    if body[:1] == b"\x84":
        return body
    try:
        return parse_base64(body.strip().decode("ascii"))
    except ValueError as error:
        raise NitroInvalid("The attestation document is neither CBOR nor exact base64.") from error


@lru_cache(maxsize=64)
def open_document(document: bytes) -> NitroDocument:
    """Check a document's form, its chain's signatures and its own; raise NitroInvalid.

    Pure, hence remembered: ten thousand replies of one enclave share a handful of documents, and
    five P-384 signatures cost 2 ms.
    """
    try:
        return _open(document)
    except CborInvalid as error:
        raise NitroInvalid(f"The attestation document is malformed: {error}.") from error


def _open(document: bytes) -> NitroDocument:
    if len(document) > MAX_DOCUMENT_BYTES:
        raise NitroInvalid("The attestation document is far too large.")
    message = parse_sign1(document)
    if message.algorithm != ES384:
        raise NitroInvalid("The attestation document is not signed with ES384.")
    payload = as_map(parse_cbor(message.payload), "the payload")
    names = set(payload)
    if not names >= _REQUIRED or not names <= _REQUIRED | _OPTIONAL:
        raise NitroInvalid("The attestation document lacks a field or has one too many.")
    if payload["digest"] != "SHA384":
        raise NitroInvalid("The attestation document measures with something other than SHA-384.")
    bundle = as_byte_strings(payload["cabundle"], "the certificate bundle")
    leaf = _load(as_bytes(payload["certificate"], "the certificate"))
    # The document's own signature first: a changed document costs one check, not a whole chain.
    _check_signature(leaf, message.signed, message.signature)
    if not 1 <= len(bundle) <= 7:
        raise NitroInvalid("The attestation document's certificate chain has a strange length.")
    chain = (*map(_load, bundle), leaf)
    _check_chain(chain)
    module_id, issued_ms = payload["module_id"], payload["timestamp"]
    if not isinstance(module_id, str) or isinstance(issued_ms, bool):
        raise NitroInvalid("The attestation document's fields have the wrong types.")
    if not isinstance(issued_ms, int) or not 0 < issued_ms < _LATEST_MS:
        raise NitroInvalid("The attestation document has no usable time.")
    return NitroDocument(
        module_id=module_id,
        issued_at=datetime.fromtimestamp(issued_ms / 1000, UTC),
        pcrs=_read_pcrs(as_map(payload["pcrs"], "the list of PCRs")),
        user_data=_optional(payload.get("user_data"), "user_data"),
        nonce=_optional(payload.get("nonce"), "the nonce"),
        public_key=_optional(payload.get("public_key"), "the public key"),
        root_sha256=sha256(bundle[0]).hexdigest(),
        root_name=chain[0].subject.rfc4514_string(),
        valid_from=max(certificate.not_valid_before_utc for certificate in chain),
        valid_until=min(certificate.not_valid_after_utc for certificate in chain),
    )


def _optional(value: object, what: str) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, bytes):
        raise CborInvalid(f"{what} is not a byte string")
    return value


def _read_pcrs(entries: Mapping[int | str, object]) -> Mapping[int, bytes]:
    pcrs: dict[int, bytes] = {}
    for index, value in entries.items():
        if not isinstance(index, int) or not 0 <= index < 32:
            raise NitroInvalid("The attestation document has a PCR with a strange number.")
        if not isinstance(value, bytes) or len(value) != _PCR_BYTES:
            raise NitroInvalid(f"PCR{index} of the attestation document is not a SHA-384 digest.")
        pcrs[index] = value
    if not pcrs.keys() >= {0, 1, 2}:
        raise NitroInvalid("The attestation document lacks PCR0, PCR1 or PCR2.")
    return MappingProxyType(pcrs)


def _load(encoded: bytes) -> x509.Certificate:
    try:
        return load_certificate(encoded)
    except UNREADABLE as error:
        raise NitroInvalid("A certificate of the attestation document cannot be read.") from error


def _check_chain(chain: tuple[x509.Certificate, ...]) -> None:
    """Check every link of a chain, root first; raise NitroInvalid. Times are not looked at."""
    last = len(chain) - 1
    for place, certificate in enumerate(chain):
        issuer = chain[max(place - 1, 0)]
        try:
            if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA384:
                raise NitroInvalid("A certificate is signed with something other than ES384.")
            certificate.verify_directly_issued_by(issuer)
            _check_role(certificate, is_leaf=place == last, below=last - place - 1)
        except InvalidSignature as error:
            raise NitroInvalid("A certificate was not signed by the one above it.") from error
        except NitroInvalid:
            raise
        except UNREADABLE as error:
            raise NitroInvalid("A certificate was not issued by the one above it.") from error


def _check_role(certificate: x509.Certificate, *, is_leaf: bool, below: int) -> None:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise NitroInvalid("A certificate's key is not on the curve P-384.")
    known = (x509.BasicConstraints, x509.KeyUsage)
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, known):
            raise NitroInvalid("A certificate has a critical extension that is not understood.")
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise NitroInvalid("A certificate does not say what it may be used for.") from error
    if is_leaf:
        if basic.ca or not usage.digital_signature:
            raise NitroInvalid("The last certificate may not sign documents.")
        return
    if not basic.ca or not usage.key_cert_sign:
        raise NitroInvalid("A certificate in the chain may not issue certificates.")
    if basic.path_length is not None and basic.path_length < below:
        raise NitroInvalid("The chain is longer than one of its certificates allows.")


def _check_signature(leaf: x509.Certificate, signed: bytes, signature: bytes) -> None:
    """Check an ES384 signature, r || s (RFC 9053, section 2.1); raise NitroInvalid."""
    if len(signature) != _SIGNATURE_BYTES:
        raise NitroInvalid("The attestation document's signature has the wrong length.")
    half = _SIGNATURE_BYTES // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        key = leaf.public_key()
    except UNREADABLE as error:
        raise NitroInvalid("The last certificate's key cannot be read.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise NitroInvalid("The last certificate's key is not on the curve P-384.")
    try:
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA384()))
    except InvalidSignature as error:
        raise NitroInvalid("The attestation document's signature does not fit it.") from error


def parse_binding(user_data: bytes) -> Binding:
    """Read nitriding's user_data; raise NitroInvalid unless it is exactly two multihashes."""
    if len(user_data) != 68 or user_data[:2] != b"\x12\x20" or user_data[34:36] != b"\x12\x20":
        raise NitroInvalid("The attestation document does not say which keys it speaks for.")
    return Binding(user_data[2:34], user_data[36:68])

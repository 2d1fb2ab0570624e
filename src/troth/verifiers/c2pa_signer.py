"""Who signed a picture: the COSE signature of a claim, and the certificates behind it.

Sources: C2PA specification 2.2, sections 13.2 (algorithms), 14.4 to 14.6 (trust, certificate
profile); RFC 9052 and 9360 (COSE_Sign1, x5chain), RFC 5280. What stands in the unprotected header
is covered by no signature of the maker's: time stamps there prove themselves or nothing, stapled
OCSP answers are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from troth.verifiers.certificate_chain import KNOWN_EXTENSIONS
from troth.verifiers.certificates import UNREADABLE, load_certificate
from troth.verifiers.cose import (
    Cbor,
    CborInvalid,
    byte_string,
    counter_structure,
    parse_open_cbor,
    sig_structure,
)
from troth.verifiers.trust import fingerprint_of

PLATFORM = "c2pa"
"""Of the roots in the trust file that count here."""
MAX_CHAIN = 8
MAX_STAMPS = 4
_STARTS = (b"\xd2", b"\x84")
"""Tag 18, or the list of four parts at once."""
_X5CHAIN = 33
_EXPECTED = frozenset(
    {"pad", "pad2", "sigTst", "sigTst2", "rVals", "x5chain", _X5CHAIN, "temp_signing_time"}
)
_ALLOWED_USES = frozenset(
    {
        "1.3.6.1.5.5.7.3.4",  # emailProtection
        "1.3.6.1.5.5.7.3.36",  # documentSigning
        "1.3.6.1.4.1.62558.2.1",  # c2pa-kp-claimSigning
        "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft's, for C2PA
    }
)
_ANY_USE = "2.5.29.37.0"

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class SignatureInvalid(ValueError):
    """The signature cannot be read; a clause for people."""


class SignerInvalid(ValueError):
    """The certificate may not sign pictures; a clause for people."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A claim's signature with its certificates, the signer's first."""

    algorithm: int
    """COSE's number."""
    signature: bytes
    signed: bytes
    chain: tuple[x509.Certificate, ...]
    stamps: tuple[tuple[bytes, bytes], ...]
    """Time stamps that come with it, each with the bytes that it must be over."""

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]


def parse_signature(encoded: bytes, claim: bytes) -> Signature:
    """Take the COSE_Sign1 of a claim apart, whose payload is detached; raise SignatureInvalid."""
    try:
        if encoded[:1] not in _STARTS:
            raise SignatureInvalid("it is not a signed message of four parts")
        message = parse_open_cbor(encoded)
        if not isinstance(message, list) or len(message) != 4:
            raise SignatureInvalid("it is not a signed message of four parts")
        protected, unprotected, payload, signature = message
        if not isinstance(protected, bytes) or not isinstance(signature, bytes):
            raise SignatureInvalid("a part of it is not a byte string")
        if not isinstance(unprotected, dict) or payload is not None:
            raise SignatureInvalid("a part of it is not what it must be")
        header = parse_open_cbor(protected)
    except CborInvalid as error:
        raise SignatureInvalid(str(error)) from error
    if not isinstance(header, dict):
        raise SignatureInvalid("its header is not a map")
    algorithm = header.get(1)
    if isinstance(algorithm, bool) or not isinstance(algorithm, int):
        raise SignatureInvalid("its algorithm is not a number")
    _check_unprotected(unprotected)
    places = [h[k] for h in (header, unprotected) for k in (_X5CHAIN, "x5chain") if k in h]
    if len(places) != 1:
        raise SignatureInvalid("it has no certificates, or has them twice")
    return Signature(
        algorithm=algorithm,
        signature=signature,
        signed=sig_structure(protected, claim),
        chain=tuple(_load(der) for der in _chain(places[0])),
        stamps=(
            *_stamps(unprotected, "sigTst2", counter_structure(protected, byte_string(signature))),
            *_stamps(unprotected, "sigTst", counter_structure(protected, claim)),
        ),
    )


def _check_unprotected(header: Mapping[int | str, Cbor]) -> None:
    """Refuse what nothing would notice: names that no version knows, and padding with a message."""
    if not header.keys() <= _EXPECTED:
        raise SignatureInvalid("its header holds what is not known")
    for name in ("pad", "pad2"):
        padded = header.get(name, b"")
        if not isinstance(padded, bytes) or any(padded):
            raise SignatureInvalid("its padding is not empty")


def _stamps(
    header: Mapping[int | str, Cbor], name: str, stamped: bytes
) -> list[tuple[bytes, bytes]]:
    """Return the stamps under a name: over the signature (2.x), or over what it is over (1.x)."""
    held = header.get(name)
    listed = held.get("tstTokens") if isinstance(held, dict) else None
    tokens = listed if isinstance(listed, list) else []
    values = [token.get("val") for token in tokens if isinstance(token, dict)]
    found = [value for value in values if isinstance(value, bytes)]
    return [(token, stamped) for token in found[:MAX_STAMPS]]


def _chain(value: Cbor) -> list[bytes]:
    listed = value if isinstance(value, list) else [value]
    found = [der for der in listed if isinstance(der, bytes)]
    if len(found) != len(listed) or not 1 <= len(found) <= MAX_CHAIN:
        raise SignatureInvalid("its certificates are not a list of them")
    return found


def _load(encoded: bytes) -> x509.Certificate:
    try:
        return load_certificate(encoded)
    except UNREADABLE as error:
        raise SignatureInvalid("a certificate cannot be read") from error


# -- the signature

_Check = Callable[[PublicKey, bytes, bytes], None]


def _ecdsa(
    curve: type[ec.EllipticCurve], algorithm: hashes.HashAlgorithm, size: int,
    key: PublicKey, signature: bytes, signed: bytes,
) -> None:  # fmt: skip
    """Check r || s (RFC 9053, section 2.1)."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, curve):
        raise SignerInvalid("its key is not of the kind that it signs with")
    if len(signature) != 2 * size:
        raise InvalidSignature
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(algorithm))


def _pss(algorithm: hashes.HashAlgorithm, key: PublicKey, signature: bytes, signed: bytes) -> None:
    if not isinstance(key, rsa.RSAPublicKey) or not 2_048 <= key.key_size <= 16_384:
        raise SignerInvalid("its key is not of the kind that it signs with")
    mask = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
    key.verify(signature, signed, mask, algorithm)


def _eddsa(key: PublicKey, signature: bytes, signed: bytes) -> None:
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise SignerInvalid("its key is not of the kind that it signs with")
    key.verify(signature, signed)


_ALGORITHMS: dict[int, _Check] = {
    -7: partial(_ecdsa, ec.SECP256R1, hashes.SHA256(), 32),
    -35: partial(_ecdsa, ec.SECP384R1, hashes.SHA384(), 48),
    -36: partial(_ecdsa, ec.SECP521R1, hashes.SHA512(), 66),
    -37: partial(_pss, hashes.SHA256()),
    -38: partial(_pss, hashes.SHA384()),
    -39: partial(_pss, hashes.SHA512()),
    -8: _eddsa,
}
"""COSE's number (RFC 9053) -> the check: ES256, ES384, ES512, PS256, PS384, PS512, EdDSA."""


def holds(signature: Signature) -> bool:
    """Whether the signer's key signed this claim; raise SignerInvalid for a key that cannot."""
    check = _ALGORITHMS.get(signature.algorithm)
    if check is None:
        raise SignerInvalid("it is signed in a way that C2PA does not allow")
    try:
        key = signature.leaf.public_key()
        if not isinstance(key, PublicKey):
            raise SignerInvalid("its key is not of the kind that it signs with")
        check(key, signature.signature, signature.signed)
    except InvalidSignature:
        return False
    except UNREADABLE as error:
        raise SignerInvalid("its key cannot be read") from error
    return True


# -- the certificates


def check_profile(leaf: x509.Certificate) -> None:
    """Raise SignerInvalid unless a certificate may sign pictures (section 14.5.1)."""
    for extension in leaf.extensions:
        if extension.critical and not isinstance(extension.value, KNOWN_EXTENSIONS):
            raise SignerInvalid("its certificate has a condition that is not understood")
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise SignerInvalid("its certificate does not say what it is for") from error
    named = {use.dotted_string for use in uses}
    if not named & _ALLOWED_USES or _ANY_USE in named:
        raise SignerInvalid("its certificate is for something else than signing pictures")
    if not usage.digital_signature or usage.key_cert_sign or _is_authority(leaf):
        raise SignerInvalid("its certificate is for something else than signing pictures")


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def name_of(name: x509.Name) -> str:
    """Return whom a name names: the organisation, else the common name; "" for neither."""
    for attribute in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        for found in name.get_attributes_for_oid(attribute):
            if text := "".join(c for c in str(found.value) if c.isprintable()).strip():
                return text[:80]
    return ""


def key_fingerprint(leaf: x509.Certificate) -> str:
    """Return the fingerprint of the signer's key, as the trust file writes it."""
    try:
        key = leaf.public_key()
    except UNREADABLE:
        return ""
    return fingerprint_of(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

"""Time stamps of a picture's signature: when an authority's clock saw it (RFC 3161, RFC 5652).

A stamp proves that a signature was there at a time; with it a certificate that has expired since
still counts for what it signed before. Read strictly, as DER; what does not fit is no stamp, and
never a failure of the picture: the stamp is not covered by its maker's signature.

    TimeStampToken: SEQUENCE { id-signedData, [0] SignedData {
        version, SET of digest algorithms, SEQUENCE { id-ct-TSTInfo, [0] OCTET STRING TSTInfo },
        [0] certificates, SET { SignerInfo } } }
    SignerInfo: version, which certificate, digest algorithm, [0] signed attributes, signature
        algorithm, OCTET STRING signature
    TSTInfo: 1, policy, SEQUENCE { algorithm, OCTET STRING digest }, number, time, ...
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from troth.verifiers.certificate_chain import find_anchor
from troth.verifiers.certificates import UNREADABLE, load_certificate
from troth.verifiers.der import Der, DerInvalid, children, integer, oid, read_one, write
from troth.verifiers.trust import Trust

PLATFORM = "c2pa-time"
"""Of the roots in the trust file whose clocks count here."""
MAX_BYTES = 65_000
MAX_CERTIFICATES = 8
_SEQUENCE, _SET, _OCTETS, _TIME, _OID, _FIRST = 0x30, 0x31, 0x04, 0x18, 0x06, 0xA0
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_CERTIFICATE_V1, _CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}
_BY_LENGTH = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
"""How a certificate is named in the signed attributes; SHA-1 only there, as older ones do."""


class StampInvalid(ValueError):
    """It proves no time; a clause for people."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment by the clock of an authority that is trusted."""

    at: datetime
    root: str
    """Name of the trusted root."""


def check_stamp(token: bytes, stamped: bytes, trust: Trust) -> Stamp:
    """Return when `stamped` was seen, by a clock that counts; raise StampInvalid."""
    try:
        return _check(token, stamped, trust)
    except StampInvalid:
        raise
    except (DerInvalid, IndexError) as error:
        raise StampInvalid("it cannot be read") from error
    except UNREADABLE as error:
        raise StampInvalid("a certificate of it cannot be read") from error


def _check(token: bytes, stamped: bytes, trust: Trust) -> Stamp:
    if len(token) > MAX_BYTES:
        raise StampInvalid("it is far too large")
    info, certificates, signer = _signed_data(_token(token))
    at = _moment(info, stamped)
    leaf = _check_signer(signer, info, certificates)
    _check_use(leaf)
    anchor = find_anchor(_ordered(leaf, certificates), trust, PLATFORM)
    if anchor is None:
        raise StampInvalid("no authority that you trust vouches for its clock")
    if not anchor.valid_from <= at <= anchor.valid_until:
        raise StampInvalid("its certificate was not valid at that time")
    return Stamp(at, anchor.root.name)


def _token(encoded: bytes) -> Der:
    """Return the token in a whole answer of an authority (versions 1.x), or as it stands (2.x)."""
    value = read_one(encoded)
    parts = children(value)
    return value if parts[0][0] == _OID else parts[1]


def _inside(value: Der, tag: int) -> list[Der]:
    if value[0] != tag:
        raise DerInvalid("it is something else")
    return children((_SEQUENCE, value[1]))


def _octets(value: Der) -> bytes:
    if value[0] != _OCTETS:
        raise DerInvalid("it is not a string of bytes")
    return value[1]


def _signed_data(token: Der) -> tuple[bytes, list[x509.Certificate], list[Der]]:
    """Return the TSTInfo, the certificates and the one signer of a token."""
    kind, wrapped = children(token)
    if oid(kind) != _SIGNED_DATA:
        raise StampInvalid("it is not signed")
    parts = children(_inside(wrapped, _FIRST)[0])
    content_kind, content = children(parts[2])
    if oid(content_kind) != _TST_INFO:
        raise StampInvalid("it is no time stamp")
    info = _octets(_inside(content, _FIRST)[0])
    listed = _inside(parts[3], _FIRST)
    if len(listed) > MAX_CERTIFICATES:
        raise StampInvalid("it has far too many certificates")
    certificates = [load_certificate(write(*one)) for one in listed if one[0] == _SEQUENCE]
    signers = _inside(parts[-1], _SET)
    if len(signers) != 1:
        raise StampInvalid("it is not signed once")
    return info, certificates, children(signers[0])


def _moment(info: bytes, stamped: bytes) -> datetime:
    """Return the time in a TSTInfo, which must be over these bytes."""
    fields = children(read_one(info))
    if integer(fields[0]) != 1:
        raise StampInvalid("it has a version that is not known")
    algorithm, digest = children(fields[2])
    if _octets(digest) != _digest(_hash_of(algorithm), stamped):
        raise StampInvalid("it is of another signature")
    tag, written = fields[4]
    text = written.decode("ascii", "replace")
    if tag != _TIME or not text.endswith("Z"):
        raise StampInvalid("its time cannot be read")
    try:
        moment = datetime.strptime(text[:-1].partition(".")[0], "%Y%m%d%H%M%S")
    except ValueError as error:
        raise StampInvalid("its time cannot be read") from error
    return moment.replace(tzinfo=UTC)


def _hash_of(algorithm: Der) -> hashes.HashAlgorithm:
    known = _HASHES.get(oid(children(algorithm)[0]))
    if known is None:
        raise StampInvalid("it hashes in a way that is not safe, or not known")
    return known()


def _digest(algorithm: hashes.HashAlgorithm, content: bytes) -> bytes:
    return hashlib.new(algorithm.name, content).digest()


def _check_signer(
    signer: list[Der], info: bytes, certificates: list[x509.Certificate]
) -> x509.Certificate:
    """Return the certificate whose key signed a TSTInfo; raise StampInvalid."""
    algorithm = _hash_of(signer[2])
    attributes: dict[str, list[Der]] = {}
    for attribute in _inside(signer[3], _FIRST):
        name, values = children(attribute)
        if oid(name) in attributes:
            raise StampInvalid("it says the same thing twice")
        attributes[oid(name)] = _inside(values, _SET)
    if oid(_one(attributes, _CONTENT_TYPE)) != _TST_INFO:
        raise StampInvalid("it is signed for something else")
    if _octets(_one(attributes, _MESSAGE_DIGEST)) != _digest(algorithm, info):
        raise StampInvalid("its signature is over another time")
    leaf = _named(attributes, certificates)
    signed = write(_SET, signer[3][1])
    _check_signature(leaf, _octets(signer[5]), signed, algorithm)
    return leaf


def _one(attributes: dict[str, list[Der]], name: str) -> Der:
    values = attributes.get(name, [])
    if len(values) != 1:
        raise StampInvalid("it lacks what it must be signed with")
    return values[0]


def _named(
    attributes: dict[str, list[Der]], certificates: list[x509.Certificate]
) -> x509.Certificate:
    """Return the certificate that the signed attributes name by its hash (RFC 5035)."""
    name = _CERTIFICATE_V2 if _CERTIFICATE_V2 in attributes else _CERTIFICATE_V1
    first = children(children(children(_one(attributes, name))[0])[0])
    wanted = next((content for tag, content in first if tag == _OCTETS), b"")
    algorithm = _BY_LENGTH.get(len(wanted), "")
    for certificate in certificates:
        encoded = certificate.public_bytes(Encoding.DER)
        if algorithm and hashlib.new(algorithm, encoded).digest() == wanted:
            return certificate
    raise StampInvalid("its certificate is not there")


def _check_signature(
    leaf: x509.Certificate, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm
) -> None:
    key = leaf.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2_048:
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        else:
            raise StampInvalid("its key is of a kind that is not known")
    except InvalidSignature as error:
        raise StampInvalid("its signature does not hold") from error


def _check_use(leaf: x509.Certificate) -> None:
    """Raise StampInvalid unless a certificate is for time stamps and nothing else."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound as error:
        raise StampInvalid("its certificate is not for time stamps") from error
    if not found.critical or list(found.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise StampInvalid("its certificate is not for time stamps")


def _ordered(
    leaf: x509.Certificate, certificates: list[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return the certificates from the signer's up, each followed by the one it names."""
    chain = [leaf]
    while len(chain) <= len(certificates):
        above = [
            one for one in certificates if one.subject == chain[-1].issuer and one not in chain
        ]
        if not above:
            break
        chain.append(above[0])
    return tuple(chain)

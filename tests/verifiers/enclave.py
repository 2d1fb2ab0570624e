"""A machine room of our own: a root, a chain and Nitro-shaped documents, honest or not.

Encoded with `cbor2`, which the verifier does not use. Nothing here is trusted anywhere but where a
test says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ISSUED_AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PROTECTED = cbor2.dumps({1: -35})
Key = ec.EllipticCurvePrivateKey


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certify(
    subject: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    is_ca: bool,
    valid_from: datetime = ISSUED_AT - timedelta(minutes=1),
    lasts: timedelta = timedelta(hours=3),
    path_length: int | None = None,
) -> bytes:
    usage = x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
    basic = x509.BasicConstraints(ca=is_ca, path_length=path_length)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_from + lasts)
        .add_extension(basic, critical=True)
        .add_extension(usage, critical=True)
        .sign(issuer_key, SHA384())
    )
    return certificate.public_bytes(Encoding.DER)


def _key() -> Key:
    return ec.generate_private_key(ec.SECP384R1())


@dataclass
class Machine:
    """A root and one intermediate that issue leaves, and the documents that the leaves sign."""

    root_key: Key = field(default_factory=_key)
    middle_key: Key = field(default_factory=_key)
    leaf_key: Key = field(default_factory=_key)
    root_der: bytes = b""
    middle_der: bytes = b""

    def __post_init__(self) -> None:
        years = {"lasts": timedelta(days=9000), "valid_from": ISSUED_AT - timedelta(days=9)}
        self.root_der = certify("root", self.root_key, "root", self.root_key, is_ca=True, **years)
        self.middle_der = certify(
            "middle", self.middle_key, "root", self.root_key, is_ca=True, **years
        )

    @property
    def root_sha256(self) -> str:
        return sha256(self.root_der).hexdigest()

    def leaf(self, **changes: Any) -> bytes:
        settings: dict[str, Any] = {"is_ca": False} | changes
        return certify("leaf", self.leaf_key, "middle", self.middle_key, **settings)

    def payload(self, *, user_data: bytes, nonce: bytes, **changes: Any) -> dict[str, Any]:
        pcrs = {index: bytes(48) for index in range(16)}
        pcrs |= {0: b"\x9b" * 48, 1: b"\x4b" * 48, 2: b"\x76" * 48}
        payload: dict[str, Any] = {
            "module_id": "i-0-enc0",
            "digest": "SHA384",
            "timestamp": int(ISSUED_AT.timestamp() * 1000),
            "pcrs": pcrs,
            "certificate": self.leaf(),
            "cabundle": [self.root_der, self.middle_der],
            "public_key": None,
            "user_data": user_data,
            "nonce": nonce,
        }
        return payload | changes

    def sign(self, payload: dict[str, Any] | bytes, protected: bytes = PROTECTED) -> bytes:
        encoded = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
        signed = cbor2.dumps(["Signature1", protected, b"", encoded])
        r, s = utils.decode_dss_signature(self.leaf_key.sign(signed, ec.ECDSA(SHA384())))
        signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
        return cbor2.dumps([protected, {}, encoded, signature])


def binding(tls_certificate: bytes, signing_key: bytes) -> bytes:
    """nitriding's user_data: two multihashes."""
    tls, key = sha256(tls_certificate).digest(), sha256(signing_key).digest()
    return b"\x12\x20" + tls + b"\x12\x20" + key

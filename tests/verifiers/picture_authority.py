"""Authorities that certify signers of pictures, for tests: roots, keys and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
ALGORITHMS = {
    "es256": -7, "es384": -35, "es512": -36, "ps256": -37, "ps384": -38, "ps512": -39,
    "ed25519": -8,
}  # fmt: skip
_CURVES = {"es256": ec.SECP256R1, "es384": ec.SECP384R1, "es512": ec.SECP521R1}


def key_for(algorithm: str) -> Any:
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def named(common: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
        ]
    )


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


@dataclass
class Signer:
    """A key with its certificates, the signer's own first."""

    algorithm: str
    key: Any
    chain: list[x509.Certificate]

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, message: bytes) -> bytes:
        if self.algorithm == "ed25519":
            return self.key.sign(message)
        digest = HASHES[self.algorithm[2:]]()
        if self.algorithm.startswith("ps"):
            return self.key.sign(
                message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest
            )
        size = {"es256": 32, "es384": 48, "es512": 66}[self.algorithm]
        r, s = utils.decode_dss_signature(self.key.sign(message, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


class Authority:
    """A root with one authority below it, as those that certify signers of pictures have."""

    def __init__(self, name: str = "Troth Tests") -> None:
        self._root_key, self._key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
        subject = named(f"{name} Root", name)
        self.root = self._issue(subject, self._root_key, subject, self._root_key, is_ca=True)
        below = named(f"{name} Issuing", name)
        self.issuing = self._issue(below, self._key, subject, self._root_key, is_ca=True)

    def signer(
        self,
        algorithm: str = "es256",
        *,
        name: str = "Example AI",
        uses: Sequence[x509.ObjectIdentifier] = (EMAIL,),
        valid: tuple[datetime, datetime] = (NOW - timedelta(days=30), NOW + timedelta(days=335)),
        is_ca: bool = False,
        with_root: bool = False,
    ) -> Signer:
        key = key_for(algorithm)
        leaf = self._issue(
            named("Signer", name), key, self.issuing.subject, self._key,
            is_ca=is_ca, uses=uses, valid=valid,
        )  # fmt: skip
        return Signer(algorithm, key, [leaf, self.issuing, *([self.root] if with_root else [])])

    @staticmethod
    def _issue(
        subject: x509.Name,
        key: Any,
        issuer: x509.Name,
        issuer_key: Any,
        *,
        is_ca: bool,
        uses: Sequence[x509.ObjectIdentifier] = (),
        valid: tuple[datetime, datetime] = (NOW - timedelta(days=999), NOW + timedelta(days=3650)),
    ) -> x509.Certificate:
        usage = x509.KeyUsage(
            not is_ca or bool(uses), False, False, False, False, is_ca, is_ca, False, False
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid[0])
            .not_valid_after(valid[1])
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        if uses:
            is_clock = ExtendedKeyUsageOID.TIME_STAMPING in uses
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=is_clock)
        return builder.sign(issuer_key, hashes.SHA384())

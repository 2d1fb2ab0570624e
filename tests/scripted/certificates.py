"""Throw-away certificates for servers under test, made when they are needed."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate and its key. `der` is what gets pinned."""

    pem: bytes
    der: bytes
    key_pem: bytes

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "server.pem")
            file.write_bytes(self.pem + self.key_pem)
            context.load_cert_chain(file)
        return context


def make_certificate(
    names: Sequence[str] = ("127.0.0.1", "localhost"),
    *,
    is_expired: bool = False,
    issuer: Certificate | None = None,
) -> Certificate:
    """Make a certificate for these host names and addresses, self-signed unless `issuer` signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    signer = key
    signed_by = subject
    if issuer is not None:
        signer = cast(
            ec.EllipticCurvePrivateKey,
            serialization.load_pem_private_key(issuer.key_pem, None),
        )
        signed_by = x509.load_der_x509_certificate(issuer.der).subject
    ends = now - timedelta(days=1) if is_expired else now + timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signed_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(ends)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(_key_usage(can_sign_certificates=issuer is None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    return Certificate(
        pem=certificate.public_bytes(serialization.Encoding.PEM),
        der=certificate.public_bytes(serialization.Encoding.DER),
        key_pem=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _key_usage(*, can_sign_certificates: bool) -> x509.KeyUsage:
    # Python 3.13 verifies strictly (RFC 5280): an authority must say that it may sign.
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=can_sign_certificates,
        crl_sign=can_sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)

"""TLS contexts: public authorities with the user's own beside them, or one pinned certificate.

A pinned key stands beside the public authorities: both must hold.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import ssl
from collections.abc import Mapping

from troth.domain.error import OtherKey, TlsFailed


def trust_authorities(ca_file: str | None, environ: Mapping[str, str]) -> ssl.SSLContext:
    """Build the context for ordinary hosts; takes tens of milliseconds, so do it in a thread.

    SSL_CERT_FILE or SSL_CERT_DIR replace the built-in authorities, as OpenSSL has it; the user's
    `ca_file` is trusted besides. Raises OSError (ssl.SSLError is one) when a file is unusable.
    """
    import certifi

    file, folder = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file or folder:
        context = ssl.create_default_context(cafile=file or None, capath=folder or None)
    else:
        context = ssl.create_default_context(cafile=certifi.where())
    if ca_file:
        context.load_verify_locations(os.path.expanduser(ca_file))
    if ca_file or file or folder:
        # Python 3.13 became strict about RFC 5280's formalities, which many companies' own
        # authorities miss. Chain, name and dates are checked as before.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def pin(certificate: bytes) -> ssl.SSLContext:
    """Build a context whose only trust anchor is `certificate` (DER).

    The host's name is not checked: an enclave's certificate is known by its bytes, and
    `check_pinned` compares those. PARTIAL_CHAIN lets a leaf that is no authority be the anchor.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def check_pinned_key(host: str, pinned_sha256: bytes, presented: bytes | None) -> None:
    """Raise OtherKey unless the peer's certificate (DER) holds the pinned key.

    `pinned_sha256` is the SHA-256 of the key's SubjectPublicKeyInfo (RFC 7469, section 2.4).
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = x509.load_der_x509_certificate(presented or b"").public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise TlsFailed(host, "the certificate's key cannot be read") from error
    if not hmac.compare_digest(hashlib.sha256(spki).digest(), pinned_sha256):
        raise OtherKey(host, "the key of the connection is not the pinned one")


def check_pinned(host: str, pinned: bytes, presented: bytes | None) -> None:
    """Raise OtherKey unless the peer showed exactly the pinned certificate.

    The chain check alone would accept whatever a pinned authority has signed.
    """
    if presented is None or not hmac.compare_digest(pinned, presented):
        raise OtherKey(host, "the certificate is not the pinned one")

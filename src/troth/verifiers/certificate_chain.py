"""From a signer's certificate up to a root that the trust names (RFC 5280, as far as it is used).

For chains that a stranger's file brings, signer first. When they must be valid is the caller's
question.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from troth.verifiers.certificates import UNREADABLE, load_certificate
from troth.verifiers.trust import Trust, TrustedRoot

KNOWN_EXTENSIONS = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.AuthorityKeyIdentifier,
    x509.SubjectKeyIdentifier,
    x509.CertificatePolicies,
)
"""What a critical extension may be."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a chain meets what is trusted."""

    root: TrustedRoot
    valid_from: datetime
    valid_until: datetime
    """Between these all certificates up to the root are valid."""


def find_anchor(chain: tuple[x509.Certificate, ...], trust: Trust, platform: str) -> Anchor | None:
    """Return where a chain meets a root that the trust names for a platform; None where it does
    not.

    A root may be any certificate of the chain but the signer's, or one that issued any of them:
    pictures leave the root out, so the trust must hold that one whole, and chains may lead on from
    it to an older one.
    """
    roots = {root.sha256: root for root in trust.roots if root.platform == platform}
    issuers = [(root, _certificate_of(root)) for root in roots.values()]
    for place, certificate in enumerate(chain):
        if place and not _issued(chain[place - 1], certificate, below=place - 1):
            return None
        above = chain[: place + 1]
        known = roots.get(sha256(certificate.public_bytes(Encoding.DER)).hexdigest())
        if place and known is not None:
            return _anchor(known, above)
        for root, issuer in issuers:
            if issuer is not None and _issued(certificate, issuer, below=place):
                return _anchor(root, (*above, issuer))
    return None


def _anchor(root: TrustedRoot, chain: tuple[x509.Certificate, ...]) -> Anchor:
    return Anchor(
        root,
        max(certificate.not_valid_before_utc for certificate in chain),
        min(certificate.not_valid_after_utc for certificate in chain),
    )


def _certificate_of(root: TrustedRoot) -> x509.Certificate | None:
    if not root.certificate:
        return None
    try:
        return load_certificate(root.certificate)
    except UNREADABLE:
        return None


def _issued(child: x509.Certificate, issuer: x509.Certificate, *, below: int) -> bool:
    """Whether a certificate was issued by another that may issue; `below` authorities are between
    it and the signer."""
    if child.issuer != issuer.subject:
        return False
    try:
        child.verify_directly_issued_by(issuer)
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except (InvalidSignature, x509.ExtensionNotFound, *UNREADABLE):
        return False
    for extension in issuer.extensions:
        if extension.critical and not isinstance(extension.value, KNOWN_EXTENSIONS):
            return False
    is_short = basic.path_length is None or basic.path_length >= below
    return basic.ca and usage.key_cert_sign and is_short

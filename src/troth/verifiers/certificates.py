"""Certificates as strangers' files bring them: read with care, trusted for nothing."""

from __future__ import annotations

import re
import warnings
from threading import Lock

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises for certificates that are not what they should be."""
_HEAD = re.compile(
    rb"\x30\x82..\x30\x82..\xa0\x03\x02\x01\x02\x02(?!\x01\x00)[\x01-\x15][\x00-\x7f]", re.S
)
"""Two sequences of 256 bytes or more, version 3, and a serial number above zero."""


_FILTERS = Lock()
"""The filters of warnings are the process's own, and verdicts are made in threads."""


def load_certificate(encoded: bytes) -> x509.Certificate:
    """Return a certificate whose names, times and extensions can be read; raise one of UNREADABLE.

    `encoded` is DER. Nothing is checked but its form.
    """
    if not _HEAD.match(encoded):
        raise ValueError("it does not begin as a certificate does")
    # `cryptography` warns of numbers below one, here and in extensions: on the user's screen, and
    # as an exception of no kind that is expected where warnings are errors.
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        try:
            certificate = x509.load_der_x509_certificate(encoded)
            _ = certificate.subject, certificate.issuer, certificate.extensions
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        except CryptographyDeprecationWarning as error:
            raise ValueError("it holds what RFC 5280 does not allow") from error
    return certificate

"""Certificates of strangers: what cannot be read is refused, in silence."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from troth.verifiers.certificates import UNREADABLE, load_certificate
from verifiers.picture_authority import NOW, der, named

SERIAL = 0x7F01_7F01


def certificate(serial: int) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    who = named("Signer", "Example")
    issuer = x509.AuthorityKeyIdentifier(b"\x01" * 20, [x509.DirectoryName(who)], SERIAL)
    return der(
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW)
        .add_extension(issuer, critical=False)
        .sign(key, hashes.SHA256())
    )


def test_a_number_below_one_is_refused_wherever_it_stands() -> None:
    """`cryptography` would load it, and write a warning over the screen."""
    whole = certificate(77)
    assert load_certificate(whole).serial_number == 77
    written = b"\x82\x04" + SERIAL.to_bytes(4, "big")
    assert whole.count(written) == 1
    hostile = [
        whole.replace(written, b"\x82\x04\xff\x01\x7f\x01"),
        whole.replace(b"\xa0\x03\x02\x01\x02\x02\x01\x4d", b"\xa0\x03\x02\x01\x02\x02\x01\x00"),
        whole.replace(b"\xa0\x03\x02\x01\x02\x02\x01\x4d", b"\xa0\x03\x02\x01\x02\x02\x01\xff"),
    ]
    for encoded in hostile:
        assert encoded != whole
        with pytest.raises(UNREADABLE):
            load_certificate(encoded)

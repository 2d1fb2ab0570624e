"""Nitro-shaped attestation documents of the simulation: a fresh leaf below its root for each.

CBOR (RFC 8949) and COSE_Sign1 (RFC 9052) as far as such a document needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from troth.engine.demo.root import CERTIFICATE, CODE, NAME, private_key

_LASTS = timedelta(hours=3)
_ES384 = -35
_MODULE = "i-simulated-enc0"

Cbor = None | int | str | bytes | Sequence["Cbor"] | Mapping["int | str", "Cbor"]


def make_document(spki: bytes, nonce: bytes, now: datetime, *, is_debug: bool) -> bytes:
    """Return a document that speaks for the signing key `spki`; in debug mode PCR0 is zero."""
    leaf_key = ec.generate_private_key(ec.SECP384R1())
    code = bytes(48) if is_debug else CODE
    payload = encode_cbor(
        {
            "module_id": _MODULE,
            "digest": "SHA384",
            "timestamp": int(now.timestamp() * 1000),
            "pcrs": {0: code, 1: b"\x4b" * 48, 2: b"\x76" * 48},
            "certificate": _leaf(leaf_key, now),
            "cabundle": [CERTIFICATE],
            "public_key": None,
            "user_data": b"\x12\x20" + bytes(32) + b"\x12\x20" + sha256(spki).digest(),
            "nonce": nonce,
        }
    )
    protected = encode_cbor({1: _ES384})
    signed = encode_cbor(["Signature1", protected, b"", payload])
    r, s = utils.decode_dss_signature(leaf_key.sign(signed, ec.ECDSA(SHA384())))
    signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    return encode_cbor([protected, {}, payload, signature])


def _leaf(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(_MODULE))
        .issuer_name(_name(NAME))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + _LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(private_key(), SHA384())
    )
    return certificate.public_bytes(Encoding.DER)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def encode_cbor(value: Cbor) -> bytes:
    """Encode the few types that a document holds, in their shortest form."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        encoded = value.encode()
        return _head(3, len(encoded)) + encoded
    if isinstance(value, Mapping):
        entries = (encode_cbor(key) + encode_cbor(inner) for key, inner in value.items())
        return _head(5, len(value)) + b"".join(entries)
    return _head(4, len(value)) + b"".join(map(encode_cbor, value))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * width):
            return bytes([major << 5 | code]) + number.to_bytes(width, "big")
    raise ValueError("the number is too large for CBOR")

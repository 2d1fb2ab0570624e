"""Time stamp authorities for tests (RFC 3161), written by hand: they can be wrong in every way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from verifiers.picture_authority import NOW, Signer, der

_SHA256 = "2.16.840.1.101.3.4.2.1"


def tlv(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    long = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(long)]) + long + content


def oid(dotted: str) -> bytes:
    numbers = [int(number) for number in dotted.split(".")]
    out = bytearray([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        out += bytes(reversed(septets))
    return tlv(0x06, bytes(out))


def number(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def algorithm(dotted: str) -> bytes:
    return tlv(0x30, oid(dotted), tlv(0x05))


@dataclass
class Clock:
    """An authority whose clock says what it is told."""

    signer: Signer
    """Its key and certificates."""
    at: datetime = NOW
    kind: str = "1.2.840.113549.1.9.16.1.4"

    def token(self, stamped: bytes, *, whole: bool = False) -> bytes:
        """Return a stamp over some bytes; `whole` as the answer of the authority."""
        imprint = tlv(0x30, algorithm(_SHA256), tlv(0x04, hashlib.sha256(stamped).digest()))
        time = tlv(0x18, self.at.strftime("%Y%m%d%H%M%SZ").encode())
        info = tlv(0x30, number(1), oid("1.2.3.4"), imprint, number(77), time)
        leaf = self.signer.chain[0]
        named = tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x04, hashlib.sha256(der(leaf)).digest()))))
        attributes = sorted(
            [
                self._attribute("1.2.840.113549.1.9.3", oid(self.kind)),
                self._attribute("1.2.840.113549.1.9.4", tlv(0x04, hashlib.sha256(info).digest())),
                self._attribute("1.2.840.113549.1.9.16.2.47", named),
            ],
            key=lambda one: (len(one), one),
        )
        signature, kind = self._sign(tlv(0x31, *attributes))
        who = tlv(0x30, leaf.issuer.public_bytes(), number(leaf.serial_number))
        signed_by = tlv(
            0x30, number(1), who, algorithm(_SHA256), tlv(0xA0, *attributes), kind,
            tlv(0x04, signature),
        )  # fmt: skip
        data = tlv(
            0x30,
            number(3),
            tlv(0x31, algorithm(_SHA256)),
            tlv(0x30, oid(self.kind), tlv(0xA0, tlv(0x04, info))),
            tlv(0xA0, *map(der, self.signer.chain)),
            tlv(0x31, signed_by),
        )
        token = tlv(0x30, oid("1.2.840.113549.1.7.2"), tlv(0xA0, data))
        return tlv(0x30, tlv(0x30, number(0)), token) if whole else token

    @staticmethod
    def _attribute(kind: str, value: bytes) -> bytes:
        return tlv(0x30, oid(kind), tlv(0x31, value))

    def _sign(self, signed: bytes) -> tuple[bytes, bytes]:
        key = self.signer.key
        if isinstance(key, rsa.RSAPrivateKey):
            signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
            return signature, algorithm("1.2.840.113549.1.1.11")
        return key.sign(signed, ec.ECDSA(hashes.SHA256())), tlv(0x30, oid("1.2.840.10045.4.3.2"))


def unprotected(name: str, token: bytes) -> dict[object, object]:
    return {"pad": bytes(16), name: {"tstTokens": [{"val": token}]}}


def over_signature(protected: bytes, signature: bytes) -> bytes:
    """Return what a stamp of version 2 is over."""
    return cbor2.dumps(["CounterSignature", protected, b"", cbor2.dumps(signature)])


def over_claim(protected: bytes, claim: bytes) -> bytes:
    """Return what a stamp of version 1 is over."""
    return cbor2.dumps(["CounterSignature", protected, b"", claim])

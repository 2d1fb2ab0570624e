"""An AMD of our own: a root, an authority, chips, and the reports that they sign.

Laid out as AMD's documents say, apart from the verifier's code, so that the two can disagree.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256, sha384

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from troth.domain.exchange import HttpResponse
from verifiers.intel import der, number, pair

START, END = datetime(2022, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
AMD_OID = "1.3.6.1.4.1.3704.1"
CHIP = sha384(b"chip").digest() + bytes(range(16))
LEVELS = (10, 0, 23, 84)
"""Bootloader, TEE, SNP, microcode."""
PSS = der(
    0x30,
    pair(
        "1.2.840.113549.1.1.10",
        der(
            0x30,
            der(0xA0, pair("2.16.840.1.101.3.4.2.2", b"\x05\0"))
            + der(0xA1, pair("1.2.840.113549.1.1.8", pair("2.16.840.1.101.3.4.2.2", b"\x05\0")))
            + der(0xA2, der(0x02, b"\x30")),
        ),
    )[2:],
)
"""AlgorithmIdentifier: RSASSA-PSS with SHA-384, MGF1 with SHA-384, salt of 48 bytes."""


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def spki(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(*form)


def name(common: str) -> bytes:
    fields = (
        ("2.5.4.11", "Engineering"),
        ("2.5.4.6", "US"),
        ("2.5.4.10", "Advanced Micro Devices"),
        ("2.5.4.3", common),
    )
    parts = (der(0x31, pair(oid, der(0x0C, text.encode()))) for oid, text in fields)
    return der(0x30, b"".join(parts))


def extension(oid: str, value: bytes, *, is_critical: bool = False) -> bytes:
    return pair(oid, (b"\x01\x01\xff" if is_critical else b"") + der(0x04, value))


AUTHORITY = extension("2.5.29.19", der(0x30, b"\x01\x01\xff"), is_critical=True) + extension(
    "2.5.29.15", der(0x03, b"\x02\x04"), is_critical=True
)
NOT_AUTHORITY = extension("2.5.29.19", der(0x30, b"")) + extension(
    "2.5.29.15", der(0x03, b"\x02\x04")
)


def issue(
    subject: str,
    public: bytes,
    issuer: str,
    issuer_key: rsa.RSAPrivateKey,
    extensions: bytes,
    *,
    serial: int = 1,
    until: datetime = END,
) -> bytes:
    times = (der(0x17, f"{at:%y%m%d%H%M%SZ}".encode()) for at in (START, until))
    signed = der(
        0x30,
        b"".join(
            (
                der(0xA0, b"\x02\x01\x02"), number(serial), PSS, name(issuer),
                der(0x30, b"".join(times)), name(subject), public,
                der(0xA3, der(0x30, extensions)),
            )
        ),
    )  # fmt: skip
    pss = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
    signature = issuer_key.sign(signed, pss, hashes.SHA384())
    return der(0x30, signed + PSS + der(0x03, b"\0" + signature))


def to_pem(certificate: bytes) -> bytes:
    text = base64.b64encode(certificate).decode()
    lines = "".join(f"{text[i : i + 64]}\n" for i in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n".encode()


def tcb(levels: tuple[int, ...], *, is_turin: bool = False) -> bytes:
    if is_turin:
        fmc, bootloader, tee, snp, microcode = levels
        return bytes([fmc, bootloader, tee, snp, 0, 0, 0, microcode])
    bootloader, tee, snp, microcode = levels
    return bytes([bootloader, tee, 0, 0, 0, 0, snp, microcode])


@dataclass(frozen=True)
class Guest:
    """What a machine says of itself."""

    report_data: bytes = bytes(64)
    measurement: bytes = sha384(b"kernel and program").digest()
    policy: int = 0x30000
    vmpl: int = 0
    version: int = 3
    signer: int = 0
    chip: bytes = CHIP
    reported: tuple[int, ...] = LEVELS
    current: tuple[int, ...] = ()
    committed: tuple[int, ...] = ()
    launch: tuple[int, ...] = ()
    firmware: tuple[bytes, bytes] = (bytes([40, 55, 1]), bytes([40, 55, 1]))
    family_model: bytes = bytes([0x19, 0x11, 0x01])

    def body(self) -> bytes:
        is_turin = self.family_model[0] == 0x1A
        levels = {
            key: tcb(value or self.reported, is_turin=is_turin)
            for key, value in (
                ("reported", self.reported), ("current", self.current),
                ("committed", self.committed), ("launch", self.launch),
            )
        }  # fmt: skip
        what = self.family_model if self.version > 2 else bytes(3)
        body = struct.pack("<IIQ", self.version, 0, self.policy) + bytes(32)
        body += struct.pack("<II", self.vmpl, 1) + levels["current"] + struct.pack("<Q", 0x27)
        body += struct.pack("<II", self.signer, 0) + self.report_data + self.measurement
        body += bytes(32) + bytes(96) + sha256(b"report").digest() + b"\xff" * 32
        body += levels["reported"] + what + bytes(21) + self.chip + levels["committed"]
        body += self.firmware[0] + b"\0" + self.firmware[1] + b"\0" + levels["launch"]
        body += bytes(0x2A0 - len(body))
        assert len(body) == 0x2A0
        return body


@dataclass
class Amd:
    """Keys and certificates, and what its service answers."""

    product: str = "Genoa"
    levels: tuple[int, ...] = LEVELS
    hardware_id: bytes = CHIP
    until: datetime = END
    root_key: rsa.RSAPrivateKey = field(default_factory=rsa_key)
    authority_key: rsa.RSAPrivateKey = field(default_factory=rsa_key)
    chip_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP384R1())
    )

    def __post_init__(self) -> None:
        ark, ask = f"ARK-{self.product}", f"SEV-{self.product}"
        self.root = issue(ark, spki(self.root_key), ark, self.root_key, AUTHORITY, serial=0x100)
        self.authority = issue(
            ask, spki(self.authority_key), ark, self.root_key, AUTHORITY, serial=0x101
        )
        self.vcek = issue(
            "SEV-VCEK", spki(self.chip_key), ask, self.authority_key,
            self.chip_extensions(), serial=0, until=self.until,
        )  # fmt: skip

    def chip_extensions(self) -> bytes:
        names = (9, 1, 2, 3, 8) if self.product == "Turin" else (1, 2, 3, 8)
        stated = zip(names, self.levels, strict=True)
        return b"".join(
            (
                extension(f"{AMD_OID}.1", number(0)),
                extension(f"{AMD_OID}.2", der(0x16, self.product.encode())),
                *(extension(f"{AMD_OID}.3.{place}", number(svn)) for place, svn in stated),
                extension(f"{AMD_OID}.4", self.hardware_id),
            )
        )

    @property
    def root_sha256(self) -> str:
        return sha256(self.root).hexdigest()

    @property
    def chain(self) -> bytes:
        return to_pem(self.authority) + to_pem(self.root)

    def report(self, guest: Guest) -> bytes:
        body = guest.body()
        signature = self.chip_key.sign(body, ec.ECDSA(hashes.SHA384()))
        r, s = utils.decode_dss_signature(signature)
        return body + r.to_bytes(72, "little") + s.to_bytes(72, "little") + bytes(0x170)

    def evidence(self) -> dict[str, HttpResponse]:
        return {
            "amd-vcek": HttpResponse(200, (), self.vcek),
            "amd-chain": HttpResponse(200, (), self.chain),
        }

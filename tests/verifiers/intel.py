"""An Intel of our own: authorities, processors, quoting enclaves, and what it says of them.

Laid out as Intel's documents say, apart from the verifier's code, so that the two can disagree.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha384
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from troth.domain.exchange import HttpResponse

START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
FMSPC = bytes.fromhex("b0c06f000000")
SGX = "1.2.840.113741.1.13.1"
VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
QE_SIGNER = bytes.fromhex("dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5")
Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Intel Corporation"),
        ]
    )


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b""
    return bytes([tag]) + (head or b"\x82" + size.to_bytes(2, "big")) + content


def pair(oid: str, value: bytes) -> bytes:
    first, second, *rest = map(int, oid.split("."))
    body = bytes([40 * first + second])
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        body += bytes(reversed(digits))
    return der(0x30, der(0x06, body) + value)


def number(value: int) -> bytes:
    body = value.to_bytes(2, "big").lstrip(b"\0") or b"\0"
    return der(0x02, (b"\0" if body[0] & 0x80 else b"") + body)


def processor_extension(svns: tuple[int, ...], pce_svn: int) -> bytes:
    tcb = b"".join(pair(f"{SGX}.2.{i}", number(svn)) for i, svn in enumerate(svns, 1))
    tcb += pair(f"{SGX}.2.17", number(pce_svn)) + pair(f"{SGX}.2.18", der(0x04, bytes(svns)))
    fields = [
        pair(f"{SGX}.1", der(0x04, bytes(16))),
        pair(f"{SGX}.2", der(0x30, tcb)),
        pair(f"{SGX}.3", der(0x04, b"\0\0")),
        pair(f"{SGX}.4", der(0x04, FMSPC)),
        pair(f"{SGX}.5", der(0x0A, b"\1")),
    ]
    return der(0x30, b"".join(fields))


def issue(
    subject: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    is_authority: bool = False,
    extension: bytes = b"",
    until: datetime = END,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(
            x509.KeyUsage(
                not is_authority,
                False,
                False,
                False,
                False,
                is_authority,
                is_authority,
                False,
                False,
            ),
            critical=True,
        )
    )
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    ).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    if extension:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(SGX), extension)
        builder = builder.add_extension(unknown, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def raw(key: Key, message: bytes) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def point(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(c.public_bytes(Encoding.PEM) for c in certificates)


@dataclass(frozen=True)
class Td:
    """What a trust domain says of itself."""

    report_data: bytes = bytes(64)
    tee_tcb_svn: bytes = bytes([5, 1, 2]) + bytes(13)
    attributes: bytes = bytes.fromhex("0000001000000000")
    mr_signer_seam: bytes = bytes(48)
    mr_td: bytes = sha384(b"firmware").digest()
    mr_config_id: bytes = bytes(48)
    rtmr: tuple[bytes, ...] = tuple(sha384(bytes([i])).digest() for i in range(4))
    service: bytes = bytes(48)
    second: bytes = b""

    def body(self, *, is_15: bool = False) -> bytes:
        body = b"".join(
            (
                self.tee_tcb_svn, sha384(b"seam").digest(), self.mr_signer_seam, bytes(8),
                self.attributes, bytes.fromhex("e702060000000000"), self.mr_td,
                self.mr_config_id, bytes(48), bytes(48), *self.rtmr, self.report_data,
            )
        )  # fmt: skip
        return body + (self.second or self.tee_tcb_svn) + self.service if is_15 else body

    def measurement(self) -> tuple[tuple[str, str], ...]:
        named = {"mrtd": self.mr_td, "rtmr1": self.rtmr[1], "rtmr2": self.rtmr[2],
                 "rtmr3": self.rtmr[3]}  # fmt: skip
        return tuple((key, value.hex()) for key, value in named.items())


@dataclass
class Intel:
    """Keys and certificates, and the answers of its service."""

    root_key: Key = field(default_factory=new_key)
    authority_key: Key = field(default_factory=new_key)
    signer_key: Key = field(default_factory=new_key)
    processor_key: Key = field(default_factory=new_key)
    attestation_key: Key = field(default_factory=new_key)
    svns: tuple[int, ...] = (3, 3, 2, 2, 4, 1, 0, 5, *[0] * 8)
    pce_svn: int = 11

    def __post_init__(self) -> None:
        root, authority = "Intel SGX Root CA", "Intel SGX PCK Platform CA"
        self.root = issue(root, self.root_key, root, self.root_key, is_authority=True)
        self.authority = issue(
            authority, self.authority_key, root, self.root_key, is_authority=True
        )
        self.signer = issue("Intel SGX TCB Signing", self.signer_key, root, self.root_key)
        self.processor = issue(
            "Intel SGX PCK Certificate", self.processor_key, authority, self.authority_key,
            extension=processor_extension(self.svns, self.pce_svn),
        )  # fmt: skip

    @property
    def root_sha256(self) -> str:
        return sha256(self.root.public_bytes(Encoding.DER)).hexdigest()

    def quote(self, td: Td, *, version: int = 4, chain: bytes = b"", is_15: bool = False) -> bytes:
        header = struct.pack("<HHI4x", version, 2, 0x81) + VENDOR + bytes(20)
        body = td.body(is_15=is_15)
        if version == 5:
            header += struct.pack("<HI", 3 if is_15 else 2, len(body))
        data = bytes(range(32))
        bound = sha256(point(self.attestation_key) + data).digest() + bytes(32)
        enclave = b"".join(
            (
                bytes(16), bytes(32), bytes.fromhex("1500000000000000e700000000000000"),
                sha256(b"qe").digest(), bytes(32), QE_SIGNER, bytes(96),
                struct.pack("<HH", 2, 6), bytes(60), bound,
            )
        )  # fmt: skip
        certificates = chain or pem(self.processor, self.authority, self.root) + b"\0"
        inner = enclave + raw(self.processor_key, enclave) + struct.pack("<H", 32) + data
        inner += struct.pack("<HI", 5, len(certificates)) + certificates
        signed = header + body
        auth = raw(self.attestation_key, signed) + point(self.attestation_key)
        auth += struct.pack("<HI", 6, len(inner)) + inner
        return signed + struct.pack("<I", len(auth)) + auth

    def tcb_info(self, at: datetime, **changes: Any) -> dict[str, Any]:
        def level(svns: tuple[int, ...], status: str, advisories: list[str]) -> dict[str, Any]:
            tcb = {
                "sgxtcbcomponents": [{"svn": svn} for svn in svns],
                "pcesvn": 11,
                "tdxtcbcomponents": [{"svn": svn} for svn in (5, 0, 2, *[0] * 13)],
            }
            listed = {"tcb": tcb, "tcbDate": stamp(START), "tcbStatus": status}
            return listed | ({"advisoryIDs": advisories} if advisories else {})

        module = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
        identity = module | {
            "id": "TDX_01",
            "tcbLevels": [{"tcb": {"isvsvn": 4}, "tcbDate": stamp(START), "tcbStatus": "UpToDate"}],
        }
        lower = (3, 3, 2, 2, 3, 1, 0, 4, *[0] * 8)
        return {
            "id": "TDX",
            "version": 3,
            "issueDate": stamp(at),
            "nextUpdate": stamp(at + timedelta(days=30)),
            "fmspc": FMSPC.hex().upper(),
            "pceId": "0000",
            "tcbType": 0,
            "tcbEvaluationDataNumber": 17,
            "tdxModule": module,
            "tdxModuleIdentities": [identity],
            "tcbLevels": [
                level((3, 3, 2, 2, 4, 1, 0, 5, *[0] * 8), "UpToDate", []),
                level(lower, "OutOfDate", ["INTEL-SA-00837"]),
            ],
        } | changes

    def enclave(self, at: datetime, **changes: Any) -> dict[str, Any]:
        return {
            "id": "TD_QE",
            "tcbEvaluationDataNumber": 17,
            "version": 2,
            "issueDate": stamp(at),
            "nextUpdate": stamp(at + timedelta(days=30)),
            "miscselect": "00000000",
            "miscselectMask": "FFFFFFFF",
            "attributes": "11000000000000000000000000000000",
            "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
            "mrsigner": QE_SIGNER.hex().upper(),
            "isvprodid": 2,
            "tcbLevels": [{"tcb": {"isvsvn": 4}, "tcbDate": stamp(START), "tcbStatus": "UpToDate"}],
        } | changes

    def signed(self, key: str, document: dict[str, Any], header: str) -> HttpResponse:
        text = json.dumps(document, separators=(",", ":")).encode()
        signature = raw(self.signer_key, text).hex().encode()
        body = b'{"' + key.encode() + b'":' + text + b',"signature":"' + signature + b'"}'
        chain = quote(pem(self.signer, self.root).decode())
        return HttpResponse(200, ((header, chain),), body)

    def revoked(self, at: datetime, issuer: str, key: Key, serials: list[int]) -> HttpResponse:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name(issuer))
            .last_update(at)
            .next_update(at + timedelta(days=30))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
                critical=False,
            )
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(entry.build())
        return HttpResponse(200, (), builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))

    def collateral(
        self,
        at: datetime,
        *,
        tcb: dict[str, Any] | None = None,
        enclave: dict[str, Any] | None = None,
        revoked: list[int] | None = None,
        root_revoked: list[int] | None = None,
    ) -> dict[str, HttpResponse]:
        platform, root = "Intel SGX PCK Platform CA", "Intel SGX Root CA"
        chain = "SGX-Enclave-Identity-Issuer-Chain"
        return {
            "intel-tcb": self.signed(
                "tcbInfo", self.tcb_info(at, **(tcb or {})), "TCB-Info-Issuer-Chain"
            ),
            "intel-enclave": self.signed(
                "enclaveIdentity", self.enclave(at, **(enclave or {})), chain
            ),
            "intel-pck-crl": self.revoked(at, platform, self.authority_key, revoked or []),
            "intel-root-crl": self.revoked(at, root, self.root_key, root_revoked or []),
        }


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def outdated(intel: Intel) -> Intel:
    """The same Intel with a processor that lacks an update."""
    return replace(intel, svns=(3, 3, 2, 2, 3, 1, 0, 4, *[0] * 8))

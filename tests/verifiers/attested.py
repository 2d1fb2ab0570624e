"""Documents as Tinfoil's machines give them, for a key of the test's own. Both formats.

Laid out as its published client reads them, apart from the verifier's code.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from verifiers.amd import Amd, Guest

NAMES = "https://tinfoil.sh"
SEV_V2, TDX_V2 = f"{NAMES}/predicate/sev-snp-guest/v2", f"{NAMES}/predicate/tdx-guest/v2"
HPKE = bytes(range(32))


def key_of(certificate: bytes) -> bytes:
    """SHA-256 of the SPKI of a certificate (DER)."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def v2(report: bytes, name: str = SEV_V2) -> bytes:
    return json.dumps({"format": name, "body": text(gzip.compress(report))}).encode()


def sections(tls_key: bytes, **changes: Any) -> tuple[bytes, bytes]:
    """The two endorsed sections of a v3 document."""
    items = [
        {"id": "tls", "format": f"{NAMES}/key/spki-fp-sha256/v1", "data": tls_key.hex()},
        {"id": "hpke", "format": f"{NAMES}/key/x25519-hpke/v1", "data": HPKE.hex()},
    ]
    material = {"format": f"{NAMES}/crypto-material/v1", "items": items} | changes
    devices: dict[str, Any] = {"format": f"{NAMES}/device-evidence/v1", "items": []}
    return json.dumps(material).encode(), json.dumps(devices).encode()


def bound(nonce: bytes, material: bytes, devices: bytes) -> bytes:
    """The report data of a v3 document."""
    label = f"{NAMES}/report-data/v1".encode()
    hashes = sha256(material).digest() + sha256(devices).digest()
    return sha256(label + nonce + hashes).digest() + bytes(32)


def v3(
    report: bytes,
    nonce: bytes,
    material: bytes,
    devices: bytes,
    collateral: list[dict[str, Any]],
    *,
    kind: str = "sev-snp-report",
) -> dict[str, Any]:
    return {
        "format": f"{NAMES}/predicate/attestation/v3",
        "challenge": {
            "nonce": nonce.hex(),
            "report_data": bound(nonce, material, devices).hex(),
            "report_data_algorithm": f"{NAMES}/report-data/v1",
        },
        "cpu_evidence": {
            "format": f"{NAMES}/format/{kind}/v1",
            "report_base64": text(report),
            "endorsed": {
                "crypto_material_hash": sha256(material).hexdigest(),
                "device_evidence_hash": sha256(devices).hexdigest(),
            },
        },
        "crypto_material": text(material),
        "device_evidence": text(devices),
        "collateral": collateral,
    }


def vcek_entry(amd: Amd) -> dict[str, Any]:
    data = {"vcek_der_base64": text(amd.vcek), "cert_chain_pem": amd.chain.decode()}
    return {
        "id": "vcek",
        "role": "endorsement",
        "format": f"{NAMES}/collateral/amd-vcek/v1",
        "subjects": ["cpu"],
        "data": data,
    }


def sev_v2(amd: Amd, tls_key: bytes, guest: Guest | None = None) -> bytes:
    """The v2 document of an AMD machine whose connection has this key."""
    return v2(amd.report(replace(guest or Guest(), report_data=tls_key + HPKE)))


def sev_v3(amd: Amd, tls_key: bytes, nonce: bytes, guest: Guest | None = None) -> bytes:
    """The v3 document of an AMD machine, with its chip's certificate."""
    material, devices = sections(tls_key)
    data = bound(nonce, material, devices)
    report = amd.report(replace(guest or Guest(), report_data=data))
    return json.dumps(v3(report, nonce, material, devices, [vcek_entry(amd)])).encode()

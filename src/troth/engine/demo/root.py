"""The root of the simulation, its published key, and the only trust that knows it."""

from __future__ import annotations

import base64
from hashlib import sha256, sha384

from cryptography.hazmat.primitives.asymmetric import ec

from troth.verifiers.trust import Expectation, Measurement, Trust, TrustedRoot

PROVIDER = "demo"
NAME = "TROTH SIMULATED ROOT - NOT AWS - NO SECURITY"
CODE = b"\x5a" * 48
"""PCR0 of the simulated enclave's code."""

CERTIFICATE = base64.b64decode(
    "MIIBxzCCAU2gAwIBAgIGVFJPVEgBMAoGCCqGSM49BAMDMDcxNTAzBgNVBAMMLFRST1RIIFNJTVVMQVRFRCBST09U"
    "IC0gTk9UIEFXUyAtIE5PIFNFQ1VSSVRZMCAXDTI2MDEwMTAwMDAwMFoYDzIxMjYwMTAxMDAwMDAwWjA3MTUwMwYD"
    "VQQDDCxUUk9USCBTSU1VTEFURUQgUk9PVCAtIE5PVCBBV1MgLSBOTyBTRUNVUklUWTB2MBAGByqGSM49AgEGBSuB"
    "BAAiA2IABAgf3UOnR5iCUmfspCqSKj5PNyM+0F/1CgW+defE0iML5AT2j73RXjdfo6EFzf47+cnVGzv4ZO9I0qOb"
    "JurEq8Ee/ytjtTkJUmADWvlvMMupnsH0NUm9YyzOAPZppn3Rl6MmMCQwEgYDVR0TAQH/BAgwBgEB/wIBATAOBgNV"
    "HQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwMDaAAwZQIwVkDzNeqs6ctkYRSU9rADsxPIKfCwG7rlhSSbV5/gjmSnNC0t"
    "25op5VuSCk8TbPyPAjEAlJnI3BphvJiQJ1ooacRc5busnPeEWhU435r4vCL60nCC+irt9f1sQ2yIjARa98Qm"
)
"""Self-signed, valid 2026 to 2126. Anyone can sign with it: see `private_key`."""


def private_key() -> ec.EllipticCurvePrivateKey:
    """Return the root's key, made of its name: a secret that is none, so that nobody trusts it."""
    return ec.derive_private_key(
        int.from_bytes(sha384(NAME.encode()).digest(), "big") >> 1, ec.SECP384R1()
    )


def simulated_trust() -> Trust:
    """Return the trust of the simulation: its root, its code, and nothing of the user's."""
    return Trust(
        roots=(TrustedRoot(NAME, "aws-nitro", sha256(CERTIFICATE).hexdigest(), "troth demo"),),
        measurements=(Measurement("the simulated enclave of Troth", "aws-nitro", CODE.hex()),),
        expectations=(Expectation(PROVIDER, "*", "opengradient", source="troth demo"),),
        is_simulated=True,
    )

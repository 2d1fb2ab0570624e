"""A gateway's signing key that the user decided to trust, from the file that holds it."""

from __future__ import annotations

import json
from typing import cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from troth.domain.error import UsageError
from troth.verifiers.opengradient_keys import load_rsa_key
from troth.verifiers.trust import PinnedKey, fingerprint_of


def pinned_key(content: bytes, provider: str, *, source: str) -> PinnedKey:
    """Return the pin for a key as PEM, DER, or the gateway's own `signing-key` JSON.

    Raises UsageError unless it is an RSA key of 2048 bits or more.
    """
    spki = _spki_of(content)
    if load_rsa_key(spki) is None:
        raise UsageError("--pin takes the gateway's public RSA key, 2048 bits or more, as PEM")
    return PinnedKey(
        f"{provider}'s gateway",
        fingerprint_of(spki),
        spki=spki,
        providers=(provider,),
        source=source,
    )


def _spki_of(content: bytes) -> bytes:
    try:
        if content.lstrip().startswith(b"{"):
            answer = cast("dict[str, object]", json.loads(content))
            content = str(answer.get("public_key", "")).encode()
        is_pem = b"-----BEGIN" in content
        key = load_pem_public_key(content) if is_pem else load_der_public_key(content)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

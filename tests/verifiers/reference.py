"""The reference library of C2PA beside ours, where it has a wheel; else what asks it is skipped.

All that could reach the network is off.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from dataclasses import replace
from typing import Any

import pytest

from troth.verifiers.trust import Trust, TrustedRoot
from verifiers import credentials as make
from verifiers.picture_authority import Authority, Signer, der, pem


def trusting(authority: Authority, *, whole: bool = True) -> Trust:
    encoded = der(authority.root)
    root = TrustedRoot("the tests' root", "c2pa", hashlib.sha256(encoded).hexdigest())
    return Trust(roots=(replace(root, certificate=encoded) if whole else root,))


def oracle(picture: bytes, authority: Authority) -> tuple[str, set[str]]:
    """Return what the reference library says: its state, and the codes of what failed.

    All that could reach the network is off. Skips where the library has no wheel.
    """
    c2pa = pytest.importorskip("c2pa")
    settings = {
        "trust": {"trust_anchors": pem(authority.root)},
        "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    context = c2pa.Context(c2pa.Settings.from_dict(settings))
    form = f"image/{make.form_of(picture)}"
    try:
        with c2pa.Reader(form, io.BytesIO(picture), context=context) as reader:
            failed = (reader.get_validation_results() or {})["activeManifest"]["failure"]
            return str(reader.get_validation_state()), {found["code"] for found in failed}
    except c2pa.C2paError as error:
        return "refused", {str(error).partition(":")[0]}


def signed_by_reference(
    picture: bytes, signer: Signer, *, parent: bytes = b"", settings: dict[str, Any] | None = None
) -> bytes:
    c2pa = pytest.importorskip("c2pa")
    told = c2pa.Settings.from_dict(
        {"builder": {"thumbnail": {"enabled": False}}} | (settings or {})
    )
    about = {
        "claim_generator_info": [{"name": "troth-tests", "version": "1"}],
        "title": "a picture",
        "assertions": [{"label": "c2pa.actions", "data": make.ACTIONS}],
    }
    chain = "".join(map(pem, signer.chain)).encode()
    info = c2pa.C2paSignerInfo(signer.algorithm, chain, signer.key_pem, None)
    kind, written = f"image/{make.form_of(picture)}", io.BytesIO()
    with c2pa.Builder(json.dumps(about), context=c2pa.Context(told)) as builder:
        if parent:
            ingredient = {"title": "the one before", "relationship": "parentOf"}
            builder.add_ingredient(json.dumps(ingredient), kind, io.BytesIO(parent))
        builder.sign(c2pa.Signer.from_info(info), kind, io.BytesIO(picture), written)
    return written.getvalue()


def updated_by_reference(picture: bytes, signer: Signer) -> bytes:
    c2pa = pytest.importorskip("c2pa")
    told = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    edited = {"actions": [{"action": "c2pa.edited.metadata"}]}
    about = {
        "claim_generator_info": [{"name": "troth-tests", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": edited}],
    }
    chain = "".join(map(pem, signer.chain)).encode()
    info = c2pa.C2paSignerInfo(signer.algorithm, chain, signer.key_pem, None)
    kind, written = f"image/{make.form_of(picture)}", io.BytesIO()
    with c2pa.Builder(json.dumps(about), context=c2pa.Context(told)) as builder:
        builder.set_intent(c2pa.C2paBuilderIntent.UPDATE)
        builder.sign(c2pa.Signer.from_info(info), kind, io.BytesIO(picture), written)
    return written.getvalue()


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def resum(picture: bytes) -> bytes:
    """Write the sum of a PNG's C2PA chunk anew: a forger would."""
    at = picture.index(b"caBX")
    end = at + 4 + int.from_bytes(picture[at - 4 : at], "big")
    return picture[:end] + struct.pack(">I", zlib.crc32(picture[at:end])) + picture[end + 4 :]

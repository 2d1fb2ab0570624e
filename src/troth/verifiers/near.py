"""NEAR AI's cloud: each reply is signed by its gateway's enclave or by the model's own machine."""

from __future__ import annotations

from troth.verifiers.fetched_signature import FetchedSignature

SCHEME = "near"
NEAR = FetchedSignature(SCHEME, frozenset({"cloud-api.near.ai"}), words="NEAR AI")
"""`signature_kind` is absent in what its documentation shows; where it is there, it must fit."""

"""The key that a prompt is sealed to on its way through a relay, and who vouches for it.

A relay that could swap this key would read everything, so it counts only where the registry lists
it or where the enclave's own signing key signed it: `GET /v1/ohttp/config`, and `hpke` in the
answer to `GET /signing-key` (tee-gateway `tee_manager.py` at 45acdf5, read November 2026).
"""

from __future__ import annotations

from dataclasses import dataclass

from troth.domain.model import Json
from troth.domain.verdict import Outcome
from troth.verifiers.base import Evidence, Facts
from troth.verifiers.fold import Finding, failed, not_covered, passed
from troth.verifiers.ohttp import is_consistent
from troth.verifiers.opengradient_keys import SigningKey, verify_ohttp_config
from troth.verifiers.opengradient_names import SIGNING_KEY
from troth.verifiers.opengradient_registry import RegistryFailed, parse_ohttp_config
from troth.verifiers.strict_json import NotStrict, as_object, parse_object
from troth.verifiers.trust import OhttpConfig

OHTTP_CONFIG = "ohttp-config"
"""Name of the evidence that holds the gateway's answer to `GET /v1/ohttp/config`."""


@dataclass(frozen=True, slots=True)
class SignedOhttp:
    """An Oblivious HTTP key as the gateway serves it, with its signature (base64)."""

    config: OhttpConfig
    tee_id: str
    signature: str


def served_sealing(evidence: Evidence) -> SignedOhttp | None:
    """Return the sealing key that the gateway handed out; None where it has none. Only a claim."""
    for answer in (
        _body(evidence, OHTTP_CONFIG),
        as_object(_body(evidence, SIGNING_KEY).get("hpke")),
    ):
        if not answer.get("public_key") or not answer.get("signature"):
            continue
        try:
            tee_id, config, signature = parse_ohttp_config(answer)
        except RegistryFailed:
            continue
        return SignedOhttp(config, tee_id, signature)
    return None


def check_sealing(
    key: SigningKey,
    sealing: OhttpConfig,
    signed: SignedOhttp | None,
    *,
    listing: Finding | None,
    wants_hardware: bool,
) -> Finding:
    """Judge, before a prompt is sealed to `sealing`, whether the enclave with `key` holds it.

    `listing` is what the registry's word on `key` came to. `wants_hardware`: that word is not
    enough. A registry that lies could list a genuine enclave with a sealing key of its own, read
    all on the way, and pass it on: the reply would be verified.
    """
    if not is_consistent(sealing):
        return failed("channel", "The enclave's sealing key contradicts its own description.")
    if signed is None:
        return _listed_sealing(key, sealing, listing, wants_hardware=wants_hardware)
    same = (signed.config.key_id, signed.config.public_key) == (sealing.key_id, sealing.public_key)
    if not same:
        return failed("channel", "The enclave signs another sealing key than the registry lists.")
    if not verify_ohttp_config(key.spki, signed.config, signed.tee_id, signed.signature):
        return failed("channel", "The enclave's signature on its sealing key is not valid.")
    return passed("channel", "The sealing key is signed by the enclave's own key.")


def _listed_sealing(
    key: SigningKey, sealing: OhttpConfig, listing: Finding | None, *, wants_hardware: bool
) -> Finding:
    """Judge a sealing key that the enclave itself did not sign."""
    if key.record is None or key.record.ohttp != sealing or listing is None:
        return failed("channel", "Nobody vouches for the key that your words would be sealed to.")
    if listing.outcome is not Outcome.PASSED:
        reason = (
            "Your words would be sealed on the registry's word, which does not count here:"
            f" {listing.detail}"
        )
        return failed("channel", reason)
    if wants_hardware:
        reason = (
            "The enclave did not sign the key that your words would be sealed to: it is the"
            " registry's word alone, and this chat wants hardware."
        )
        return failed("channel", reason)
    return passed("channel", "The sealing key is the one that the registry lists.")


def sealed_to(key: SigningKey | None, evidence: Evidence, facts: Facts) -> tuple[Finding, ...]:
    """Say of a reply that came through a relay whose key its prompt had been sealed to."""
    if facts.route != "relay" or key is None:
        return ()
    signed = served_sealing(evidence)
    if signed is not None:
        if verify_ohttp_config(key.spki, signed.config, signed.tee_id, signed.signature):
            if facts.is_foreign:
                reason = "That the question was sealed for the enclave is its sender's word."
                return (not_covered("channel", reason),)
            reason = (
                "Your words were locked to a key that this enclave's own key signed:"
                " the relay could not open them."
            )
            return (passed("channel", reason),)
        return (failed("channel", "Your words were locked to a key that is not this enclave's."),)
    if key.record is not None and key.record.ohttp is not None:
        reason = (
            "Your words were locked to the key that the registry lists for this enclave; the"
            " enclave itself was not asked, so that it does not learn your address."
        )
        return (not_covered("channel", reason),)
    return ()


def _body(evidence: Evidence, name: str) -> dict[str, Json]:
    response = evidence.get(name)
    if response is None or response.status != 200:
        return {}
    try:
        return parse_object(response.body)
    except NotStrict:
        return {}

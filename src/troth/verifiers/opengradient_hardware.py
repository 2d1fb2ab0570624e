"""Whether an enclave holds the key: the hardware document that came with an OpenGradient reply.

A document proves itself up to a root that we know; what it says is compared with our nonce, the
signing key, the connection, and the measurements that somebody published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from troth.domain.verdict import Outcome
from troth.verifiers.base import Evidence, Facts
from troth.verifiers.fold import Finding, cannot_check, failed, not_covered, passed
from troth.verifiers.machine_code import judge_code
from troth.verifiers.nitro import (
    PLATFORM,
    NitroDocument,
    NitroInvalid,
    document_bytes,
    open_document,
    parse_binding,
)
from troth.verifiers.opengradient_names import ATTESTATION
from troth.verifiers.opengradient_records import known_records
from troth.verifiers.trust import Trust

MIN_NONCE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the attestation evidence came to."""

    findings: tuple[Finding, ...]
    vouches: bool = False
    """The document holds, is fresh, is not debug, and names this signing key."""
    knows_code: bool = False
    is_stale: bool = False


def check_hardware(
    evidence: Evidence, trust: Trust, facts: Facts, spki: bytes, received_at: datetime
) -> Hardware:
    """Check the attestation document, if there is one, for the key `spki` (empty = unknown).

    `received_at` is when the reply came, or now before a first prompt is sent.
    """
    name = next((name for name in evidence if name.startswith(ATTESTATION)), None)
    if name is None:
        reason = "Not checked: the machine gave no proof of what it is (a hardware document)."
        return Hardware((cannot_check("hardware", reason),))
    response = evidence[name]
    if response.status != 200:
        reason = (
            "Not checked: asked what it is, the gateway gave no hardware document"
            f" (HTTP {response.status})."
        )
        return Hardware((cannot_check("hardware", reason),))
    try:
        document = open_document(document_bytes(response.body))
        trust = trust.with_records(known_records(evidence, trust, facts))
        return _judge(document, name.removeprefix(ATTESTATION), received_at, trust, facts, spki)
    except NitroInvalid as error:
        return Hardware((failed("hardware", str(error)),))


def _judge(
    document: NitroDocument,
    nonce_hex: str,
    received_at: datetime,
    trust: Trust,
    facts: Facts,
    spki: bytes,
) -> Hardware:
    if document.root_sha256 not in trust.root_hashes(PLATFORM):
        root = document.root_name[:80]
        reason = f"The hardware document leads to a root that is not trusted: {root}."
        return Hardware((failed("hardware", reason),))
    if document.is_debug:
        reason = "The enclave ran in debug mode: whoever runs it can read everything in it."
        return Hardware((failed("hardware", reason),))
    if len(document.nonce) < MIN_NONCE_BYTES or document.nonce.hex() != nonce_hex:
        reason = "The hardware document was not made for our question: it holds another nonce."
        return Hardware((failed("hardware", reason),))
    binding = parse_binding(document.user_data)
    if not spki:
        reason = "Nothing was signed with a key that is known here, which the enclave could hold."
        return Hardware((cannot_check("hardware", reason),))
    if binding.signing_key_sha256 != sha256(spki).digest():
        reason = "The hardware document speaks for another signing key than this reply's."
        return Hardware((failed("hardware", reason),))
    channel = _judge_channel(binding.tls_certificate_sha256, facts)
    if channel is not None and channel.outcome is Outcome.FAILED:
        return Hardware((channel,))
    times = _judge_times(document, received_at, trust, facts)
    code = _judge_code(document, trust)
    findings = tuple(f for f in (times, code, channel) if f is not None)
    is_fresh = times.outcome is Outcome.PASSED
    knows_code = is_fresh and code.outcome is Outcome.PASSED
    is_stale = times.outcome is Outcome.CANNOT_CHECK
    return Hardware(findings, is_fresh, knows_code, is_stale)


def _judge_times(
    document: NitroDocument, received_at: datetime, trust: Trust, facts: Facts
) -> Finding:
    moment = facts.judged_at or received_at
    issued = document.issued_at
    day = f"{issued:%d %b %Y %H:%M} UTC"
    margin = timedelta(seconds=trust.policy.clock_skew_s)
    age = timedelta(seconds=trust.policy.attestation_max_age_s)
    if not document.valid_from <= issued <= document.valid_until:
        reason = f"The hardware document of {day} was made outside its certificates' time."
        return failed("hardware", reason)
    if not issued - age <= received_at <= issued + age:
        reason = f"The hardware document is of {day}, too far from this reply to speak for it."
        return cannot_check("hardware", reason)
    if moment > document.valid_until + margin:
        until = f"{document.valid_until:%d %b %Y %H:%M} UTC"
        reason = f"Was valid on {issued:%d %b %Y}; the hardware document expired {until}."
        return cannot_check("hardware", reason)
    if moment < document.valid_from - margin:
        reason = f"The hardware document of {day} lies in the future: a clock is wrong."
        return cannot_check("hardware", reason)
    # The simulation must not claim even in a detail what only the real thing proves.
    what, root = (
        ("A simulated enclave", "the simulation's own root, not Amazon's")
        if trust.is_simulated
        else ("An AWS Nitro enclave", "Amazon's root")
    )
    asked = "" if facts.is_foreign else " made for our question,"
    reason = (
        f"{what} holds the signing key: document of {day},{asked}"
        f" signed up to {root}. Module {document.module_id}."
    )
    return passed("hardware", reason)


def _judge_code(document: NitroDocument, trust: Trust) -> Finding:
    pcr0, pcr2 = document.pcrs[0].hex(), document.pcrs[2].hex()
    facts = (("platform", PLATFORM), ("pcr0", pcr0), ("pcr2", pcr2))
    code = judge_code("The enclave", pcr0[:6], facts, trust)
    if code.outcome is not Outcome.CANNOT_CHECK:
        return code
    for record in trust.records:
        if record.pcr_hash == document.pcr_hash:
            listed = f" {record.registry} lists it, which says that it is allowed, not what it is."
            return replace(code, detail=code.detail + listed)
    return code


def _judge_channel(tls_sha256: bytes, facts: Facts) -> Finding | None:
    if facts.route == "relay":
        return None  # what counts there is the key that the prompt was sealed to
    if facts.route != "direct" or facts.tls_certificate is None:
        return not_covered("channel", "The connection itself was not tied to the enclave.")
    if sha256(facts.tls_certificate).digest() != tls_sha256:
        reason = "The connection ended at another machine: its certificate is not the enclave's."
        return failed("channel", reason)
    if facts.is_foreign:
        reason = "Whether the connection ended inside the enclave is the word of the file's maker."
        return not_covered("channel", reason)
    return passed("channel", "The connection ended inside the enclave: its own certificate.")

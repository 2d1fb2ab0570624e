"""OpenGradient: replies that an enclave's gateway signed, checked from our request to the key.

    message   = keccak256( requestHash || outputHash || uint256(timestamp) )
    signature = RSASSA-PSS(SHA-256, MGF1-SHA-256, salt 32) over message, base64

The hashes are computed here from the bytes that we sent and got; what the answer says of itself is
only compared. Layout: VERIFICATION notes of this project and tee-gateway `tee_manager.py` at
06ed1e2. Signing says that the enclave called the model's vendor, not what the vendor ran.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from troth.domain.exchange import Exchange, HttpRequest, find_header
from troth.domain.model import Json
from troth.domain.verdict import Outcome, State, Verdict
from troth.verifiers.base import Evidence, Facts, SignedParts, Wanted
from troth.verifiers.fold import Finding, cannot_check, failed, fold, not_covered, passed
from troth.verifiers.keccak import keccak256
from troth.verifiers.opengradient_canonical import PROFILES, NotCanonical, canonical_request
from troth.verifiers.opengradient_coverage import coverage
from troth.verifiers.opengradient_frames import (
    PROOF_FIELDS,
    ReplyRead,
    has_proof_marks,
    read_reply,
)
from troth.verifiers.opengradient_hardware import check_hardware
from troth.verifiers.opengradient_keys import (
    SigningKey,
    candidate_keys,
    judge_key,
    served_key,
    verify_pss,
)
from troth.verifiers.opengradient_names import ATTESTATION, SCHEME, SIGNING_KEY
from troth.verifiers.opengradient_sealing import OHTTP_CONFIG, sealed_to
from troth.verifiers.opengradient_standing import standing_since
from troth.verifiers.strict_bytes import parse_base64, parse_hex
from troth.verifiers.strict_json import NotStrict, as_text, parse_object
from troth.verifiers.trust import Trust, short, signature_id

_LATEST = 253_402_300_799
_NONCE_BYTES = 20
"""The gateway takes exactly 40 hex digits."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof fields of an answer, well formed. Still only claims."""

    signature: bytes
    request_hash: bytes
    output_hash: bytes
    timestamp: int
    tee_id: str

    @property
    def message(self) -> bytes:
        stamped = self.request_hash + self.output_hash + self.timestamp.to_bytes(32, "big")
        return keccak256(stamped)


@dataclass(slots=True)
class _Run:
    """One verification under way: what was read, and what was found so far."""

    exchange: Exchange
    trust: Trust
    facts: Facts
    reply: ReplyRead
    request: dict[str, Json] = field(default_factory=dict[str, Json])
    findings: list[Finding] = field(default_factory=list[Finding])
    profile: str = ""
    proof: Proof | None = None

    def add(self, *findings: Finding) -> None:
        self.findings.extend(findings)

    def has_passed(self, *names: str) -> bool:
        passes = {f.name for f in self.findings if f.outcome is Outcome.PASSED}
        return passes.issuperset(names)


class OpenGradient:
    """The scheme of OpenGradient's gateways, on every route."""

    scheme = SCHEME

    def recognizes(self, exchange: Exchange, facts: Facts) -> bool:
        return has_proof_marks(exchange.response_body)

    def wants(
        self, exchange: Exchange, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        """Ask a direct gateway for its signing key and its hardware document.

        Over a relay nothing is asked: a question to the enclave itself would show it our address.
        """
        marker = exchange.url.find("/v1/")
        if facts.route != "direct" or marker < 0 or len(nonce) < _NONCE_BYTES:
            return ()
        return wanted_from_gateway(exchange.url[:marker], nonce)

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, facts: Facts
    ) -> Verdict:
        content_type = find_header(exchange.response_headers, "content-type") or ""
        run = _Run(exchange, trust, facts, read_reply(exchange.response_body, content_type))
        run.proof = _read_proof(run)
        _check_request(run)
        _check_reply(run)
        _check_end(run)
        key = _find_key(run, evidence)
        spki = key.spki if key else b""
        hardware = check_hardware(evidence, trust, facts, spki, exchange.received_at)
        run.add(*hardware.findings)
        reached = State.SIGNED_UNKNOWN_KEY
        if run.proof is not None:
            tee_id, received_at = run.proof.tee_id, exchange.received_at
            judged = judge_key(key, tee_id, hardware, trust, facts, received_at)
            run.add(*judged.findings, *standing_since(evidence, facts, tee_id))
            reached = judged.reached
        _check_times(run)
        _check_replay(run)
        run.add(*sealed_to(key, evidence, facts))
        if run.has_passed("reply-bytes", "request-bytes"):
            # Of words that are not the signed ones nothing is covered; saying so would confuse.
            run.add(*coverage(run.request, run.reply, run.profile, facts))
        signed_at = None
        if run.proof is not None:
            signed_at = datetime.fromtimestamp(run.proof.timestamp, UTC)
        return fold(
            run.findings,
            reached,
            trust=trust,
            scheme=f"{SCHEME}/{run.profile}" if run.profile else SCHEME,
            checked_at=now,
            key_fingerprint=key.fingerprint if key else "",
            signed_at=signed_at,
        )

    def signed_parts(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> SignedParts | None:
        content_type = find_header(exchange.response_headers, "content-type") or ""
        run = _Run(exchange, trust, facts, read_reply(exchange.response_body, content_type))
        proof = _read_proof(run)
        run.proof = proof
        _check_request(run)
        if proof is None or not run.profile:
            return None
        keys = candidate_keys(evidence, trust, facts)
        try:
            output = run.reply.signed_output()
        except UnicodeEncodeError:
            return None
        return SignedParts(
            scheme=f"{SCHEME}/{run.profile}",
            algorithm="RSASSA-PSS SHA-256 MGF1-SHA-256 salt 32 over Keccak-256",
            canonical_request=canonical_request(run.request, run.profile),
            signed_output=output,
            message=proof.message,
            signature=proof.signature,
            public_key=next((key.spki for key in keys if key.tee_id == proof.tee_id), b""),
        )

    def signature_name(self, exchange: Exchange) -> str:
        """Return the replay memory's name of the signature; "" when there is none."""
        content_type = find_header(exchange.response_headers, "content-type") or ""
        proof = read_reply(exchange.response_body, content_type).proof
        try:
            return signature_id(parse_base64(as_text(proof["tee_signature"])))
        except (KeyError, ValueError):
            return ""


OPENGRADIENT = OpenGradient()


def wanted_from_gateway(base_url: str, nonce: bytes) -> tuple[Wanted, ...]:
    """Return what to ask a gateway at `base_url`; also before the first prompt is sent there."""
    asked = nonce[:_NONCE_BYTES].hex()
    attestation = f"{base_url}/enclave/attestation?nonce={asked}"
    return (
        Wanted(SIGNING_KEY, HttpRequest("GET", f"{base_url}/signing-key"), is_live=False),
        Wanted(f"{ATTESTATION}{asked}", HttpRequest("GET", attestation), is_live=True),
    )


def wanted_for_sealing(base_url: str, nonce: bytes) -> tuple[Wanted, ...]:
    """Return the same, and the signed key that a prompt through a relay can be sealed to."""
    config = Wanted(OHTTP_CONFIG, HttpRequest("GET", f"{base_url}/v1/ohttp/config"), is_live=False)
    return (*wanted_from_gateway(base_url, nonce), config)


def _read_proof(run: _Run) -> Proof | None:
    fields = run.reply.proof
    missing = [name for name in PROOF_FIELDS if name not in fields]
    if missing == list(PROOF_FIELDS):
        if run.reply.is_ended:
            reason = "The reply came to its end and carries no signature."
            run.add(cannot_check("signature", reason))
            run.add(failed("expectation", "This reply should be signed and is not."))
        else:
            run.add(cannot_check("signature", "No signature has come."))
        return None
    if missing:
        reason = f"The proof is not whole: {', '.join(missing)} is missing."
        run.add(cannot_check("signature", reason))
        run.add(failed("expectation", "This reply should be signed; its proof was taken apart."))
        return None
    timestamp, tee_id = fields["tee_timestamp"], as_text(fields["tee_id"])
    try:
        if isinstance(timestamp, bool) or not isinstance(timestamp, int):
            raise ValueError("the time is not a whole number")
        if not 0 < timestamp < _LATEST:
            raise ValueError("the time is out of range")
        if not tee_id.startswith("0x"):
            raise ValueError("the enclave's id is malformed")
        parse_hex(tee_id[2:], 32)
        return Proof(
            signature=parse_base64(as_text(fields["tee_signature"])),
            request_hash=parse_hex(as_text(fields["tee_request_hash"]), 32),
            output_hash=parse_hex(as_text(fields["tee_output_hash"]), 32),
            timestamp=timestamp,
            tee_id=tee_id,
        )
    except ValueError as error:
        run.add(failed("signature", f"The proof is malformed: {error}."))
        return None


def _check_request(run: _Run) -> None:
    try:
        run.request = parse_object(run.exchange.request_body)
    except NotStrict as error:
        run.add(failed("request-bytes", f"The request as sent cannot be read: {error}."))
        return
    if run.proof is None:
        run.add(cannot_check("request-bytes", "Without a proof there is nothing to compare with."))
        return
    for profile, _ in PROFILES:
        try:
            digest = keccak256(canonical_request(run.request, profile))
        except NotCanonical:
            continue
        if digest == run.proof.request_hash:
            run.profile = profile
            asked, named = as_text(run.request.get("model")), run.facts.model
            if named and asked != named:
                reason = f"The signed question is for the model {asked[:80]}, not {named[:80]}."
                run.add(failed("request-bytes", reason))
                return
            shown = short(digest.hex())
            reason = f"Exactly what you sent was signed ({shown}, form {profile})."
            run.add(passed("request-bytes", reason))
            return
    signed = short(run.proof.request_hash.hex())
    reason = f"The signature is for another question than yours (its digest is {signed})."
    if run.facts.route == "veil":
        reason += " og-veil rewrites questions where it is told to hide personal data in them."
    run.add(failed("request-bytes", reason))


def _check_reply(run: _Run) -> None:
    shown = run.facts.shown_text
    if shown is not None and run.reply.is_ended and shown != run.reply.text:
        reason = "The text in the chat is not the text in the received bytes."
        run.add(failed("reply-bytes", reason))
        return
    if run.proof is None:
        run.add(cannot_check("reply-bytes", "Without a proof there is nothing to compare with."))
        return
    try:
        output = run.reply.signed_output()
    except UnicodeEncodeError:
        reason = "The reply holds half a character, which no signature can cover."
        run.add(failed("reply-bytes", reason))
        return
    digest = keccak256(output)
    if digest == run.proof.output_hash:
        what = "tool calls are" if run.reply.is_tool_reply else "text is"
        reason = f"The {what} exactly what was signed ({short(digest.hex())})."
        if not output:
            reason = "There is no text, and that is what was signed."
        run.add(passed("reply-bytes", reason))
        return
    reason = (
        f"The reply differs from what was signed: signed {short(run.proof.output_hash.hex())},"
        f" received {short(digest.hex())}."
    )
    run.add(failed("reply-bytes", reason))


def _check_end(run: _Run) -> None:
    reply = run.reply
    if reply.faults:
        run.add(failed("completeness", " ".join(reply.faults)))
    elif reply.error:
        reason = f"The gateway broke off: {reply.error}"
        run.add(cannot_check("completeness", reason))
    elif not reply.is_ended or not run.exchange.is_complete:
        run.add(cannot_check("completeness", "The stream was cut before its end mark."))
    else:
        run.add(passed("completeness", "The reply came to its own end."))


def _find_key(run: _Run, evidence: Evidence) -> SigningKey | None:
    """Find the key that the answer names and check the signature with it."""
    proof = run.proof
    if proof is None:
        return None
    keys = candidate_keys(evidence, run.trust, run.facts)
    named = next((key for key in keys if key.tee_id == proof.tee_id), None)
    if named is not None:
        if verify_pss(named.spki, proof.signature, proof.message):
            bits = len(proof.signature) * 8
            run.add(passed("signature", f"Genuine (RSA-PSS, {bits} bits, SHA-256)."))
        else:
            run.add(failed("signature", "The signature does not fit what it should have signed."))
        return named
    signer = next((k for k in keys if verify_pss(k.spki, proof.signature, proof.message)), None)
    if signer is not None:
        reason = "The reply names one enclave and is signed with the key of another."
        run.add(failed("signature", reason))
        return signer
    if served_key(evidence):
        reason = "The key that the gateway hands out is not the one that this reply names."
        run.add(failed("signature", reason))
    else:
        name = short(proof.tee_id)
        run.add(cannot_check("signature", f"The key of enclave {name} is not known here."))
    return None


def _check_times(run: _Run) -> None:
    if run.proof is None:
        return
    signed = datetime.fromtimestamp(run.proof.timestamp, UTC)
    margin = timedelta(seconds=run.trust.policy.clock_skew_s)
    when = f"{signed:%d %b %Y %H:%M:%S} UTC"
    if signed < run.exchange.sent_at - margin:
        reason = (
            f"Signed {when}, before you asked: an old reply was sent again, or a clock is wrong."
        )
        run.add(cannot_check("freshness", reason))
    elif signed > run.exchange.received_at + margin:
        reason = f"Signed {when}, after it came: their clock or yours is wrong."
        run.add(cannot_check("clock", reason))
    else:
        run.add(passed("freshness", f"Signed {when}, after you asked."))


def _check_replay(run: _Run) -> None:
    if run.proof is None:
        return
    if run.facts.is_foreign:
        reason = "A receipt alone cannot show whether this signature was used before."
        run.add(not_covered("replay", reason))
        return
    first = run.trust.seen.get(signature_id(run.proof.signature))
    if first is not None and first != run.facts.message_id:
        reason = "This very signature came before, with another reply: it was replayed."
        run.add(failed("replay", reason))
    else:
        run.add(passed("replay", "This signature came with no other reply."))

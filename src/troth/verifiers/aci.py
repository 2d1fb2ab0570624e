"""Attested Confidential Inference (Phala, RedPill): a signed receipt for each request.

The receipt names the bytes that the service got and gave; its key stands in a keyset that a TDX
quote binds to our nonce. Behind an aggregator the receipt also says what the service behind it was;
that is the aggregator's word, and is shown as such. Sessions are not followed.

    GET {base}/v1/aci/receipts/{X-Receipt-Id}     with the user's key
    GET {base}/v1/aci/attestation?nonce=<64 hex>

Source: ACI specification aci/1 (draft), sections 5.2, 7 and 9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from troth.domain.exchange import Exchange, HttpRequest, find_header
from troth.domain.model import Json
from troth.domain.verdict import State, Verdict
from troth.verifiers.aci_documents import (
    AciReceipt,
    DocumentInvalid,
    Keyset,
    parse_aci_receipt,
    parse_keyset,
    statement_hash,
)
from troth.verifiers.base import Evidence, Facts, SignedParts, Wanted
from troth.verifiers.fold import Finding, cannot_check, failed, fold, not_covered, passed
from troth.verifiers.key_owner import NOBODY, Vouching, check_owner
from troth.verifiers.signed_bytes import (
    check_end,
    check_replay,
    check_reply,
    check_request,
    check_time,
    first_object,
    read,
)
from troth.verifiers.strict_bytes import parse_hex
from troth.verifiers.strict_json import NotStrict, as_object, as_text, parse_object
from troth.verifiers.tdx import check_machine, wanted_for_quote
from troth.verifiers.trust import Trust, short

SCHEME = "aci"
RECEIPT, ATTESTATION = "aci-receipt:", "aci-report:"
"""Prefixes of evidence names; the receipt's id and our nonce follow."""

_ID = re.compile(r"[A-Za-z0-9._-]{4,100}\Z")
_LATER = frozenset({401, 403, 408, 429})


@dataclass(frozen=True, slots=True)
class _Run:
    exchange: Exchange
    evidence: Evidence
    trust: Trust
    facts: Facts
    findings: list[Finding]


class Aci:
    """The scheme of services that speak ACI."""

    scheme = SCHEME

    def recognizes(self, exchange: Exchange, facts: Facts) -> bool:
        version = find_header(exchange.response_headers, "x-aci-version") or ""
        return version.startswith("aci/")

    def wants(
        self, exchange: Exchange, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        base, marker, _ = exchange.url.partition("/v1/")
        receipt = _receipt_id(exchange)
        if not marker or not receipt or not exchange.is_complete:
            return ()
        asked = nonce.hex()
        receipts = HttpRequest("GET", f"{base}/v1/aci/receipts/{receipt}")
        report = HttpRequest("GET", f"{base}/v1/aci/attestation?nonce={asked}")
        return (
            Wanted(f"{RECEIPT}{receipt}", receipts, is_live=False, needs_key=True, may_lag=True),
            Wanted(f"{ATTESTATION}{asked}", report, is_live=True),
        )

    def wants_more(
        self, exchange: Exchange, evidence: Evidence, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        report = _report(evidence)
        return wanted_for_quote(_quote(report[1]), trust) if report is not None else ()

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, facts: Facts
    ) -> Verdict:
        reply = read(exchange)
        run = _Run(exchange, evidence, trust, facts, [check_end(reply, exchange)])
        receipt = _read_receipt(run)
        keyset, vouching = _read_keyset(run)
        reached, fingerprint = State.SIGNED_UNKNOWN_KEY, ""
        if receipt is not None:
            asked = sha256(exchange.request_body).hexdigest()
            came = sha256(exchange.response_body).hexdigest()
            run.findings.append(check_request(exchange, facts, receipt.request_hash, asked))
            run.findings.extend(check_reply(reply, exchange, facts, receipt.response_hash, came))
            _check_document(run, receipt)
            key = _check_signature(run, receipt, keyset)
            run.findings.append(check_replay(receipt.signature, trust, facts))
            made = datetime.fromtimestamp(receipt.served_at, UTC)
            run.findings.append(check_time(made, exchange, trust))
            run.findings.append(_upstream(receipt))
            if key:
                fingerprint = key.hex()
                owner, reached = check_owner(fingerprint, SCHEME, vouching, trust, facts)
                run.findings.append(owner)
        return fold(
            run.findings,
            reached,
            trust=trust,
            scheme=SCHEME,
            checked_at=now,
            key_fingerprint=fingerprint,
            signed_at=datetime.fromtimestamp(receipt.served_at, UTC) if receipt else None,
        )

    def signed_parts(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> SignedParts | None:
        receipt = _read_receipt(_Run(exchange, evidence, trust, facts, []))
        if receipt is None:
            return None
        return SignedParts(
            scheme=SCHEME,
            algorithm="Ed25519 over JCS, SHA-256 of the raw bytes",
            canonical_request=exchange.request_body,
            signed_output=exchange.response_body,
            message=receipt.signed,
            signature=receipt.signature,
            public_key=b"",
        )


ACI = Aci()


def _receipt_id(exchange: Exchange) -> str:
    named = find_header(exchange.response_headers, "x-receipt-id")
    name = as_text(first_object(exchange).get("id")) if named is None else named
    return name if _ID.match(name) else ""


def _read_receipt(run: _Run) -> AciReceipt | None:
    answer = run.evidence.get(f"{RECEIPT}{_receipt_id(run.exchange)}")
    if answer is None or answer.status in _LATER or answer.status >= 500:
        status = f" (it answered {answer.status})" if answer else ""
        reason = f"The receipt could not be fetched{status}; checking again may help."
        run.findings.append(cannot_check("signature", reason))
        return None
    if answer.status != 200:
        reason = f"The provider has no receipt for this reply (it answered {answer.status})."
        run.findings.append(cannot_check("signature", reason))
        missing = "This reply should be signed and is not."
        run.findings.append(failed("expectation", missing))
        return None
    try:
        return parse_aci_receipt(parse_object(answer.body))
    except (NotStrict, DocumentInvalid) as error:
        run.findings.append(failed("signature", f"The receipt is malformed: {error}."))
        return None


def _report(evidence: Evidence) -> tuple[str, dict[str, Json]] | None:
    """Return our nonce in hex and the report that answers it; None when there is none to read."""
    name = next((name for name in sorted(evidence) if name.startswith(ATTESTATION)), None)
    if name is None or evidence[name].status != 200:
        return None
    try:
        return name.removeprefix(ATTESTATION), parse_object(evidence[name].body)
    except NotStrict:
        return name.removeprefix(ATTESTATION), {}


def _quote(report: dict[str, Json]) -> bytes:
    """Return the TDX quote in a report; empty when there is none."""
    attestation = as_object(report.get("attestation"))
    text = as_text(as_object(attestation.get("evidence")).get("quote"))
    try:
        return parse_hex(text) if attestation.get("tee_type") == "tdx" else b""
    except ValueError:
        return b""


def _read_keyset(run: _Run) -> tuple[Keyset | None, Vouching]:
    """Check the machine's report, and that its quote binds the keys in it to our nonce."""
    found = _report(run.evidence)
    if found is None:
        reason = "No report of the machine was kept with this reply, so it was not checked."
        run.findings.append(cannot_check("hardware", reason))
        return None, NOBODY
    nonce_hex, report = found
    try:
        keyset = parse_keyset(report)
        bound = statement_hash(keyset.digest, parse_hex(nonce_hex, 32).hex()) + bytes(32)
    except ValueError as error:
        run.findings.append(failed("hardware", f"The machine's report is malformed: {error}."))
        return None, NOBODY
    received_at = run.exchange.received_at
    moment = run.facts.judged_at or received_at
    quote = _quote(report)
    machine = check_machine(quote, run.evidence, run.trust, moment, received_at)
    run.findings.extend(machine.findings)
    if machine.report is None:
        return keyset, NOBODY
    if machine.report.report_data != bound:
        reason = "The machine's proof is not for these keys and our question."
        run.findings.append(failed("hardware", reason))
        return keyset, NOBODY
    margin = timedelta(seconds=run.trust.policy.clock_skew_s)
    if moment > datetime.fromtimestamp(keyset.not_after, UTC) + margin:
        reason = "The machine's keys have expired since."
        run.findings.append(cannot_check("hardware", reason, State.STALE))
    vouching = Vouching(is_bound=True, is_sound=machine.is_sound, knows_code=machine.knows_code)
    return keyset, vouching


def _check_document(run: _Run, receipt: AciReceipt) -> None:
    """Compare what the receipt says of the request with what we know."""
    if receipt.model and run.facts.model and receipt.model != run.facts.model:
        reason = f"The receipt is for the model {receipt.model[:80]}, not {run.facts.model[:80]}."
        run.findings.append(failed("request-bytes", reason))
    path = run.exchange.url.partition("://")[2].partition("/")[2].partition("?")[0]
    if receipt.endpoint != f"/{path}":
        reason = "The receipt is for another address of the service than the one that was asked."
        run.findings.append(failed("request-bytes", reason))
    chat = as_text(first_object(run.exchange).get("id"))
    if receipt.chat_id and chat and receipt.chat_id != chat:
        run.findings.append(failed("reply-bytes", "The receipt names another reply."))


def _check_signature(run: _Run, receipt: AciReceipt, keyset: Keyset | None) -> bytes:
    """Check the signature; return the key, empty where none is known."""
    pinned = [pin for pin in run.trust.keys if pin.scheme == SCHEME]
    if keyset is None:
        key = next((k for p in pinned if _fits(k := _raw(p.fingerprint), receipt)), b"")
        reason = "The key that the receipt names is not known here."
        found = passed("signature", _VALID) if key else cannot_check("signature", reason)
        run.findings.append(found)
        return key
    key = keyset.receipt_keys.get(receipt.key_id, b"")
    if receipt.keyset_digest != keyset.digest:
        # The service may have renewed its keys in between; nothing says that these are its own.
        reason = f"The receipt is of other keys ({short(receipt.keyset_digest[7:])}) than it shows."
        run.findings.append(cannot_check("signature", reason))
        return b""
    if not key or not _fits(key, receipt):
        reason = "The signature does not fit what it should have signed."
        run.findings.append(failed("signature", reason))
        return key
    run.findings.append(passed("signature", _VALID))
    return key


_VALID = "Valid Ed25519 signature over the receipt."


def _raw(fingerprint: str) -> bytes:
    try:
        return parse_hex(fingerprint, 32)
    except ValueError:
        return b""


def _fits(key: bytes, receipt: AciReceipt) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(receipt.signature, receipt.signed)
    except (ValueError, InvalidSignature):
        return False
    return True


def _upstream(receipt: AciReceipt) -> Finding:
    event = receipt.upstream
    if event is None:
        return not_covered("upstream", "The receipt names no service behind this one.")
    if event.get("result") != "verified":
        reason = "It was passed on to a service that proves nothing of itself."
        return not_covered("upstream", reason)
    reason = "The gateway says that it checked the machine behind it. That is its word."
    return not_covered("upstream", reason)

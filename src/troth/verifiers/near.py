"""NEAR AI, and Phala's gateway in its old form: a signature fetched after the reply.

    GET /v1/signature/{chat id}?model=..&signing_algo=ecdsa
    -> {text, signature, signing_address, signing_algo, signature_kind?}
    text = sha256(request) ":" sha256(response), or with "{model}:" before it where the model's own
           machine signed (signature_kind "provider_tee"); hex, over the raw bytes, framing included

Source: NEAR AI Cloud documentation, "Verification" (read 2026-11-22). ECDSA is EIP-191 over the
text, Ed25519 is over the text itself. There is no time in it: the reply's own `created`, which is
among the signed bytes, stands in. Intel and NVIDIA evidence is not checked here.
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
from troth.verifiers.base import Evidence, Facts, SignedParts, Wanted
from troth.verifiers.fold import Finding, cannot_check, failed, fold, passed
from troth.verifiers.opengradient_keys import signature_id
from troth.verifiers.secp256k1 import NotSigned, recover_address
from troth.verifiers.strict_bytes import parse_hex
from troth.verifiers.strict_json import NotStrict, as_text, parse_object
from troth.verifiers.trust import Trust, short

SCHEME = "near"
SIGNATURE = "signature:"
"""Prefix of the evidence name; the chat id follows."""

_HOSTS = re.compile(r"https://[a-z0-9.-]*\bnear\.ai/")
_ID = re.compile(rb'"id":\s*"([A-Za-z0-9_-]{8,100})"')
_CREATED = re.compile(rb'"created":\s*(\d{10})\b')
_TEXT = re.compile(r"(?:(?P<model>.+):)?(?P<request>[0-9a-f]{64}):(?P<response>[0-9a-f]{64})\Z")
_UNRESERVED = re.compile(r"[^A-Za-z0-9._~-]")


@dataclass(frozen=True, slots=True)
class Statement:
    """What the signature endpoint said, well formed; still only claims."""

    text: str
    request_hash: str
    response_hash: str
    model: str
    """Empty where the gateway signed, not the model's own machine."""
    signature: bytes
    address: str
    algorithm: str


def _quoted(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in match[0].encode())

    return _UNRESERVED.sub(escape, text)


class Near:
    """The scheme of NEAR AI's cloud."""

    scheme = SCHEME

    def recognizes(self, exchange: Exchange, facts: Facts) -> bool:
        return _HOSTS.match(exchange.url) is not None

    def wants(
        self, exchange: Exchange, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        found = _ID.search(exchange.response_body)
        base, marker, _ = exchange.url.partition("/v1/")
        if found is None or not marker or not exchange.is_complete:
            return ()
        chat = found[1].decode("ascii")
        query = f"model={_quoted(facts.model)}&signing_algo=ecdsa"
        request = HttpRequest("GET", f"{base}/v1/signature/{chat}?{query}")
        return (Wanted(f"{SIGNATURE}{chat}", request, is_live=False, needs_key=True),)

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, facts: Facts
    ) -> Verdict:
        findings: list[Finding] = [_completeness(exchange)]
        statement = _read_statement(exchange, evidence, findings)
        reached = State.SIGNED_UNKNOWN_KEY
        if statement is not None:
            findings += _hashes(exchange, statement, facts)
            findings.append(_signature(statement))
            findings.append(_replay(statement, trust, facts))
            key, reached = _key(statement, trust, facts)
            findings.append(key)
            findings.append(passed("coverage", "Every byte of the reply is under the signature."))
            findings.append(_freshness(exchange, trust))
        reason = "Intel's and NVIDIA's proofs of the machine are not checked by this Troth."
        findings.append(cannot_check("hardware", reason))
        return fold(
            findings,
            reached,
            trust=trust,
            scheme=f"{SCHEME}/{'machine' if statement and statement.model else 'gateway'}",
            checked_at=now,
            key_fingerprint=statement.address if statement else "",
        )

    def signed_parts(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> SignedParts | None:
        statement = _read_statement(exchange, evidence, [])
        if statement is None:
            return None
        return SignedParts(
            scheme=f"{SCHEME}/{'machine' if statement.model else 'gateway'}",
            algorithm=f"{statement.algorithm}, SHA-256 of the raw bytes",
            canonical_request=exchange.request_body,
            signed_output=exchange.response_body,
            message=statement.text.encode(),
            signature=statement.signature,
            public_key=b"",
        )


def _completeness(exchange: Exchange) -> Finding:
    kind = find_header(exchange.response_headers, "content-type") or ""
    is_cut = "event-stream" in kind and b"data: [DONE]" not in exchange.response_body
    if is_cut or not exchange.is_complete:
        return cannot_check("completeness", "The stream was cut before its end mark.")
    return passed("completeness", "The reply came to its own end.")


def _read_statement(
    exchange: Exchange, evidence: Evidence, findings: list[Finding]
) -> Statement | None:
    found = _ID.search(exchange.response_body)
    chat = found[1].decode("ascii") if found else ""
    answer = evidence.get(f"{SIGNATURE}{chat}")
    if answer is None or answer.status in {401, 403, 408, 429} or answer.status >= 500:
        status = f" (it answered {answer.status})" if answer else ""
        reason = f"The signature could not be fetched{status}; checking again may help."
        findings.append(cannot_check("signature", reason))
        return None
    if answer.status != 200:
        reason = f"The provider has no signature for this reply (it answered {answer.status})."
        findings.append(cannot_check("signature", reason))
        findings.append(failed("expectation", "This reply should be signed and is not."))
        return None
    try:
        return _parse_statement(parse_object(answer.body))
    except (NotStrict, ValueError) as error:
        findings.append(failed("signature", f"The signature is malformed: {error}."))
        return None


def _parse_statement(fields: dict[str, Json]) -> Statement:
    """Raises ValueError."""
    text, algorithm = as_text(fields.get("text")), as_text(fields.get("signing_algo"))
    shape = _TEXT.match(text)
    if shape is None:
        raise ValueError("its text is not two digests")
    if algorithm not in {"ecdsa", "ed25519"}:
        raise ValueError("its kind is not known")
    return Statement(
        text=text,
        request_hash=shape["request"],
        response_hash=shape["response"],
        model=shape["model"] or "",
        signature=parse_hex(as_text(fields.get("signature")).removeprefix("0x")),
        address=as_text(fields.get("signing_address")).lower(),
        algorithm=algorithm,
    )


def _hashes(exchange: Exchange, statement: Statement, facts: Facts) -> list[Finding]:
    findings: list[Finding] = []
    asked = sha256(exchange.request_body).hexdigest()
    came = sha256(exchange.response_body).hexdigest()
    if asked == statement.request_hash:
        reason = f"The signed request is the one that was sent: digest {short(asked)}."
        findings.append(passed("request-bytes", reason))
    else:
        findings.append(failed("request-bytes", "The signature is for another request than yours."))
    if came == statement.response_hash:
        reason = f"The bytes received are what was signed: digest {short(came)}."
        findings.append(passed("reply-bytes", reason))
    else:
        findings.append(failed("reply-bytes", "The reply differs from what was signed."))
    if statement.model and statement.model != facts.model:
        reason = f"The signature is for the model {statement.model[:80]}, not for {facts.model}."
        findings.append(failed("request-bytes", reason))
    return findings


def _signature(statement: Statement) -> Finding:
    if statement.algorithm == "ed25519":
        try:
            key = Ed25519PublicKey.from_public_bytes(
                parse_hex(statement.address.removeprefix("0x"), 32)
            )
            key.verify(statement.signature, statement.text.encode())
        except (ValueError, InvalidSignature):
            return failed("signature", "The signature does not fit what it should have signed.")
        return passed("signature", "Valid Ed25519 signature.")
    try:
        signer = recover_address(statement.text.encode(), statement.signature)
    except NotSigned as error:
        return failed("signature", f"The signature cannot be valid: {error}.")
    if signer != statement.address:
        return failed("signature", "The signature was made with another key than it names.")
    return passed("signature", "Valid ECDSA signature (secp256k1, EIP-191).")


def _key(statement: Statement, trust: Trust, facts: Facts) -> tuple[Finding, State]:
    name = short(statement.address)
    if trust.distrust_of(statement.address) is not None:
        return failed("signing-key", "You distrust this key."), State.SIGNED_UNKNOWN_KEY
    pins = [p for p in trust.keys if p.scheme == SCHEME]
    if not facts.is_foreign:
        pins = [p for p in pins if p.counts_for(facts.provider)]
    pin = next((p for p in pins if p.fingerprint.lower() == statement.address), None)
    if pin is not None:
        reason = f"The key {name} is pinned as {pin.name}."
        return passed("signing-key", reason), State.VERIFIED_PINNED
    if any(p.providers for p in pins) and not facts.is_foreign:
        reason = f"Replies here must be signed with a key that you pinned; {name} is none."
        return failed("signing-key", reason), State.SIGNED_UNKNOWN_KEY
    reason = f"Nobody vouches for the key {name}: anyone could have made it."
    return cannot_check("signing-key", reason), State.SIGNED_UNKNOWN_KEY


def _replay(statement: Statement, trust: Trust, facts: Facts) -> Finding:
    first = trust.seen.get(signature_id(statement.signature))
    if first is not None and first != facts.message_id:
        reason = "This very signature came before, with another reply: it was replayed."
        return failed("replay", reason)
    return passed("replay", "This signature was not seen with any other reply.")


def _freshness(exchange: Exchange, trust: Trust) -> Finding:
    found = _CREATED.search(exchange.response_body)
    if found is None:
        return cannot_check("freshness", "The signed bytes hold no time of their own.")
    made = datetime.fromtimestamp(int(found[1]), UTC)
    margin = timedelta(seconds=trust.policy.clock_skew_s)
    when = f"{made:%d %b %Y %H:%M:%S} UTC"
    if made < exchange.sent_at - margin:
        return cannot_check("freshness", f"Made {when}, before you asked: an old reply, perhaps.")
    if made > exchange.received_at + margin:
        return cannot_check("clock", f"Made {when}, after it came: a clock is wrong.")
    return passed("freshness", f"Made {when}, between your question and the reply's end.")

"""A signature that is fetched after the reply: NEAR AI, Phala's gateway in its old form, 0G.

    GET {base}/signature/{chat id}?model=..&signing_algo=ecdsa
    -> {text, signature, signing_address, signing_algo, signature_kind?}
    text = sha256(request) ":" sha256(response), or with "{model}:" before it where the model's own
           machine signed (signature_kind "provider_tee"); hex, over the raw bytes, framing included

ECDSA is EIP-191 over the text, Ed25519 over the text itself. It holds no time: the reply's own
`created`, which is among the signed bytes, stands in. `near`, `redpill` and `zerog` say where to
ask and whose hardware answers for the key. Source: NEAR AI Cloud documentation, "Verification"
(read 2026-11-22), and nearai/nearai-cloud-verifier at 04535f3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from troth.domain.exchange import Exchange, HttpRequest
from troth.domain.model import Json
from troth.domain.verdict import State, Verdict
from troth.verifiers.base import Evidence, Facts, SignedParts, Wanted
from troth.verifiers.dstack import (
    EITHER,
    GATEWAY,
    MACHINE,
    REPORT,
    Signer,
    check_report,
    report_of,
    wanted_of_intel,
)
from troth.verifiers.fold import Finding, cannot_check, failed, fold, not_covered, passed
from troth.verifiers.key_owner import NOBODY, check_owner
from troth.verifiers.secp256k1 import NotSigned, recover_address
from troth.verifiers.signed_bytes import (
    check_created,
    check_end,
    check_replay,
    check_reply,
    check_request,
    first_object,
    read,
)
from troth.verifiers.strict_bytes import parse_hex
from troth.verifiers.strict_json import NotStrict, as_text, parse_object
from troth.verifiers.trust import Trust

SIGNATURE = "signature:"
"""Prefix of the evidence name; the chat id follows."""

_ID = re.compile(r"[A-Za-z0-9_-]{4,100}\Z")
_TEXT = re.compile(r"(?:(?P<model>.+):)?(?P<request>[0-9a-f]{64}):(?P<response>[0-9a-f]{64})\Z")
_ADDRESS = {
    "ecdsa": re.compile(r"0x[0-9a-f]{40}\Z"),
    "ed25519": re.compile(r"(?:0x)?[0-9a-f]{64}\Z"),
}
_UNRESERVED = re.compile(r"[^A-Za-z0-9._~-]")
_UNAVAILABLE = frozenset({401, 403, 408, 429})
_KINDS = {"provider_tee": MACHINE, "gateway": GATEWAY}


class NoSignature(ValueError):
    """The provider says that it has no signature; the argument is its reason."""


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
    part: str
    """Whose hardware must hold the key: of `dstack`."""


@dataclass(frozen=True, slots=True)
class _Read:
    """The signature's answer as read: the statement, or findings that say why there is none."""

    statement: Statement | None = None
    findings: tuple[Finding, ...] = ()


def quoted(text: str) -> str:
    """Return a text as it stands in a URL's query (RFC 3986)."""

    def escape(match: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in match[0].encode())

    return _UNRESERVED.sub(escape, text)


@dataclass(frozen=True, slots=True)
class FetchedSignature:
    """A scheme of this kind; one row for each provider that speaks it."""

    scheme: str
    hosts: frozenset[str]
    """Hosts whose replies are signed so."""
    path: str = "/v1/"
    """Up to where a URL is the base of all that is asked."""
    marks: re.Pattern[str] | None = None
    """URLs of other hosts that give themselves away."""
    has_report: bool = True
    needs_kind: bool = False
    """Whether the answer must say whose key it is (`signature_kind`): it is never guessed there."""
    words: str = field(default="The provider")

    def recognizes(self, exchange: Exchange, facts: Facts) -> bool:
        host = exchange.url.removeprefix("https://").partition("/")[0].lower()
        if exchange.url.startswith("https://") and host.removesuffix(":443") in self.hosts:
            return True
        return self.marks is not None and self.marks.match(exchange.url) is not None

    def wants(
        self, exchange: Exchange, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        chat, base = _chat_id(exchange), self._base(exchange)
        if not chat or not base or not exchange.is_complete:
            return ()
        query = f"model={quoted(facts.model)}&signing_algo=ecdsa"
        request = HttpRequest("GET", f"{base}signature/{chat}?{query}")
        name = f"{SIGNATURE}{chat}"
        return (Wanted(name, request, is_live=False, needs_key=True, may_lag=True),)

    def wants_more(
        self, exchange: Exchange, evidence: Evidence, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        """Ask for the hardware's proof of the key that signed, then of Intel about its machine."""
        statement, base = self._read(exchange, evidence).statement, self._base(exchange)
        if statement is None or not base or not self.has_report:
            return ()
        if report_of(evidence) is not None:
            return wanted_of_intel(evidence, _signer(statement), trust)
        asked = nonce.hex()
        query = (
            f"model={quoted(facts.model)}&nonce={asked}"
            f"&signing_algo={statement.algorithm}&signing_address={statement.address}"
        )
        request = HttpRequest("GET", f"{base}attestation/report?{query}")
        return (Wanted(f"{REPORT}{asked}", request, is_live=True, needs_key=True),)

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, facts: Facts
    ) -> Verdict:
        reply = read(exchange)
        answer = self._read(exchange, evidence)
        findings: list[Finding] = [check_end(reply, exchange), *answer.findings]
        statement, reached = answer.statement, State.SIGNED_UNKNOWN_KEY
        if statement is not None:
            asked = sha256(exchange.request_body).hexdigest()
            came = sha256(exchange.response_body).hexdigest()
            findings.append(check_request(exchange, facts, statement.request_hash, asked))
            findings += check_reply(reply, exchange, facts, statement.response_hash, came)
            if statement.model and statement.model != facts.model:
                named = statement.model[:80]
                reason = f"The signature is for the model {named}, not for {facts.model[:80]}."
                findings.append(failed("request-bytes", reason))
            findings += [
                check_signature(statement),
                check_replay(statement.signature, trust, facts),
            ]
            vouching = NOBODY
            if self.has_report:
                signer = _signer(statement)
                hardware = check_report(evidence, signer, trust, facts, exchange.received_at)
                findings += hardware.findings
                vouching = hardware.vouching
            key, reached = check_owner(statement.address, self.scheme, vouching, trust, facts)
            findings += [key, check_created(exchange, trust), self._upstream(statement)]
        return fold(
            findings,
            reached,
            trust=trust,
            scheme=self._profile(statement),
            checked_at=now,
            key_fingerprint=statement.address if statement else "",
        )

    def signed_parts(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> SignedParts | None:
        statement = self._read(exchange, evidence).statement
        if statement is None:
            return None
        return SignedParts(
            scheme=self._profile(statement),
            algorithm=f"{statement.algorithm}, SHA-256 of the raw bytes",
            canonical_request=exchange.request_body,
            signed_output=exchange.response_body,
            message=statement.text.encode(),
            signature=statement.signature,
            public_key=b"",
        )

    def _profile(self, statement: Statement | None) -> str:
        if statement is None:
            return self.scheme
        return f"{self.scheme}/{'machine' if statement.model else 'gateway'}"

    def _base(self, exchange: Exchange) -> str:
        base, marker, _ = exchange.url.partition(self.path)
        return base + marker if marker else ""

    def _upstream(self, statement: Statement) -> Finding:
        if statement.part == GATEWAY:
            reason = f"{self.words}'s gateway signed this. Which model answered is its word."
            return not_covered("upstream", reason)
        if statement.part != MACHINE:
            return not_covered("upstream", _RELAYED)
        return passed("upstream", "The machine that ran the model signed this itself.")

    def _read(self, exchange: Exchange, evidence: Evidence) -> _Read:
        chat = _chat_id(exchange)
        answer = evidence.get(f"{SIGNATURE}{chat}") if chat else None
        if answer is None or answer.status in _UNAVAILABLE or answer.status >= 500:
            status = f" (it answered {answer.status})" if answer else ""
            reason = f"The signature could not be fetched{status}; checking again may help."
            return _Read(findings=(cannot_check("signature", reason),))
        try:
            if answer.status != 200:
                raise NoSignature(f"it answered {answer.status}")
            return _Read(self._parse(parse_object(answer.body)))
        except NoSignature as error:
            reason = f"The provider has no signature for this reply ({error})."
            missing = failed("expectation", "This reply should be signed and is not.")
            return _Read(findings=(cannot_check("signature", reason), missing))
        except (NotStrict, ValueError) as error:
            return _Read(findings=(failed("signature", f"The signature is malformed: {error}."),))

    def _parse(self, fields: dict[str, Json]) -> Statement:
        """Raises NoSignature, ValueError."""
        if "error_code" in fields and "signature" not in fields:
            raise NoSignature(as_text(fields.get("error_code"))[:80] or "it gave no reason")
        text, algorithm = as_text(fields.get("text")), as_text(fields.get("signing_algo"))
        address, shape = as_text(fields.get("signing_address")).lower(), _TEXT.match(text)
        if shape is None:
            raise ValueError("its text is not two digests")
        if algorithm not in _ADDRESS or not _ADDRESS[algorithm].match(address):
            raise ValueError("its kind or its key is not known")
        kind = fields.get("signature_kind")
        if kind is None and self.needs_kind:
            raise ValueError("it does not say whose key it is")
        part = EITHER if kind is None else _KINDS.get(as_text(kind), "")
        if not part or (part == MACHINE and not shape["model"]):
            raise ValueError("whose key it is does not fit what was signed")
        if part == GATEWAY and shape["model"]:
            raise ValueError("whose key it is does not fit what was signed")
        return Statement(
            text=text,
            request_hash=shape["request"],
            response_hash=shape["response"],
            model=shape["model"] or "",
            signature=parse_hex(as_text(fields.get("signature")).removeprefix("0x")),
            address=address if algorithm == "ecdsa" else address.removeprefix("0x"),
            algorithm=algorithm,
            part=part,
        )


_RELAYED = "The signature does not say whether a gateway made it or the model's own machine."


def _signer(statement: Statement) -> Signer:
    return Signer(statement.address, statement.part)


def _chat_id(exchange: Exchange) -> str:
    chat = as_text(first_object(exchange).get("id"))
    return chat if _ID.match(chat) else ""


def check_signature(statement: Statement) -> Finding:
    """Say whether the key that a statement names signed its text."""
    if statement.algorithm == "ed25519":
        try:
            key = Ed25519PublicKey.from_public_bytes(parse_hex(statement.address, 32))
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

"""A receipt: one reply with all that proves it, in one file that a stranger can check.

UTF-8 JSON, version 1, one object with exactly the fields of `_FIELDS`; bytes are canonical base64,
digests lower-case hex, times `2026-11-22T09:00:00.000000Z`. `digest` is the SHA-256 of the same
object without it, written with sorted keys, `,` and `:` and ASCII only: it catches accidents, not
forgers, who are caught by the signature.

JSON, not zip or CBOR: nothing to unpack means no bombs and no paths, and a person can look into it.
What is in it proves nothing by its presence: keys, verdicts and times are the exporter's claims
until our own trust vouches for them. No API key, cookie, session or sealing secret ever enters.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from troth.domain.exchange import Exchange, Headers, HttpResponse
from troth.domain.model import Json
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.verifiers.base import Evidence, Facts, SignedParts
from troth.verifiers.strict_bytes import parse_base64
from troth.verifiers.strict_json import NotStrict, parse_object

FORMAT = "troth-receipt"
VERSION = 1
MAX_BYTES = 64 << 20
MAX_EVIDENCE = 64
MAX_CHECKS = 256
MAX_TEXT = 20_000

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_SLUG = re.compile(r"[A-Za-z0-9:._-]{1,200}\Z")
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?\Z")
_KEPT_HEADERS = frozenset(
    {
        "accept", "content-type", "date", "sgx-enclave-identity-issuer-chain",
        "sgx-tcb-info-issuer-chain", "tcb-info-issuer-chain", "x-aci-version",
        "x-ohttp-stream", "x-opengradient-verified", "x-receipt-id", "x-tee-id",
    }
)  # fmt: skip
"""Headers that may stand in a receipt. Everything else may carry a secret and stays out."""
_FIELDS = frozenset(
    {
        "checks", "digest", "evidence", "format", "message", "model", "outer_sha256", "provider",
        "received_at", "request", "response", "route", "sent_at", "signed", "tls_certificate",
        "verdict", "version",
    }
)  # fmt: skip


class ReceiptInvalid(ValueError):
    """The file is no receipt that can be read; the argument is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as read: claims, all of them."""

    exchange: Exchange
    evidence: Mapping[str, HttpResponse]
    facts: Facts
    verdict: Verdict
    """What the exporter's Troth found then."""
    signed: SignedParts | None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _kept(headers: Headers) -> list[Json]:
    return [[name, value] for name, value in headers if name.lower() in _KEPT_HEADERS]


def _bare_url(url: str) -> str:
    """Return a URL without what may be secret: user, query and fragment."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    # Up to the last @: a password may hold one itself.
    return re.sub(r"^(\w+://)[^/]*@", r"\1", bare)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_TIME)


def _digest(receipt: Mapping[str, Json]) -> str:
    rest = {name: value for name, value in receipt.items() if name != "digest"}
    return sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def build_receipt(
    exchange: Exchange,
    evidence: Evidence,
    verdict: Verdict,
    signed: SignedParts | None,
    *,
    facts: Facts,
) -> bytes:
    """Write the receipt of one reply. `signed` is what `registry.signed_parts_of` says."""
    receipt: dict[str, Json] = {
        "format": FORMAT,
        "version": VERSION,
        "provider": facts.provider,
        "model": facts.model,
        "message": facts.message_id,
        "route": facts.route,
        "sent_at": _time(exchange.sent_at),
        "received_at": _time(exchange.received_at),
        "outer_sha256": exchange.outer_sha256,
        "tls_certificate": _base64(facts.tls_certificate or b""),
        "request": {
            "method": exchange.method,
            "url": _bare_url(exchange.url),
            "headers": _kept(exchange.request_headers),
            "body": _base64(exchange.request_body),
        },
        "response": {
            "status": exchange.status,
            "headers": _kept(exchange.response_headers),
            "body": _base64(exchange.response_body),
            "is_complete": exchange.is_complete,
        },
        "evidence": [
            {
                "name": name,
                "status": answer.status,
                "headers": _kept(answer.headers),
                "body": _base64(answer.body),
            }
            for name, answer in sorted(evidence.items())
        ],
        "signed": None if signed is None else _signed_json(signed),
        "verdict": {
            "state": verdict.state.value,
            "scheme": verdict.scheme,
            "verifier": verdict.verifier,
            "checked_at": _time(verdict.checked_at),
            "key_fingerprint": verdict.key_fingerprint,
            "signed_at": _time(verdict.signed_at) if verdict.signed_at else "",
            "is_simulated": verdict.is_simulated,
        },
        "checks": [
            {"name": check.name, "outcome": check.outcome.value, "detail": check.detail}
            for check in verdict.checks
        ],
    }
    receipt["digest"] = _digest(receipt)
    return (json.dumps(receipt, indent=1, sort_keys=True) + "\n").encode("ascii")


def _signed_json(signed: SignedParts) -> dict[str, Json]:
    return {
        "scheme": signed.scheme,
        "algorithm": signed.algorithm,
        "canonical_request": _base64(signed.canonical_request),
        "signed_output": _base64(signed.signed_output),
        "message": _base64(signed.message),
        "signature": _base64(signed.signature),
        "public_key": _base64(signed.public_key),
    }


class _Fields:
    """One object of a receipt; every field is taken once, with its type, and none is left over."""

    def __init__(self, value: Json, where: str, names: frozenset[str] | set[str]) -> None:
        if not isinstance(value, dict) or set(value) != names:
            raise ReceiptInvalid(f"The receipt's {where} does not have the fields that it must.")
        self._fields = value
        self._where = where

    def _fault(self, name: str) -> ReceiptInvalid:
        return ReceiptInvalid(f"The receipt's {self._where} has a wrong {name}.")

    def get(self, name: str) -> Json:
        return self._fields[name]

    def text(self, name: str) -> str:
        value = self._fields[name]
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise self._fault(name)
        return value

    def digest(self, name: str) -> str:
        value = self.text(name)
        if not _DIGEST.match(value):
            raise self._fault(name)
        return value

    def url(self, name: str) -> str:
        value = self.text(name)
        if _bare_url(value) != value:
            raise self._fault(name)
        return value

    def slug(self, name: str) -> str:
        value = self.text(name)
        if not _SLUG.match(value):
            raise self._fault(name)
        return value

    def number(self, name: str, largest: int) -> int:
        value = self._fields[name]
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
            raise self._fault(name)
        return value

    def flag(self, name: str) -> bool:
        value = self._fields[name]
        if not isinstance(value, bool):
            raise self._fault(name)
        return value

    def content(self, name: str) -> bytes:
        value = self._fields[name]
        try:
            return parse_base64(value if isinstance(value, str) else "?")
        except ValueError as error:
            raise self._fault(name) from error

    def time(self, name: str) -> datetime:
        value = self.text(name)
        try:
            moment = datetime.strptime(value, _TIME).replace(tzinfo=UTC)
        except ValueError as error:
            raise self._fault(name) from error
        # Near the ends of what a datetime can hold, a margin added to it overflows.
        if moment.strftime(_TIME) != value or not 2000 <= moment.year < 2200:
            raise self._fault(name)
        return moment

    def headers(self, name: str) -> Headers:
        value = self._fields[name]
        headers: list[tuple[str, str]] = []
        for pair in value if isinstance(value, list) else [None]:
            match pair:
                case [str() as key, str() as text] if key.lower() in _KEPT_HEADERS:
                    headers.append((key, text))
                case _:
                    raise self._fault(name)
        return tuple(headers)

    def items(self, name: str, most: int) -> list[Json]:
        value = self._fields[name]
        if not isinstance(value, list) or len(value) > most:
            raise self._fault(name)
        return value


def parse_receipt(received: bytes) -> Receipt:
    """Read a receipt strictly; raise ReceiptInvalid. Nothing is checked but its form and digest."""
    if len(received) > MAX_BYTES:
        raise ReceiptInvalid("The file is too large to be a receipt.")
    try:
        raw = parse_object(received)
    except NotStrict as error:
        raise ReceiptInvalid(f"This is not a receipt: {error}.") from error
    if raw.get("format") != FORMAT:
        raise ReceiptInvalid("This is not a receipt of Troth.")
    version = raw.get("version")
    if type(version) is not int or version != VERSION:
        raise ReceiptInvalid("The receipt has a version that this Troth does not know.")
    top = _Fields(raw, "outer part", _FIELDS)
    if top.text("digest") != _digest(raw):
        raise ReceiptInvalid("The receipt was changed after it was written.")
    facts = Facts(
        provider=top.text("provider"),
        model=top.text("model"),
        message_id=top.text("message"),
        route=top.slug("route"),
        tls_certificate=top.content("tls_certificate") or None,
        is_foreign=True,
    )
    return Receipt(
        exchange=_exchange(top),
        evidence=_evidence(top),
        facts=facts,
        verdict=_verdict(top),
        signed=_signed(top.get("signed")),
    )


def _exchange(top: _Fields) -> Exchange:
    request = _Fields(top.get("request"), "request", {"method", "url", "headers", "body"})
    response = _Fields(
        top.get("response"), "response", {"status", "headers", "body", "is_complete"}
    )
    sent_at, received_at = top.time("sent_at"), top.time("received_at")
    if received_at < sent_at:
        raise ReceiptInvalid("The receipt says that the reply came before the question.")
    return Exchange(
        method=request.slug("method"),
        url=request.url("url"),
        request_headers=request.headers("headers"),
        request_body=request.content("body"),
        status=response.number("status", 999),
        response_headers=response.headers("headers"),
        response_body=response.content("body"),
        sent_at=sent_at,
        received_at=received_at,
        is_complete=response.flag("is_complete"),
        outer_sha256=top.digest("outer_sha256"),
    )


def _evidence(top: _Fields) -> dict[str, HttpResponse]:
    evidence: dict[str, HttpResponse] = {}
    for item in top.items("evidence", MAX_EVIDENCE):
        entry = _Fields(item, "evidence", {"name", "status", "headers", "body"})
        name = entry.slug("name")
        if name in evidence:
            raise ReceiptInvalid("The receipt holds the same evidence twice.")
        evidence[name] = HttpResponse(
            entry.number("status", 999), entry.headers("headers"), entry.content("body")
        )
    return evidence


def _verdict(top: _Fields) -> Verdict:
    names = {
        "state", "scheme", "verifier", "checked_at", "key_fingerprint", "signed_at", "is_simulated",
    }  # fmt: skip
    entry = _Fields(top.get("verdict"), "verdict", names)
    checks: list[Check] = []
    for item in top.items("checks", MAX_CHECKS):
        check = _Fields(item, "list of checks", {"name", "outcome", "detail"})
        checks.append(
            Check(check.slug("name"), _outcome(check.text("outcome")), check.text("detail"))
        )
    return Verdict(
        state=_state(entry.text("state")),
        scheme=entry.text("scheme"),
        checks=tuple(checks),
        checked_at=entry.time("checked_at"),
        verifier=entry.text("verifier"),
        key_fingerprint=entry.text("key_fingerprint"),
        signed_at=entry.time("signed_at") if entry.text("signed_at") else None,
        is_simulated=entry.flag("is_simulated"),
    )


def _outcome(word: str) -> Outcome:
    try:
        return Outcome(word)
    except ValueError as error:
        raise ReceiptInvalid("The receipt names an outcome that does not exist.") from error


def _state(word: str) -> State:
    try:
        return State(word)
    except ValueError as error:
        raise ReceiptInvalid("The receipt names a state that does not exist.") from error


def _signed(value: Json) -> SignedParts | None:
    if value is None:
        return None
    names = {
        "scheme", "algorithm", "canonical_request", "signed_output", "message", "signature",
        "public_key",
    }  # fmt: skip
    entry = _Fields(value, "signed part", names)
    return SignedParts(
        scheme=entry.text("scheme"),
        algorithm=entry.text("algorithm"),
        canonical_request=entry.content("canonical_request"),
        signed_output=entry.content("signed_output"),
        message=entry.content("message"),
        signature=entry.content("signature"),
        public_key=entry.content("public_key"),
    )

"""The signed documents of Attested Confidential Inference: canonical form, keyset, receipt.

    keyset digest = "sha256:" || hex(SHA-256(JCS(keyset)))
    report_data   = SHA-256({"keyset_digest":"..","nonce":"..","purpose":"aci.report_data.v1"}) || 0
    signature     = Ed25519 over JCS(receipt without `signature`), by a key of the keyset

JCS (RFC 8785) of what ACI allows, ASCII names and whole numbers, is compact JSON with sorted names;
anything else is refused. Source: ACI specification aci/1 (draft), sections 3, 4, 7, appendix A.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256

from troth.domain.model import Json
from troth.verifiers.strict_bytes import parse_hex
from troth.verifiers.strict_json import as_list, as_object, as_text

VERSION = "aci/1"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_LARGEST = 1 << 53


class DocumentInvalid(ValueError):
    """A document is not what the specification says; the argument says why, for people."""


@dataclass(frozen=True, slots=True)
class Keyset:
    """The keys that a machine's quote binds."""

    digest: str
    not_after: int
    """Unix seconds."""
    receipt_keys: dict[str, bytes]
    """Ed25519 keys by their id."""


@dataclass(frozen=True, slots=True)
class AciReceipt:
    """What the service committed to about one request; claims until its signature was checked."""

    signed: bytes
    """The canonical form, without the signature."""
    signature: bytes
    key_id: str
    keyset_digest: str
    chat_id: str
    model: str
    endpoint: str
    served_at: int
    """Unix seconds, the service's own clock."""
    request_hash: str
    response_hash: str
    """Lower-case hex."""
    upstream: dict[str, Json] | None
    """The event on the service behind it; None where there is none."""


def canonical(value: Json) -> bytes:
    """Return the canonical form of a document; raise DocumentInvalid."""
    _check_plain(value)
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentInvalid("it holds half a character") from error


def _check_plain(value: Json) -> None:
    if isinstance(value, dict):
        for name, child in value.items():
            if not name.isascii():
                raise DocumentInvalid("it has a name that is not ASCII")
            _check_plain(child)
    elif isinstance(value, list):
        for child in value:
            _check_plain(child)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) >= _LARGEST):
        raise DocumentInvalid("it holds a number that has more than one form")


def digest_of(value: Json) -> str:
    """Return a document's digest as ACI writes it."""
    return f"sha256:{sha256(canonical(value)).hexdigest()}"


def statement_hash(keyset_digest: str, nonce_hex: str) -> bytes:
    """Return the first half of the report_data that binds a keyset to our nonce; 32 bytes."""
    text = (
        f'{{"keyset_digest":"{keyset_digest}","nonce":"{nonce_hex}",'
        '"purpose":"aci.report_data.v1"}'
    )
    return sha256(text.encode("ascii")).digest()


def parse_keyset(report: dict[str, Json]) -> Keyset:
    """Read the keyset of an attestation report; raise DocumentInvalid."""
    if report.get("api_version") != VERSION:
        raise DocumentInvalid("it is of an unknown version")
    fields = as_object(as_object(report.get("attestation")).get("workload_keyset"))
    digest = digest_of(fields)
    if report.get("workload_keyset_digest") != digest:
        raise DocumentInvalid("its digest is not that of its keys")
    keys: dict[str, bytes] = {}
    for entry in map(as_object, as_list(fields.get("receipt_signing_keys"))):
        if entry.get("algo") != "ed25519":
            continue
        name = as_text(entry.get("key_id"))
        if not name or name in keys:
            raise DocumentInvalid("a key stands there twice or has no name")
        keys[name] = _hex(entry, "public_key", 32)
    return Keyset(digest, _number(fields, "not_after"), keys)


def parse_aci_receipt(fields: dict[str, Json]) -> AciReceipt:
    """Read a receipt; raise DocumentInvalid."""
    if fields.get("api_version") != VERSION or fields.get("method") != "POST":
        raise DocumentInvalid("it is of an unknown version or kind")
    events = [as_object(event) for event in as_list(fields.get("event_log"))]
    if not events or events[0].get("type") != "request.received":
        raise DocumentInvalid("it does not begin with the request")
    upstream = _events(events, "upstream.verified")
    return AciReceipt(
        signed=canonical({k: v for k, v in fields.items() if k != "signature"}),
        signature=_hex(fields, "signature", 64),
        key_id=as_text(fields.get("key_id")),
        keyset_digest=_digest(fields, "workload_keyset_digest"),
        chat_id=as_text(fields.get("chat_id")),
        model=as_text(fields.get("model")),
        endpoint=as_text(fields.get("endpoint")),
        served_at=_number(fields, "served_at"),
        request_hash=_body_hash(events, "request.received"),
        response_hash=_body_hash(events, "response.returned"),
        upstream=upstream[-1] if upstream else None,
    )


def _events(events: list[dict[str, Json]], kind: str) -> list[dict[str, Json]]:
    return [event for event in events if event.get("type") == kind]


def _body_hash(events: list[dict[str, Json]], kind: str) -> str:
    found = _events(events, kind)
    if len(found) != 1:
        raise DocumentInvalid(f"it does not have one event {kind}")
    return _digest(found[0], "body_hash").removeprefix("sha256:")


def _digest(fields: dict[str, Json], name: str) -> str:
    value = as_text(fields.get(name))
    if not _DIGEST.match(value):
        raise DocumentInvalid(f"its {name} is malformed")
    return value


def _hex(fields: dict[str, Json], name: str, size: int) -> bytes:
    try:
        return parse_hex(as_text(fields.get(name)), size)
    except ValueError as error:
        raise DocumentInvalid(f"its {name} is malformed") from error


def _number(fields: dict[str, Json], name: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 33:
        raise DocumentInvalid(f"its {name} is malformed")
    return value

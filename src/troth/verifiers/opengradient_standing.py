"""What the registry says of an enclave now, beside what it said when a reply came.

A verdict tells what a reply was worth when it came, and a registry that lists its enclave no longer
does not unmake that: gateways get a new key with every start, so old keys leave as a matter of
course. But a broken enclave leaves in the same way, so whoever asks is told, in words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from troth.domain.exchange import Exchange, HttpResponse, find_header
from troth.domain.model import Json
from troth.verifiers.base import Evidence, Facts
from troth.verifiers.fold import Finding, cannot_check, not_covered
from troth.verifiers.opengradient_frames import read_reply
from troth.verifiers.strict_bytes import parse_hex
from troth.verifiers.strict_json import NotStrict, as_text, parse_object

STANDING = "registry-now"
"""Name of the evidence that keeps the newest answer."""
_FORMAT = 1


class Said(StrEnum):
    """What the contract's `isTEEEnabled` and `isTEEActive` come to."""

    ALIVE = "alive"
    SILENT = "silent"
    """Enabled, and not active: no heartbeat of late, or its code is approved no longer."""
    OFF = "off"
    """Not enabled: switched off, or never there."""
    DISPUTED = "disputed"
    """The endpoints that were asked disagree."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One enclave, as a registry speaks of it at one moment."""

    registry: str
    tee_id: str
    said: Said
    read_at: datetime

    @property
    def words(self) -> str:
        """Return it as sentences for a person."""
        when = f"{self.read_at:%d %b %Y %H:%M} UTC"
        return f"Asked on {when}, {self.registry} {_SENTENCES[self.said]}"


_WEIGHED = " What it signed before stays what it was: gateways are retired so, and broken ones too."
_SENTENCES = {
    Said.ALIVE: "lists this enclave as alive.",
    Said.SILENT: "has this enclave, and it is silent: it gives no sign of life, or its program is"
    f" approved no longer.{_WEIGHED}",
    Said.OFF: f"has switched this enclave off, or never knew it.{_WEIGHED}",
    Said.DISPUTED: "gave answers about this enclave that disagree: one of its endpoints is behind,"
    " or lies.",
}


def enclave_of(exchange: Exchange) -> str:
    """Return the teeId that a reply names, lower case; "" for none. Only a claim."""
    content_type = find_header(exchange.response_headers, "content-type") or ""
    named = as_text(read_reply(exchange.response_body, content_type).proof.get("tee_id"))
    try:
        return "0x" + parse_hex(named.removeprefix("0x"), 32).hex()
    except ValueError:
        return ""


def write_standing(standing: Standing) -> HttpResponse:
    """Return the evidence that keeps an answer."""
    kept: dict[str, Json] = {
        "format": _FORMAT,
        "registry": standing.registry,
        "tee_id": standing.tee_id,
        "said": standing.said,
        "read_at": standing.read_at.astimezone(UTC).isoformat(),
    }
    body = json.dumps(kept, sort_keys=True).encode("ascii")
    return HttpResponse(200, (("Content-Type", "application/json"),), body)


def standing_since(evidence: Evidence, facts: Facts, tee_id: str) -> tuple[Finding, ...]:
    """Say what the registry said later of the enclave `tee_id`; it moves no headline.

    In a stranger's receipt the answer is his word and counts for nothing.
    """
    standing = None if facts.is_foreign else _stored(evidence)
    if standing is None or standing.tee_id != tee_id:
        return ()
    say = not_covered if standing.said is Said.ALIVE else cannot_check
    return (say("registry", standing.words),)


def _stored(evidence: Evidence) -> Standing | None:
    answer = evidence.get(STANDING)
    if answer is None:
        return None
    try:
        kept = parse_object(answer.body)
        read_at = datetime.fromisoformat(as_text(kept["read_at"]))
        if kept.get("format") != _FORMAT or read_at.tzinfo is None:
            return None
        said = Said(as_text(kept["said"]))
        return Standing(as_text(kept["registry"]), as_text(kept["tee_id"]), said, read_at)
    except (NotStrict, KeyError, ValueError):
        return None

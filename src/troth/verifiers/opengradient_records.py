"""Registry records as stored evidence: what the registry said when a reply was asked for.

The engine keeps `write_records` beside the reply under the name RECORDS, so that the check can be
run again with no network. In a stranger's receipt they are shown and count for nothing.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import lru_cache

from troth.domain.exchange import HttpResponse
from troth.domain.model import Json
from troth.verifiers.base import Evidence, Facts
from troth.verifiers.strict_bytes import parse_base64
from troth.verifiers.strict_json import NotStrict, as_list, as_object, as_text, parse_object
from troth.verifiers.trust import OhttpConfig, RegistryRecord, Trust

RECORDS = "registry-records"
FORMAT = 1


class RecordsInvalid(ValueError):
    """Stored records cannot be read."""


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def write_records(records: tuple[RegistryRecord, ...]) -> HttpResponse:
    """Return the evidence that keeps `records`."""
    listed: list[Json] = [
        {
            "registry": record.registry,
            "endpoint": record.endpoint,
            "public_key": _text(record.public_key),
            "tls_certificate": _text(record.tls_certificate),
            "pcr_hash": _text(record.pcr_hash),
            "tee_type": record.tee_type,
            "is_enabled": record.is_enabled,
            "registered_at": record.registered_at,
            "last_heartbeat_at": record.last_heartbeat_at,
            "owner": record.owner,
            "payment_address": record.payment_address,
            "ohttp": _write_ohttp(record.ohttp),
            "block": record.block,
            "rpc_urls": list(record.rpc_urls),
            "disagreeing_urls": list(record.disagreeing_urls),
            "read_at": record.read_at.astimezone(UTC).isoformat() if record.read_at else "",
        }
        for record in records
    ]
    body = json.dumps({"format": FORMAT, "records": listed}, sort_keys=True).encode("ascii")
    return HttpResponse(200, (("Content-Type", "application/json"),), body)


def _write_ohttp(config: OhttpConfig | None) -> Json:
    if config is None:
        return None
    return {
        "key_id": config.key_id,
        "kem_id": config.kem_id,
        "kdf_id": config.kdf_id,
        "aead_id": config.aead_id,
        "public_key": _text(config.public_key),
        "key_config": _text(config.key_config),
        "registered_at": config.registered_at,
    }


@lru_cache(maxsize=64)
def parse_records(body: bytes) -> tuple[RegistryRecord, ...]:
    """Read what `write_records` wrote; raise RecordsInvalid. Pure, hence remembered."""
    try:
        stored = parse_object(body)
        if stored.get("format") != FORMAT:
            raise RecordsInvalid("another form")
        return tuple(_record(as_object(entry)) for entry in as_list(stored.get("records")))
    except (NotStrict, KeyError, ValueError) as error:
        raise RecordsInvalid(str(error)) from error


def stored_records(evidence: Evidence) -> tuple[RegistryRecord, ...]:
    """Return the records among the evidence; none when there are none that can be read."""
    answer = evidence.get(RECORDS)
    if answer is None:
        return ()
    try:
        return parse_records(answer.body)
    except RecordsInvalid:
        return ()


def known_records(evidence: Evidence, trust: Trust, facts: Facts) -> tuple[RegistryRecord, ...]:
    """Return what registries said, now or when the reply came; a stranger's copy does not count."""
    kept = () if facts.is_foreign else stored_records(evidence)
    return (*trust.records, *kept)


def _number(entry: dict[str, Json], name: str) -> int:
    value = entry[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise RecordsInvalid(f"{name} is not a number")
    return value


def _bytes(entry: dict[str, Json], name: str) -> bytes:
    return parse_base64(as_text(entry[name]))


def _urls(entry: dict[str, Json], name: str) -> tuple[str, ...]:
    return tuple(as_text(url) for url in as_list(entry[name]))


def _record(entry: dict[str, Json]) -> RegistryRecord:
    ohttp, read_at = entry["ohttp"], as_text(entry["read_at"])
    moment = datetime.fromisoformat(read_at) if read_at else None
    if moment is not None and moment.tzinfo is None:
        raise RecordsInvalid("read_at has no time zone")
    return RegistryRecord(
        registry=as_text(entry["registry"]),
        endpoint=as_text(entry["endpoint"]),
        public_key=_bytes(entry, "public_key"),
        tls_certificate=_bytes(entry, "tls_certificate"),
        pcr_hash=_bytes(entry, "pcr_hash"),
        tee_type=_number(entry, "tee_type"),
        is_enabled=entry["is_enabled"] is True,
        registered_at=_number(entry, "registered_at"),
        last_heartbeat_at=_number(entry, "last_heartbeat_at"),
        owner=as_text(entry["owner"]),
        payment_address=as_text(entry["payment_address"]),
        ohttp=_ohttp(ohttp) if isinstance(ohttp, dict) else None,
        block=_number(entry, "block") if entry["block"] is not None else None,
        rpc_urls=_urls(entry, "rpc_urls"),
        disagreeing_urls=_urls(entry, "disagreeing_urls"),
        read_at=moment,
    )


def _ohttp(entry: dict[str, Json]) -> OhttpConfig:
    return OhttpConfig(
        key_id=_number(entry, "key_id"),
        kem_id=_number(entry, "kem_id"),
        kdf_id=_number(entry, "kdf_id"),
        aead_id=_number(entry, "aead_id"),
        public_key=_bytes(entry, "public_key"),
        key_config=_bytes(entry, "key_config"),
        registered_at=_number(entry, "registered_at"),
    )

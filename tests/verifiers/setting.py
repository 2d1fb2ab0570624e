"""What the verifiers' tests have in common: exchanges, recorded and made, and trust in them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from troth.domain.exchange import Exchange
from troth.verifiers.base import Facts
from troth.verifiers.trust import PinnedKey, Trust, fingerprint_of

ROUNDS = int(os.environ.get("TROTH_FAULT_ROUNDS", "1"))
"""How thorough the tests are that change every byte; SECURITY.md names the long run."""

ASKED_AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
STAMP = int(ASKED_AT.timestamp()) + 1
REQUEST: dict[str, Any] = {
    "model": "gpt-4.1",
    "messages": [{"role": "user", "content": "Grüße, 你好?"}],
    "temperature": 0.7,
    "max_tokens": 100,
    "stream": True,
}
FACTS = Facts(provider="og", model="gpt-4.1", message_id="m1")


def exchange_of(
    request: dict[str, Any] | bytes,
    response_body: bytes,
    *,
    is_stream: bool = True,
    status: int = 200,
    asked_at: datetime = ASKED_AT,
    is_complete: bool = True,
    url: str = "http://127.0.0.1:9910/v1/chat/completions",
) -> Exchange:
    kind = "text/event-stream; charset=utf-8" if is_stream else "application/json"
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return Exchange(
        method="POST",
        url=url,
        request_headers=(("Content-Type", "application/json"),),
        request_body=body,
        status=status,
        response_headers=(("Content-Type", kind),),
        response_body=response_body,
        sent_at=asked_at,
        received_at=asked_at + timedelta(seconds=2),
        is_complete=is_complete,
    )


def pin(spki: bytes, *, providers: tuple[str, ...] = ("og",)) -> PinnedKey:
    return PinnedKey(
        "the test gateway",
        fingerprint_of(spki),
        spki=spki,
        providers=providers,
        since=date(2026, 11, 3),
    )


def pinned_trust(spki: bytes, *, providers: tuple[str, ...] = ("og",)) -> Trust:
    return Trust(keys=(pin(spki, providers=providers),))


@dataclass(frozen=True)
class Recorded:
    """One exchange with the real gateway, as it was recorded."""

    name: str
    exchange: Exchange
    signed: dict[str, Any] | None
    """What the recording says that was signed; None for answers without a proof."""

    @property
    def facts(self) -> Facts:
        return replace(FACTS, model=str(json.loads(self.exchange.request_body).get("model")))


def load_recorded(folder: Path) -> list[Recorded]:
    """Read the recorded exchanges with the gateway; request and response bytes as on the wire."""
    recorded: list[Recorded] = []
    for entry in json.loads((folder / "index.json").read_text()):
        name = entry["case"]
        head, _, sent = (folder / f"{name}.request.http").read_bytes().partition(b"\r\n\r\n")
        assert head.startswith(b"POST ")
        answer_head = (folder / f"{name}.response.http").read_bytes().partition(b"\r\n\r\n")[0]
        lines = answer_head.decode("latin-1").split("\r\n")
        headers = tuple((k, v) for k, _, v in (line.partition(": ") for line in lines[1:]))
        answered = dict(headers)["Date"]
        when = datetime.strptime(answered, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        exchange = Exchange(
            "POST",
            "http://127.0.0.1:9910" + entry["endpoint"],
            (),
            sent,
            entry["status"],
            headers,
            (folder / f"{name}.body").read_bytes(),
            when - timedelta(seconds=1),
            when + timedelta(seconds=3),
            True,
        )
        recorded.append(Recorded(name, exchange, entry if entry.get("proof") else None))
    return recorded


def load_spki(pem: bytes) -> bytes:
    return load_pem_public_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

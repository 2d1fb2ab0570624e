"""Who would read the prompt: a gateway's key and hardware document, fetched before it is sent.

Fetched once and used again for some minutes: the same evidence then stands beside every reply of
that time, which needs no question afterwards.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from troth.domain.error import EnclaveRefused, NetworkError
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.engine.channel import Fetched
from troth.transport import Sight, Transport
from troth.verifiers.base import Evidence, Facts, Wanted
from troth.verifiers.opengradient import wanted_for_sealing, wanted_from_gateway
from troth.verifiers.opengradient_before import BeforeSend, check_before_send
from troth.verifiers.opengradient_keys import SCHEME, served_key, tee_id_of
from troth.verifiers.opengradient_records import RECORDS, write_records
from troth.verifiers.opengradient_sealing import served_sealing
from troth.verifiers.trust import OhttpConfig, RegistryRecord, Trust

_FRESH = timedelta(minutes=10)
_TIMEOUT_S = 10.0
_LIMIT_BYTES = 1 << 20
_Place = tuple[str, bytes, bool]
"""Base URL, certificate that it must show, and whether its sealing key is asked for too."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A gateway as it was found, and what that came to."""

    evidence: Fetched
    before: BeforeSend
    checked_at: datetime
    tee_id: str = ""
    sealing: OhttpConfig | None = None
    """What a prompt may be sealed to; None where nobody offers a key, or nobody asked."""


@dataclass(slots=True)
class Gateways:
    """Checks gateways, and remembers for some minutes what they said."""

    transport: Transport
    _kept: dict[_Place, tuple[Fetched, datetime]] = field(
        default_factory=dict[_Place, tuple[Fetched, datetime]]
    )

    async def check(
        self,
        base_url: str,
        trust: Trust,
        *,
        provider: str,
        policy: str,
        record: RegistryRecord | None = None,
    ) -> Checked:
        """Ask the gateway at `base_url` (no /v1) who it is, and judge that for `policy`.

        With `record` its certificate is the only one that is accepted. Raises NetworkError where
        that certificate is not shown; other silence is judged as missing evidence.
        """
        certificate = record.tls_certificate if record is not None and _is_tls(base_url) else None
        fetched = await self._evidence(base_url, certificate)
        if record is not None:
            fetched = {**fetched, **records_evidence((record,))}
        evidence = answers_of(fetched)
        facts = Facts(provider=provider, tls_certificate=certificate)
        spki = record.public_key if record is not None else _claimed_key(evidence, trust, provider)
        now = datetime.now(UTC)
        before = await asyncio.to_thread(
            check_before_send, spki, evidence, trust, now, facts=facts, policy=policy
        )
        return Checked(fetched, before, now)

    async def check_record(
        self, record: RegistryRecord, trust: Trust, *, provider: str, policy: str
    ) -> Checked:
        """Judge an enclave and its sealing key by the registry alone; contacts nobody."""
        return await self._judge_sealing(
            records_evidence((record,)), record.public_key, record, trust, provider, policy
        )

    async def check_sealed(
        self,
        base_url: str,
        trust: Trust,
        *,
        provider: str,
        policy: str,
        record: RegistryRecord | None = None,
    ) -> Checked:
        """Ask the enclave at `base_url` itself who it is before a prompt is sealed for a relay.

        It learns this computer's address from that, and no word of the prompt. Raises as `check`.
        """
        certificate = record.tls_certificate if record is not None and _is_tls(base_url) else None
        fetched = await self._evidence(base_url, certificate, seals=True)
        if record is not None:
            fetched = {**fetched, **records_evidence((record,))}
        evidence = answers_of(fetched)
        spki = record.public_key if record is not None else _claimed_key(evidence, trust, provider)
        return await self._judge_sealing(fetched, spki, record, trust, provider, policy)

    async def _judge_sealing(
        self,
        fetched: Fetched,
        spki: bytes,
        record: RegistryRecord | None,
        trust: Trust,
        provider: str,
        policy: str,
    ) -> Checked:
        evidence = answers_of(fetched)
        signed = served_sealing(evidence)
        listed = record.ohttp if record is not None else None
        sealing = listed or (signed.config if signed is not None else None)
        now = datetime.now(UTC)
        before = await asyncio.to_thread(
            check_before_send,
            spki,
            evidence,
            trust.with_records((record,)) if record is not None else trust,
            now,
            facts=Facts(provider=provider, route="relay"),
            policy=policy,
            sealing=sealing,
            signed_sealing=signed,
        )
        return Checked(fetched, before, now, tee_id_of(spki) if spki else "", sealing)

    def forget(self) -> None:
        """Ask again the next time: a gateway has changed, or may have."""
        self._kept.clear()

    async def _evidence(
        self, base_url: str, certificate: bytes | None, *, seals: bool = False
    ) -> Fetched:
        key = (base_url, certificate or b"", seals)
        kept = self._kept.get(key)
        now = datetime.now(UTC)
        if kept is not None and timedelta() <= now - kept[1] < _FRESH:
            return kept[0]
        nonce = secrets.token_bytes(32)
        wanted = (
            wanted_for_sealing(base_url, nonce) if seals else wanted_from_gateway(base_url, nonce)
        )
        fetched = await self._fetch(wanted, certificate)
        if len(fetched) == len(wanted):  # an answer that failed is asked for again
            self._kept[key] = fetched, now
        return fetched

    async def _fetch(self, wanted: Sequence[Wanted], certificate: bytes | None) -> Fetched:
        answers = await asyncio.gather(*(self._ask(one.request, certificate) for one in wanted))
        return {
            one.name: (one.request, answer)
            for one, answer in zip(wanted, answers, strict=True)
            if answer is not None
        }

    async def _ask(self, request: HttpRequest, certificate: bytes | None) -> HttpResponse | None:
        try:
            return await self.transport.send(
                request,
                purpose="evidence",
                timeout_s=_TIMEOUT_S,
                limit_bytes=_LIMIT_BYTES,
                sight=Sight.ADDRESS,
                pinned_certificate=certificate,
            )
        except NetworkError:
            if certificate is not None:
                raise  # not the enclave that the registry lists, or not there
            return None


def refuse_unless_allowed(before: BeforeSend, *, provider: str, policy: str) -> None:
    """Raise EnclaveRefused where the prompt must not leave."""
    if not before.is_allowed:
        reason = before.reason or "What is known of this enclave does not meet the chat's policy."
        raise EnclaveRefused(provider, reason, policy=policy)


def answers_of(fetched: Fetched) -> dict[str, HttpResponse]:
    """Return the evidence alone, as verifiers take it."""
    return {name: answer for name, (_, answer) in fetched.items()}


def records_evidence(records: tuple[RegistryRecord, ...]) -> Fetched:
    """Return registry records as evidence that stands beside a reply."""
    urls = [url for record in records for url in record.rpc_urls]
    return {RECORDS: (HttpRequest("POST", urls[0] if urls else ""), write_records(records))}


def _is_tls(url: str) -> bool:
    return url.startswith("https:")


def _claimed_key(evidence: Evidence, trust: Trust, provider: str) -> bytes:
    """Return the key that the gateway says it has; where it says nothing, the one pinned for it."""
    served = served_key(evidence)
    if served:
        return served
    pins = trust.pins_for(SCHEME, provider)
    return next((pin.spki for pin in pins if pin.providers), b"")

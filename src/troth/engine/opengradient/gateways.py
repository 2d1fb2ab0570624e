"""Who would read the prompt: a gateway's key and hardware document, fetched before it is sent.

Fetched once and used again for some minutes: the same evidence then stands beside every reply of
that time, which needs no question afterwards. Nothing is refused by what was fetched before: the
gateway may have another key by now, or the user may have pinned it.
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
from troth.verifiers.opengradient_keys import served_key, tee_id_of
from troth.verifiers.opengradient_names import SCHEME
from troth.verifiers.opengradient_records import RECORDS, write_records
from troth.verifiers.opengradient_sealing import served_sealing
from troth.verifiers.trust import OhttpConfig, RegistryRecord, Trust

_FRESH = timedelta(minutes=10)
_TIMEOUT_S = 10.0
_LIMIT_BYTES = 1 << 20
_Place = tuple[str, bytes, bool]
"""Base URL, certificate that it must show, and whether its sealing key is asked for too."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a prompt may leave: at which provider, under which policy, by whose trust."""

    provider: str
    policy: str
    trust: Trust


@dataclass(frozen=True, slots=True)
class Checked:
    """A gateway as it was found, and what that came to."""

    evidence: Fetched
    before: BeforeSend
    checked_at: datetime
    tee_id: str = ""
    sealing: OhttpConfig | None = None
    """What a prompt may be sealed to; None where nobody offers a key, or nobody asked."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a gateway said, and the key that it is to be judged by."""

    fetched: Fetched
    spki: bytes
    was_kept: bool
    """It said so some minutes ago."""
    certificate: bytes | None = None
    """DER of the only certificate that was accepted, where the registry names one."""


@dataclass(slots=True)
class Gateways:
    """Checks gateways, and remembers for some minutes what they said."""

    transport: Transport
    _kept: dict[_Place, tuple[Fetched, datetime]] = field(
        default_factory=dict[_Place, tuple[Fetched, datetime]]
    )

    async def check(
        self, base_url: str, conditions: Conditions, record: RegistryRecord | None = None
    ) -> Checked:
        """Ask the gateway at `base_url` (no /v1) who it is, and judge that.

        With `record` its certificate is the only one that is accepted. Raises NetworkError where
        that certificate is not shown; other silence is judged as missing evidence.
        """
        asked = await self._asked(base_url, conditions, record)
        checked = await self._judge(asked, conditions)
        if asked.was_kept and not checked.before.is_allowed:
            asked = await self._asked(base_url, conditions, record, is_fresh=True)
            checked = await self._judge(asked, conditions)
        return checked

    async def check_record(self, record: RegistryRecord, conditions: Conditions) -> Checked:
        """Judge an enclave and its sealing key by the registry alone; contacts nobody."""
        listed = _Asked(records_evidence((record,)), record.public_key, was_kept=False)
        return await self._judge_sealing(listed, conditions, record)

    async def check_sealed(
        self, base_url: str, conditions: Conditions, record: RegistryRecord | None = None
    ) -> Checked:
        """Ask the enclave at `base_url` itself who it is before a prompt is sealed for a relay.

        It learns this computer's address from that, and no word of the prompt. Raises as `check`.
        """
        asked = await self._asked(base_url, conditions, record, seals=True)
        checked = await self._judge_sealing(asked, conditions, record)
        if asked.was_kept and not checked.before.is_allowed:
            asked = await self._asked(base_url, conditions, record, seals=True, is_fresh=True)
            checked = await self._judge_sealing(asked, conditions, record)
        return checked

    async def _asked(
        self,
        base_url: str,
        conditions: Conditions,
        record: RegistryRecord | None,
        *,
        seals: bool = False,
        is_fresh: bool = False,
    ) -> _Asked:
        """Ask a gateway who it is; the registry's word, where there is one, goes before its own."""
        certificate = record.tls_certificate if record is not None and _is_tls(base_url) else None
        place = (base_url, certificate or b"", seals)
        kept = None if is_fresh else self._still_fresh(place)
        fetched = kept if kept is not None else await self._fetched(place)
        if record is None:
            key = _claimed_key(answers_of(fetched), conditions)
            return _Asked(fetched, key, kept is not None)
        listed = {**fetched, **records_evidence((record,))}
        return _Asked(listed, record.public_key, kept is not None, certificate)

    async def _judge(self, asked: _Asked, conditions: Conditions) -> Checked:
        now = datetime.now(UTC)
        before = await asyncio.to_thread(
            check_before_send,
            asked.spki,
            answers_of(asked.fetched),
            conditions.trust,
            now,
            facts=Facts(provider=conditions.provider, tls_certificate=asked.certificate),
            policy=conditions.policy,
        )
        return Checked(asked.fetched, before, now)

    async def _judge_sealing(
        self, asked: _Asked, conditions: Conditions, record: RegistryRecord | None
    ) -> Checked:
        evidence, trust = answers_of(asked.fetched), conditions.trust
        signed = served_sealing(evidence)
        listed = record.ohttp if record is not None else None
        sealing = listed or (signed.config if signed is not None else None)
        now = datetime.now(UTC)
        before = await asyncio.to_thread(
            check_before_send,
            asked.spki,
            evidence,
            trust.with_records((record,)) if record is not None else trust,
            now,
            facts=Facts(provider=conditions.provider, route="relay"),
            policy=conditions.policy,
            sealing=sealing,
            signed_sealing=signed,
        )
        tee_id = tee_id_of(asked.spki) if asked.spki else ""
        return Checked(asked.fetched, before, now, tee_id, sealing)

    def forget(self) -> None:
        """Ask again the next time: a gateway has changed, or may have."""
        self._kept.clear()

    def _still_fresh(self, place: _Place) -> Fetched | None:
        kept = self._kept.get(place)
        if kept is None or not timedelta() <= datetime.now(UTC) - kept[1] < _FRESH:
            return None
        return kept[0]

    async def _fetched(self, place: _Place) -> Fetched:
        base_url, certificate, seals = place
        asked_at, nonce = datetime.now(UTC), secrets.token_bytes(32)
        ask = wanted_for_sealing if seals else wanted_from_gateway
        wanted = ask(base_url, nonce)
        fetched = await self._fetch(wanted, certificate or None)
        if len(fetched) == len(wanted):  # an answer that failed is asked for again
            self._kept[place] = fetched, asked_at
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


def refuse_unless_allowed(before: BeforeSend, conditions: Conditions) -> None:
    """Raise EnclaveRefused where the prompt must not leave."""
    if not before.is_allowed:
        reason = before.reason or "What is known of this enclave does not meet the chat's policy."
        raise EnclaveRefused(conditions.provider, reason, policy=conditions.policy)


def answers_of(fetched: Fetched) -> dict[str, HttpResponse]:
    """Return the evidence alone, as verifiers take it."""
    return {name: answer for name, (_, answer) in fetched.items()}


def records_evidence(records: tuple[RegistryRecord, ...]) -> Fetched:
    """Return registry records as evidence that stands beside a reply."""
    urls = [url for record in records for url in record.rpc_urls]
    return {RECORDS: (HttpRequest("POST", urls[0] if urls else ""), write_records(records))}


def _is_tls(url: str) -> bool:
    return url.startswith("https:")


def _claimed_key(evidence: Evidence, conditions: Conditions) -> bytes:
    """Return the key that the gateway says it has; where it says nothing, the one pinned for it."""
    served = served_key(evidence)
    if served:
        return served
    pins = conditions.trust.pins_for(SCHEME, conditions.provider)
    return next((pin.spki for pin in pins if pin.providers), b"")

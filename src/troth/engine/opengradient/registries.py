"""Which enclaves there are: the registry asked over JSON-RPC, at every endpoint that the user gave.

An answer is used for some minutes. Endpoints that disagree are named in each record, and the
verifier counts such a record for nothing; one that does not answer takes no part.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from troth.domain.error import NetworkError, RegistryFailed, UsageError
from troth.domain.exchange import HttpRequest
from troth.domain.model import Endpoint
from troth.transport import Sight, Transport, is_loopback
from troth.verifiers import opengradient_registry as rpc
from troth.verifiers.opengradient_registry import RegistryAnswer
from troth.verifiers.opengradient_standing import Said, Standing
from troth.verifiers.trust import RegistryRecord, RegistrySource, Trust

AnswerT = TypeVar("AnswerT")

_FRESH = timedelta(minutes=10)
_TIMEOUT_S = 15.0
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a registry said, and which of its endpoints said nothing that can be used."""

    source: RegistrySource
    records: tuple[RegistryRecord, ...]
    failures: tuple[tuple[str, str], ...]
    """RPC endpoint -> why its answer is not used, as a sentence."""
    read_at: datetime


@dataclass(slots=True)
class Registries:
    """Reads registries, and remembers for some minutes what they said."""

    transport: Transport
    _kept: dict[RegistrySource, Listing] = field(default_factory=dict[RegistrySource, Listing])

    async def read(self, source: RegistrySource, *, is_fresh: bool = False) -> Listing:
        """Return the live enclaves; raise RegistryFailed where no endpoint gave a usable answer.

        `is_fresh` asks again whatever is remembered.
        """
        kept = self._kept.get(source)
        now = datetime.now(UTC)
        if kept is not None and not is_fresh and timedelta() <= now - kept.read_at < _FRESH:
            return kept
        answers, failures = await self._asked(
            source, lambda url, block: self._listed(source, url, block)
        )
        if not answers:
            raise RegistryFailed(source.name, " ".join(failures.values()))
        listing = Listing(source, rpc.cross_check(answers), tuple(failures.items()), now)
        self._kept[source] = listing
        return listing

    def forget(self) -> None:
        """Read again the next time."""
        self._kept.clear()

    async def standing(self, source: RegistrySource, tee_id: str) -> Standing:
        """Ask all endpoints about one enclave, now; raise RegistryFailed where none answered."""
        said, failures = await self._asked(
            source, lambda url, block: self._said(source, url, tee_id, block)
        )
        if not said:
            raise RegistryFailed(source.name, " ".join(failures.values()))
        agreed = said[0] if len(set(said)) == 1 else Said.DISPUTED
        return Standing(source.name, tee_id, agreed, datetime.now(UTC))

    async def _said(self, source: RegistrySource, url: str, tee_id: str, block: int | None) -> Said:
        enabled = rpc.is_enabled_request(source, url, tee_id, block=block)
        if not rpc.parse_flag(await self._body(enabled)):
            return Said.OFF
        active = rpc.is_active_request(source, url, tee_id, block=block)
        return Said.ALIVE if rpc.parse_flag(await self._body(active)) else Said.SILENT

    async def _listed(self, source: RegistrySource, url: str, block: int | None) -> RegistryAnswer:
        request = rpc.active_tees_request(source, url, block=block)
        now = datetime.now(UTC)
        return rpc.parse_records(await self._body(request), source, url, now, block)

    async def _asked(
        self, source: RegistrySource, ask: Callable[[str, int | None], Awaitable[AnswerT]]
    ) -> tuple[list[AnswerT], dict[str, str]]:
        """Ask every endpoint; return the answers, and of the others why there is none."""
        failures: dict[str, str] = {}

        async def one(url: str) -> AnswerT | None:
            try:
                return await ask(url, await self._block(source, url))
            except rpc.RegistryFailed as error:
                failures[url] = str(error)
            except NetworkError as error:
                failures[url] = f"{error.host or 'It'} did not answer ({error.kind})."
            return None

        asked = await asyncio.gather(*(one(url) for url in source.rpc_urls))
        in_order = {url: failures[url] for url in source.rpc_urls if url in failures}
        return [answer for answer in asked if answer is not None], in_order

    async def _block(self, source: RegistrySource, url: str) -> int | None:
        """Return the newest block; None where an endpoint does not tell: then it says `latest`.

        Raises RegistryFailed where it serves another chain.
        """
        if source.chain_id:
            chain = rpc.parse_quantity(await self._body(rpc.chain_id_request(url)))
            if chain != source.chain_id:
                raise rpc.RegistryFailed(f"It serves chain {chain}, not {source.chain_id}.")
        try:
            return rpc.parse_quantity(await self._body(rpc.block_number_request(url)))
        except rpc.RegistryFailed:
            return None

    async def _body(self, request: HttpRequest) -> bytes:
        answer = await self.transport.send(
            request,
            purpose="registry",
            timeout_s=_TIMEOUT_S,
            limit_bytes=rpc.MAX_ANSWER_BYTES,
            sight=Sight.ADDRESS,
        )
        if answer.status != 200:
            raise rpc.RegistryFailed(f"It answered with HTTP {answer.status}.")
        return answer.body


def source_of(endpoint: Endpoint, trust: Trust) -> RegistrySource | None:
    """Return the registry of an endpoint; None where its gateway is named by URL alone.

    Its options `registry` (`RPC:ADDRESS`, or a list of them with one address) go before the trust
    file's, which is asked where there is no base URL. Raises UsageError for what cannot be read.
    """
    given = endpoint.options.get("registry")
    places = given if isinstance(given, list) else [given] if given else []
    if places:
        return parse_registry([str(place) for place in places], f"{endpoint.name}'s registry")
    if endpoint.base_url or trust.is_simulated:
        return None
    if not trust.registries:
        raise UsageError("the trust file names no registry")
    return trust.registries[0]


def parse_registry(places: list[str], name: str) -> RegistrySource:
    """Read `RPC:ADDRESS`, one for each endpoint; raise UsageError."""
    urls: list[str] = []
    address = ""
    for place in places:
        url, _, given = place.rpartition(":")
        if not url.startswith(("http://", "https://")) or not _ADDRESS.fullmatch(given):
            raise UsageError("a registry is RPC:ADDRESS, such as https://rpc.example:0x703c…")
        if address and given.lower() != address:
            raise UsageError("all endpoints of a registry are asked for the same address")
        address = given.lower()
        urls.append(url.rstrip("/"))
    return RegistrySource(name, 0, address, tuple(urls))


def usable(listing: Listing, *, needs_sealing: bool) -> list[RegistryRecord]:
    """Return the records that a prompt may be sent by: undisputed first, then newest heartbeat."""
    found = [
        record
        for record in listing.records
        if record.is_enabled
        and record.tee_type == rpc.LLM_PROXY
        and record.public_key
        and (record.ohttp is not None if needs_sealing else _is_reachable(record))
    ]
    return sorted(found, key=lambda r: (bool(r.disagreeing_urls), -r.last_heartbeat_at))


def _is_reachable(record: RegistryRecord) -> bool:
    """Whether a prompt may travel there: over TLS that ends at a known certificate, or here."""
    if record.endpoint.startswith("https://"):
        return bool(record.tls_certificate)
    return record.endpoint.startswith("http://") and is_loopback(record.endpoint)


def without_url(record: RegistryRecord) -> RegistryRecord:
    """Return a record with its endpoint as a base URL, without /v1 and slash."""
    return replace(record, endpoint=record.endpoint.rstrip("/").removesuffix("/v1"))

"""Checking one reply: evidence is fetched once, kept beside it, and used again for ever.

The checks are pure and live in `troth.verifiers`; a scheme is imported with the first reply that it
is to judge, or that is expected to be signed so.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType

from troth.domain.error import NetworkError, NotFound, TrothError
from troth.domain.exchange import Exchange, HttpRequest, HttpResponse, find_header
from troth.domain.message import BlobPart, Finish, Message, SourcePart, ThinkingPart
from troth.domain.model import Endpoint
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.engine.channel import Fetched, Trace
from troth.engine.chat import Chat
from troth.transport import Transport, host_of
from troth.vault.vault import Vault
from troth.verifiers import registry
from troth.verifiers.base import Evidence, Facts, Wanted
from troth.verifiers.opengradient_names import ATTESTATION, SCHEME
from troth.verifiers.tinfoil_names import CHANNEL_SCHEMES
from troth.verifiers.trust import Expectation, Trust, short

_EVIDENCE_TIMEOUT_S = 20
_EVIDENCE_LIMIT_BYTES = 1 << 20
_MOST_ROUNDS = 3
"""How often evidence may lead to more: a signature, its key's hardware, the vendor's word."""
_LAG_WAITS_S = (0.3, 1.0, 2.0)
_SEEN = "seen:"
_EXPECTED = "expected"
TLS_CERTIFICATE = "tls-certificate"
"""Name of the evidence that holds the certificate (DER) which the other end showed."""
_NOT_WHOLE = frozenset({Finish.CUT, Finish.STOPPED})


class Judge:
    """Judges replies and remembers what they taught."""

    def __init__(
        self,
        transport: Transport,
        trust: Callable[[], Trust],
        vault: Callable[[], Vault],
        key_for: Callable[[str], str | None],
    ) -> None:
        self._transport = transport
        self._user_trust = trust
        self._vault = vault
        self._key_for = key_for
        self._learnt: tuple[Expectation, ...] | None = None
        self._memory = asyncio.Lock()
        """Held from asking the memory of signatures to writing into it: else one reply, sent as
        the answer to two questions at once, would be new to both."""

    async def trust(self, endpoint: Endpoint | None = None) -> Trust:
        """Return the user's trust with what was learnt since: who signs.

        A provider that speaks a signing wire is expected to sign from its first reply on. The
        simulated enclave of `troth demo` has a trust of its own, and no other.
        """
        if self._learnt is None:
            rows = json.loads(await self._vault().state(_EXPECTED) or "[]")
            self._learnt = tuple(
                Expectation(row[0], row[1], row[2], date.fromisoformat(row[3]), row[4])
                for row in rows
            )
        trust = self._user_trust()
        for expectation in self._learnt:
            trust = trust.with_expectation(expectation)
        return trust_for(endpoint, trust) if endpoint is not None else trust

    async def warm_up(self, endpoint: Endpoint, model: str) -> None:
        """Import the scheme that this model is expected to sign with; most sign with none."""
        expected = (await self.trust(endpoint)).expectation(endpoint.name, model)
        if expected is not None:
            await asyncio.to_thread(registry.scheme_of, expected.scheme)

    async def judge(
        self, chat: Chat, message: Message, endpoint: Endpoint, trace: Trace | None = None
    ) -> Verdict:
        """Check a sealed reply from its stored bytes, with what its channel learnt on the way.

        Evidence that the channel did not bring is fetched now; so is what it brought, where that
        does not know the key that signed: the gateway may have been restarted since.
        """
        exchange = await chat.store.exchange(message.id)
        if exchange is None:
            raise NotFound("exchange", message.id)
        trace = trace or Trace()
        facts = facts_of(message, endpoint)
        trust = await self.trust(endpoint)
        nonce = secrets.token_bytes(32)
        wanted = await asyncio.to_thread(  # the first of a scheme imports it
            registry.wanted_for, exchange, nonce, trust, facts=facts
        )
        there = {name.partition(":")[0] for name in trace.evidence}
        missing = [one for one in wanted if one.name.partition(":")[0] not in there]
        fetched: Fetched = {**trace.evidence, **_tls_evidence(trace)}
        asked = await self._fetch(missing, trace.pinned_certificate, endpoint)
        fetched = {**fetched, **asked}
        fetched = await self._follow(exchange, fetched, nonce, trust, facts, endpoint)
        verdict = await self._check_once(message, exchange, _answers(fetched), trust, facts)
        if len(missing) < len(wanted) and _lacks_key(verdict):
            fetched = {k: v for k, v in fetched.items() if not k.startswith(ATTESTATION)}
            asked = await self._fetch(wanted, trace.pinned_certificate, endpoint)
            fetched = {**fetched, **asked}
            verdict = await self._check_once(message, exchange, _answers(fetched), trust, facts)
        await chat.store.record_verdict(message.id, verdict, fetched)
        return verdict

    async def _check_once(
        self, message: Message, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> Verdict:
        """Check a reply with the memory of signatures, and put its own there if it is good."""
        async with self._memory:
            trust = await self._with_memory(exchange, evidence, trust, facts)
            verdict = await _check(message, exchange, evidence, trust, facts)
            await self._remember(exchange, evidence, verdict, trust, facts)
        return verdict

    async def check_again(
        self,
        chat: Chat,
        message: Message,
        endpoint: Endpoint,
        found: Fetched = MappingProxyType({}),
    ) -> Verdict:
        """Check a reply from what is kept, with today's trust. Contacts nobody.

        `found` is evidence that was fetched meanwhile; it is kept beside the reply.
        """
        exchange = await chat.store.exchange(message.id)
        if exchange is None:
            raise NotFound("exchange", message.id)
        facts = facts_of(message, endpoint)
        evidence = {**await chat.store.evidence(message.id), **_answers(found)}
        trust = await self._with_memory(exchange, evidence, await self.trust(endpoint), facts)
        verdict = await _check(message, exchange, evidence, trust, facts)
        await chat.store.record_verdict(message.id, verdict, found)
        chat.verdicts[message.id] = verdict
        return verdict

    async def _follow(
        self,
        exchange: Exchange,
        fetched: Fetched,
        nonce: bytes,
        trust: Trust,
        facts: Facts,
        endpoint: Endpoint,
    ) -> Fetched:
        """Fetch what the evidence that came leads to: a key's hardware, then its vendor's word."""
        for _ in range(_MOST_ROUNDS):
            wanted = await asyncio.to_thread(
                registry.wanted_next, exchange, _answers(fetched), nonce, trust, facts=facts
            )
            more = await self._fetch(wanted, None, endpoint)
            if not more:
                break
            fetched = {**fetched, **more}
        return fetched

    async def _fetch(
        self, wanted: Sequence[Wanted], certificate: bytes | None, endpoint: Endpoint
    ) -> Fetched:
        answers = await asyncio.gather(*(self._ask(one, certificate, endpoint) for one in wanted))
        return {
            one.name: (one.request, answer)
            for one, answer in zip(wanted, answers, strict=True)
            if answer is not None
        }

    async def _ask(
        self, wanted: Wanted, certificate: bytes | None, endpoint: Endpoint
    ) -> HttpResponse | None:
        """Ask once; again a little later where a 404 may only mean that it is not there yet."""
        answer = await self._ask_once(wanted, certificate, endpoint)
        for wait_s in _LAG_WAITS_S if wanted.may_lag else ():
            if answer is None or answer.status != 404:
                break
            await asyncio.sleep(wait_s)
            answer = await self._ask_once(wanted, certificate, endpoint)
        return answer

    async def _ask_once(
        self, wanted: Wanted, certificate: bytes | None, endpoint: Endpoint
    ) -> HttpResponse | None:
        try:
            return await self._transport.send(
                self._with_key(wanted, endpoint),
                purpose="evidence",
                timeout_s=_EVIDENCE_TIMEOUT_S,
                limit_bytes=_EVIDENCE_LIMIT_BYTES,
                pinned_certificate=certificate,
            )
        except NetworkError:
            return None  # the verifier says what it could not check for want of it

    def _with_key(self, wanted: Wanted, endpoint: Endpoint) -> HttpRequest:
        """Add the user's key where the evidence needs it, and only for the provider's own host."""
        is_theirs = host_of(wanted.request.url) == host_of(endpoint.base_url)
        if not (wanted.needs_key and is_theirs):
            return wanted.request
        try:
            key = self._key_for(endpoint.name)
        except TrothError:
            return wanted.request  # there is none: the answer will say so
        if not key:
            return wanted.request
        return replace(wanted.request, secret_headers=(("authorization", f"Bearer {key}"),))

    async def _with_memory(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> Trust:
        """Return the trust with the replay memory for this one signature."""
        name = await asyncio.to_thread(
            registry.signature_name, exchange, evidence, trust, facts=facts
        )
        seen = await self._vault().state(_SEEN + name) if name else None
        return trust.with_seen({name: seen} if seen else {})

    async def _remember(
        self,
        exchange: Exchange,
        evidence: Evidence,
        verdict: Verdict,
        trust: Trust,
        facts: Facts,
    ) -> None:
        seen = (
            await asyncio.to_thread(
                registry.remembered, exchange, evidence, verdict, trust, facts=facts
            )
        ).seen
        for name, message_id in seen.items():
            if name not in trust.seen:
                await self._vault().set_state(_SEEN + name, message_id)
        learnt = registry.learnt_from(verdict, trust, facts=facts)
        if learnt is not None:
            self._learnt = (*(self._learnt or ()), learnt)
            await self._vault().set_state(_EXPECTED, _write(self._learnt))


def trust_for(endpoint: Endpoint, trust: Trust) -> Trust:
    """Return what counts for an endpoint, of the user's trust.

    A key that is pinned for a provider says that its replies are signed: one that is not is loud.
    """
    if endpoint.options.get("simulated"):
        from troth.engine.demo.root import simulated_trust

        expected = Expectation(endpoint.name, "*", SCHEME, source="a simulation")
        return simulated_trust().with_expectation(expected)
    for key in trust.keys:
        if endpoint.name in key.providers:
            pinned = Expectation(endpoint.name, "*", key.scheme, key.since, f"pinned: {key.name}")
            trust = trust.with_expectation(pinned)
    channel = endpoint.options.get("channel")
    if channel in CHANNEL_SCHEMES:
        return trust.with_expectation(
            Expectation(endpoint.name, "*", str(channel), source="how it is reached")
        )
    if endpoint.wire == SCHEME and endpoint.options.get("route") != "veil":
        return trust.with_expectation(
            Expectation(endpoint.name, "*", SCHEME, source="what its wire always does")
        )
    return trust


def _tls_evidence(trace: Trace) -> Fetched:
    if trace.tls_certificate is None:
        return {}
    kept = HttpResponse(200, (("Content-Type", "application/pkix-cert"),), trace.tls_certificate)
    return {TLS_CERTIFICATE: (HttpRequest("GET", ""), kept)}


def _answers(fetched: Fetched) -> dict[str, HttpResponse]:
    return {name: answer for name, (_, answer) in fetched.items()}


def _lacks_key(verdict: Verdict) -> bool:
    return any(c.name == "signature" and c.outcome is not Outcome.PASSED for c in verdict.checks)


async def _check(
    message: Message, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
) -> Verdict:
    if (shown := evidence.get(TLS_CERTIFICATE)) is not None:
        facts = replace(facts, tls_certificate=shown.body)
    trust = registry.with_channel_of(evidence, trust, facts)
    verdict = await asyncio.to_thread(
        registry.verdict_for, exchange, evidence, trust, datetime.now(UTC), facts=facts
    )
    if facts.route == "veil":
        verdict = _with_veils_word(verdict, exchange)
    return _not_whole(verdict) if message.finish in _NOT_WHOLE else verdict


def _with_veils_word(verdict: Verdict, exchange: Exchange) -> Verdict:
    """Say what og-veil says of the reply: the word of a program on this computer, no more.

    Header names as in og-veil's `server.py` (read November 2026).
    """
    claim = find_header(exchange.response_headers, "x-opengradient-verified")
    enclave = find_header(exchange.response_headers, "x-opengradient-tee-id") or ""
    if claim == "true":
        said = f"og-veil says that it verified this reply, of enclave {short(enclave[:80])}."
    else:
        said = "og-veil does not say that it verified this reply."
    check = Check("channel", Outcome.NOT_COVERED, f"{said} That is its word, not checked here.")
    return replace(verdict, checks=(*verdict.checks, check))


def _not_whole(verdict: Verdict) -> Verdict:
    """Say that a stopped or cut reply is incomplete; a failure stays a failure."""
    if verdict.is_loud or verdict.state is State.INCOMPLETE:
        return verdict
    check = Check("completeness", Outcome.CANNOT_CHECK, "The reply did not arrive whole.")
    others = tuple(c for c in verdict.checks if c.name != check.name)
    return replace(verdict, state=State.INCOMPLETE, checks=(*others, check))


def facts_of(message: Message, endpoint: Endpoint) -> Facts:
    """Return what the engine knows of a reply that no byte of its exchange can say."""
    kinds: set[str] = set()
    for part in message.parts:
        match part:
            case ThinkingPart():
                kinds.add("thinking")
            case SourcePart():
                kinds.add("source")
            case BlobPart(blob, _):
                kinds.add("image" if blob.is_image else "document")
            case _:
                pass
    route = str(endpoint.options.get("route", "direct"))
    model = message.model.model if message.model else ""
    return Facts(
        provider=endpoint.name,
        model=model,
        message_id=message.id,
        route="import" if message.is_imported else "device" if endpoint.runs(model) else route,
        shown_text=message.text,
        shown_kinds=frozenset(kinds),
        shown_pictures=tuple(blob.sha256 for blob in message.blobs if blob.is_image),
    )


def _write(expectations: tuple[Expectation, ...]) -> str:
    today = date.today()
    rows = [
        [e.provider, e.model, e.scheme, (e.since or today).isoformat(), e.source]
        for e in expectations
    ]
    return json.dumps(rows)

"""Which scheme speaks for an exchange: one table, one call for the engine.

A new scheme is one file and one row here. Its file is imported with the first exchange that bears
its marks: curves and certificates take 10 MB and 0.1 s, and most replies are signed by nobody. A
fault inside a scheme is caught at this border, the only one: `cannot-check`, never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import cast

from troth.domain.exchange import Exchange, find_header
from troth.domain.verdict import State, Verdict
from troth.verifiers import tinfoil_names
from troth.verifiers.base import Asking, Evidence, Facts, Naming, SignedParts, Verifier, Wanted
from troth.verifiers.fold import cannot_check, fold
from troth.verifiers.pictures import with_pictures
from troth.verifiers.plain import Plain
from troth.verifiers.trust import Expectation, Trust, pattern_of, signature_id


@dataclass(frozen=True, slots=True)
class _Row:
    """Where a scheme is, and what every exchange of its has: any one mark that is given.

    A mark only spares an import; whether an exchange is the scheme's own, it says itself.
    """

    module: str
    name: str
    url: str = ""
    """A piece of its addresses, in lower case."""
    header: str = ""
    """A header of its answers."""
    body: bytes = b""
    """A piece of its answers' bodies."""

    def is_marked(self, exchange: Exchange) -> bool:
        headers = exchange.response_headers
        return (
            (self.url != "" and self.url in exchange.url.lower())
            or (self.header != "" and find_header(headers, self.header) is not None)
            or (self.body != b"" and self.body in exchange.response_body)
        )

    @property
    def verifier(self) -> Verifier:
        module = import_module(f"troth.verifiers.{self.module}")
        return cast("Verifier", getattr(module, self.name))


_ROWS = {
    "opengradient": _Row("opengradient", "OPENGRADIENT", body=b'"tee_'),
    "aci": _Row("aci", "ACI", header="x-aci-version"),
    "near": _Row("near", "NEAR", url="cloud-api.near.ai"),
    "redpill": _Row("redpill", "REDPILL", url="api.redpill.ai"),
    "0g": _Row("zerog", "ZERO_G", url="/v1/proxy/"),
    "eigenai": _Row("body_signature", "EIGENAI", body=b'"signer"'),
    "tinfoil": _Row("tinfoil", "TINFOIL"),
    "galadriel": _Row("body_signature", "GALADRIEL", body=b'"public_key"'),
}
SCHEMES = tuple(_ROWS)
"""In the order in which they are asked whether an exchange is theirs."""

_DOCUMENTS = {tinfoil_names.SCHEME: tinfoil_names.DOCUMENT}
"""Scheme -> how the evidence is called that its channel brought, for those that sign nothing."""

SCHEME_UNKNOWN = "unknown"
_PLAIN = Plain()


def verifier_for(exchange: Exchange, facts: Facts, trust: Trust) -> Verifier:
    """Return the scheme that is to judge an exchange.

    A scheme that we expect of this provider and model judges whatever came: its absence is its
    business. Errors have no reply in them and go to the plain one.
    """
    if facts.route == "import" or not 200 <= exchange.status < 300:
        return _PLAIN
    expected = trust.expectation(facts.provider, facts.model)
    if expected is not None:
        return scheme_of(expected.scheme) or _PLAIN
    marked = (row.verifier for row in _ROWS.values() if row.is_marked(exchange))
    return next((scheme for scheme in marked if scheme.recognizes(exchange, facts)), _PLAIN)


def with_channel_of(evidence: Evidence, trust: Trust, facts: Facts) -> Trust:
    """Let the scheme judge a reply whose document stands beside it.

    Nothing in the reply names it, and the provider that was reached so may be gone since.
    """
    for scheme, prefix in _DOCUMENTS.items():
        if any(name.startswith(prefix) for name in evidence):
            return trust.with_expectation(Expectation(facts.provider, "*", scheme))
    return trust


def scheme_of(name: str) -> Verifier | None:
    """Return a scheme by its name, imported now if it was not; None for a name that is none."""
    row = _ROWS.get(name)
    return None if row is None else row.verifier


def wanted_for(
    exchange: Exchange, nonce: bytes, trust: Trust, *, facts: Facts
) -> tuple[Wanted, ...]:
    """Return the evidence to fetch for an exchange. `nonce` is 32 fresh random bytes."""
    return verifier_for(exchange, facts, trust).wants(exchange, nonce, facts, trust)


def wanted_next(
    exchange: Exchange, evidence: Evidence, nonce: bytes, trust: Trust, *, facts: Facts
) -> tuple[Wanted, ...]:
    """Return what the evidence that came leads to; nothing that is there already. Never raises."""
    try:
        verifier = verifier_for(exchange, facts, trust)
        if not isinstance(verifier, Asking):
            return ()
        wanted = verifier.wants_more(exchange, evidence, nonce, facts, trust)
    except Exception:  # noqa: BLE001 - the plug-in border: the verdict will say what is missing
        return ()
    return tuple(one for one in wanted if one.name not in evidence)


def verdict_for(
    exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, *, facts: Facts
) -> Verdict:
    """Return the verdict on an exchange as `trust` stands; `now` is aware UTC. Never raises.

    Evidence is judged for the moment when the reply came, so that checking again years later says
    the same; give `facts.judged_at` to ask what it is worth at another moment.
    """
    scheme = SCHEME_UNKNOWN
    try:
        verifier = verifier_for(exchange, facts, trust)
        scheme = verifier.scheme
        verdict = verifier.verify(exchange, evidence, trust, now, facts)
        return with_pictures(verdict, exchange, trust, facts)
    except Exception as error:  # noqa: BLE001 - the plug-in border: a fault must not become a pass
        reason = f"The check itself broke down ({type(error).__name__}). This is a fault in Troth."
        finding = cannot_check("verifier", reason)
        return fold([finding], State.CANNOT_CHECK, trust=trust, scheme=scheme, checked_at=now)


def signature_name(exchange: Exchange, evidence: Evidence, trust: Trust, *, facts: Facts) -> str:
    """Return what the replay memory calls the signature of an exchange; "" where there is none.

    Reads the whole reply where its scheme signs: 20 microseconds a token, for a thread.
    """
    try:
        verifier = verifier_for(exchange, facts, trust)
        if isinstance(verifier, Naming):
            return verifier.signature_name(exchange)
        signed = verifier.signed_parts(exchange, evidence, trust, facts)
    except Exception:  # noqa: BLE001 - the plug-in border: the verdict will say what broke down
        return ""
    return signature_id(signed.signature) if signed is not None else ""


def signed_parts_of(
    exchange: Exchange, evidence: Evidence, trust: Trust, *, facts: Facts
) -> SignedParts | None:
    """Return what was signed, spelt out; None when nothing (whole) was."""
    return verifier_for(exchange, facts, trust).signed_parts(exchange, evidence, trust, facts)


def learnt_from(verdict: Verdict, trust: Trust, *, facts: Facts) -> Expectation | None:
    """Return what a verdict teaches: this provider and model sign. None when nothing new.

    Only a verified reply teaches, and never under the simulated trust.
    """
    if not verdict.is_verified or trust.is_simulated or not facts.provider:
        return None
    if trust.expectation(facts.provider, facts.model) is not None:
        return None
    scheme = verdict.scheme.partition("/")[0]
    model, since = pattern_of(facts.model), verdict.checked_at.date()
    return Expectation(facts.provider, model, scheme, since, "learnt from a reply")


def remembered(
    exchange: Exchange, evidence: Evidence, verdict: Verdict, trust: Trust, *, facts: Facts
) -> Trust:
    """Return the trust with this reply's signature in its replay memory.

    Only verified replies are remembered: a forger must not be able to block a signature.
    """
    if not verdict.is_verified and verdict.state not in {State.PARTLY_COVERED, State.SIMULATED}:
        return trust
    name = signature_name(exchange, evidence, trust, facts=facts)
    if not name or name in trust.seen:
        return trust
    return trust.with_seen({**trust.seen, name: facts.message_id})

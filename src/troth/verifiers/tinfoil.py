"""Tinfoil: a channel that ends inside attested hardware. Nothing that comes through it is signed.

The machine's report names the key of its TLS connection. So the report is checked before a prompt
leaves, and the prompt leaves on a connection with that key alone (`check_before_send`). What the
user knows thereby nobody else can be shown: the best that a reply can be is a private channel.

Source: tinfoil 0.15.0 on PyPI, `client.py` (its transport "tls"); `tinfoil_document` for the
formats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from troth.domain.exchange import Exchange, HttpRequest
from troth.domain.verdict import Outcome, State, Verdict
from troth.verifiers import snp, tdx
from troth.verifiers.base import Evidence, Facts, SignedParts, Wanted
from troth.verifiers.fold import (
    Finding,
    cannot_check,
    failed,
    fold,
    fold_state,
    not_covered,
    passed,
)
from troth.verifiers.machine import Machine
from troth.verifiers.snp_report import SnpReport
from troth.verifiers.tdx_quote import TdReport
from troth.verifiers.tinfoil_document import (
    PATH,
    SNP,
    Document,
    DocumentInvalid,
    parse_document,
)
from troth.verifiers.tinfoil_names import DOCUMENT, SCHEME
from troth.verifiers.trust import Trust, short


@dataclass(frozen=True, slots=True)
class BeforeSend:
    """May the prompt leave? Only where everything that this scheme can prove is proven."""

    findings: tuple[Finding, ...]
    reached: State
    tls_key: bytes = b""
    """SHA-256 of the SPKI of the only key that it may leave to; empty where it may not."""

    @property
    def is_allowed(self) -> bool:
        return self.reached is State.PRIVATE_CHANNEL and self.tls_key != b""

    @property
    def reason(self) -> str:
        """Return why not, as a sentence: what failed, else what is open and holds it back."""
        said = [f for f in self.findings if f.outcome is Outcome.FAILED]
        # Unknown code holds nothing back unless the policy requires it: then it is all there is.
        open_ones = [f for f in self.findings if f.outcome is Outcome.CANNOT_CHECK]
        said += sorted(open_ones, key=lambda f: f.name == "code")
        return said[0].detail if said else "It does not prove which machine would read your words."


@dataclass(frozen=True, slots=True)
class _Proof:
    """What the document beside a reply came to."""

    findings: tuple[Finding, ...]
    version: str = ""
    tls_key: bytes = b""
    """SHA-256 of the SPKI that a proven report binds; empty where none is proven."""


def wanted_document(origin: str, nonce: bytes) -> Wanted:
    """Return the question to the machine at `origin` (`https://host:port`) what it is."""
    asked = nonce.hex()
    request = HttpRequest("GET", f"{origin}{PATH}?nonce={asked}")
    return Wanted(f"{DOCUMENT}{asked}", request, is_live=True)


def wanted_about(evidence: Evidence, trust: Trust) -> tuple[Wanted, ...]:
    """Return what to ask the makers of the hardware, where the document does not bring it."""
    try:
        document = _document(evidence)
    except DocumentInvalid:
        return ()
    if document is None:
        return ()
    ask = snp.wanted_for_report if document.platform == SNP else tdx.wanted_for_quote
    there = {**document.carried, **evidence}
    return tuple(one for one in ask(document.report, trust) if one.name not in there)


def check_before_send(evidence: Evidence, trust: Trust, now: datetime) -> BeforeSend:
    """Judge the machine that would read the prompt. Never raises."""
    proof = _check_document(evidence, trust, now, now, is_foreign=False)
    state = fold_state(proof.findings, State.PRIVATE_CHANNEL, trust.policy)
    return BeforeSend(proof.findings, state, proof.tls_key)


class Tinfoil:
    """The scheme of providers whose connection ends in a machine that proves itself so."""

    scheme = SCHEME

    def recognizes(self, exchange: Exchange, facts: Facts) -> bool:
        """Nothing in a reply tells: who is expected to be one of these, the trust says."""
        return False

    def wants(
        self, exchange: Exchange, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        """Nothing: a document that is fetched afterwards does not say who read the prompt."""
        return ()

    def wants_more(
        self, exchange: Exchange, evidence: Evidence, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        return wanted_about(evidence, trust)

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, facts: Facts
    ) -> Verdict:
        came = exchange.received_at
        moment = facts.judged_at or came
        proof = _check_document(evidence, trust, moment, came, is_foreign=facts.is_foreign)
        findings = [*proof.findings, *_check_connection(proof, facts), *_unsigned(facts)]
        findings.append(_check_end(exchange))
        reached = State.IMPORTED if facts.is_foreign else State.PRIVATE_CHANNEL
        scheme = f"{SCHEME}/{proof.version}" if proof.version else SCHEME
        return fold(findings, reached, trust=trust, scheme=scheme, checked_at=now)

    def signed_parts(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> SignedParts | None:
        return None


TINFOIL = Tinfoil()


def _document(evidence: Evidence) -> Document | None:
    name = next((name for name in sorted(evidence) if name.startswith(DOCUMENT)), None)
    if name is None or evidence[name].status != 200:
        return None
    return parse_document(evidence[name].body)


def _check_document(
    evidence: Evidence, trust: Trust, moment: datetime, came: datetime, *, is_foreign: bool
) -> _Proof:
    name = next((name for name in sorted(evidence) if name.startswith(DOCUMENT)), None)
    if name is None:
        reason = "The machine could not be asked what it is: no document of its came."
        return _Proof((cannot_check("hardware", reason, State.CANNOT_CHECK),))
    if (status := evidence[name].status) != 200:
        reason = f"Asked what it is, the machine answered {status} and gave no hardware document."
        return _Proof((failed("hardware", reason),))
    try:
        document = parse_document(evidence[name].body)
    except DocumentInvalid as error:
        return _Proof((failed("hardware", f"The machine's document does not hold: {error}."),))
    everything = {**document.carried, **evidence}
    machine: Machine[SnpReport] | Machine[TdReport]
    if document.platform == SNP:
        machine = snp.check_machine(document.report, everything, trust, moment)
    else:
        machine = tdx.check_machine(document.report, everything, trust, moment, came)
    findings = list(machine.findings)
    if machine.report is None:
        return _Proof(tuple(findings), document.version)
    if not machine.is_sound and all(f.outcome is not Outcome.FAILED for f in findings):
        findings = list(_unsound(findings))
    try:
        key = document.tls_key_in(machine.report.report_data)
    except DocumentInvalid as error:
        findings.append(failed("channel", f"The machine's document does not hold: {error}."))
        return _Proof(tuple(findings), document.version)
    findings.append(_check_nonce(document, name.removeprefix(DOCUMENT), is_foreign=is_foreign))
    if trust.distrust_of(key.hex()) is not None:
        findings.append(failed("channel", "You distrust the key of this machine's connection."))
    return _Proof(tuple(findings), document.version, key)


def _unsound(findings: Iterable[Finding]) -> Iterable[Finding]:
    """Let what is not known of the hardware's updates lower the headline: here all hangs on it."""
    for finding in findings:
        is_open = finding.name == "platform" and finding.outcome is Outcome.CANNOT_CHECK
        lifts = finding.ceiling is State.VERIFIED_ATTESTED
        yield (
            cannot_check("platform", finding.detail, State.CANNOT_CHECK)
            if (is_open and lifts)
            else finding
        )


def _check_nonce(document: Document, nonce_hex: str, *, is_foreign: bool) -> Finding:
    if not document.nonce:
        reason = (
            "The machine's report bears no time and no question of ours: it may be old. New is the"
            " connection, which was made with the key that it names."
        )
        return not_covered("freshness", reason)
    if document.nonce.hex() != nonce_hex:
        reason = "The machine's report was not made for our question: it holds another nonce."
        return failed("freshness", reason)
    whose = "its asker's" if is_foreign else "our"
    return passed("freshness", f"The machine's report was made for {whose} question.")


def _check_connection(proof: _Proof, facts: Facts) -> Iterable[Finding]:
    """Compare the key that the other end showed with the one that the report binds."""
    if not proof.tls_key:
        return
    if facts.is_foreign:
        reason = (
            "The file shows a document of a genuine machine. That this reply came from there, or"
            " that it was not changed, it does not show: both are the word of the file's maker."
        )
        yield not_covered("channel", reason)
    elif facts.tls_certificate is None:
        reason = "Which key the connection showed was not kept."
        yield cannot_check("channel", reason, State.CANNOT_CHECK)
    elif spki_sha256(facts.tls_certificate) != proof.tls_key:
        reason = "The connection ended at another machine: its key is not the one in the report."
        yield failed("channel", reason)
    else:
        name = short(proof.tls_key.hex())
        yield passed("channel", f"The connection ended inside this machine: its own key, {name}.")


def spki_sha256(certificate: bytes) -> bytes:
    """Return the SHA-256 of the key (SPKI DER) of a certificate (DER); empty for none."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return b""
    return sha256(spki).digest()


def _unsigned(facts: Facts) -> tuple[Finding, ...]:
    covered = "Words, thinking and sources came through the channel."
    if "image" in facts.shown_kinds:
        covered += " An image that was only named in it, by a link, did not."
    behind = (
        "Which machine and which graphics card behind this one computed the reply is its own word."
    )
    return (
        not_covered("signature", "The reply is not signed: you cannot prove it to others."),
        not_covered("reply-bytes", "It was protected on its way; nothing in it can be checked."),
        not_covered("coverage", covered),
        not_covered("upstream", behind),
    )


def _check_end(exchange: Exchange) -> Finding:
    if not exchange.is_complete:
        return cannot_check("completeness", "The connection ended before the reply did.")
    return passed("completeness", "The connection ended as it should.")

"""dstack machines (NEAR AI, Phala): a TDX quote for a signing key, and a log of what was started.

    report_data[0:32]  = the key's address, zero-padded, or SHA-256(address || TLS key's SHA-256)
    report_data[32:64] = our nonce
    mr_config_id       = 01 || SHA-256(app_compose) || zeros, where the machine states it
    RTMR3              = SHA-384 chained over the events of the log that name it (`imr` 3)

An event of the runtime (type 0x08000001) has digest SHA-384(type, 4 bytes, little-endian || ":" ||
name || ":" || payload). Sources: nearai/nearai-cloud-verifier at 04535f3, Dstack-TEE/dstack.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256, sha384

from troth.domain.exchange import HttpResponse
from troth.domain.model import Json
from troth.domain.verdict import Outcome
from troth.verifiers.base import Evidence, Facts, Wanted
from troth.verifiers.fold import Finding, cannot_check, failed, not_covered
from troth.verifiers.key_owner import NOBODY, Vouching
from troth.verifiers.strict_bytes import parse_hex
from troth.verifiers.strict_json import (
    NotStrict,
    as_list,
    as_object,
    as_text,
    parse_object,
    parse_strict,
)
from troth.verifiers.tdx import check_machine, wanted_for_quote
from troth.verifiers.tdx_quote import TdReport
from troth.verifiers.trust import Trust

REPORT = "report:"
"""Prefix of the evidence name; the nonce that we asked with follows, in hex."""

GATEWAY, MACHINE, EITHER = "gateway", "machine", "either"
"""Whose proof a signature needs: the gateway's, the model's own machine's, or what there is."""

_RUNTIME_EVENT = 0x08000001
_MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that a proof must name."""

    address: str
    """`0x` and 40 hex digits, or 64 hex digits of an Ed25519 key; lower case."""
    part: str = EITHER


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the proof came to."""

    findings: tuple[Finding, ...]
    vouching: Vouching = NOBODY


def report_of(evidence: Evidence) -> tuple[str, HttpResponse] | None:
    """Return our nonce in hex and the answer to it; None when nothing was asked."""
    name = next((name for name in sorted(evidence) if name.startswith(REPORT)), None)
    return None if name is None else (name.removeprefix(REPORT), evidence[name])


def wanted_of_intel(evidence: Evidence, signer: Signer, trust: Trust) -> tuple[Wanted, ...]:
    """Return what to ask of Intel about the machine in a report that came."""
    found = report_of(evidence)
    if found is None or found[1].status != 200:
        return ()
    try:
        proof = _proof_for(parse_object(found[1].body), signer)
        return wanted_for_quote(_quote(proof), trust) if proof is not None else ()
    except ValueError:
        return ()


def check_report(
    evidence: Evidence, signer: Signer, trust: Trust, facts: Facts, received_at: datetime
) -> Hardware:
    """Check the hardware's proof for a key. Never raises."""
    found = report_of(evidence)
    if found is None:
        reason = "No hardware proof was kept with this reply, so the machine was not checked."
        return Hardware((cannot_check("hardware", reason),))
    nonce_hex, answer = found
    if answer.status != 200:
        reason = f"The provider answered {answer.status} instead of giving its hardware proof."
        return Hardware((cannot_check("hardware", reason),))
    try:
        proof = _proof_for(parse_object(answer.body), signer)
        if proof is None:
            reason = "The provider's hardware proofs are for other keys than this reply's."
            return Hardware((cannot_check("hardware", reason),))
        quote = _quote(proof)
    except (NotStrict, ValueError) as error:
        return Hardware((failed("hardware", f"The hardware proof is malformed: {error}."),))
    moment = facts.judged_at or received_at
    machine = check_machine(quote, evidence, trust, moment, received_at)
    if machine.report is None:
        return Hardware(machine.findings)
    try:
        bound = _expected_first_half(proof, signer) + parse_hex(nonce_hex, 32)
    except ValueError as error:
        return Hardware((failed("hardware", f"The hardware proof is malformed: {error}."),))
    if machine.report.report_data[32:] != bound[32:]:
        reason = "The hardware proof was not made for our question: it holds another nonce."
        return Hardware((failed("hardware", reason),))
    if machine.report.report_data != bound:
        reason = "The hardware proof speaks for another signing key than this reply's."
        return Hardware((failed("hardware", reason),))
    findings = tuple(_with_log(machine.findings, proof, machine.report))
    vouching = Vouching(is_bound=True, is_sound=machine.is_sound, knows_code=machine.knows_code)
    graphics = not_covered("hardware", "The graphics card's own proof was not checked here.")
    return Hardware((*findings, graphics), vouching)


def _proof_for(report: dict[str, Json], signer: Signer) -> dict[str, Json] | None:
    """Return the proof that names the signer's key, from the part that may speak for it."""
    gateway = [report.get("gateway_attestation")]
    machines = [
        *as_list(report.get("model_attestations")),
        *as_list(report.get("all_attestations")),
    ]
    listed: Iterable[Json] = {
        GATEWAY: gateway,
        MACHINE: machines,
        EITHER: [report, *gateway, *machines],
    }[signer.part]
    for proof in map(as_object, listed):
        named = as_text(proof.get("signing_address")).lower()
        if _bare(named) == _bare(signer.address) and "intel_quote" in proof:
            return proof
    return None


def _bare(address: str) -> str:
    return address.removeprefix("0x")


def _quote(proof: dict[str, Json]) -> bytes:
    return parse_hex(as_text(proof.get("intel_quote")).removeprefix("0x"))


def _expected_first_half(proof: dict[str, Json], signer: Signer) -> bytes:
    address = parse_hex(_bare(signer.address))
    fingerprint = proof.get("tls_cert_fingerprint")
    if fingerprint is None:
        return address.ljust(32, b"\0")
    return sha256(address + parse_hex(as_text(fingerprint).removeprefix("0x"), 32)).digest()


def _with_log(
    findings: tuple[Finding, ...], proof: dict[str, Json], report: TdReport
) -> Iterable[Finding]:
    """Add to the finding on the code what the log of the start says, or that it does not fit."""
    told: list[str] = []
    try:
        if proof.get("event_log") is not None:
            started = replay(_events(proof["event_log"]), report.rtmr[3])
            if compose := started.get("compose-hash", ""):
                told.append(f"Its start-up log fits and names the program set {compose[:12]}..")
        listed = _app_compose(proof)
        if listed is not None and any(report.mr_config_id):
            stated = b"\1" + sha256(listed.encode()).digest()
            if report.mr_config_id != stated.ljust(48, b"\0"):
                raise ValueError("the program list is not the one that was measured")
    except ValueError as error:
        yield failed("code", f"What the machine says that it started does not fit: {error}.")
    for finding in findings:
        is_code = finding.name == "code" and finding.outcome is not Outcome.FAILED
        yield replace(finding, detail=" ".join([finding.detail, *told])) if is_code else finding


def _events(logged: Json) -> list[Json]:
    events = parse_strict(logged) if isinstance(logged, str) else logged
    if not isinstance(events, list) or len(events) > _MOST_EVENTS:
        raise ValueError("its log is not a list")
    return events


def _app_compose(proof: dict[str, Json]) -> str | None:
    info = as_object(proof.get("info")).get("tcb_info")
    if isinstance(info, str):
        info = parse_strict(info)
    compose = as_object(info).get("app_compose")
    return compose if isinstance(compose, str) else None


def replay(events: list[Json], rtmr3: bytes) -> dict[str, str]:
    """Chain a log's events up to RTMR3 and return what they name; raise ValueError."""
    measured = bytes(48)
    names: dict[str, str] = {}
    for event in map(as_object, events):
        if event.get("imr") != 3:
            continue
        name, payload = as_text(event.get("event")), as_text(event.get("event_payload"))
        stated = as_text(event.get("digest"))
        if event.get("event_type") == _RUNTIME_EVENT:
            kind = _RUNTIME_EVENT.to_bytes(4, "little")
            digest = sha384(b":".join((kind, name.encode(), parse_hex(payload)))).digest()
            if stated and parse_hex(stated, 48) != digest:
                raise ValueError("an event is not what its digest says")
            if name in names or ":" in name:
                raise ValueError("an event stands there twice, or could be another")
            names[name] = payload
        else:
            digest = parse_hex(stated, 48)
        measured = sha384(measured + digest).digest()
    if measured != rtmr3:
        raise ValueError("the log does not lead to what was measured")
    return names

"""Intel TDX machines: whether a quote is genuine, how up to date its machine is, what runs there.

A quote proves itself up to Intel's root, which our trust names; Intel's own answers (`collateral`)
say whether the processor has its security updates, and our trust whether anybody knows the code.
What the machine put into `report_data` (a key, our nonce) is the scheme's question, not this one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec

from troth.domain.verdict import Outcome, State
from troth.verifiers.base import Evidence, Wanted
from troth.verifiers.fold import Finding, cannot_check, failed, passed
from troth.verifiers.intel_certificates import (
    PCK_AUTHORITIES,
    PLATFORM,
    CertificateInvalid,
    Chain,
    Processor,
    common_name,
    parse_chain,
    parse_processor,
    public_key,
    verify_raw,
)
from troth.verifiers.intel_collateral import (
    Collateral,
    CollateralInvalid,
    CollateralMissing,
    Level,
    enclave_level,
    has_collateral,
    machine_level,
    open_collateral,
    wanted_collateral,
    worst,
)
from troth.verifiers.machine import Machine, find_openness, judge_time
from troth.verifiers.machine_code import judge_code
from troth.verifiers.tdx_quote import QuoteInvalid, TdReport, TdxQuote, parse_quote
from troth.verifiers.trust import Trust

MEASURED = "intel-tdx"
"""Platform of a [[measurement]] of such a machine."""


@dataclass(frozen=True, slots=True)
class Genuine:
    """A quote whose signatures hold up to `chain`'s root. Roots, times and code come after."""

    quote: TdxQuote
    chain: Chain
    processor: Processor
    authority: str
    """`platform` or `processor`: which of Intel's authorities certified it."""

    @property
    def report(self) -> TdReport:
        return self.quote.report


@lru_cache(maxsize=64)
def open_quote(content: bytes) -> Genuine:
    """Check all of a quote's signatures; raise QuoteInvalid.

    Pure, hence remembered: one machine's quote serves many replies.
    """
    quote = parse_quote(content)
    try:
        chain = parse_chain(quote.certificates)
        authority = PCK_AUTHORITIES.get(common_name(chain.leaf.issuer))
        if len(chain.certificates) != 3 or authority is None:
            raise QuoteInvalid("The hardware quote's certificate is not one of a processor.")
        processor = parse_processor(chain.leaf)
        if not verify_raw(public_key(chain.leaf), quote.enclave_signature, quote.enclave_signed):
            raise QuoteInvalid("The processor did not sign for the quoting enclave in this quote.")
        key = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), b"\x04" + quote.attestation_key
        )
    except CertificateInvalid as error:
        raise QuoteInvalid(str(error)) from error
    except ValueError as error:
        if isinstance(error, QuoteInvalid):
            raise
        raise QuoteInvalid("The hardware quote's key is not a point of its curve.") from error
    bound = sha256(quote.attestation_key + quote.enclave_data).digest() + bytes(32)
    if quote.enclave.report_data != bound:
        raise QuoteInvalid("The hardware quote's key is not the quoting enclave's.")
    if not verify_raw(key, quote.signature, quote.signed):
        raise QuoteInvalid("The hardware quote is not what the machine signed.")
    return Genuine(quote, chain, processor, authority)


def wanted_for_quote(content: bytes, trust: Trust) -> tuple[Wanted, ...]:
    """Return what to ask about the machine of a quote: nothing, unless the user named a host."""
    source = next((one for one in trust.collateral if one.platform == PLATFORM), None)
    if source is None:
        return ()
    try:
        genuine = open_quote(content)
    except QuoteInvalid:
        return ()
    return wanted_collateral(source.url, genuine.processor, genuine.authority)


def check_machine(
    content: bytes, evidence: Evidence, trust: Trust, moment: datetime, received_at: datetime
) -> Machine[TdReport]:
    """Check a quote for `moment` (aware): when the reply came, or today. Never raises."""
    try:
        genuine = open_quote(content)
    except QuoteInvalid as error:
        return Machine((failed("hardware", str(error)),))
    if genuine.chain.root_sha256 not in trust.root_hashes(PLATFORM):
        root = common_name(genuine.chain.certificates[-1].subject)[:60]
        reason = f"The hardware quote leads to a root that is not trusted: {root}."
        return Machine((failed("hardware", reason),))
    report = genuine.report
    if (openness := find_openness(report)) is not None:
        return Machine((openness,))
    words = "A genuine Intel TDX machine: its quote is signed up to Intel's root."
    chain = genuine.chain
    hardware = judge_time(chain.valid_from, chain.valid_until, moment, trust, words)
    platform, is_known = _judge_platform(genuine, evidence, trust, moment, received_at)
    code = _judge_code(report, trust)
    is_sound = hardware.outcome is not Outcome.FAILED and is_known
    knows_code = code.outcome is Outcome.PASSED
    return Machine((hardware, platform, code), report, is_sound, knows_code)


def _judge_platform(
    genuine: Genuine, evidence: Evidence, trust: Trust, moment: datetime, received_at: datetime
) -> tuple[Finding, bool]:
    """Return the finding, and whether Intel's answers were there and held."""
    if not has_collateral(evidence):
        source = any(one.platform == PLATFORM for one in trust.collateral)
        reason = (
            "Intel could not be asked whether this processor has its security updates."
            if source
            else "Whether this processor has its security updates was not asked: `troth trust"
            " collateral intel` lets Troth ask Intel, which then learns that you ask."
        )
        return cannot_check("platform", reason, State.VERIFIED_ATTESTED), False
    try:
        collateral = open_collateral(evidence, genuine.chain)
        _check_revoked(collateral, genuine.chain)
        level = worst(
            machine_level(collateral, genuine.processor, genuine.report),
            enclave_level(collateral, genuine.quote.enclave),
        )
    except CollateralMissing as error:
        return cannot_check("platform", str(error), State.VERIFIED_ATTESTED), False
    except CollateralInvalid as error:
        return failed("platform", str(error)), False
    stale = _judge_age(collateral, trust, moment, received_at)
    if stale is not None:
        # What has expired was sound once; its own ceiling says that it is so no longer.
        return stale, stale.ceiling is State.STALE
    judged = _judge_level(level, trust)
    return judged, judged.outcome is not Outcome.FAILED


def _check_revoked(collateral: Collateral, chain: Chain) -> None:
    leaf, authority = chain.certificates[0], chain.certificates[1]
    if leaf.serial_number in collateral.pck_revoked.serials:
        raise CollateralInvalid("Intel has revoked this processor's certificate.")
    signers = collateral.tcb.chain.leaf, collateral.enclave.chain.leaf
    for certificate in (authority, *signers):
        if certificate.serial_number in collateral.root_revoked.serials:
            raise CollateralInvalid("Intel has revoked one of its own authorities in this proof.")


def _judge_age(
    collateral: Collateral, trust: Trust, moment: datetime, received_at: datetime
) -> Finding | None:
    """Return what is wrong with the age of Intel's answers; None when they speak for `moment`."""
    margin = timedelta(seconds=trust.policy.clock_skew_s)
    if moment > collateral.valid_until + margin:
        until = f"{collateral.valid_until:%d %b %Y}"
        reason = f"Intel's word on this processor held until {until} and has expired since."
        return cannot_check("platform", reason, State.STALE)
    age = timedelta(seconds=trust.policy.attestation_max_age_s)
    if received_at < collateral.issued_at - max(age, margin):
        reason = "Intel's word on this processor was given after the reply came."
        return cannot_check("platform", reason, State.VERIFIED_ATTESTED)
    return None


def _judge_level(level: Level, trust: Trust) -> Finding:
    if level.status == "Revoked":
        return failed("platform", "Intel no longer vouches for this machine's security level.")
    named = f" Intel's advisories: {', '.join(level.advisories[:6])}." if level.advisories else ""
    if level.status in trust.policy.platform_states:
        return passed("platform", f"Intel calls this machine's level {level.status}.{named}")
    reason = f"The machine needs updates: Intel calls its level {level.status}.{named}"
    return cannot_check("platform", reason)


def _judge_code(report: TdReport, trust: Trust) -> Finding:
    registers = {
        "mrtd": report.mr_td,
        "rtmr0": report.rtmr[0],
        "rtmr1": report.rtmr[1],
        "rtmr2": report.rtmr[2],
        "rtmr3": report.rtmr[3],
        "mr_config_id": report.mr_config_id,
    }
    facts = (("platform", MEASURED), *((name, value.hex()) for name, value in registers.items()))
    short = sha256(b"".join(registers.values())).hexdigest()[:6]
    return judge_code("The machine", short, facts, trust)

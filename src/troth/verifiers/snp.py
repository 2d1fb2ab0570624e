"""AMD SEV-SNP machines: whether a report is genuine, how up to date its chip is, what runs there.

A report proves itself by its chip's own key, which AMD certifies up to a root that our trust names.
The chip's certificate may come with the report, or is asked of a host that the user named. What the
machine put into `report_data` is the scheme's question, not this one's.

    amd-vcek    GET {base}/vcek/v1/{product}/{chip}?blSPL=..&teeSPL=..&snpSPL=..&ucodeSPL=..   DER
    amd-chain   GET {base}/vcek/v1/{product}/cert_chain                          PEM, ASK then ARK

Source: AMD VCEK Certificate and KDS Interface Specification (publication 57230), chapter 4.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384

from troth.domain.exchange import HttpRequest
from troth.domain.verdict import Outcome, State
from troth.verifiers.amd_certificates import PLATFORM, CertificateInvalid, Chip, open_chip
from troth.verifiers.base import Evidence, Wanted
from troth.verifiers.fold import Finding, cannot_check, failed, passed
from troth.verifiers.machine import Machine, find_openness, judge_time
from troth.verifiers.machine_code import judge_code
from troth.verifiers.snp_report import ReportInvalid, SnpReport, parse_report
from troth.verifiers.trust import Trust

MEASURED = "amd-sev-snp"
"""Platform of a [[measurement]] and a [[minimum]] of such a machine."""
VCEK, CHAIN = "amd-vcek", "amd-chain"
_UNSTATED_PRODUCT = "Genoa"
"""What a report of version 2, which does not say, is taken for when its certificate is asked for;
the certificate then says what it is. As Tinfoil's own client does (tinfoil 0.15.0 on PyPI)."""


@lru_cache(maxsize=64)
def open_report(content: bytes, vcek: bytes, chain: bytes) -> tuple[SnpReport, Chip]:
    """Check a report's signature by the chip's certificate; raise ReportInvalid.

    Roots, times and policies come after. Pure, hence remembered.
    """
    report = parse_report(content)
    try:
        chip = open_chip(vcek, chain)
    except CertificateInvalid as error:
        raise ReportInvalid(str(error)) from error
    if report.product not in {"", chip.product}:
        raise ReportInvalid("The hardware report and its certificate are of different processors.")
    if report.hardware_id != chip.hardware_id:
        raise ReportInvalid("The hardware report is of another chip than its certificate.")
    if report.reported_tcb != chip.tcb:
        raise ReportInvalid("The hardware report states other security levels than its key has.")
    try:
        signature = utils.encode_dss_signature(report.r, report.s)
        chip.key.verify(signature, report.signed, ec.ECDSA(SHA384()))
    except (InvalidSignature, ValueError) as error:
        raise ReportInvalid("The hardware report is not what the processor signed.") from error
    return report, chip


def wanted_for_report(content: bytes, trust: Trust) -> tuple[Wanted, ...]:
    """Return what to ask about the chip of a report: nothing, unless the user named a host."""
    source = next((one for one in trust.collateral if one.platform == PLATFORM), None)
    if source is None:
        return ()
    try:
        report = parse_report(content)
    except ReportInvalid:
        return ()
    product = report.product or _UNSTATED_PRODUCT
    base = f"{source.url.rstrip('/')}/vcek/v1/{product}"
    tcb = report.reported_tcb
    levels = f"blSPL={tcb.bootloader}&teeSPL={tcb.tee}&snpSPL={tcb.snp}&ucodeSPL={tcb.microcode}"
    if product == "Turin":
        levels = f"fmcSPL={tcb.fmc}&{levels}"
    asked = {
        VCEK: f"{base}/{report.hardware_id.hex()}?{levels}",
        CHAIN: f"{base}/cert_chain",
    }
    return tuple(
        Wanted(name, HttpRequest("GET", url), is_live=False) for name, url in asked.items()
    )


def check_machine(
    content: bytes, evidence: Evidence, trust: Trust, moment: datetime
) -> Machine[SnpReport]:
    """Check a report for `moment` (aware): when the reply came, or today. Never raises."""
    try:
        certificates = [_body(evidence, name) for name in (VCEK, CHAIN)]
        if not all(certificates):
            parse_report(content)
            return Machine((cannot_check("hardware", _missing(trust), State.CANNOT_CHECK),))
        report, chip = open_report(content, *certificates)
    except ReportInvalid as error:
        return Machine((failed("hardware", str(error)),))
    if chip.root_sha256 not in trust.root_hashes(PLATFORM):
        reason = f"The hardware report leads to a root that is not trusted: {chip.root_name}."
        return Machine((failed("hardware", reason),))
    if (openness := find_openness(report)) is not None:
        return Machine((openness,))
    if report.vmpl:
        reason = "A less privileged program in the machine asked for the report, not its system."
        return Machine((failed("hardware", reason),))
    words = (
        f"A genuine AMD SEV-SNP machine ({chip.product}): its report is signed up to AMD's root."
    )
    hardware = judge_time(chip.valid_from, chip.valid_until, moment, trust, words)
    platform = _judge_platform(report, chip, trust)
    measured = report.measurement.hex()
    facts = (("platform", MEASURED), ("launch", measured))
    code = judge_code("The machine", measured[:6], facts, trust)
    is_sound = hardware.outcome is Outcome.PASSED and platform.outcome is Outcome.PASSED
    knows_code = code.outcome is Outcome.PASSED
    return Machine((hardware, platform, code), report, is_sound, knows_code)


def _body(evidence: Evidence, name: str) -> bytes:
    answer = evidence.get(name)
    return answer.body if answer is not None and answer.status == 200 else b""


def _missing(trust: Trust) -> str:
    if any(one.platform == PLATFORM for one in trust.collateral):
        return (
            "AMD's certificate for this machine's processor could not be fetched; trying again may"
            " help."
        )
    return (
        "The machine did not send AMD's certificate for its processor, and nobody may be asked for"
        " it: `troth trust collateral amd` lets Troth ask AMD, which then learns that you ask about"
        " this chip."
    )


def _judge_platform(report: SnpReport, chip: Chip, trust: Trust) -> Finding:
    """Compare all four security levels of a report with the least that the trust accepts."""
    least = trust.minimum(MEASURED, chip.product)
    if least is None:
        reason = f"Your trust names no security level that a {chip.product} must have reached."
        return cannot_check("platform", reason, State.CANNOT_CHECK)
    levels = (
        report.reported_tcb,
        report.current_tcb,
        report.committed_tcb,
        report.launch_tcb,
    )
    low = next((one for one in levels if not one.reaches(least.levels)), None)
    if low is not None:
        reason = f"The machine needs updates: its processor is at {low}; {least.name} demands more."
        return cannot_check("platform", reason)
    if report.is_provisional:
        reason = "The machine runs firmware on trial, which can be taken back to an older one."
        return cannot_check("platform", reason)
    return passed("platform", f"Its processor's updates reach {least.name}: {report.reported_tcb}.")

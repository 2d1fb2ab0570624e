"""What a machine's hardware proof came to, and the checks that are the same for every maker.

Each maker's own file says whether a proof is genuine and how up to date its processor is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from troth.domain.verdict import State
from troth.verifiers.fold import Finding, cannot_check, failed, passed
from troth.verifiers.trust import Trust


class Report(Protocol):
    """What every maker's report says of the machine."""

    @property
    def is_debug(self) -> bool: ...

    @property
    def is_hardened(self) -> bool: ...


ReportT_co = TypeVar("ReportT_co", bound=Report, covariant=True)


@dataclass(frozen=True, slots=True)
class Machine(Generic[ReportT_co]):
    """What a proof came to."""

    findings: tuple[Finding, ...]
    report: ReportT_co | None = None
    """None when the proof proves nothing."""
    is_sound: bool = False
    """Genuine, trusted root, no debug and in time; of Intel's, its levels were checked; of AMD's,
    it is as up to date as the trust demands."""
    knows_code: bool = False


def find_openness(report: Report) -> Finding | None:
    """Return what lets the machine's host look inside; None when nothing does."""
    if report.is_debug:
        reason = "The machine ran in debug mode: whoever runs it can read everything in it."
        return failed("hardware", reason)
    if not report.is_hardened:
        reason = "The machine was started with settings that let its host reach inside."
        return failed("hardware", reason)
    return None


def judge_time(
    valid_from: datetime, valid_until: datetime, moment: datetime, trust: Trust, genuine: str
) -> Finding:
    """Judge the processor's certificates at `moment` (all aware); `genuine` is what to say then."""
    margin = timedelta(seconds=trust.policy.clock_skew_s)
    if moment > valid_until + margin:
        reason = f"The processor's certificates expired on {valid_until:%d %b %Y}."
        return cannot_check("hardware", reason, State.STALE)
    if moment < valid_from - margin:
        reason = "The processor's certificates lie in the future: a clock is wrong."
        return cannot_check("hardware", reason, State.CANNOT_CHECK)
    return passed("hardware", genuine)

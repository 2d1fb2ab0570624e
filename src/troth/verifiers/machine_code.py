"""Which code a machine runs: what its hardware measured, held against what the user knows of it.

One rule for every kind of hardware: what is distrusted fails, what is known passes, all else stays
open with its measurement beside it, so that it can be named.
"""

from __future__ import annotations

from troth.verifiers.fold import Finding, MeasuredFacts, cannot_check, failed, passed
from troth.verifiers.trust import Trust


def judge_code(who: str, name: str, measured: MeasuredFacts, trust: Trust) -> Finding:
    """Judge what `who` ("The enclave", "The machine") measured: `platform`, then its registers.

    `name` is short for the measurement: six hex digits.
    """
    if trust.distrust_of(*(value for _, value in measured[1:])) is not None:
        return failed("code", f"{who} runs code that you distrust ({name}..).")
    if (known := trust.code_of(measured)) is not None:
        return passed("code", f"{who} runs {known.name} ({name}..).", measured)
    reason = f"{who} runs code {name}..; nobody in your trust has published what it is."
    return cannot_check("code", reason, facts=measured)

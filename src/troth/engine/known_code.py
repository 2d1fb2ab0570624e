"""The code that a machine said it runs: where its measurement is from, and what to call it.

A hardware document names code by numbers; only a person can know what they stand for, because they
built it themselves or take somebody's word. Sources: AWS Nitro CLI, `nitro-cli build-enclave` and
`describe-enclaves` (docs.aws.amazon.com/enclaves, read 2026-11-29); dstack's and Intel's names for
a TDX machine's registers; `snp_measurement` of tinfoil 0.15.0 on PyPI.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import cast

from troth.domain.error import ReceiptRefused, UsageError
from troth.domain.verdict import Outcome, Verdict
from troth.engine.receipts import CheckedReceipt, verify
from troth.verifiers.fold import MeasuredFacts
from troth.verifiers.trust import Measurement, Trust

_NITRO, _TDX, _SNP = "aws-nitro", "intel-tdx", "amd-sev-snp"
_VALUE = re.compile(r"[0-9a-f]{96}\Z")
_NOTHING = "0" * 96
_PROGRAM = ("mr_config_id", "rtmr3")
"""What names the program on a TDX machine; the first that is not empty counts. `rtmr3` of a dstack
machine also holds the machine's own id, so that it names one machine and not its code."""


def measured_in(verdict: Verdict) -> MeasuredFacts:
    """Return what a genuine machine measured: `platform` and its registers; () for none.

    A document that did not hold says nothing about code.
    """
    outcomes = {check.outcome for check in verdict.checks if check.name == "hardware"}
    if outcomes != {Outcome.PASSED}:
        return ()
    return next((check.facts for check in verdict.checks if check.name == "code"), ())


def read_measured(content: bytes, trust: Trust) -> MeasuredFacts:
    """Return what a file says about code: a receipt, or what a build tool printed.

    Raises UsageError, in words for the person who gave the file.
    """
    try:
        return _of_receipt(verify(content, trust=trust))
    except ReceiptRefused:
        return _of_build(content)


def code_named(name: str, measured: MeasuredFacts, source: str) -> Measurement:
    """Return the entry for the trust file that knows this code by `name`."""
    values = dict(measured)
    if values["platform"] == _NITRO:
        pcr0, pcr2 = values["pcr0"], values.get("pcr2", "")
        return Measurement(name, _NITRO, pcr0, pcr2, source, date.today())
    if values["platform"] == _SNP:
        launch = (("launch", values["launch"]),)
        return Measurement(name, _SNP, source=source, read_on=date.today(), registers=launch)
    given = [part for part in _PROGRAM if part in values]
    program = next((part for part in given if values[part] != _NOTHING), given[-1])
    names = ("mrtd", "rtmr1", "rtmr2", program)
    registers = tuple((register, values[register]) for register in names)
    return Measurement(
        name, values["platform"], source=source, read_on=date.today(), registers=registers
    )


def _of_receipt(checked: CheckedReceipt) -> MeasuredFacts:
    if checked.then.is_simulated:
        raise UsageError("this receipt is simulated: its machine is made up, and so is its code")
    measured = measured_in(checked.then)
    if not measured:
        raise UsageError("this receipt holds no hardware document that proves itself")
    return measured


def _of_build(content: bytes) -> MeasuredFacts:
    """Read `nitro-cli`'s JSON, with what it prints before it, or registers by their names."""
    found = _first_object(content)
    inner = found.get("Measurements")
    values = cast("dict[str, object]", inner) if isinstance(inner, dict) else found
    named = {
        name.lower(): value.lower()
        for name, value in values.items()
        if isinstance(value, str) and _VALUE.match(value.lower())
    }
    if named.get("pcr0", _NOTHING) != _NOTHING:
        return (("platform", _NITRO), *_picked(named, "pcr0", "pcr2"))
    if "pcr0" in named:
        raise UsageError("PCR0 is all zeros: this enclave was started in debug mode")
    if launch := named.get("snp_measurement", named.get("launch")):
        return (("platform", _SNP), ("launch", launch))
    registers = ("mrtd", "rtmr1", "rtmr2")
    if all(name in named for name in registers) and any(name in named for name in _PROGRAM):
        return (("platform", _TDX), *_picked(named, *registers, *_PROGRAM))
    raise UsageError(
        "this file is no receipt, and names no code: PCR0 as nitro-cli prints it, or mrtd, rtmr1,"
        " rtmr2 and mr_config_id of a TDX machine, or snp_measurement of an AMD one"
    )


def _picked(values: dict[str, str], *names: str) -> MeasuredFacts:
    return tuple((name, values[name]) for name in names if name in values)


def _first_object(content: bytes) -> dict[str, object]:
    text = content.decode("utf-8", "replace")
    start = text.find("{")
    try:
        found = json.JSONDecoder().raw_decode(text, start)[0] if start >= 0 else None
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}

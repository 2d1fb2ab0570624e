"""AMD SEV-SNP reports: genuine ones hold up to the root, and no byte of them can be another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from troth.domain.exchange import HttpResponse
from troth.domain.verdict import Outcome, State
from troth.verifiers.der import read_one, write
from troth.verifiers.machine import Machine
from troth.verifiers.snp import check_machine, open_report, wanted_for_report
from troth.verifiers.snp_report import ReportInvalid, SnpReport
from troth.verifiers.trust import (
    CollateralSource,
    DistrustedKey,
    Measurement,
    Minimum,
    Trust,
    TrustedRoot,
)
from troth.verifiers.trust_text import shipped_trust
from verifiers.amd import LEVELS, NOT_AUTHORITY, Amd, Guest, issue, spki
from verifiers.intel import new_key
from verifiers.setting import ROUNDS

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
AMD = Amd()
GUEST = Guest(report_data=bytes(range(64)))
REPORT = AMD.report(GUEST)
LEAST = Minimum(
    "the test's minimum",
    "amd-sev-snp",
    "Genoa",
    (("bootloader", 7), ("snp", 14), ("microcode", 72)),
)


def trust(amd: Amd = AMD, **changes: Any) -> Trust:
    changes.setdefault("minimums", (LEAST,))
    return Trust(roots=(TrustedRoot("our AMD", "amd", amd.root_sha256),), **changes)


def machine(
    report: bytes = REPORT,
    evidence: dict[str, HttpResponse] | None = None,
    *,
    moment: datetime = AT,
    believing: Trust | None = None,
) -> Machine[SnpReport]:
    evidence = AMD.evidence() if evidence is None else evidence
    return check_machine(report, evidence, believing or trust(), moment)


def of(guest: Guest) -> Machine[SnpReport]:
    return machine(AMD.report(guest))


def outcome(found: Machine[SnpReport], name: str) -> Outcome:
    return next(f.outcome for f in found.findings if f.name == name)


def detail(found: Machine[SnpReport]) -> str:
    return " ".join(f.detail for f in found.findings)


@pytest.mark.parametrize("version", [2, 3, 5])
def test_a_genuine_report_is_sound(version: int) -> None:
    found = of(replace(GUEST, version=version))
    assert found.report is not None
    assert found.is_sound
    assert not found.knows_code
    assert found.report.report_data == GUEST.report_data
    assert found.report.measurement == GUEST.measurement
    assert outcome(found, "hardware") is Outcome.PASSED
    assert outcome(found, "platform") is Outcome.PASSED
    assert outcome(found, "code") is Outcome.CANNOT_CHECK


def test_every_bit_of_a_report_counts() -> None:
    open_report(REPORT, AMD.vcek, AMD.chain)
    for place in range(len(REPORT)):
        for bit in range(8) if ROUNDS > 1 else (place % 8,):
            changed = bytearray(REPORT)
            changed[place] ^= 1 << bit
            with pytest.raises(ReportInvalid):
                open_report(bytes(changed), AMD.vcek, AMD.chain)


def test_every_bit_of_the_certificates_counts() -> None:
    for place in range(0, 8 * len(AMD.vcek), 1 if ROUNDS > 1 else 5):
        changed = bytearray(AMD.vcek)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(ReportInvalid):
            open_report(REPORT, bytes(changed), AMD.chain)
    for place in range(0, len(AMD.chain), 1 if ROUNDS > 1 else 5):
        changed = bytearray(AMD.chain)
        changed[place] ^= 1 << place % 7
        with pytest.raises(ReportInvalid):
            open_report(REPORT, AMD.vcek, bytes(changed))


def test_a_certificate_of_another_form_is_refused_and_nothing_breaks() -> None:
    _, content = read_one(AMD.vcek)
    for changed in (
        write(0x30, content + b"\x05\0"),
        write(0x30, b""),
        write(0x30, write(0x30, b"") * 3),
        b"",
        AMD.vcek + b"\0",
    ):
        with pytest.raises(ReportInvalid):
            open_report(REPORT, changed, AMD.chain)


def test_no_prefix_of_a_report_and_nothing_behind_it_is_taken() -> None:
    for size in (*range(0, len(REPORT), 37), len(REPORT) - 1):
        with pytest.raises(ReportInvalid):
            open_report(REPORT[:size], AMD.vcek, AMD.chain)
    with pytest.raises(ReportInvalid):
        open_report(REPORT + b"\0", AMD.vcek, AMD.chain)


@pytest.mark.parametrize(
    ("guest", "words"),
    [
        (Guest(policy=0x30000 | 1 << 19), "debug"),
        (Guest(policy=0x30000 | 1 << 18), "reach inside"),
        (Guest(policy=0x30000 | 1 << 21), "reach inside"),
        (Guest(vmpl=1), "less privileged"),
        (Guest(policy=0x10000), "policy"),
        (Guest(policy=0x30000 | 1 << 26), "policy"),
        (Guest(version=1), "version"),
        (Guest(version=6), "version"),
        (Guest(signer=1 << 2), "own key"),
        (Guest(signer=2), "hides"),
        (Guest(chip=bytes(64)), "another chip"),
        (Guest(reported=(11, 0, 23, 84)), "other security levels"),
        (Guest(family_model=bytes([0x19, 0x01, 0])), "different processors"),
        (Guest(family_model=bytes([0x17, 0x01, 0])), "not known"),
    ],
)
def test_what_a_machine_must_not_be_fails(guest: Guest, words: str) -> None:
    found = of(guest)
    assert found.report is None
    assert outcome(found, "hardware") is Outcome.FAILED
    assert words in detail(found)


@pytest.mark.parametrize("which", ["current", "committed", "launch"])
def test_a_security_level_below_the_least_is_outdated(which: str) -> None:
    guest = replace(GUEST, **{which: (10, 0, 13, 84)})
    found = of(guest)
    assert not found.is_sound
    assert outcome(found, "platform") is Outcome.CANNOT_CHECK
    assert "the test's minimum" in detail(found)


def test_the_key_of_an_old_level_is_outdated_and_the_least_itself_is_not() -> None:
    for levels, is_sound in (((7, 0, 14, 72), True), ((7, 0, 14, 71), False)):
        old = Amd(levels=levels, root_key=AMD.root_key, authority_key=AMD.authority_key)
        report = old.report(replace(GUEST, reported=levels))
        found = check_machine(report, old.evidence(), trust(old), AT)
        assert found.is_sound is is_sound


def test_firmware_on_trial_is_outdated() -> None:
    found = of(replace(GUEST, firmware=(bytes([41, 55, 1]), bytes([40, 55, 1]))))
    assert not found.is_sound
    assert "on trial" in detail(found)


def test_without_a_least_level_nothing_is_known_of_the_updates() -> None:
    found = machine(believing=trust(minimums=()))
    assert not found.is_sound
    assert "names no security level" in detail(found)


def test_the_users_own_least_goes_before_the_shipped_one() -> None:
    mine = replace(LEAST, name="mine", levels=(("snp", 24),))
    found = machine(believing=trust(minimums=(mine, LEAST)))
    assert not found.is_sound
    assert "mine demands more" in detail(found)


def test_a_foreign_root_fails() -> None:
    assert "not trusted" in detail(machine(believing=trust(Amd())))


def test_a_certificate_of_another_authority_or_of_none_fails() -> None:
    other = Amd()
    mixed = {**AMD.evidence(), "amd-chain": other.evidence()["amd-chain"]}
    assert outcome(machine(evidence=mixed), "hardware") is Outcome.FAILED
    ask = f"SEV-{AMD.product}"
    not_one = issue(ask, spki(AMD.authority_key), f"ARK-{AMD.product}", AMD.root_key, NOT_AUTHORITY)
    unfit = Amd(root_key=AMD.root_key, authority_key=AMD.authority_key, chip_key=AMD.chip_key)
    unfit.authority = not_one
    assert "may not issue" in detail(machine(evidence=unfit.evidence()))


def test_a_key_of_another_curve_fails() -> None:
    weak = Amd(root_key=AMD.root_key, authority_key=AMD.authority_key)
    weak.vcek = issue(
        "SEV-VCEK",
        spki(new_key()),
        "SEV-Genoa",
        AMD.authority_key,
        weak.chip_extensions(),
        serial=0,
    )
    assert "wrong kind" in detail(machine(evidence=weak.evidence()))


def test_expired_certificates_are_stale_and_early_ones_say_so() -> None:
    soon = datetime(2027, 1, 1, tzinfo=UTC)
    short = Amd(until=soon, root_key=AMD.root_key, authority_key=AMD.authority_key)
    report = short.report(GUEST)
    for moment, ceiling in (
        (AT, None),
        (soon + timedelta(hours=1), State.STALE),
        (datetime(2021, 1, 1, tzinfo=UTC), State.CANNOT_CHECK),
    ):
        found = check_machine(report, short.evidence(), trust(short), moment)
        assert next(f.ceiling for f in found.findings if f.name == "hardware") is ceiling
        assert found.is_sound is (ceiling is None)


def test_known_code_passes_and_distrusted_code_fails() -> None:
    launch = GUEST.measurement.hex()
    known = Measurement("tinfoil 1.2.3", "amd-sev-snp", registers=(("launch", launch),))
    assert machine(believing=trust(measurements=(known,))).knows_code
    other = replace(known, registers=(("launch", "00" * 48),))
    assert not machine(believing=trust(measurements=(other,))).knows_code
    doubted = trust(measurements=(known,), distrusted=(DistrustedKey(launch),))
    assert outcome(machine(believing=doubted), "code") is Outcome.FAILED


def test_without_the_chips_certificate_nothing_is_proven_and_the_way_out_is_told() -> None:
    found = machine(evidence={})
    assert found.report is None
    assert outcome(found, "hardware") is Outcome.CANNOT_CHECK
    assert "troth trust collateral amd" in detail(found)
    asking = trust(collateral=(CollateralSource("amd", "https://kds.test"),))
    gone = {"amd-vcek": HttpResponse(429, (), b""), "amd-chain": AMD.evidence()["amd-chain"]}
    assert "trying again" in detail(machine(evidence=gone, believing=asking))


def test_a_turin_is_read_by_its_own_layout() -> None:
    levels = (1, 1, 1, 4, 82)
    turin = Amd("Turin", levels, CHIP_8)
    guest = replace(
        GUEST, reported=levels, family_model=bytes([0x1A, 0x02, 0x01]), chip=CHIP_8 + bytes(56)
    )
    shipped = shipped_trust().minimums
    found = check_machine(turin.report(guest), turin.evidence(), trust(turin, minimums=shipped), AT)
    assert found.is_sound, found
    asking = trust(turin, collateral=(CollateralSource("amd", "https://kds.test/"),))
    urls = [one.request.url for one in wanted_for_report(turin.report(guest), asking)]
    assert urls == [
        f"https://kds.test/vcek/v1/Turin/{CHIP_8.hex()}"
        "?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=82",
        "https://kds.test/vcek/v1/Turin/cert_chain",
    ]


CHIP_8 = bytes(range(8))


def test_nobody_is_asked_about_a_chip_unless_the_user_named_a_host() -> None:
    assert wanted_for_report(REPORT, trust()) == ()
    asking = trust(collateral=(CollateralSource("amd", "https://kds.test"),))
    assert wanted_for_report(b"junk", asking) == ()
    first, second = wanted_for_report(REPORT, asking)
    assert first.request.url == (
        f"https://kds.test/vcek/v1/Genoa/{GUEST.chip.hex()}?blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=84"
    )
    assert second.request.url == "https://kds.test/vcek/v1/Genoa/cert_chain"


def test_the_shipped_trust_knows_amds_roots_and_least_levels() -> None:
    shipped = shipped_trust()
    assert len(shipped.root_hashes("amd")) == 3
    genoa = shipped.minimum("amd-sev-snp", "Genoa")
    assert genoa is not None
    assert dict(genoa.levels) == {
        "fmc": 0, "bootloader": 7, "tee": 0, "snp": 14, "microcode": 72,
    }  # fmt: skip
    assert shipped.minimum("amd-sev-snp", "Milan") is None
    assert LEVELS == (10, 0, 23, 84)

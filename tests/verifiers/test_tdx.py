"""Intel TDX quotes: genuine ones hold up to the root, and no byte of them can be another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from troth.domain.exchange import HttpResponse
from troth.domain.verdict import Outcome, State
from troth.verifiers.intel_certificates import CertificateInvalid, parse_chain
from troth.verifiers.machine import Machine
from troth.verifiers.tdx import check_machine, open_quote, wanted_for_quote
from troth.verifiers.tdx_quote import QuoteInvalid, TdReport
from troth.verifiers.trust import CollateralSource, DistrustedKey, Measurement, Trust, TrustedRoot
from troth.verifiers.trust_text import shipped_trust
from verifiers.intel import FMSPC, Intel, Td, new_key, outdated, pem

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
INTEL = Intel()
TD = Td(report_data=bytes(range(64)))
QUOTE = INTEL.quote(TD)


def trust(intel: Intel = INTEL, **changes: Any) -> Trust:
    return Trust(roots=(TrustedRoot("our Intel", "intel", intel.root_sha256),), **changes)


def machine(
    quote: bytes = QUOTE,
    evidence: dict[str, HttpResponse] | None = None,
    *,
    moment: datetime = AT,
    believing: Trust | None = None,
) -> Machine[TdReport]:
    evidence = INTEL.collateral(AT) if evidence is None else evidence
    return check_machine(quote, evidence, believing or trust(), moment, AT)


def outcome(found: Machine[TdReport], name: str) -> Outcome:
    return next(f.outcome for f in found.findings if f.name == name)


def ceiling(found: Machine[TdReport], name: str) -> State | None:
    return next(f.ceiling for f in found.findings if f.name == name)


@pytest.mark.parametrize(("version", "is_15"), [(4, False), (5, False), (5, True)])
def test_a_genuine_quote_is_sound(version: int, is_15: bool) -> None:
    found = machine(INTEL.quote(TD, version=version, is_15=is_15) + bytes(64))
    assert found.report is not None
    assert found.is_sound
    assert not found.knows_code
    assert found.report.report_data == TD.report_data
    assert found.report.rtmr == TD.rtmr
    assert outcome(found, "code") is Outcome.CANNOT_CHECK
    processor = open_quote(INTEL.quote(TD, version=version, is_15=is_15)).processor
    assert (processor.fmspc, processor.sgx_svns, processor.pce_svn) == (FMSPC, INTEL.svns, 11)


def test_every_single_byte_of_a_quote_counts() -> None:
    open_quote(QUOTE)
    for place in range(len(QUOTE)):
        changed = bytearray(QUOTE)
        changed[place] ^= 1 << place % 8
        with pytest.raises(QuoteInvalid):
            open_quote(bytes(changed))


def test_no_prefix_of_a_quote_and_nothing_behind_it_is_taken() -> None:
    for size in range(0, len(QUOTE), 7):
        with pytest.raises(QuoteInvalid):
            open_quote(QUOTE[:size])
    for more in (b"x", bytes(8) + b"x", bytes(40_000)):
        with pytest.raises(QuoteInvalid):
            open_quote(QUOTE + more)


@pytest.mark.parametrize(
    "td",
    [
        replace(TD, attributes=bytes.fromhex("0100001000000000")),
        replace(TD, attributes=bytes.fromhex("8000001000000000")),
        replace(TD, attributes=bytes.fromhex("0000000000000000")),
        replace(TD, attributes=bytes.fromhex("0000005000000000")),
        replace(TD, attributes=bytes.fromhex("0001001000000000")),
    ],
    ids=["debug", "off-td", "no-sept-ve-disable", "protection-keys", "unknown-bit"],
)
def test_a_machine_that_its_host_can_look_into_is_refused(td: Td) -> None:
    found = machine(INTEL.quote(td))
    assert outcome(found, "hardware") is Outcome.FAILED
    assert found.report is None


def test_a_machine_with_a_migration_service_is_refused() -> None:
    td = replace(TD, service=b"\1" * 48)
    assert machine(INTEL.quote(td, version=5, is_15=True)).report is None


def test_the_module_that_runs_now_counts_as_well() -> None:
    td = replace(TD, second=bytes([3, 1, 2]) + bytes(13))
    assert outcome(machine(INTEL.quote(td, version=5, is_15=True)), "platform") is Outcome.FAILED


def test_a_quote_of_another_root_is_refused() -> None:
    stranger = Intel()
    found = machine(stranger.quote(TD), stranger.collateral(AT))
    assert outcome(found, "hardware") is Outcome.FAILED
    assert "our Intel" not in found.findings[0].detail


def test_chains_that_are_no_chains_are_refused() -> None:
    other = Intel()
    chains = (
        pem(INTEL.processor, INTEL.root), pem(INTEL.authority, INTEL.root), pem(INTEL.processor),
        pem(INTEL.processor, other.authority, INTEL.root),
        pem(INTEL.authority, INTEL.processor, INTEL.root),
        pem(INTEL.processor, INTEL.authority, INTEL.root, INTEL.root),
        pem(INTEL.signer, INTEL.authority, INTEL.root), b"",
        pem(INTEL.processor, INTEL.authority, INTEL.root).replace(b"\n", b"\r\n"),
    )  # fmt: skip
    for chain in chains:
        with pytest.raises(QuoteInvalid):
            open_quote(INTEL.quote(TD, chain=chain or b"-"))


def test_the_key_that_signs_must_be_the_quoting_enclaves() -> None:
    usurper = Intel.__new__(Intel)
    usurper.__dict__.update(INTEL.__dict__, attestation_key=new_key())
    own = usurper.quote(TD)
    # The enclave's report and its signature from the genuine quote, the rest from the usurper's.
    start = 48 + 584 + 4 + 128 + 6
    with pytest.raises(QuoteInvalid):
        open_quote(own[:start] + QUOTE[start:])


def test_code_that_somebody_published_is_known() -> None:
    known = Measurement("gateway 1.2", "intel-tdx", registers=TD.measurement())
    assert machine(believing=trust(measurements=(known,))).knows_code
    for td in (
        replace(TD, mr_td=bytes(48)),
        replace(TD, rtmr=(TD.rtmr[0], bytes(48), *TD.rtmr[2:])),
        replace(TD, rtmr=(*TD.rtmr[:3], bytes(48))),
    ):
        assert not machine(INTEL.quote(td), believing=trust(measurements=(known,))).knows_code
    empty = Measurement("anything", "intel-tdx")
    assert not machine(believing=trust(measurements=(empty,))).knows_code


def test_out_of_date_hardware_is_said_with_intels_advisories() -> None:
    old = outdated(INTEL)
    found = check_machine(old.quote(TD), old.collateral(AT), trust(old), AT, AT)
    platform = next(f for f in found.findings if f.name == "platform")
    assert platform.outcome is Outcome.CANNOT_CHECK
    assert platform.ceiling is None
    assert "OutOfDate" in platform.detail
    assert "INTEL-SA-00837" in platform.detail
    lenient = replace(
        trust(old), policy=replace(Trust().policy, platform_states=frozenset({"OutOfDate"}))
    )
    found = check_machine(old.quote(TD), old.collateral(AT), lenient, AT, AT)
    assert outcome(found, "platform") is Outcome.PASSED


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tcb": {"tcbLevels": []}}, Outcome.FAILED),
        ({"tcb": {"id": "SGX"}}, Outcome.FAILED),
        ({"tcb": {"version": 2}}, Outcome.FAILED),
        ({"tcb": {"fmspc": "00906ED50000"}}, Outcome.FAILED),
        ({"tcb": {"tdxModuleIdentities": []}}, Outcome.FAILED),
        ({"tcb": {"issueDate": "yesterday"}}, Outcome.FAILED),
        ({"enclave": {"mrsigner": "00" * 32}}, Outcome.FAILED),
        ({"enclave": {"isvprodid": 1}}, Outcome.FAILED),
        ({"enclave": {"attributes": "FF" * 16}}, Outcome.FAILED),
        ({"enclave": {"tcbLevels": []}}, Outcome.FAILED),
        ({"revoked": [INTEL.processor.serial_number]}, Outcome.FAILED),
        ({"root_revoked": [INTEL.authority.serial_number]}, Outcome.FAILED),
        ({"root_revoked": [INTEL.signer.serial_number]}, Outcome.FAILED),
        ({"revoked": [7]}, Outcome.PASSED),
    ],
)
def test_what_intel_says_decides(changes: dict[str, Any], expected: Outcome) -> None:
    found = machine(evidence=INTEL.collateral(AT, **changes))
    assert outcome(found, "platform") is expected
    assert found.is_sound is (expected is Outcome.PASSED)


def test_every_single_byte_of_what_intel_signed_counts() -> None:
    evidence = INTEL.collateral(AT)
    for name in ("intel-tcb", "intel-enclave", "intel-pck-crl", "intel-root-crl"):
        body = evidence[name].body
        for place in range(0, len(body), 3 if len(body) > 900 else 1):
            changed = bytearray(body)
            changed[place] ^= 1
            answer = replace(evidence[name], body=bytes(changed))
            assert not machine(evidence={**evidence, name: answer}).is_sound, (name, place)


def test_what_anyone_could_have_said_in_intels_name_counts_for_nothing() -> None:
    stranger, evidence = Intel(), INTEL.collateral(AT)
    for name, answer in stranger.collateral(AT).items():
        found = machine(evidence={**evidence, name: answer})
        assert outcome(found, "platform") is Outcome.FAILED
    # A processor's certificate leads to the root too, but may not speak of levels.
    forged = Intel.__new__(Intel)
    forged.__dict__.update(INTEL.__dict__, signer_key=INTEL.processor_key, signer=INTEL.processor)
    answer = forged.collateral(AT)["intel-tcb"]
    assert not machine(evidence={**evidence, "intel-tcb": answer}).is_sound


def test_without_intels_word_a_machine_is_genuine_and_no_more() -> None:
    found = machine(evidence={})
    assert outcome(found, "hardware") is Outcome.PASSED
    assert outcome(found, "platform") is Outcome.CANNOT_CHECK
    assert not found.is_sound
    for name in INTEL.collateral(AT):
        evidence = INTEL.collateral(AT)
        del evidence[name]
        assert not machine(evidence=evidence).is_sound
        evidence[name] = HttpResponse(503, (), b"")
        assert not machine(evidence=evidence).is_sound


def test_intels_word_and_certificates_expire() -> None:
    later = machine(moment=AT + timedelta(days=31))
    assert ceiling(later, "platform") is State.STALE
    assert ceiling(machine(moment=AT + timedelta(days=365 * 30)), "hardware") is State.STALE
    before = machine(moment=datetime(2019, 1, 1, tzinfo=UTC))
    assert ceiling(before, "hardware") is State.CANNOT_CHECK


def test_nobody_is_asked_unless_the_user_named_a_host() -> None:
    assert wanted_for_quote(QUOTE, trust()) == ()
    source = CollateralSource("intel", "https://api.trustedservices.intel.com")
    wanted = wanted_for_quote(QUOTE, trust(collateral=(source,)))
    assert [one.request.url for one in wanted] == [
        "https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=b0c06f000000",
        "https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity",
        "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
    ]
    assert not any(one.needs_key for one in wanted)
    cache = CollateralSource("intel", "https://pccs.example/")
    assert wanted_for_quote(QUOTE, trust(collateral=(cache,)))[3].request.url == (
        "https://pccs.example/sgx/certification/v4/rootcacrl"
    )
    assert wanted_for_quote(b"no quote", trust(collateral=(cache,))) == ()


def test_a_list_may_come_in_hexadecimal_as_caches_hand_it_out() -> None:
    evidence = INTEL.collateral(AT)
    text = evidence["intel-root-crl"].body.hex().encode()
    evidence["intel-root-crl"] = HttpResponse(200, (), text)
    assert machine(evidence=evidence).is_sound


@pytest.mark.parametrize("content", [b"a", b"abc\n", b""])
def test_half_a_byte_in_hexadecimal_is_no_list(content: bytes) -> None:
    evidence = INTEL.collateral(AT)
    evidence["intel-root-crl"] = HttpResponse(200, (), content)
    found = machine(evidence=evidence)
    assert not found.is_sound
    assert outcome(found, "platform") is Outcome.FAILED


def test_the_shipped_root_is_intels() -> None:
    assert shipped_trust().root_hashes("intel") == {
        "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
    }


def test_pem_is_read_exactly() -> None:
    text = pem(INTEL.signer, INTEL.root)
    parse_chain(text)
    for changed in (
        b" " + text,
        text + b"x",
        text.replace(b"\n-----END", b"=\n-----END", 1),
        text[:-30],
    ):
        with pytest.raises(CertificateInvalid):
            parse_chain(changed)


def test_code_that_the_user_distrusts_fails_whoever_knows_it() -> None:
    known = Measurement("ours", "intel-tdx", registers=TD.measurement())
    for register in (TD.mr_td, TD.rtmr[2]):
        doubted = trust(measurements=(known,), distrusted=(DistrustedKey(register.hex()),))
        found = machine(believing=doubted)
        assert outcome(found, "code") is Outcome.FAILED
        assert not found.knows_code

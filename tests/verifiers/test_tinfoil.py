"""Tinfoil's channel: what its documents bind, what a reply is worth, and what it never is."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servers import make_certificate
from troth.domain.exchange import Exchange, HttpResponse
from troth.domain.verdict import Outcome, State, Verdict
from troth.explain import verdict_sentence
from troth.verifiers.base import Facts
from troth.verifiers.meaning import not_proven, who_saw_what
from troth.verifiers.registry import verdict_for, with_channel_of
from troth.verifiers.tinfoil import check_before_send, spki_sha256, wanted_about, wanted_document
from troth.verifiers.tinfoil_document import Document, DocumentInvalid, parse_document
from troth.verifiers.trust import CollateralSource, DistrustedKey, Measurement, Trust, TrustedRoot
from verifiers.amd import Amd, Guest
from verifiers.attested import (
    HPKE,
    TDX_V2,
    bound,
    key_of,
    sections,
    sev_v2,
    sev_v3,
    text,
    v2,
    v3,
)
from verifiers.intel import Intel, Td
from verifiers.setting import exchange_of
from verifiers.test_snp import LEAST

CERTIFICATE = make_certificate().der
KEY = key_of(CERTIFICATE)
NONCE = bytes(range(32))
NAME = f"tinfoil-attestation:{NONCE.hex()}"
AMD, INTEL = Amd(), Intel()
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
BODY = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'
FACTS = Facts(provider="tinfoil", model="gpt-4.1", message_id="m", tls_certificate=CERTIFICATE)
EXCHANGE: Exchange = exchange_of(
    {"model": "gpt-4.1"}, BODY, url="https://inference.test/v1/chat/completions"
)


def trust(**changes: Any) -> Trust:
    roots = (
        TrustedRoot("our AMD", "amd", AMD.root_sha256),
        TrustedRoot("our Intel", "intel", INTEL.root_sha256),
    )
    return Trust(roots=roots, minimums=(LEAST,), **changes)


def evidence_of(document: bytes, **more: HttpResponse) -> dict[str, HttpResponse]:
    return {NAME: HttpResponse(200, (), document), **more}


V2 = evidence_of(sev_v2(AMD, KEY), **AMD.evidence())
V3 = evidence_of(sev_v3(AMD, KEY, NONCE))


def tdx_v2(**more: HttpResponse) -> dict[str, HttpResponse]:
    quote = INTEL.quote(Td(report_data=KEY + HPKE))
    return evidence_of(v2(quote, TDX_V2), **more)


def judge(
    evidence: dict[str, HttpResponse],
    *,
    believing: Trust | None = None,
    facts: Facts = FACTS,
    exchange: Exchange = EXCHANGE,
) -> Verdict:
    believed = with_channel_of(evidence, believing or trust(), facts)
    return verdict_for(exchange, evidence, believed, AT, facts=facts)


def outcomes(verdict: Verdict) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in verdict.checks}


def detail(verdict: Verdict, name: str) -> str:
    return " ".join(check.detail for check in verdict.checks if check.name == name)


@pytest.mark.parametrize(
    ("evidence", "scheme"),
    [(V2, "tinfoil/v2"), (V3, "tinfoil/v3"), (tdx_v2(**INTEL.collateral(AT)), "tinfoil/v2")],
    ids=["amd-v2", "amd-v3", "intel-v2"],
)
def test_a_proven_machine_at_the_other_end_is_a_private_channel(
    evidence: dict[str, HttpResponse], scheme: str
) -> None:
    before = check_before_send(evidence, trust(), AT)
    assert before.is_allowed
    assert before.tls_key == KEY
    verdict = judge(evidence)
    assert verdict.state is State.PRIVATE_CHANNEL, verdict.checks
    assert verdict.scheme == scheme
    assert not verdict.is_verified
    found = outcomes(verdict)
    assert found["channel"] is Outcome.PASSED
    assert {found[name] for name in ("signature", "reply-bytes", "coverage", "upstream")} == {
        Outcome.NOT_COVERED
    }


def test_a_v3_document_on_intel_brings_intels_word_with_it() -> None:
    material, devices = sections(KEY)
    quote = INTEL.quote(Td(report_data=bound(NONCE, material, devices)))
    urls = {
        "intel-tcb": "https://api.test/tdx/certification/v4/tcb?fmspc=b0c06f000000",
        "intel-enclave": "https://api.test/tdx/certification/v4/qe/identity",
        "intel-pck-crl": "https://api.test/sgx/certification/v4/pckcrl?ca=platform",
        "intel-root-crl": "https://certificates.test/IntelSGXRootCA.der",
    }
    responses = [
        {
            "url": urls[name],
            "headers": {key: [value] for key, value in answer.headers},
            "body_base64": text(answer.body),
        }
        for name, answer in INTEL.collateral(AT).items()
    ]
    entry = {
        "id": "pcs",
        "format": "https://tinfoil.sh/collateral/intel-pcs/v1",
        "data": {"responses": responses},
    }
    document = v3(quote, NONCE, material, devices, [entry], kind="tdx-quote")
    verdict = judge(evidence_of(json.dumps(document).encode()))
    assert verdict.state is State.PRIVATE_CHANNEL, verdict.checks
    asking = trust(collateral=(CollateralSource("intel", "https://api.test"),))
    assert wanted_about(evidence_of(json.dumps(document).encode()), asking) == ()


def test_a_machine_of_unknown_updates_gets_nothing() -> None:
    """It is genuine, and nobody knows whether it is sound: here the words hang on that."""
    before = check_before_send(tdx_v2(), trust(), AT)
    assert not before.is_allowed
    assert "troth trust collateral intel" in before.reason
    assert judge(tdx_v2()).state is State.CANNOT_CHECK


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        ({}, State.TLS_ONLY),
        ({NAME: HttpResponse(404, (), b"")}, State.FAILED),
        (evidence_of(b""), State.FAILED),
        (evidence_of(sev_v2(AMD, KEY)), State.CANNOT_CHECK),
        (evidence_of(sev_v2(Amd(), KEY), **AMD.evidence()), State.FAILED),
        (evidence_of(sev_v2(AMD, bytes(32)), **AMD.evidence()), State.FAILED),
        (evidence_of(sev_v3(AMD, KEY, bytes(32))), State.FAILED),
        (
            evidence_of(sev_v3(AMD, KEY, NONCE, Guest(launch=(6, 0, 23, 84)))),
            State.PLATFORM_OUTDATED,
        ),
        (evidence_of(sev_v3(AMD, KEY, NONCE, Guest(policy=0xB0000))), State.FAILED),
    ],
    ids=[
        "nothing", "refused", "empty", "no certificate", "another chip", "another key",
        "another nonce", "outdated", "debug",
    ],
)  # fmt: skip
def test_what_is_not_proven_is_no_channel(evidence: dict[str, HttpResponse], state: State) -> None:
    assert judge(evidence).state is state
    before = check_before_send(evidence, trust(), AT)
    if before.is_allowed:  # for that key, which this connection does not have
        assert before.tls_key != KEY


def test_a_connection_to_another_key_fails_and_an_unknown_one_is_not_checked() -> None:
    other = replace(FACTS, tls_certificate=make_certificate().der)
    assert judge(V3, facts=other).state is State.FAILED
    assert judge(V3, facts=replace(FACTS, tls_certificate=b"junk")).state is State.FAILED
    assert judge(V3, facts=replace(FACTS, tls_certificate=None)).state is State.CANNOT_CHECK
    assert spki_sha256(CERTIFICATE) == KEY


def test_a_distrusted_key_or_code_gets_nothing() -> None:
    for name in (KEY.hex(), Guest().measurement.hex()):
        doubting = trust(distrusted=(DistrustedKey(name),))
        assert not check_before_send(V3, doubting, AT).is_allowed
        assert judge(V3, believing=doubting).state is State.FAILED


def test_code_that_nobody_published_is_said_and_known_code_is_named() -> None:
    unknown = judge(V3)
    assert outcomes(unknown)["code"] is Outcome.CANNOT_CHECK
    assert any("is not known here" in line for line in not_proven(unknown))
    launch = (("launch", Guest().measurement.hex()),)
    known = Measurement("router 7", "amd-sev-snp", registers=launch)
    verdict = judge(V3, believing=trust(measurements=(known,)))
    assert "router 7" in detail(verdict, "code")
    assert not any("is not known here" in line for line in not_proven(verdict))
    assert verdict.state is State.PRIVATE_CHANNEL


def test_the_words_promise_nothing_to_others() -> None:
    lines = not_proven(judge(V3))
    assert "Anything to somebody else: there is no signature that you could show." in lines
    assert not any("A signature says" in line for line in lines)
    who = [seen.who for seen in who_saw_what("tinfoil/v3", "direct")]
    assert who == ["Your network", "The machine there", "A machine behind it"]


@pytest.mark.parametrize(
    ("evidence", "facts"),
    [
        (V3, replace(FACTS, judged_at=datetime(2050, 1, 1, tzinfo=UTC))),
        (V3, replace(FACTS, is_foreign=True)),
        (V3, replace(FACTS, tls_certificate=make_certificate().der)),
        (evidence_of(sev_v3(AMD, KEY, bytes(32))), FACTS),
        (evidence_of(sev_v3(AMD, KEY, NONCE, Guest(launch=(6, 0, 23, 84)))), FACTS),
        (evidence_of(sev_v2(AMD, KEY)), FACTS),
        (tdx_v2(), FACTS),
        ({NAME: HttpResponse(404, (), b"")}, FACTS),
    ],
    ids=["stale", "a file", "another", "another nonce", "old", "unproven", "unknown", "stripped"],
)
def test_no_signature_is_spoken_of_where_there_is_none(
    evidence: dict[str, HttpResponse], facts: Facts
) -> None:
    sentence = verdict_sentence(judge(evidence, facts=facts))
    assert "signature" not in sentence
    assert " signed this" not in sentence
    if facts.is_foreign:
        assert "not that this reply came from there" in sentence


def test_a_strangers_file_shows_the_document_and_not_the_reply() -> None:
    foreign = replace(FACTS, is_foreign=True)
    verdict = judge(V3, facts=foreign)
    assert verdict.state is State.IMPORTED
    assert outcomes(verdict)["hardware"] is Outcome.PASSED
    assert outcomes(verdict)["channel"] is Outcome.NOT_COVERED
    assert "its asker's question" in detail(verdict, "freshness")
    stripped = {NAME: HttpResponse(404, (), b"")}
    assert judge(stripped, facts=foreign).state is State.FAILED


def test_it_holds_for_years_and_says_when_it_no_longer_does() -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    dated = Amd(until=until, root_key=AMD.root_key, authority_key=AMD.authority_key)
    dated.root = AMD.root  # signed anew it would be another certificate
    evidence = evidence_of(sev_v3(dated, KEY, NONCE))
    for moment, state in (
        (AT, State.PRIVATE_CHANNEL),
        (until - timedelta(days=1), State.PRIVATE_CHANNEL),
        (until + timedelta(days=1), State.STALE),
    ):
        assert judge(evidence, facts=replace(FACTS, judged_at=moment)).state is state


def test_a_cut_reply_is_incomplete() -> None:
    cut = replace(EXCHANGE, is_complete=False)
    assert judge(V3, exchange=cut).state is State.INCOMPLETE


def test_nobody_is_asked_unless_the_user_said_so_and_nothing_twice() -> None:
    asking = trust(collateral=(CollateralSource("amd", "https://kds.test"),))
    bare = evidence_of(sev_v2(AMD, KEY))
    assert wanted_about(bare, trust()) == ()
    assert [one.name for one in wanted_about(bare, asking)] == ["amd-vcek", "amd-chain"]
    assert wanted_about(V2, asking) == ()
    assert wanted_about(V3, asking) == ()
    assert wanted_about({}, asking) == ()
    assert wanted_about(evidence_of(b"junk"), asking) == ()
    wanted = wanted_document("https://host.test:443", NONCE)
    assert wanted.name == NAME
    assert wanted.request.url == (
        f"https://host.test:443/.well-known/tinfoil-attestation?nonce={NONCE.hex()}"
    )


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(sev_v3(AMD, KEY, NONCE)) | fields).encode()


BOMB = json.dumps(
    {
        "format": "https://tinfoil.sh/predicate/sev-snp-guest/v2",
        "body": text(gzip.compress(bytes(10_000_000))),
    }
).encode()
PACKED = gzip.compress(bytes(1184))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"format":1,"format":1}',
        json.dumps(
            {"format": "https://tinfoil.sh/predicate/sev-snp-guest/v1", "body": ""}
        ).encode(),
        v2(b"")[:-1],
        v2(b"x", "https://tinfoil.sh/predicate/aws-nitro-enclave/v1"),
        BOMB,
        v2(b"").replace(b'"body"', b'"more": 1, "body"'),
        json.dumps(
            {
                "format": "https://tinfoil.sh/predicate/sev-snp-guest/v2",
                "body": text(PACKED + PACKED),
            }
        ).encode(),
        json.dumps(
            {"format": "https://tinfoil.sh/predicate/sev-snp-guest/v2", "body": text(PACKED[:-4])}
        ).encode(),
        changed(more=1),
        changed(challenge={}),
        changed(crypto_material=text(sections(KEY, format="other")[0])),
        changed(crypto_material=text(sections(KEY, items=[])[0])),
        changed(crypto_material=text(sections(KEY, items=[{"id": "tls"}] * 2)[0])),
        changed(crypto_material="not base64"),
        changed(device_evidence=text(b"{}")),
        changed(cpu_evidence={"format": "https://tinfoil.sh/format/sev-snp-report/v2"}),
    ],
    ids=[
        "empty",
        "a list",
        "a key twice",
        "v1",
        "cut",
        "a Nitro enclave",
        "a bomb",
        "another field",
        "two members",
        "a cut member",
        "another field of v3",
        "no challenge",
        "another section",
        "no key",
        "two keys",
        "not base64",
        "other devices",
        "another report",
    ],
)
def test_what_is_not_exactly_a_document_is_refused(document: bytes) -> None:
    with pytest.raises(DocumentInvalid):
        parse_document(document)


def test_another_section_beside_a_genuine_report_binds_nothing() -> None:
    other = sections(bytes(32))[0]
    evidence = evidence_of(changed(crypto_material=text(other)))
    assert judge(evidence).state is State.FAILED
    assert not check_before_send(evidence, trust(), AT).is_allowed
    devices = json.dumps({"format": "https://tinfoil.sh/device-evidence/v1", "items": [1]}).encode()
    assert judge(evidence_of(changed(device_evidence=text(devices)))).state is State.FAILED


def test_no_bit_of_what_is_bound_can_change() -> None:
    """The report's own bits are counted elsewhere; here are the key and the nonce beside it."""
    whole = json.loads(sev_v3(AMD, KEY, NONCE))
    material = base64.b64decode(whole["crypto_material"])
    for place in range(len(material)):
        flipped = bytearray(material)
        flipped[place] ^= 1 << place % 7
        evidence = evidence_of(changed(crypto_material=text(bytes(flipped))))
        assert not check_before_send(evidence, trust(), AT).is_allowed


def test_a_v2_document_binds_the_key_in_its_report() -> None:
    document = Document("v2", "amd-sev-snp", b"")
    assert document.tls_key_in(KEY + HPKE) == KEY

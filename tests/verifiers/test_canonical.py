"""Canonical forms against plain Python, and public vectors for the primitives that we lean on."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA384
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.domain.verdict import State
from troth.verifiers.keccak import keccak256
from troth.verifiers.opengradient_canonical import (
    PROFILES,
    NotCanonical,
    canonical_json,
    canonical_request,
)
from troth.verifiers.opengradient_frames import read_reply
from troth.verifiers.opengradient_keys import verify_pss
from troth.verifiers.registry import verdict_for
from troth.verifiers.strict_json import NotStrict, parse_object, parse_strict
from verifiers.setting import FACTS, STAMP, exchange_of, pinned_trust
from verifiers.signer import Gateway, keccak

SCALARS = st.one_of(
    st.none(), st.booleans(), st.text(), st.integers(), st.integers(min_value=10**20),
    st.floats(), st.sampled_from([-0.0, 1e22, 1e-7, 5e-324, 1.7976931348623157e308]),
    st.text(alphabet=st.characters(), max_size=5),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_what_python_writes_is_what_we_hash(value: Any) -> None:
    written = json.dumps(value)
    ours = canonical_json(parse_strict(written))
    assert ours == json.dumps(json.loads(written), sort_keys=True).encode()


@given(
    JSON, JSON, st.sampled_from(["user", "assistant", "system", "tool", "function", "developer"])
)
@settings(max_examples=100, deadline=None)
def test_any_request_is_expressed_or_refused(content: Any, extra: Any, role: str) -> None:
    request = {
        "model": "m", "messages": [{"role": role, "content": content, "tool_calls": extra}],
        "temperature": extra, "max_tokens": extra, "stop": extra, "tools": content,
    }  # fmt: skip
    for profile, _ in PROFILES:
        try:
            assert json.loads(canonical_request(request, profile))
        except NotCanonical:
            continue


@given(st.text(max_size=80), st.text(max_size=80), st.floats(allow_nan=False))
@settings(max_examples=25, deadline=None)
def test_a_signed_request_verifies_and_no_other(asked: str, other: str, heat: float) -> None:
    gateway = Gateway()
    request = {"model": "gpt-4.1", "messages": [{"role": "user", "content": asked}],
               "temperature": heat}  # fmt: skip
    exchange = exchange_of(request, gateway.stream(request, ["ok"], STAMP))
    trust = pinned_trust(gateway.spki)
    now = exchange.received_at
    assert verdict_for(exchange, {}, trust, now, facts=FACTS).state is State.VERIFIED_PINNED
    changed = request | {"messages": [{"role": "user", "content": other}]}
    swapped = exchange_of(changed, exchange.response_body)
    expected = State.VERIFIED_PINNED if asked == other else State.FAILED
    assert verdict_for(swapped, {}, trust, now, facts=FACTS).state is expected


@given(st.binary(max_size=400), st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_bytes_crash_the_reader(body: bytes, is_stream: bool) -> None:
    read_reply(body, "text/event-stream" if is_stream else "application/json")
    marked = b'data: {"tee_signature": "' + body + b'"}\n\n'
    exchange = exchange_of(body, marked if is_stream else body, is_stream=is_stream)
    verdict = verdict_for(exchange, {}, pinned_trust(b"no key"), exchange.sent_at, facts=FACTS)
    assert not verdict.is_verified
    assert "verifier" not in {check.name for check in verdict.checks}


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', '{"a":1}{', '{"a":1} x', "", "\ufeff{}", "[" * 100_000,
     '{"a":' + "9" * 5000 + "}"],
)  # fmt: skip
def test_ambiguous_json_is_refused(text: str) -> None:
    with pytest.raises(NotStrict):
        parse_object(text)
    with pytest.raises(NotStrict):
        parse_object(b"\xff" + text.encode())


def test_deep_json_is_refused_whatever_recursion_the_program_allows() -> None:
    """In a process of its own: without a count of our own it would end by a fault of memory."""
    code = (
        "import sys\n"
        "from troth.verifiers.strict_json import MAX_DEPTH, NotStrict, parse_strict\n"
        "sys.setrecursionlimit(1_000_000)\n"
        "for open, shut in ('[', ']'), ('{\"a\":', '}'):\n"
        "    inside = '1' if open != '[' else ''\n"
        "    parse_strict(open * MAX_DEPTH + inside + shut * MAX_DEPTH)\n"
        "    for depth in MAX_DEPTH + 1, 500_000:\n"
        "        try:\n"
        "            parse_strict(open * depth + inside + shut * depth)\n"
        "        except NotStrict:\n"
        "            print('refused')\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["refused"] * 4


def test_a_text_without_an_end_is_walked_over_once() -> None:
    """With a walk to the end from each of its quotes this would take an hour."""
    with pytest.raises(NotStrict):
        parse_strict("[" + "[]," * 100 + '"' + '\\"' * 500_000)


def test_brackets_in_texts_and_side_by_side_are_no_depth() -> None:
    text = '["' + "[{" * 500 + '\\"' + "[" * 500 + '"' + ",[]" * 500 + "]"
    assert len(parse_strict(text)) == 501  # type: ignore[arg-type]


def test_order_of_fields_does_not_matter_and_order_of_items_does() -> None:
    one = parse_object('{"model":"m","messages":[{"role":"tool","content":"x"}],"stop":["a","b"]}')
    two = parse_object('{"stop":["a","b"],"messages":[{"content":"x","role":"tool"}],"model":"m"}')
    three = parse_object(
        '{"stop":["b","a"],"messages":[{"content":"x","role":"tool"}],"model":"m"}'
    )
    first, second, third = (canonical_request(r, "v1") for r in (one, two, three))
    assert first == second != third


def test_completions_fill_in_what_was_left_out() -> None:
    form = canonical_request({"model": "m", "prompt": "p"}, "v1c")
    assert form == b'{"max_tokens": 16, "model": "m", "prompt": "p", "temperature": 1.0}'
    with pytest.raises(NotCanonical):
        canonical_request({"model": "m", "messages": [], "prompt": "p"}, "v1c")


@given(st.binary(max_size=500))
@settings(max_examples=60, deadline=None)
def test_keccak_agrees_with_a_second_implementation(message: bytes) -> None:
    assert keccak256(message) == keccak(message)


def test_keccak_is_ethereums() -> None:
    assert keccak256(b"").hex().startswith("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7b")


def _groups(folder: Path, name: str) -> list[dict[str, Any]]:
    loaded: dict[str, Any] = json.loads((folder / "proofs" / "wycheproof" / name).read_text())
    return list(loaded["testGroups"])


def test_wycheproof_rsa_pss(fixtures_dir: Path) -> None:
    count = 0
    for group in _groups(fixtures_dir, "rsa_pss_2048_sha256_mgf1_32_test.json"):
        spki = bytes.fromhex(group["publicKeyDer"])
        for case in group["tests"]:
            ok = verify_pss(spki, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert ok == (case["result"] != "invalid"), case
            count += 1
    assert count > 100


@pytest.mark.parametrize("form", ["", "_p1363"])
def test_wycheproof_p384(fixtures_dir: Path, form: str) -> None:
    for group in _groups(fixtures_dir, f"ecdsa_secp384r1_sha384{form}_test.json"):
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
        for case in group["tests"]:
            signature = bytes.fromhex(case["sig"])
            if form:
                if len(signature) != 96:
                    assert case["result"] == "invalid"
                    continue
                r, s = (int.from_bytes(signature[i : i + 48], "big") for i in (0, 48))
                signature = utils.encode_dss_signature(r, s)
            try:
                key.verify(signature, bytes.fromhex(case["msg"]), ec.ECDSA(SHA384()))
            except InvalidSignature:
                assert case["result"] != "valid", case
            else:
                assert case["result"] != "invalid", case


def test_wycheproof_x25519(fixtures_dir: Path) -> None:
    for group in _groups(fixtures_dir, "x25519_test.json"):
        for case in group["tests"]:
            private = X25519PrivateKey.from_private_bytes(bytes.fromhex(case["private"]))
            try:
                public = X25519PublicKey.from_public_bytes(bytes.fromhex(case["public"]))
                shared = private.exchange(public)
            except ValueError:
                assert case["result"] != "valid"
                continue
            assert shared.hex() == case["shared"]


def test_recorded_relay_replies_verify(fixtures_dir: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from verifiers.setting import load_spki

    folder = fixtures_dir / "proofs" / "opengradient-ohttp"
    for name in ("basic", "notemp", "image-parts"):
        for suffix in ("", "-stream"):
            stem = f"{name}{suffix}"
            facts = json.loads((folder / f"{stem}.json").read_text())
            trust = pinned_trust(load_spki(facts["gateway_pem"].encode()))
            body = (folder / f"{stem}.inner-res").read_bytes()
            request = (folder / f"{stem}.inner-req.json").read_bytes()
            asked = datetime.fromtimestamp(1795333674, UTC) - timedelta(seconds=1)
            exchange = exchange_of(request, body, is_stream=bool(suffix), asked_at=asked)
            verdict = verdict_for(exchange, {}, trust, exchange.received_at, facts=FACTS)
            has_image = name == "image-parts"
            wanted = State.PARTLY_COVERED if has_image else State.VERIFIED_PINNED
            assert (verdict.state, verdict.scheme) == (wanted, "opengradient/v1"), verdict.checks


def test_recorded_paid_replies_verify(fixtures_dir: Path) -> None:
    from datetime import UTC, datetime

    from verifiers.setting import load_spki

    folder = fixtures_dir / "proofs" / "opengradient-x402"
    pem = json.loads((folder / "signing-key.json").read_text())["public_key"]
    trust = pinned_trust(load_spki(pem.encode()))
    log = json.loads((folder / "exchange.json").read_text())
    for mode in ("private", "batch"):
        for is_stream in (False, True):
            asked = next(
                e for e in log if (e["k"], e["mode"], e["stream"]) == ("req", mode, is_stream)
            )
            body = (folder / f"paid-{mode}{'-stream' * is_stream}.body").read_bytes()
            stamp = int(body.split(b'"tee_timestamp": ')[1][:10])
            exchange = exchange_of(
                asked["body"].encode(), body, is_stream=is_stream,
                asked_at=datetime.fromtimestamp(stamp, UTC),
            )  # fmt: skip
            verdict = verdict_for(exchange, {}, trust, exchange.received_at, facts=FACTS)
            assert verdict.state is State.VERIFIED_PINNED, verdict.checks


def test_a_gateway_that_hashes_parts_as_they_came_is_understood() -> None:
    """Between v1 and v2: content verbatim, `web_search` signed, `developer` refused."""
    parts = [
        {"type": "text", "text": "Was ist das? 你"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    request = {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": parts}],
        "web_search": True,
        "stream": True,
    }
    wanted = {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": parts}],
        "temperature": 0.0,
        "web_search": True,
    }
    assert canonical_request(request, "v1p") == json.dumps(wanted, sort_keys=True).encode()
    developer = request | {"messages": [{"role": "developer", "content": "x"}]}
    with pytest.raises(NotCanonical):
        canonical_request(developer, "v1p")


EFFORT: dict[str, Any] = {
    "model": "gpt-5.5",
    "messages": [{"role": "user", "content": "Warum?"}],
    "reasoning_effort": "high",
    "stream": True,
}


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_gateway_that_signs_the_effort_of_thinking_is_understood(is_stream: bool) -> None:
    """Newer gateways hash `reasoning_effort`; what they sign then holds for no other effort."""
    gateway = Gateway(signs_effort=True)
    answer = (
        gateway.stream(EFFORT, ["ok"], STAMP) if is_stream else gateway.body(EFFORT, "ok", STAMP)
    )
    trust, facts = pinned_trust(gateway.spki), replace(FACTS, model="gpt-5.5")
    exchange = exchange_of(EFFORT, answer, is_stream=is_stream)
    verdict = verdict_for(exchange, {}, trust, exchange.received_at, facts=facts)
    assert (verdict.state, verdict.scheme) == (State.VERIFIED_PINNED, "opengradient/v3")
    assert "settings" not in {check.name for check in verdict.checks}
    for other in (EFFORT | {"reasoning_effort": "low"}, _without_effort()):
        swapped = exchange_of(other, answer, is_stream=is_stream)
        judged = verdict_for(swapped, {}, trust, exchange.received_at, facts=facts)
        assert judged.state is State.FAILED


def test_an_effort_that_was_not_signed_is_said() -> None:
    """An older gateway leaves it out, and so does one that never got it."""
    gateway = Gateway()
    exchange = exchange_of(EFFORT, gateway.stream(EFFORT, ["ok"], STAMP))
    facts = replace(FACTS, model="gpt-5.5")
    verdict = verdict_for(
        exchange, {}, pinned_trust(gateway.spki), exchange.received_at, facts=facts
    )
    assert (verdict.state, verdict.scheme) == (State.VERIFIED_PINNED, "opengradient/v1")
    settings_told = next(check.detail for check in verdict.checks if check.name == "settings")
    assert "reasoning_effort" in settings_told


def test_the_effort_stands_beside_all_that_the_second_form_has() -> None:
    request = EFFORT | {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}
        ],
        "web_search": True,
    }
    second = json.loads(canonical_request(request, "v2"))
    assert json.loads(canonical_request(request, "v3")) == second | {"reasoning_effort": "high"}
    for nothing in (None, ""):
        with pytest.raises(NotCanonical):
            canonical_request(request | {"reasoning_effort": nothing}, "v3")


def _without_effort() -> dict[str, Any]:
    return {name: value for name, value in EFFORT.items() if name != "reasoning_effort"}

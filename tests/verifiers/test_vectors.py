"""Every vector file comes to the state that it names, however its bytes are cut off."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from troth.domain.exchange import Exchange
from troth.domain.verdict import State, Verdict
from troth.verifiers.base import Facts
from troth.verifiers.registry import verdict_for
from troth.verifiers.trust import DistrustedKey, Expectation, Trust
from verifiers.setting import exchange_of, pin

FOLDER = Path(__file__).resolve().parent.parent / "vectors" / "verifiers"
FILES = sorted(FOLDER.glob("*.txt"))
VERIFIED = [file for file in FILES if file.read_bytes().startswith(b"expect: verified")]


@dataclass(frozen=True)
class Case:
    headers: dict[str, str]
    exchange: Exchange
    trust: Trust

    def verdict(self) -> Verdict:
        facts = Facts(self.headers["provider"], self.headers["model"], "m1")
        now = self.exchange.received_at
        return verdict_for(self.exchange, {}, self.trust, now, facts=facts)


def read_case(file: Path) -> Case:
    head, _, body = file.read_bytes().partition(b"\n\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
    exchange = exchange_of(
        headers["request"].encode(),
        body,
        is_stream="event-stream" in headers["content-type"],
        asked_at=datetime.fromisoformat(headers["asked"]),
    )
    trust = Trust()
    if headers["pinned"].strip():
        trust = trust.with_key(pin(base64.b64decode(headers["pinned"])))
    if "distrusted" in headers:
        trust = replace(trust, distrusted=(DistrustedKey(headers["distrusted"], "leaked"),))
    if "expected" in headers:
        trust = trust.with_expectation(Expectation("og", "*", headers["expected"]))
    if "seen" in headers:
        name, message_id = headers["seen"].split()
        trust = trust.with_seen({name: message_id})
    return Case(headers, exchange, trust)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_vector(file: Path) -> None:
    case = read_case(file)
    verdict = case.verdict()
    told = "\n".join(f"{c.name} {c.outcome.value}: {c.detail}" for c in verdict.checks)
    assert verdict.state.value == case.headers["expect"], told
    assert verdict.scheme == case.headers.get("scheme", verdict.scheme)


@pytest.mark.parametrize("file", VERIFIED, ids=lambda file: file.stem)
def test_no_prefix_of_a_vector_is_verified(file: Path) -> None:
    case = read_case(file)
    body = case.exchange.response_body
    whole = body.rstrip()
    step = max(1, len(whole) // 60)
    for size in range(0, len(whole) - 1, step):
        cut = replace(case.exchange, response_body=body[:size])
        assert not replace(case, exchange=cut).verdict().is_verified


def test_every_genuine_vector_has_siblings() -> None:
    expected = [read_case(file).headers["expect"] for file in FILES]
    assert expected.count("failed") > expected.count("verified-pinned") > 5
    assert {State.STALE, State.INCOMPLETE, State.UNSIGNED_EXPECTED, State.PARTLY_COVERED} <= set(
        map(State, expected)
    )

"""Real exchanges changed at random places by somebody who knows JSON and event streams.

Whatever comes out as good must be good to the second checker too, which was written from
SECURITY.md alone; nothing may break the check down; and what changes no meaning changes no verdict.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from troth.domain.exchange import Exchange, find_header
from troth.domain.verdict import State
from troth.verifiers.registry import verdict_for, verifier_for
from troth.verifiers.trust import Expectation, Trust
from verifiers.independent_receipt import Refused, check
from verifiers.setting import FACTS, ROUNDS, Recorded
from verifiers.test_receipt_format import receipt_of

GOOD = {State.VERIFIED_PINNED, State.PARTLY_COVERED}
TOKENS = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n\n", b"\r", b"\xff", b"\xc3", b"\x00",
    b"null", b"NaN", b"1e400", b"0" * 40, "é".encode(), b"\xe2\x80\xae", b"data:", b": c\n",
    b"data: {}\n\n", b"data: [DONE]\n\n", b"event: x\n", b'"finish_reason": "tool_calls"',
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -0.0, 1, 0.5, 1e22, 10**30, "", "x", " ", "\ud800", "tool_calls",
    "data: [DONE]", [], {}, [{}], [[[]]], ["a"], {"type": "text", "text": "hi"},
)  # fmt: skip
NAMES = (
    "tool_calls", "images", "content", "message", "choices", "web_search", "stop", "index",
    "tee_signature", "tee_id", "function_call", "finish_reason", "error", "temperature", "x",
)  # fmt: skip
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')


def _spans(chance: random.Random, body: bytes) -> tuple[int, int]:
    start = chance.randrange(len(body))
    return start, min(len(body), start + chance.randrange(1, 40))


def bytes_changed(chance: random.Random, body: bytes, other: bytes) -> bytes:
    start, end = _spans(chance, body)
    strings = list(_STRINGS.finditer(body))
    one, two = chance.choice(strings), chance.choice(strings)
    frames = body.split(b"\n\n")
    chance.shuffle(frames)
    return chance.choice(
        (
            body[:start] + bytes([body[start] ^ 1 << chance.randrange(8)]) + body[start + 1 :],
            body[:start] + body[end:],
            body[:end] + body[start:],
            body[:start] + chance.choice(TOKENS) + body[chance.choice((start, end)) :],
            body[: one.start()] + two.group() + body[one.end() :],
            body[:start] + other[chance.randrange(len(other)) :],
            b"\n\n".join(frames),
            body[:start],
        )
    )


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    found = [(path, value)]
    if not isinstance(value, dict | list):
        return found
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        found += _nodes(child, (*path, key))
    return found


def values_changed(chance: random.Random, encoded: bytes) -> bytes:
    value = json.loads(encoded)
    nodes = _nodes(value)
    path, _ = chance.choice(nodes[1:] or [((), None)])
    if not path:
        return json.dumps(chance.choice(VALUES)).encode()
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    match chance.randrange(4):
        case 0:
            parent[path[-1]] = chance.choice(VALUES)
        case 1:
            del parent[path[-1]]
        case 2:
            parent[path[-1]] = json.loads(json.dumps(chance.choice(nodes)[1]))
        case _ if isinstance(parent, dict):
            parent[chance.choice(NAMES)] = chance.choice(VALUES)
        case _:
            parent.insert(path[-1], chance.choice(VALUES))
    return json.dumps(value).encode()


def frames_changed(chance: random.Random, body: bytes) -> bytes:
    if not body.startswith(b"data:"):
        return values_changed(chance, body)
    frames = body.split(b"\n\n")
    at = chance.choice([i for i, f in enumerate(frames) if f.startswith(b"data: {")])
    frames[at] = b"data: " + values_changed(chance, frames[at].removeprefix(b"data: "))
    return b"\n\n".join(frames)


def changed(chance: random.Random, entry: Recorded, others: list[Recorded]) -> Exchange:
    exchange, other = entry.exchange, chance.choice(others).exchange
    sent, came = exchange.request_body, exchange.response_body
    match chance.randrange(4):
        case 0:
            return replace(exchange, response_body=bytes_changed(chance, came, other.response_body))
        case 1:
            return replace(exchange, response_body=frames_changed(chance, came))
        case 2:
            return replace(exchange, request_body=bytes_changed(chance, sent, other.request_body))
        case _:
            return replace(exchange, request_body=values_changed(chance, sent))


def _stranger_agrees(exchange: Exchange, trust: Trust, model: str) -> bool:
    keys = frozenset(key.fingerprint for key in trust.keys)
    try:
        check(receipt_of(exchange, trust, model=model), keys=keys)
    except (Refused, KeyError, TypeError, ValueError, AttributeError, IndexError):
        return False
    return True


def test_what_is_changed_at_random_is_never_good_to_one_checker_alone(
    recorded: list[Recorded], gateway_trust: Trust
) -> None:
    expected = Expectation(FACTS.provider, "*", "opengradient")
    trust = gateway_trust.with_expectation(expected)
    signed = [r for r in recorded if r.signed and r.name != "openai-long"]
    chance = random.Random(ROUNDS)
    good = 0
    for _ in range(500 * ROUNDS):
        entry = chance.choice(signed)
        exchange, facts = changed(chance, entry, signed), entry.facts
        # Not through the border that turns a fault into "cannot check": there must be none.
        scheme = verifier_for(exchange, facts, trust)
        state = scheme.verify(exchange, {}, trust, exchange.received_at, facts).state
        scheme.signed_parts(exchange, {}, trust, facts)
        assert state in GOOD or not state.value.startswith("verified")
        assert (state in GOOD) is _stranger_agrees(exchange, trust, facts.model), exchange
        good += state in GOOD
    assert good > 100 * ROUNDS, "many changes mean nothing, and those must stay good"


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        pairs = [(key, _shuffled(child, chance)) for key, child in value.items()]
        chance.shuffle(pairs)
        return dict(pairs)
    return [_shuffled(child, chance) for child in value] if isinstance(value, list) else value


def _written_again(body: bytes, write: Callable[[Any], bytes]) -> bytes:
    if not body.startswith(b"data:"):
        return write(json.loads(body))
    return b"\n\n".join(
        b"data: " + write(json.loads(frame[6:])) if frame.startswith(b"data: {") else frame
        for frame in body.split(b"\n\n")
    )


def _headers_turned(exchange: Exchange) -> Exchange:
    turned = tuple((name.upper(), value) for name, value in reversed(exchange.response_headers))
    return replace(exchange, response_headers=turned)


def _with_body(change: Callable[[bytes], bytes]) -> Callable[[Exchange], Exchange]:
    return lambda exchange: replace(exchange, response_body=change(exchange.response_body))


def _only_stream(change: Callable[[bytes], bytes]) -> Callable[[Exchange], Exchange]:
    def changed(exchange: Exchange) -> Exchange:
        kind = find_header(exchange.response_headers, "content-type") or ""
        is_stream = "event-stream" in kind
        return _with_body(change)(exchange) if is_stream else exchange

    return changed


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


HARMLESS: dict[str, Callable[[Exchange], Exchange]] = {
    "CRLF": _with_body(lambda body: body.replace(b"\n", b"\r\n")),
    "CR": _only_stream(lambda body: body.replace(b"\n", b"\r")),
    "a byte order mark": _only_stream(lambda body: b"\xef\xbb\xbf" + body),
    "comments and other fields": _only_stream(
        lambda body: b": ping\n\n" + body.replace(b"data:", b"id: 7\nevent: message\ndata:")
    ),
    "no space after the colon": _only_stream(lambda body: body.replace(b"data: ", b"data:")),
    "no line end after the end mark": _only_stream(lambda body: body.rstrip(b"\n")),
    "compact": _with_body(lambda body: _written_again(body, _compact)),
    "pretty": _with_body(
        lambda body: (
            body
            if body.startswith(b"data:")
            else json.dumps(json.loads(body), indent=7, sort_keys=True).encode() + b"\n\n"
        )
    ),
    "fields in another order": _with_body(
        lambda body: _written_again(
            body, lambda value: json.dumps(_shuffled(value, random.Random(5))).encode()
        )
    ),
    "headers in another order and case": _headers_turned,
    "the request's fields in another order": lambda exchange: replace(
        exchange,
        request_body=json.dumps(
            _shuffled(json.loads(exchange.request_body), random.Random(7)), indent=1
        ).encode(),
    ),
}
_PARTS_IN_ORDER = {"the request's fields in another order"}
"""Under v1 content parts are signed as Python prints them: there the order of names is signed."""


@pytest.mark.parametrize("what", HARMLESS)
def test_what_changes_no_meaning_changes_no_verdict(
    what: str, recorded: list[Recorded], gateway_trust: Trust
) -> None:
    for entry in recorded:
        if not entry.signed or (what in _PARTS_IN_ORDER and "parts" in entry.name):
            continue
        states = [
            verdict_for(one, {}, gateway_trust, one.received_at, facts=entry.facts).state
            for one in (entry.exchange, HARMLESS[what](entry.exchange))
        ]
        assert states[0] is states[1], entry.name

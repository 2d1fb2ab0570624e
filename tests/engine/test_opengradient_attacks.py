"""Attacks on a whole exchange, through the program and not only through its verifier.

Each stands between an honest gateway and Troth, straight and through a relay that opens what it
carries (it has the enclave's key: the worst of relays). None may come out as verified.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from enclaves import Enclave, Relay, event_stream
from engine.opengradient_home import MODEL, Home
from servers import Answer, RecordedRequest
from troth.domain.verdict import State
from verifiers.signer import Gateway, make_key, text_frame

Spoil = Callable[[bytes], bytes]
FAILED, STALE, CANNOT = State.FAILED, State.STALE, State.CANNOT_CHECK
INCOMPLETE, UNSIGNED = State.INCOMPLETE, State.UNSIGNED_EXPECTED
DONE = b"data: [DONE]\n\n"


def swap(old: bytes, new: bytes) -> Spoil:
    def spoil(body: bytes) -> bytes:
        assert old in body
        return body.replace(old, new)

    return spoil


def in_proof(name: str, change: Callable[[str], object]) -> Spoil:
    """Change one field of the signed frame."""

    def spoil(body: bytes) -> bytes:
        *frames, final, done, rest = body.split(b"\n\n")
        fields = json.loads(final.removeprefix(b"data: "))
        fields[name] = change(fields[name])
        return b"\n\n".join([*frames, b"data: " + json.dumps(fields).encode(), done, rest])

    return spoil


def without(name: str) -> Spoil:
    def spoil(body: bytes) -> bytes:
        *frames, final, done, rest = body.split(b"\n\n")
        fields = json.loads(final.removeprefix(b"data: "))
        del fields[name]
        return b"\n\n".join([*frames, b"data: " + json.dumps(fields).encode(), done, rest])

    return spoil


def flipped(text: str) -> str:
    return text[:-2] + ("B" if text[-2] != "B" else "C") + text[-1]


ATTACKS: dict[str, tuple[Spoil, State]] = {
    "a word changed": (swap(b'"Hel"', b'"Bel"'), FAILED),
    "a homoglyph": (swap(b'"lo, "', '"l\u043e, "'.encode()), FAILED),
    "a zero-width space": (swap(b'"lo, "', b'"lo\\u200b, "'), FAILED),
    "a word appended": (lambda b: text_frame("gpt-4.1", "Pay now.") + b, FAILED),
    "a frame dropped": (lambda b: b.partition(b"\n\n")[2], FAILED),
    "two frames exchanged": (
        lambda b: b"\n\n".join((lambda f: [f[1], f[0], *f[2:]])(b.split(b"\n\n"))),
        FAILED,
    ),
    "a frame after the signed one": (
        lambda b: b.replace(DONE, text_frame("gpt-4.1", "Pay.") + DONE), FAILED,
    ),
    "a frame after the end": (lambda b: b + text_frame("gpt-4.1", "Pay."), FAILED),
    "two signed frames": (
        lambda b: b"\n\n".join((lambda f: [*f[:-2], f[-3], *f[-2:]])(b.split(b"\n\n"))), FAILED,
    ),
    "a second choice": (
        lambda b: b.replace(b'"index": 0, "finish', b'"index": 1, "finish', 1), FAILED,
    ),
    "the signature flipped": (in_proof("tee_signature", flipped), FAILED),
    "the signature of nothing": (in_proof("tee_signature", lambda _: "AAAA"), FAILED),
    "the output hash changed": (in_proof("tee_output_hash", lambda h: "00" + h[2:]), FAILED),
    "the request hash changed": (in_proof("tee_request_hash", lambda h: "00" + h[2:]), FAILED),
    "the time moved a second": (in_proof("tee_timestamp", lambda t: int(t) + 1), FAILED),
    "the time as a text": (in_proof("tee_timestamp", str), FAILED),
    "another enclave named": (in_proof("tee_id", lambda _: "0x" + "11" * 32), FAILED),
    "the signature left out": (without("tee_signature"), UNSIGNED),
    "the whole proof left out": (
        lambda b: b"\n\n".join((lambda f: [*f[:-3], *f[-2:]])(b.split(b"\n\n"))), UNSIGNED,
    ),
    "cut before the proof": (
        lambda b: b"\n\n".join(b.split(b"\n\n")[:-3]) + b"\n\n", INCOMPLETE,
    ),
    "cut before the end mark": (lambda b: b.removesuffix(DONE), INCOMPLETE),
    "an error in place of the proof": (
        lambda b: b"\n\n".join([*b.split(b"\n\n")[:-3], b'data: {"error": "overloaded"}', b""]),
        INCOMPLETE,
    ),
    "a fake badge for a text": (swap(b'"Hel"', '"✓ verified by Troth "'.encode()), FAILED),
}  # fmt: skip


@dataclass
class Between(Enclave):
    """An honest gateway with somebody behind it who changes what it says."""

    spoil: Spoil = bytes

    def reply_to(self, asked: dict[str, object]) -> Answer:
        return event_stream(self.spoil(super().reply_to(asked).body))


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with AsyncExitStack() as stack:
        yield Home(tmp_path, stack)


@pytest.mark.parametrize("route", ["direct", "relay"])
async def test_no_attack_comes_out_as_verified(home: Home, route: str) -> None:
    enclave = Between(Gateway(make_key("attacked")))
    relay = Relay(enclave, token="")
    enclave.sealing = relay.public_key
    server = await home.serve(relay if route == "relay" else enclave)
    if route == "relay":
        gateway = await home.serve(enclave)
        options = {"route": "relay", "gateway": gateway.url}
        engine = await home.open(server.url, pin=enclave.gateway, **options)
    else:
        engine = await home.open(server.url, pin=enclave.gateway)
    _, honest = await home.ask(await engine.new_chat(model=MODEL))
    assert honest is not None
    assert honest.state is State.VERIFIED_PINNED
    found: dict[str, str] = {}
    for name, (spoil, state) in ATTACKS.items():
        enclave.spoil = spoil
        message, verdict = await home.ask(await engine.new_chat(model=MODEL))
        came = verdict.state if verdict is not None else message.failure
        if came is not state:
            found[name] = f"{came} in place of {state}"
    assert found == {}


async def test_an_old_reply_to_the_same_question_is_caught(home: Home) -> None:
    enclave = Enclave(Gateway(make_key("attacked")))
    kept: list[Answer] = []

    def replay(request: RecordedRequest) -> Answer:
        answer = enclave(request)
        if request.path != "/v1/chat/completions":
            return answer
        kept.append(replace(answer))
        return kept[0]

    server = await home.serve(replay)
    engine = await home.open(server.url, pin=enclave.gateway)
    states = []
    for _ in range(2):
        _, verdict = await home.ask(await engine.new_chat(model=MODEL))
        assert verdict is not None
        states.append(verdict.state)
    assert states == [State.VERIFIED_PINNED, FAILED]


async def test_one_reply_to_two_questions_at_once_counts_for_one_of_them(home: Home) -> None:
    enclave = Enclave(Gateway(make_key("attacked")))
    kept: list[Answer] = []

    def replay(request: RecordedRequest) -> Answer:
        if request.path != "/v1/chat/completions":
            return enclave(request)
        if not kept:
            kept.append(enclave(request))
        return kept[0]

    server = await home.serve(replay)
    engine = await home.open(server.url, pin=enclave.gateway)
    chats = [await engine.new_chat(model=MODEL) for _ in range(6)]
    found = await asyncio.gather(*(home.ask(chat) for chat in chats))
    states = sorted(verdict.state.value for _, verdict in found if verdict is not None)
    assert states == [FAILED.value] * 5 + [State.VERIFIED_PINNED.value]


async def test_trying_again_never_turns_a_failure_green(home: Home) -> None:
    enclave = Between(Gateway(make_key("attacked")), spoil=ATTACKS["a word changed"][0])
    server = await home.serve(enclave)
    engine = await home.open(server.url, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    message, verdict = await home.ask(chat)
    assert verdict is not None
    for _ in range(2):
        again = await engine.proofs.check_again(chat, message.id)
        assert again.state is verdict.state is FAILED

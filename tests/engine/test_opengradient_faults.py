"""Faults of registries, relays, gateways and clocks: each has a state and words of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from enclaves import Enclave, Registry, Relay, registry_record, trust_machine
from engine.opengradient_home import ADDRESS, MODEL, Home
from servers import Answer, RecordedRequest
from troth.domain.message import Message
from troth.domain.verdict import Outcome, State, Verdict
from troth.explain import explain_failure, verdict_sentence
from verifiers.enclave import Machine
from verifiers.signer import Gateway, make_key

Told = tuple[str, str]
"""State or kind of failure, and what the person reads."""
Fault = Callable[[Home, Path], Awaitable[Told]]
DAY_S = 86_400


def told(message: Message, verdict: Verdict | None) -> Told:
    if verdict is None:
        assert message.failure is not None
        words = explain_failure(message.failure)
        return message.failure.kind, f"{words.title}. {words.detail} {words.next_step}"
    open_check = next(
        (c for c in verdict.checks if c.outcome in {Outcome.FAILED, Outcome.CANNOT_CHECK}), None
    )
    detail = open_check.detail if open_check else ""
    return verdict.state.value, f"{verdict_sentence(verdict)} {detail}"


async def ask(home: Home, policy: str = "any") -> Told:
    chat = await home.engine.new_chat(model=MODEL)
    await home.engine.update_chat(chat, policy=policy)
    return told(*await home.ask(chat))


async def _registry(home: Home, *chains: Registry, policy: str = "any") -> Told:
    places = [f"{(await home.serve(chain)).url}:{ADDRESS}" for chain in chains]
    await home.open("", registry=list(places))
    return await ask(home, policy)


async def registry_down(home: Home, _: Path) -> Told:
    return await _registry(home, Registry([], is_down=True))


async def registry_empty(home: Home, _: Path) -> Told:
    return await _registry(home, Registry([]))


async def rpc_lies(home: Home, _: Path) -> Told:
    """One of two endpoints puts its own enclave in place of the real one."""
    gateway = await home.serve(enclave := Enclave(Gateway(make_key("thief"))))
    lie = registry_record(enclave.gateway, endpoint=gateway.url)
    truth = registry_record(Gateway(make_key("real")), endpoint="https://127.0.0.1:1")
    answer = await _registry(home, Registry([lie]), Registry([truth]), policy="signed")
    assert enclave.asked == []
    return answer


def relay_says(status: int, words: bytes) -> Fault:
    async def fault(home: Home, _: Path) -> Told:
        enclave = Enclave(Gateway(make_key("relayed")))
        refusal = Answer(status=status, headers=(("x-should-retry", "false"),), steps=(words,))
        relay = Relay(enclave, token="", refusal=refusal)
        enclave.sealing = relay.public_key
        gateway, server = await home.serve(enclave), await home.serve(relay)
        await home.open(server.url, pin=enclave.gateway, route="relay", gateway=gateway.url)
        return await ask(home)

    return fault


def _without_hardware(enclave: Enclave) -> Callable[[RecordedRequest], Answer]:
    def script(request: RecordedRequest) -> Answer:
        if request.path.startswith("/enclave/"):
            return Answer(status=503, steps=(b"vsock gone",))
        return enclave(request)

    return script


async def attestation_down(home: Home, _: Path) -> Told:
    enclave = Enclave(Gateway(make_key("pinned")))
    server = await home.serve(_without_hardware(enclave))
    await home.open(server.url, pin=enclave.gateway)
    return await ask(home)


async def attestation_down_where_it_is_needed(home: Home, directory: Path) -> Told:
    machine = Machine()
    trust_machine(directory, machine)
    enclave = Enclave(Gateway(make_key("attested")), machine=machine)
    server = await home.serve(_without_hardware(enclave))
    await home.open(server.url)
    answer = await ask(home, "attested")
    assert enclave.asked == []
    return answer


def clock_is_off(seconds: int) -> Fault:
    async def fault(home: Home, _: Path) -> Told:
        enclave = Enclave(Gateway(make_key("pinned")), clock_offset_s=seconds)
        server = await home.serve(enclave)
        await home.open(server.url, pin=enclave.gateway)
        return await ask(home)

    return fault


async def key_rotated_in_mid_chat(home: Home, _: Path) -> Told:
    enclave = Enclave(Gateway(make_key("pinned")))
    server = await home.serve(enclave)
    engine = await home.open(server.url, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    await home.ask(chat)
    enclave.gateway = Gateway(make_key("rotated"))
    return told(*await home.ask(chat))


async def gateway_restarted(home: Home, _: Path) -> Told:
    enclave = Enclave(Gateway(make_key("restarted")))
    server = await home.serve(enclave)
    await home.open(server.url, pin=Gateway(make_key("pinned")))
    answer = await ask(home)
    assert enclave.asked == []
    return answer


FAULTS: dict[str, tuple[Fault, str, str]] = {
    "registry down": (registry_down, "registry-failed", "gave no answer that can be used"),
    "registry empty": (registry_empty, "enclave-refused", "lists no enclave"),
    "an RPC endpoint lies": (rpc_lies, "enclave-refused", "disagree"),
    "relay 402": (relay_says(402, b"no credit"), "no-credit", "no credit"),
    "relay 403": (relay_says(403, b"not for you"), "access-denied", "not for you"),
    "relay 500": (relay_says(500, b"upstream fell over"), "server-failed", "fell over"),
    "relay 413": (
        relay_says(413, b'{"error": "encapsulated request too large"}'),
        "request-too-large", "encapsulated request too large",
    ),
    "relay 451": (
        relay_says(451, b'{"error": "refused", "code": "moderation_blocked"}'),
        "content-refused", "A filter stopped",
    ),
    "attestation down": (attestation_down, State.VERIFIED_PINNED.value, "HTTP 503"),
    "attestation down where it is needed": (
        attestation_down_where_it_is_needed, "enclave-refused", "HTTP 503",
    ),
    "clock a day behind": (clock_is_off(-DAY_S), State.STALE.value, "before you asked"),
    "clock a day ahead": (clock_is_off(DAY_S), State.CANNOT_CHECK.value, "date and time of this"),
    "key rotated in mid-chat": (key_rotated_in_mid_chat, State.FAILED.value, "The wrong key"),
    "gateway restarted": (gateway_restarted, "enclave-refused", "restarted with a new key"),
}  # fmt: skip


async def test_each_fault_has_a_state_and_words_of_its_own(tmp_path: Path) -> None:
    read: dict[str, str] = {}
    wrong: dict[str, Told] = {}
    for number, (name, (fault, kind, words)) in enumerate(FAULTS.items()):
        directory = tmp_path / str(number)
        directory.mkdir()
        async with AsyncExitStack() as stack:
            found = await fault(Home(directory, stack), directory)
        if found[0] != kind or words not in found[1]:
            wrong[name] = found
        read[name] = found[1]
    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())
    assert len(set(read.values())) == len(FAULTS)

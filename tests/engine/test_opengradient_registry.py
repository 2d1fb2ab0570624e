"""Gateways by the registry: TLS ends where it says, endpoints must agree, others take over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from enclaves import Enclave, Registry, registry_record, trust_machine
from engine.opengradient_home import ADDRESS, MODEL, Home, failure_of, outcome
from servers import make_certificate
from troth.domain.error import RegistryFailed, UsageError
from troth.domain.message import Finish
from troth.domain.verdict import Outcome, State
from troth.engine.known_code import read_measured
from troth.engine.receipts import verify
from verifiers.enclave import Machine
from verifiers.independent_receipt import check
from verifiers.signer import Gateway, keccak, make_key


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with AsyncExitStack() as stack:
        yield Home(tmp_path, stack)


CERTIFICATE = make_certificate(["enclave.invalid"])


async def test_the_registrys_certificate_and_key_carry_a_reply(home: Home) -> None:
    enclave = Enclave()
    gateway = await home.serve(enclave, certificate=CERTIFICATE)
    record = registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)
    registry = await home.serve(Registry([record]))
    engine = await home.open("", registry=f"{registry.url}:{ADDRESS}")
    chat = await engine.new_chat(model=MODEL)
    message, verdict = await home.ask(chat)
    assert message.finish is Finish.STOP, message.failure
    assert verdict is not None
    assert verdict.state is State.VERIFIED_REGISTRY, verdict
    exchange = await engine.proofs.exchange(chat, message.id)
    assert exchange.url == f"{gateway.url}/v1/chat/completions"


async def test_a_gateway_with_another_certificate_gets_no_prompt(home: Home) -> None:
    enclave = Enclave()
    gateway = await home.serve(enclave, certificate=make_certificate())
    record = registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)
    registry = await home.serve(Registry([record]))
    await home.open("", registry=f"{registry.url}:{ADDRESS}")
    message, _ = await home.ask()
    assert failure_of(message)[0] == "tls-failed"
    assert enclave.asked == []


async def test_when_one_gateway_is_gone_the_next_one_answers(home: Home) -> None:
    enclave = Enclave(Gateway(make_key("alive")))
    gateway = await home.serve(enclave, certificate=CERTIFICATE)
    gone = registry_record(
        Gateway(make_key("gone")),
        endpoint="https://127.0.0.1:1",
        certificate=CERTIFICATE.der,
        heartbeat=(1795999999).to_bytes(32, "big"),
    )
    alive = registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)
    registry = await home.serve(Registry([gone, alive]))
    await home.open("", registry=f"{registry.url}:{ADDRESS}")
    _, verdict = await home.ask()
    assert verdict is not None
    assert verdict.state is State.VERIFIED_REGISTRY


async def test_a_restarted_gateway_is_found_again_by_reading_the_registry_again(
    home: Home,
) -> None:
    enclave = Enclave(Gateway(make_key("first")))
    gateway = await home.serve(enclave, certificate=CERTIFICATE)

    def record() -> bytes:
        return registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)

    chain = Registry([record()])
    registry = await home.serve(chain)
    engine = await home.open("", registry=f"{registry.url}:{ADDRESS}")
    chat = await engine.new_chat(model=MODEL)
    await home.ask(chat)
    enclave.gateway = Gateway(make_key("second"))
    chain.records = [record()]
    _, verdict = await home.ask(chat)
    assert verdict is not None
    assert verdict.state is not State.VERIFIED_REGISTRY  # signed by a key that was not listed then
    _, verdict = await home.ask(chat, "and now?")
    assert verdict is not None
    assert verdict.state is State.VERIFIED_REGISTRY, verdict


async def test_a_registry_that_is_down_has_words_of_its_own_and_nothing_leaves(
    home: Home,
) -> None:
    registry = await home.serve(Registry([], is_down=True))
    engine = await home.open("", registry=f"{registry.url}:{ADDRESS}")
    message, _ = await home.ask()
    assert failure_of(message) == ("registry-failed", "It answered with HTTP 503.")
    with pytest.raises(RegistryFailed):
        await engine.enclaves.listing("og")


async def test_endpoints_that_disagree_are_named_and_the_record_counts_for_nothing(
    home: Home,
) -> None:
    enclave = Enclave()
    gateway = await home.serve(enclave, certificate=CERTIFICATE)
    honest = registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)
    first = await home.serve(Registry([honest]))
    second = await home.serve(Registry([]))
    engine = await home.open("", registry=[f"{first.url}:{ADDRESS}", f"{second.url}:{ADDRESS}"])
    listing = await engine.enclaves.listing("og")
    assert listing.records[0].disagreeing_urls == (second.url,)
    _, verdict = await home.ask()
    assert verdict is not None
    assert outcome(verdict, "registry") is Outcome.CANNOT_CHECK
    assert not verdict.is_verified
    await engine.update_chat(chat := await engine.new_chat(model=MODEL), policy="signed")
    asked = len(enclave.asked)
    message, _ = await home.ask(chat)
    assert failure_of(message)[0] == "enclave-refused"
    assert len(enclave.asked) == asked


async def test_an_endpoint_of_two_may_be_down(home: Home) -> None:
    enclave = Enclave()
    gateway = await home.serve(enclave, certificate=CERTIFICATE)
    honest = registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)
    first = await home.serve(Registry([honest]))
    second = await home.serve(Registry([], is_down=True))
    engine = await home.open("", registry=[f"{first.url}:{ADDRESS}", f"{second.url}:{ADDRESS}"])
    listing = await engine.enclaves.listing("og")
    assert listing.failures == ((second.url, "It answered with HTTP 503."),)
    _, verdict = await home.ask()
    assert verdict is not None
    assert verdict.state is State.VERIFIED_REGISTRY


async def test_a_chat_for_attested_models_sends_nothing_on_a_registrys_word(home: Home) -> None:
    enclave = Enclave()
    gateway = await home.serve(enclave, certificate=CERTIFICATE)
    record = registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)
    registry = await home.serve(Registry([record]))
    engine = await home.open("", registry=f"{registry.url}:{ADDRESS}")
    chat = await engine.new_chat(model=MODEL)
    await engine.update_chat(chat, policy="attested")
    message, _ = await home.ask(chat)
    assert failure_of(message)[0] == "enclave-refused"
    assert enclave.asked == []


async def test_code_that_a_person_knows_is_named_from_a_reply_and_forgotten(
    home: Home, tmp_path: Path
) -> None:
    machine = Machine()
    trust_machine(tmp_path, machine, knows_code=False)
    enclave = Enclave(Gateway(make_key("unknown")), machine=machine, certificate=CERTIFICATE.der)
    gateway = await home.serve(enclave, certificate=CERTIFICATE)
    record = registry_record(
        enclave.gateway,
        endpoint=gateway.url,
        certificate=CERTIFICATE.der,
        pcr=keccak(b"\x9b" * 48 + b"\x4b" * 48 + b"\x76" * 48),
    )
    registry = await home.serve(Registry([record]))
    engine = await home.open("", registry=f"{registry.url}:{ADDRESS}")
    chat = await engine.new_chat(model=MODEL)
    message, verdict = await home.ask(chat)
    assert verdict is not None
    assert verdict.state is State.VERIFIED_CODE_UNKNOWN, verdict
    proofs = engine.proofs
    key = await proofs.known_key(chat, message.id)
    assert dict(key.measured)["pcr0"] == "9b" * 48
    assert key.registry == "og's registry"
    code = next(check for check in verdict.checks if check.name == "code")
    assert "og's registry lists it" in code.detail
    receipt = await proofs.receipt(chat, message.id)
    assert read_measured(receipt, proofs.trust_file.load()) == key.measured
    await proofs.know_code(key, "what I built")
    verdict = await proofs.check_again(chat, message.id)
    assert verdict.state is State.VERIFIED_ATTESTED
    key = await proofs.known_key(chat, message.id)
    assert (key.code_name, key.is_own_code) == ("what I built", True)
    await engine.close_chat(chat)
    chat = await engine.open_chat(chat.id)
    assert chat.verdicts[message.id] == verdict  # the vault keeps what was measured
    await proofs.trust_file.forget("what I built")
    assert (await proofs.check_again(chat, message.id)).state is State.VERIFIED_CODE_UNKNOWN


async def test_hardware_registry_and_connection_are_one_chain_that_a_stranger_can_follow(
    home: Home, tmp_path: Path
) -> None:
    machine = Machine()
    trust_machine(tmp_path, machine)
    enclave = Enclave(Gateway(make_key("chained")), machine=machine, certificate=CERTIFICATE.der)
    gateway = await home.serve(enclave, certificate=CERTIFICATE)
    record = registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)
    registry = await home.serve(Registry([record]))
    engine = await home.open("", registry=f"{registry.url}:{ADDRESS}")
    chat = await engine.new_chat(model=MODEL)
    await engine.update_chat(chat, policy="attested")
    message, verdict = await home.ask(chat)
    assert verdict is not None, message.failure
    assert verdict.state is State.VERIFIED_ATTESTED, verdict
    assert outcome(verdict, "channel") is Outcome.PASSED
    receipt = await engine.proofs.receipt(chat, message.id)
    proven = check(receipt, roots=frozenset({machine.root_sha256}))
    assert proven.is_attested
    assert proven.text == message.text
    assert verify(receipt, trust=engine.proofs.trust_file.load()).then.state is verdict.state


async def test_a_connection_that_is_not_the_documents_gets_no_prompt(
    home: Home, tmp_path: Path
) -> None:
    machine = Machine()
    trust_machine(tmp_path, machine)
    enclave = Enclave(Gateway(make_key("chained")), machine=machine, certificate=b"another's")
    gateway = await home.serve(enclave, certificate=CERTIFICATE)
    record = registry_record(enclave.gateway, endpoint=gateway.url, certificate=CERTIFICATE.der)
    registry = await home.serve(Registry([record]))
    await home.open("", registry=f"{registry.url}:{ADDRESS}")
    message, _ = await home.ask()
    kind, reason = failure_of(message)
    assert kind == "enclave-refused"
    assert "another machine" in reason
    assert enclave.asked == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("none", "lists this enclave as alive"),
        ("switched off", "has switched this enclave off"),
        ("silent", "is silent"),
        ("disputed", "disagree"),
    ],
)
async def test_what_the_registry_says_now_stands_beside_what_it_said_then(
    home: Home, fault: str, words: str
) -> None:
    enclave = Enclave()
    server = await home.serve(enclave)
    chains = [Registry([registry_record(enclave.gateway, endpoint=server.url)]) for _ in range(2)]
    places = [f"{(await home.serve(chain)).url}:{ADDRESS}" for chain in chains]
    engine = await home.open("", registry=places)
    chat = await engine.new_chat(model=MODEL)
    message, then = await home.ask(chat)
    assert then is not None
    assert then.state is State.VERIFIED_REGISTRY, message.failure
    for chain in chains[:1] if fault == "disputed" else chains:
        match fault:
            case "silent":
                chain.flags = (True, False)
            case "switched off" | "disputed":
                chain.flags = (False, False)
            case _:
                pass
    standing = await engine.proofs.ask_registry(chat, message.id)
    assert words in standing.words
    now = chat.verdicts[message.id]
    assert now.state is then.state, "what it was worth when it came"
    (said,) = [check for check in now.checks if standing.words in check.detail]
    assert (said.outcome is Outcome.CANNOT_CHECK) is (fault != "none")
    again = await engine.proofs.check_again(chat, message.id)
    assert any(standing.words in check.detail for check in again.checks)
    receipt = verify(await engine.proofs.receipt(chat, message.id))
    for verdict in (receipt.then, receipt.now):
        assert not any(standing.words in check.detail for check in verdict.checks)


async def test_an_enclave_that_is_known_to_be_off_gets_no_further_prompt(home: Home) -> None:
    enclave = Enclave()
    server = await home.serve(enclave)
    chain = Registry([registry_record(enclave.gateway, endpoint=server.url)])
    engine = await home.open("", registry=f"{(await home.serve(chain)).url}:{ADDRESS}")
    chat = await engine.new_chat(model=MODEL)
    message, _ = await home.ask(chat)
    chain.records, chain.flags = [], (False, False)
    await engine.proofs.ask_registry(chat, message.id)
    message, _ = await home.ask(chat, "again")
    assert failure_of(message)[0] == "enclave-refused"
    assert len(enclave.asked) == 1


async def test_a_pinned_gateway_without_a_registry_has_none_to_ask(home: Home) -> None:
    enclave = Enclave()
    server = await home.serve(enclave)
    engine = await home.open(server.url, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    message, _ = await home.ask(chat)
    with pytest.raises(UsageError, match="names no registry"):
        await engine.proofs.ask_registry(chat, message.id)

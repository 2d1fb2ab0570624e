"""Who vouches for the key that a prompt is sealed to: the registry, the enclave, or nobody."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from enclaves import Enclave, Registry, Relay, registry_record, trust_machine
from engine.opengradient_home import ADDRESS, MODEL, Home, failure_of, outcome
from servers import ScriptedServer
from troth.domain.message import BlobPart, Message
from troth.domain.model import Endpoint
from troth.domain.verdict import Outcome, State, Verdict
from troth.engine.engine import Engine
from tui.pictures import quarters
from verifiers.enclave import Machine
from verifiers.signer import Gateway, make_key

BILLING = b'\n--opengradient-ohttp-billing-v1--\n\x00\x00\x00\x12{"cost_opg":"123"}'


class Stage:
    """A relay of the user's own, which wants no login, with the enclave behind it."""

    def __init__(self, directory: Path, home: Home) -> None:
        self.directory = directory
        self.home = home
        self.machine = Machine()
        self.enclave = Enclave(Gateway(make_key("sealed")), machine=self.machine)
        self.relay = Relay(self.enclave, token="")
        self.enclave.sealing = self.relay.public_key
        self.relay_server: ScriptedServer
        self.gateway_server: ScriptedServer
        self.engine: Engine

    async def open(self, *, by_registry: bool, pin: bool = False) -> None:
        self.gateway_server = await self.home.serve(self.enclave)
        self.relay_server = await self.home.serve(self.relay)
        options = {"route": "relay", "gateway": self.gateway_server.url}
        if not by_registry:
            self.enclave.machine = None  # a gateway of the user's own, on plain hardware
        else:
            record = registry_record(
                self.enclave.gateway,
                endpoint=self.gateway_server.url,
                sealing=self.relay.public_key,
            )
            chain = await self.home.serve(Registry([record]))
            options = {"route": "relay", "registry": f"{chain.url}:{ADDRESS}"}
        self.engine = await self.home.open(
            self.relay_server.url, pin=self.enclave.gateway if pin else None, **options
        )

    async def ask(self, policy: str = "any") -> tuple[Message, Verdict | None]:
        chat = await self.engine.new_chat(model=MODEL)
        await self.engine.update_chat(chat, policy=policy)
        return await self.home.ask(chat)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(tmp_path, Home(tmp_path, stack))


async def test_a_chat_for_attested_models_only_can_go_through_a_relay(stage: Stage) -> None:
    trust_machine(stage.directory, stage.machine)
    await stage.open(by_registry=True)
    message, verdict = await stage.ask("attested")
    assert verdict is not None, message.failure
    assert verdict.state is State.VERIFIED_ATTESTED, verdict
    assert outcome(verdict, "channel") is Outcome.PASSED
    asked = [request.path.partition("?")[0] for request in stage.gateway_server.requests]
    assert sorted(asked) == ["/enclave/attestation", "/signing-key", "/v1/ohttp/config"]
    meaning = stage.engine.proofs.meaning(message, verdict)
    enclave = next(seen for seen in meaning.who_saw_what if seen.who == "The enclave")
    assert enclave.address == "yes"
    assert stage.relay.asked


async def test_an_attested_reply_through_a_relay_can_be_checked_again(stage: Stage) -> None:
    trust_machine(stage.directory, stage.machine)
    await stage.open(by_registry=True)
    chat = await stage.engine.new_chat(model=MODEL)
    await stage.engine.update_chat(chat, policy="attested")
    message, _ = await stage.home.ask(chat)
    again = await stage.engine.proofs.check_again(chat, message.id)
    assert again.state is State.VERIFIED_ATTESTED


async def test_a_picture_comes_through_a_relay_as_it_does_directly(stage: Stage) -> None:
    url = f"data:image/png;base64,{base64.b64encode(quarters()).decode()}"
    stage.enclave.words, stage.enclave.beside = (), {"images": [url]}
    trust_machine(stage.directory, stage.machine)
    await stage.open(by_registry=True)
    message, verdict = await stage.ask()
    assert message.failure is None
    (part,) = message.parts
    assert isinstance(part, BlobPart)
    assert verdict is not None
    assert verdict.state is State.PARTLY_COVERED, verdict


@pytest.mark.parametrize("fault", ["no hardware", "other code", "debug", "other sealing key"])
async def test_what_is_not_attested_gets_no_prompt(stage: Stage, fault: str) -> None:
    trust_machine(stage.directory, stage.machine, knows_code=fault != "other code")
    match fault:
        case "no hardware":
            stage.enclave.machine = None
        case "debug":
            stage.enclave.document_changes = {"pcrs": {index: bytes(48) for index in range(16)}}
        case "other sealing key":
            stage.enclave.sealing = b"\x66" * 32
        case _:
            pass
    await stage.open(by_registry=True)
    message, _ = await stage.ask("attested")
    assert failure_of(message)[0] == "enclave-refused"
    assert stage.relay.asked == []


async def test_a_relay_without_a_registry_takes_the_key_that_the_gateway_signs(
    stage: Stage,
) -> None:
    await stage.open(by_registry=False, pin=True)
    message, verdict = await stage.ask("signed")
    assert verdict is not None, message.failure
    assert verdict.state is State.VERIFIED_PINNED, verdict
    assert outcome(verdict, "channel") is Outcome.PASSED


async def test_a_sealing_key_that_somebody_else_signed_gets_no_prompt(stage: Stage) -> None:
    stage.enclave.sealing_signer = Gateway(make_key("in between"))
    await stage.open(by_registry=False, pin=True)
    message, _ = await stage.ask()
    assert failure_of(message)[0] == "enclave-refused"
    assert "signature on its sealing key" in failure_of(message)[1]
    assert stage.relay.asked == []


async def test_a_gateway_without_a_sealing_key_gets_no_prompt(stage: Stage) -> None:
    stage.enclave.sealing = b""
    await stage.open(by_registry=False, pin=True)
    message, _ = await stage.ask()
    assert failure_of(message) == ("enclave-refused", "This enclave has no key to seal to.")
    assert stage.relay.asked == []


async def test_a_relay_that_wants_a_login_says_so(stage: Stage) -> None:
    stage.relay.token = "needed"
    await stage.open(by_registry=False, pin=True)
    message, _ = await stage.ask()
    assert failure_of(message)[0] == "login-missing"


async def test_a_note_on_costs_that_the_relay_left_in_does_no_harm(stage: Stage) -> None:
    stage.relay.billing = BILLING
    await stage.open(by_registry=False, pin=True)
    message, verdict = await stage.ask()
    assert message.text == "".join(stage.enclave.words), message.failure
    assert verdict is not None
    assert verdict.is_verified


async def test_an_answer_that_was_sealed_in_one_piece_is_opened_and_verified(stage: Stage) -> None:
    stage.relay.is_single = True
    await stage.open(by_registry=False, pin=True)
    message, verdict = await stage.ask()
    assert message.text == "".join(stage.enclave.words), message.failure
    assert verdict is not None
    assert verdict.state is State.VERIFIED_PINNED, verdict


async def test_a_gateway_that_takes_sealed_prompts_itself_is_a_relay_too(stage: Stage) -> None:
    await stage.open(by_registry=False, pin=True)
    url = f"{stage.relay_server.url}/v1/ohttp"
    await stage.engine.providers.remove_endpoint("og")
    options = {"route": "relay", "gateway": stage.gateway_server.url}
    await stage.engine.providers.add_endpoint(
        Endpoint("og", "opengradient", url, needs_key=False, options=dict(options))
    )
    _, verdict = await stage.ask()
    assert verdict is not None
    assert verdict.is_verified
    assert [request.path for request in stage.relay.asked] == ["/v1/ohttp"]


async def test_a_restarted_enclave_behind_a_relay_is_asked_again(stage: Stage) -> None:
    await stage.open(by_registry=False)
    await stage.ask()
    stage.enclave.gateway = Gateway(make_key("sealed anew"))
    stage.relay.private_key = b"\x32" * 32
    stage.enclave.sealing = stage.relay.public_key
    message, verdict = await stage.ask()
    assert message.text, message.failure
    assert verdict is not None
    assert verdict.state is State.SIGNED_UNKNOWN_KEY

"""The simulated enclave: the whole way with the real checks, and never the look of a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cbor2
import pytest

import troth
from troth.domain.error import LocalModelMissing, PolicyRefused, UsageError
from troth.domain.exchange import HttpRequest
from troth.domain.model import Endpoint, ModelRef
from troth.domain.verdict import Outcome, State, Verdict
from troth.engine.demo import demo as demo_module
from troth.engine.demo.documents import encode_cbor, make_document
from troth.engine.demo.enclave import MODES, Request, SimulatedEnclave
from troth.engine.demo.root import CERTIFICATE, NAME, private_key, simulated_trust
from troth.engine.engine import Engine
from troth.settings import find_paths
from troth.transport import Transport
from troth.transport.loopback import serving
from troth.verifiers.nitro import open_document
from troth.verifiers.trust_text import shipped_trust


async def say(request: Request) -> AsyncIterator[str]:
    """Stand in the model's place: it is no part of what is tested here."""
    for piece in ("You ", "said ", "something."):
        yield piece


class Stage:
    """An engine whose provider `sim` is a simulated enclave, without the embedded model."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def ask(self, text: str = "hello") -> Verdict:
        chat = await self.engine.new_chat(model=ModelRef("sim", "honest"))
        reply = await self.engine.send(chat, text)
        async for _ in reply.follow():
            pass
        assert reply.verdict is not None, reply.message and reply.message.failure
        return reply.verdict


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    home = {"TROTH_HOME": str(tmp_path)}
    enclave = SimulatedEnclave(say, request.param)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(enclave.answer))
        engine = await stack.enter_async_context(
            await Engine.open(paths=find_paths(home), environ=home)
        )
        await engine.providers.add_endpoint(
            Endpoint(
                "sim",
                "opengradient",
                f"http://127.0.0.1:{port}",
                needs_key=False,
                is_own=True,
                options={"simulated": True},
            )
        )
        yield Stage(engine)


@pytest.mark.parametrize(
    ("stage", "state", "check"),
    [
        ("honest", State.SIMULATED, ""),
        ("tamper", State.FAILED, "reply-bytes"),
        ("replay", State.FAILED, "request-bytes"),
        ("truncate", State.INCOMPLETE, "completeness"),
        ("strip", State.UNSIGNED_EXPECTED, "expectation"),
        ("debug", State.FAILED, "hardware"),
    ],
    indirect=["stage"],
)
async def test_each_mode_is_seen_by_the_check_that_is_there_for_it(
    stage: Stage, state: State, check: str
) -> None:
    verdict = await stage.ask()
    assert verdict.state is state, verdict
    assert verdict.is_simulated
    if check:
        outcomes = {c.name: c.outcome for c in verdict.checks}
        assert outcomes[check] is not Outcome.PASSED


@pytest.mark.parametrize("stage", ["honest"], indirect=True)
async def test_no_policy_takes_a_simulation_for_proof(stage: Stage) -> None:
    chat = await stage.engine.new_chat(model=ModelRef("sim", "honest"))
    for policy in ("signed", "attested"):
        await stage.engine.update_chat(chat, policy=policy)
        with pytest.raises(PolicyRefused):
            await stage.engine.send(chat, "hi")


@pytest.mark.parametrize("stage", ["honest"], indirect=True)
async def test_a_receipt_of_a_simulation_is_a_simulation_anywhere(stage: Stage) -> None:
    engine = stage.engine
    chat = await engine.new_chat(model=ModelRef("sim", "honest"))
    reply = await engine.send(chat, "hi")
    async for _ in reply.follow():
        pass
    assert reply.message is not None
    receipt = await engine.proofs.receipt(chat, reply.message.id)
    checked = troth.verify(receipt, trust=simulated_trust())
    assert checked.now.is_simulated
    assert not checked.now.is_verified


def test_the_root_says_what_it_is_and_is_in_no_real_trust() -> None:
    document = open_document(
        make_document(b"spki", b"\x01" * 20, datetime.now(UTC), is_debug=False)
    )
    assert NAME in document.root_name
    assert document.root_sha256 in simulated_trust().root_hashes("aws-nitro")
    assert document.root_sha256 not in shipped_trust().root_hashes("aws-nitro")
    assert private_key().public_key().public_numbers()
    assert b"NO SECURITY" in CERTIFICATE


@pytest.mark.parametrize(
    "value", [0, 23, 24, 255, 256, 65536, 1 << 40, -35, b"", b"x" * 300, "ä" * 30, None, [1, [2]]]
)
def test_the_little_cbor_that_is_written_is_cbor(value: Any) -> None:
    assert cbor2.loads(encode_cbor(value)) == value
    assert cbor2.loads(encode_cbor({"a": value, 7: b""})) == {"a": value, 7: b""}


async def test_without_a_model_on_this_computer_it_says_so(tmp_path: Path) -> None:
    home = {"TROTH_HOME": str(tmp_path)}
    async with await Engine.open(paths=find_paths(home), environ=home) as engine:
        with pytest.raises(LocalModelMissing):
            await engine.enclaves.start_demo()
        with pytest.raises(UsageError):
            await engine.enclaves.start_demo("sideways")
        with pytest.raises(UsageError):
            await engine.providers.add_endpoint(
                Endpoint("demo", "openai-chat", "http://127.0.0.1:1")
            )


async def test_one_running_enclave_shows_every_mode() -> None:
    enclave = SimulatedEnclave(say)
    transport = Transport(use_environment=False)
    async with serving(enclave.answer) as port:
        listed = await transport.send(
            HttpRequest("GET", f"http://127.0.0.1:{port}/v1/models"), purpose="test"
        )
        for mode in MODES:
            assert mode.encode() in listed.body
            key = await transport.send(
                HttpRequest("GET", f"http://127.0.0.1:{port}/{mode}/signing-key"), purpose="test"
            )
            assert key.status == 200
    await transport.close()
    assert demo_module.MODES is MODES

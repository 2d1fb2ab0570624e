"""An engine whose provider is a machine that proves itself, for the tests of such channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from attested_machine import Machine, write_home
from servers import Certificate, ScriptedServer
from troth.domain.message import Finish, Message
from troth.domain.model import Endpoint, ModelRef
from troth.domain.verdict import Outcome, Verdict
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.settings import find_paths

MODEL = ModelRef("enclave", "enclave-1")


@dataclass
class Setting:
    engine: Engine
    machine: Machine
    server: ScriptedServer
    home: Path

    async def ask(self, text: str = "hi") -> tuple[Chat, Message]:
        chat = await self.engine.new_chat(model=MODEL)
        return chat, await self.ask_in(chat, text)

    async def ask_in(self, chat: Chat, text: str) -> Message:
        reply = await self.engine.send(chat, text)
        message = await reply.wait()
        async for _event in reply.follow():
            pass
        return message


Opener = Callable[..., Awaitable[Setting]]


def opener_in(folder: Path, stack: AsyncExitStack) -> Opener:
    """Return a function that opens an engine in `folder` and a machine; `stack` closes them."""

    async def opener(
        machine: Machine | None = None,
        *,
        more_trust: str = "",
        authorities: tuple[Certificate, ...] = (),
    ) -> Setting:
        machine = machine or Machine()
        write_home(folder, [machine.certificate, *authorities], more_trust=more_trust)
        server = await stack.enter_async_context(
            ScriptedServer(machine.answer, certificate=machine.certificate)
        )
        engine = await stack.enter_async_context(await open_engine(folder, f"{server.url}/v1"))
        return Setting(engine, machine, server, folder)

    return opener


async def open_engine(folder: Path, url: str) -> Engine:
    """Open an engine that holds the provider at `url` to the channel; its caller closes it."""
    home = {"TROTH_HOME": str(folder)}
    engine = await Engine.open(paths=find_paths(home), environ=home)
    options = {"channel": "tinfoil"}
    await engine.providers.add_endpoint(
        Endpoint(MODEL.provider, "openai-chat", url, needs_key=False, options=options)
    )
    return engine


def outcomes(verdict: Verdict) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in verdict.checks}


def reason_of(message: Message) -> str:
    assert message.finish is Finish.FAILED
    assert message.failure is not None
    assert message.failure.kind == "enclave-refused", message.failure
    return str(message.failure.facts["reason"])

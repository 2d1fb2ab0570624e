"""An engine for OpenGradient's tests: providers by their options, questions and their verdicts."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from servers import Script, ScriptedServer
from troth.domain.message import Message
from troth.domain.model import Endpoint, Json, ModelRef
from troth.domain.verdict import Outcome, Verdict
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.engine.opengradient.pinning import pinned_key
from troth.settings import find_paths
from verifiers.signer import Gateway

MODEL = ModelRef("og", "gpt-4.1")
ADDRESS = "0x" + "70" * 20


class Home:
    """A user's home: opens servers and an engine, and closes them."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self.engine: Engine

    async def serve(self, script: Script, **more: object) -> ScriptedServer:
        return await self._stack.enter_async_context(ScriptedServer(script, **more))  # type: ignore[arg-type]

    async def open(
        self, base_url: str, *, pin: Gateway | None = None, wallet: str = "", **options: Json
    ) -> Engine:
        environ = {"TROTH_HOME": str(self._directory)}
        if wallet:
            environ["TROTH_OG_PRIVATE_KEY"] = wallet
        engine = await Engine.open(paths=find_paths(environ), environ=environ)
        await self._stack.enter_async_context(engine)
        await engine.providers.add_endpoint(
            Endpoint(
                "og",
                "opengradient",
                base_url,
                key_variables=("TROTH_OG_PRIVATE_KEY",),
                needs_key=False,
                options=options,
            )
        )
        if pin is not None:
            key = pinned_key(pin.pem.encode(), "og", source="test")
            await engine.proofs.trust_file.pin(key)
        self.engine = engine
        return engine

    async def ask(
        self, chat: Chat | None = None, text: str = "Grüße, 你好?"
    ) -> tuple[Message, Verdict | None]:
        chat = chat or await self.engine.new_chat(model=MODEL)
        reply = await self.engine.send(chat, text)
        async for _ in reply.follow():
            pass
        assert reply.message is not None
        return reply.message, reply.verdict


def outcome(verdict: Verdict, name: str) -> Outcome:
    return next(check.outcome for check in verdict.checks if check.name == name)


def failure_of(message: Message) -> tuple[str, str]:
    """Return kind and reason of a reply that failed."""
    assert message.failure is not None
    facts = message.failure.facts
    return message.failure.kind, facts.get("reason") or facts.get("detail") or ""

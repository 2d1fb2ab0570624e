"""Two programs on one vault, as the app and `troth ask -c` are: an open chat follows the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.conftest import MODEL
from servers import Gate, RecordedRequest, ScriptedServer, gated_after, openai_chat_stream
from troth.domain.model import Endpoint
from troth.engine.engine import Engine
from troth.engine.feed import Change, ChatGrew, ChatRemoved, ListChanged
from troth.settings import find_paths
from troth.vault.vault import Vault

HELLO = openai_chat_stream(["Hel", "lo"])
Program = Callable[[], Awaitable[Engine]]


def asked(request: RecordedRequest) -> str:
    return str(json.loads(request.body)["messages"][-1]["content"])


@pytest.fixture
async def gate() -> Gate:
    """Holds back every second reply."""
    return Gate()


@pytest.fixture
async def program(tmp_path: Path, gate: Gate) -> AsyncIterator[Program]:
    """Return a function that starts another program on the same vault."""
    made = await Vault.create(tmp_path / "data", "a passphrase", memory_kib=65_536)
    await made.vault.close()
    environ = {"TROTH_HOME": str(tmp_path)}
    async with AsyncExitStack() as stack:
        held = gated_after(HELLO, 1, gate)
        server = await stack.enter_async_context(
            ScriptedServer(lambda request: held if asked(request) == "slowly" else HELLO)
        )

        async def start() -> Engine:
            vault = await Vault.open(tmp_path / "data", recovery_words=made.recovery_words)
            engine = await Engine.open(paths=find_paths(environ), vault=vault, environ=environ)
            await stack.enter_async_context(engine)
            if "scripted" not in engine.settings.providers:
                await engine.providers.add_endpoint(
                    Endpoint("scripted", "openai-chat", server.url + "/v1", needs_key=False)
                )
            return engine

        yield start


async def heard(engine: Engine, work: Callable[[], Awaitable[object]]) -> list[Change]:
    """Return what the engine tells while `work` is done."""
    changes: list[Change] = []

    async def listen() -> None:
        async for change in engine.changes():
            changes.append(change)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await work()
    await asyncio.sleep(0)
    listening.cancel()
    return changes


async def say(engine: Engine, chat_id: str, text: str) -> None:
    chat = await engine.open_chat(chat_id)
    await (await engine.send(chat, text)).wait()


async def test_an_open_chat_gets_what_was_said_elsewhere(program: Program) -> None:
    app, shell = await program(), await program()
    chat = await app.new_chat(model=MODEL)
    await (await app.send(chat, "one")).wait()
    await app.housekeeping.look_elsewhere()
    await say(shell, chat.id, "two")
    changes = await heard(app, app.housekeeping.look_elsewhere)
    assert ListChanged() in changes
    assert ChatGrew(chat.id) in changes
    assert [message.text for message in chat.path] == ["one", "Hello", "two", "Hello"]
    async with asyncio.timeout(30):
        while len(chat.verdicts) < 2:  # the verdict is a write of its own, after the reply's
            await asyncio.sleep(0.02)
            await app.housekeeping.look_elsewhere()
    assert ChatGrew(chat.id) not in await heard(app, app.housekeeping.look_elsewhere)


async def test_what_is_said_next_follows_what_was_said_elsewhere(program: Program) -> None:
    """Also when nobody has looked in between: it must not become a hidden variant."""
    app, shell = await program(), await program()
    chat = await app.new_chat(model=MODEL)
    await (await app.send(chat, "one")).wait()
    await say(shell, chat.id, "two")
    await (await app.send(chat, "three")).wait()
    texts = [message.text for message in chat.path]
    assert texts == ["one", "Hello", "two", "Hello", "three", "Hello"]
    shown = await shell.open_chat(chat.id)
    await shell.housekeeping.look_elsewhere()
    assert [message.text for message in shown.path] == texts


async def test_a_chat_in_which_a_reply_arrives_is_read_again_after_it(
    program: Program, gate: Gate
) -> None:
    app, shell = await program(), await program()
    chat = await app.new_chat(model=MODEL)
    await (await app.send(chat, "one")).wait()
    await app.housekeeping.look_elsewhere()
    reply = await app.send(chat, "slowly")
    await say(shell, chat.id, "two")
    changes = await heard(app, app.housekeeping.look_elsewhere)
    assert ListChanged() in changes
    assert ChatGrew(chat.id) not in changes
    gate.open()
    await reply.wait()
    assert len(await app.vault.messages(chat.id)) == 6
    async with asyncio.timeout(30):
        while len(chat.tree) < 6:
            await asyncio.sleep(0.02)
            await app.housekeeping.look_elsewhere()
    stored = await app.vault.messages(chat.id)
    assert all(message.id in chat.tree for message in stored)


async def test_a_chat_deleted_elsewhere_is_told_as_removed(program: Program) -> None:
    app, shell = await program(), await program()
    chat = await app.new_chat(model=MODEL)
    await (await app.send(chat, "one")).wait()
    await app.housekeeping.look_elsewhere()
    await shell.delete_chat(chat.id)
    assert ChatRemoved(chat.id) in await heard(app, app.housekeeping.look_elsewhere)


async def test_looking_while_locked_tells_nothing(program: Program) -> None:
    app, shell = await program(), await program()
    chat = await app.new_chat(model=MODEL)
    await (await app.send(chat, "one")).wait()
    await app.housekeeping.look_elsewhere()
    await app.lock()
    await say(shell, chat.id, "two")
    assert await heard(app, app.housekeeping.look_elsewhere) == []

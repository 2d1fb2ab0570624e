"""Locking: what arrives meanwhile is on disk, sealed, and in its chat after the next unlock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.children import start_child
from engine.conftest import MODEL
from servers import Gate, ScriptedServer, gated_after, openai_chat_stream
from troth.domain.error import VaultLocked
from troth.domain.event import TextDelta, VerdictReady
from troth.domain.model import Endpoint
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.engine.reply import Reply
from troth.settings import find_paths
from troth.vault.upkeep import rekey_vault
from troth.vault.vault import Vault

HELLO = openai_chat_stream(["Hel", "lo"], usage=(7, 2))
PASSPHRASE = "a passphrase for tests"


@dataclass
class Desk:
    """An engine over a vault on disk, with a reply of which one half has come."""

    engine: Engine
    chat: Chat
    reply: Reply
    gate: Gate
    directory: Path
    recovery_words: str

    async def open_vault(self) -> Vault:
        return await Vault.open(self.directory, recovery_words=self.recovery_words)

    async def sealed(self) -> Path:
        """Return the sealed reply, once it is there."""
        return await sealed_in(self.directory)


async def sealed_in(directory: Path) -> Path:
    async with asyncio.timeout(20):
        while not (found := list((directory / "vault.inbox").glob("*.sealed"))):
            await asyncio.sleep(0.01)  # another process or thread writes it
    return found[0]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    environ = {"TROTH_HOME": str(tmp_path)}
    gate = Gate()
    made = await Vault.create(tmp_path / "data", PASSPHRASE, memory_kib=65_536)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScriptedServer(gated_after(HELLO, 2, gate)))
        engine = await Engine.open(paths=find_paths(environ), vault=made.vault, environ=environ)
        await stack.enter_async_context(engine)
        endpoint = Endpoint("scripted", "openai-chat", server.url + "/v1", needs_key=False)
        await engine.providers.add_endpoint(endpoint)
        chat = await engine.new_chat(model=MODEL)
        reply = await engine.send(chat, "are you there")
        await half_of(reply)
        yield Desk(engine, chat, reply, gate, tmp_path / "data", made.recovery_words)


async def half_of(reply: Reply) -> None:
    async for event in reply.follow():
        if isinstance(event, TextDelta):
            return


async def test_a_reply_that_ends_under_the_lock_is_there_after_it(desk: Desk) -> None:
    await desk.engine.lock()
    desk.gate.open()
    await desk.sealed()
    assert desk.reply.is_running
    await desk.engine.use_vault(await desk.open_vault())
    message = await desk.reply.wait()
    assert message.text == "Hello"
    chat = await desk.engine.open_chat(desk.chat.id)
    assert [m.text for m in chat.path] == ["are you there", "Hello"]
    assert [m.text for m in await desk.engine.vault.messages(chat.id)] == ["are you there", "Hello"]
    async for event in desk.reply.follow():
        if isinstance(event, VerdictReady):
            assert await desk.engine.vault.verdicts(chat.id) == {message.id: event.verdict}


async def test_quitting_while_locked_keeps_what_has_come(desk: Desk) -> None:
    await desk.engine.lock()
    await desk.engine.close()
    vault = await desk.open_vault()
    assert [m.text for m in await vault.messages(desk.chat.id)] == ["are you there", "Hel"]
    await vault.close()


async def test_quitting_after_the_reply_ended_under_the_lock_keeps_it(desk: Desk) -> None:
    await desk.engine.lock()
    desk.gate.open()
    await desk.sealed()
    await desk.engine.close()
    vault = await desk.open_vault()
    assert [m.text for m in await vault.messages(desk.chat.id)] == ["are you there", "Hello"]
    await vault.close()


async def test_another_process_may_take_it_in_first(desk: Desk) -> None:
    await desk.engine.lock()
    desk.gate.open()
    await desk.sealed()
    await (await desk.open_vault()).close()
    await desk.engine.use_vault(await desk.open_vault())
    await desk.reply.wait()
    stored = await desk.engine.vault.messages(desk.chat.id)
    assert [m.text for m in stored] == ["are you there", "Hello"]


async def test_a_rekey_under_the_lock_loses_no_reply_and_leaves_no_file(desk: Desk) -> None:
    """What ends after it is sealed to a key that nobody has any more; memory holds it too."""
    await desk.engine.lock()
    await rekey_vault(desk.directory, PASSPHRASE, memory_kib=65_536)
    desk.gate.open()
    await desk.sealed()
    await desk.engine.use_vault(await Vault.open(desk.directory, passphrase=PASSPHRASE))
    await desk.reply.wait()
    stored = await desk.engine.vault.messages(desk.chat.id)
    assert [m.text for m in stored] == ["are you there", "Hello"]
    assert not list((desk.directory / "vault.inbox").iterdir())


async def test_where_it_cannot_be_sealed_memory_keeps_it(desk: Desk) -> None:
    await desk.engine.lock()
    (desk.directory / "vault.inbox").write_text("a file where the folder would be")
    desk.gate.open()
    await desk.engine.use_vault(await desk.open_vault())
    assert (await desk.reply.wait()).text == "Hello"
    stored = await desk.engine.vault.messages(desk.chat.id)
    assert [m.text for m in stored] == ["are you there", "Hello"]


async def test_a_locked_engine_gives_nothing_away(desk: Desk) -> None:
    desk.gate.open()
    await desk.reply.closed()
    await desk.engine.lock()
    with pytest.raises(VaultLocked):
        await desk.engine.chats()
    with pytest.raises(VaultLocked):
        await desk.engine.open_chat(desk.chat.id)
    assert desk.engine.recent_prompts() == []


async def test_kill_9_under_the_lock_loses_no_reply_that_had_ended(tmp_path: Path) -> None:
    gate = Gate()
    made = await Vault.create(tmp_path / "data", PASSPHRASE, memory_kib=65_536)
    await made.vault.close()
    async with ScriptedServer(gated_after(HELLO, 2, gate)) as server:
        child, chat_id = await start_child(
            "locked_child.py",
            tmp_path,
            recovery_words=made.recovery_words,
            url=server.url + "/v1",
        )
        gate.open()
        await sealed_in(tmp_path / "data")
        child.kill()
        await child.wait()
    vault = await Vault.open(tmp_path / "data", recovery_words=made.recovery_words)
    assert [m.text for m in await vault.messages(chat_id)] == ["are you there", "Hello"]
    await vault.close()

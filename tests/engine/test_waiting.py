"""Messages that wait for a reply: on disk at once, back after anything, sent once, in order."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.children import start_child
from engine.comparing import Opener as ColumnsOpener
from engine.comparing import engines, spec
from engine.conftest import MODEL, Opener
from servers import Gate, ScriptedServer, Stall, gated_after, openai_chat_stream
from troth.domain.error import UsageError
from troth.domain.event import TextDelta
from troth.domain.message import BlobPart, TextPart
from troth.domain.model import Endpoint, ModelRef
from troth.engine.chat import Chat
from troth.engine.comparison_state import Blind
from troth.engine.engine import Engine
from troth.engine.reply import Reply
from troth.settings import find_paths
from troth.vault.vault import Vault

HELLO = openai_chat_stream(["Hel", "lo"])
PASSPHRASE = "a passphrase for tests"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 10
DIGEST = hashlib.sha256(PNG).hexdigest()


async def half_of(reply: Reply) -> None:
    async for event in reply.follow():
        if isinstance(event, TextDelta):
            return


def texts(chat: Chat) -> list[str]:
    return [message.text for message in chat.path]


async def test_a_message_that_waited_at_a_crash_is_back_and_waits_for_the_user(
    tmp_path: Path,
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(PNG)
    made = await Vault.create(tmp_path / "data", PASSPHRASE, memory_kib=65_536)
    await made.vault.close()
    async with ScriptedServer([gated_after(HELLO, 2, Gate()), HELLO, HELLO, HELLO]) as server:
        child, chat_id = await start_child(
            "queueing_child.py",
            tmp_path,
            recovery_words=made.recovery_words,
            url=server.url + "/v1",
            file=str(picture),
        )
        child.kill()
        await child.wait()

        vault = await Vault.open(tmp_path / "data", recovery_words=made.recovery_words)
        environ = {"TROTH_HOME": str(tmp_path)}
        async with await Engine.open(
            paths=find_paths(environ), vault=vault, environ=environ
        ) as engine:
            chat = await engine.open_chat(chat_id)
            assert [(q.text, q.is_held) for q in chat.queue] == [
                ("first", True),
                ("with this", True),
            ]
            # What the user sends first does not drag the old ones along.
            await (await engine.send(chat, "back again")).closed()
            assert len(chat.queue) == 2
            first, second = chat.queue
            taken = await engine.waiting.take(chat, second.id)
            assert taken is not None
            blob = next(part for part in taken.parts if isinstance(part, BlobPart)).blob
            assert await engine.blob(chat, blob.sha256) == PNG
            await (await engine.send(chat, taken.parts)).closed()
            await (await engine.waiting.send(chat, first.id)).closed()
            assert texts(chat)[1:] == [
                "back again",
                "Hello",
                "with this",
                "Hello",
                "first",
                "Hello",
            ]
            assert chat.queue == []
            assert await engine.vault.queue(chat_id) == ""


async def test_attachments_that_wait_outlive_the_cleaning_of_the_trash(
    open_engine: Opener,
) -> None:
    engine, _ = await open_engine(HELLO)
    chat = await engine.new_chat(model=MODEL)
    await (await engine.send(chat, "another chat")).closed()
    await engine.vault.save_queue("a chat", json.dumps([DIGEST]), {DIGEST: PNG})
    await engine.delete_chat(chat.id)
    await engine.vault.empty_trash(datetime.now(UTC) + timedelta(days=1))
    assert await engine.vault.blob(DIGEST) == PNG


async def test_one_that_was_sent_before_the_crash_does_not_come_back(open_engine: Opener) -> None:
    engine, _ = await open_engine([gated_after(HELLO, 2, Gate()), HELLO])
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "hi")
    await half_of(reply)
    queued = await engine.waiting.put(chat, "next")
    row = await engine.vault.queue(chat.id)
    reply.stop()
    await reply.closed()
    await (await engine.waiting.send(chat, queued.id)).closed()
    await engine.vault.save_queue(chat.id, row, {})  # as if the crash came before it was cleared
    await engine.close_chat(chat)
    again = await engine.open_chat(chat.id)
    assert texts(again) == ["hi", "Hel", "next", "Hello"]
    assert again.queue == []


async def test_a_refused_one_stays_says_why_and_goes_when_it_can(open_engine: Opener) -> None:
    gate = Gate()
    engine, server = await open_engine([gated_after(HELLO, 2, gate), HELLO, HELLO])
    await engine.providers.add_endpoint(
        Endpoint("locked", "openai-chat", server.url + "/v1", needs_key=True)
    )
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "hi")
    await half_of(reply)
    await engine.update_chat(chat, model=ModelRef("locked", "any"))
    await engine.waiting.put(chat, "first")
    await engine.waiting.put(chat, "second")
    gate.open()
    await reply.closed()
    async with asyncio.timeout(30):
        while not chat.queue[0].is_held:
            await asyncio.sleep(0)
    assert [(q.text, q.failure.kind if q.failure else "") for q in chat.queue] == [
        ("first", "key-missing"),
        ("second", ""),
    ]
    assert chat.queue[1].is_held
    await engine.providers.set_key("locked", "sk-test")
    await (await engine.waiting.send(chat, chat.queue[0].id)).closed()
    async with asyncio.timeout(30):
        while chat.queue or chat.is_replying:
            await asyncio.sleep(0)
    assert texts(chat) == ["hi", "Hello", "first", "Hello", "second", "Hello"]


async def test_an_empty_message_does_not_wait(open_engine: Opener) -> None:
    engine, _ = await open_engine(gated_after(HELLO, 2, Gate()))
    chat = await engine.new_chat(model=MODEL)
    await half_of(await engine.send(chat, "hi"))
    with pytest.raises(UsageError):
        await engine.waiting.put(chat, "  ")
    assert chat.queue == []


async def test_what_waited_is_among_the_earlier_prompts(open_engine: Opener) -> None:
    gate = Gate()
    engine, _ = await open_engine([gated_after(HELLO, 2, gate), HELLO])
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "hi")
    await half_of(reply)
    await engine.waiting.put(chat, "next")
    gate.open()
    async with asyncio.timeout(30):
        while engine.recent_prompts() != ["hi", "next"]:
            await asyncio.sleep(0)


async def test_a_lock_while_the_reply_arrives_loses_nothing(tmp_path: Path) -> None:
    environ = {"TROTH_HOME": str(tmp_path)}
    made = await Vault.create(tmp_path / "data", PASSPHRASE, memory_kib=65_536)
    gate = Gate()
    async with ScriptedServer([gated_after(HELLO, 2, gate), HELLO]) as server:
        engine = await Engine.open(paths=find_paths(environ), vault=made.vault, environ=environ)
        async with engine:
            await engine.providers.add_endpoint(
                Endpoint("scripted", "openai-chat", server.url + "/v1", needs_key=False)
            )
            chat = await engine.new_chat(model=MODEL)
            reply = await engine.send(chat, "hi")
            await half_of(reply)
            await engine.waiting.put(chat, "next")
            await engine.lock()
            gate.open()
            vault = await Vault.open(tmp_path / "data", recovery_words=made.recovery_words)
            await engine.use_vault(vault)
            again = await engine.open_chat(chat.id)
            async with asyncio.timeout(30):
                while again.queue or again.is_replying:
                    await asyncio.sleep(0.01)
            assert texts(again) == ["hi", "Hello", "next", "Hello"]


@pytest.fixture
async def columns(tmp_path: Path) -> AsyncIterator[ColumnsOpener]:
    async for opened in engines(tmp_path):
        yield opened


async def test_what_waits_in_a_chat_goes_when_its_last_column_ends(columns: ColumnsOpener) -> None:
    gates = [Gate(), Gate()]
    engine, servers = await columns(*([gated_after(HELLO, 2, gate), HELLO] for gate in gates))
    chat = await engine.new_chat(model=spec(0).model)
    comparison = await engine.comparisons.start(chat, "hi", [spec(0), spec(1)])
    await engine.waiting.put(chat, "and then?")
    gates[0].open()
    await comparison.columns[0].ended()
    assert [q.text for q in chat.queue] == ["and then?"]
    gates[1].open()
    await comparison.wait()
    async with asyncio.timeout(30):
        while chat.queue or chat.is_replying:
            await asyncio.sleep(0)
    assert texts(chat) == ["hi", "Hello", "and then?", "Hello"]
    assert [len(server.requests) for server in servers] == [2, 1]


async def test_a_stopped_column_leaves_the_next_step_to_the_user(columns: ColumnsOpener) -> None:
    engine, servers = await columns(HELLO, gated_after(HELLO, 2, Stall()))
    chat = await engine.new_chat(model=spec(0).model)
    comparison = await engine.comparisons.start(chat, "hi", [spec(0), spec(1)])
    await servers[1].wait_for_request()
    await engine.waiting.put(chat, "and then?")
    comparison.stop(comparison.columns[1])
    await comparison.wait()
    assert [q.text for q in chat.queue] == ["and then?"]
    assert len(servers[0].requests) == 1


async def test_while_names_are_hidden_it_waits_and_says_so(columns: ColumnsOpener) -> None:
    gate = Gate()
    engine, _ = await columns(HELLO, gated_after(HELLO, 2, gate))
    chat = await engine.new_chat(model=spec(0).model)
    comparison = await engine.comparisons.start(chat, "hi", [spec(0), spec(1)], blind=Blind(seed=1))
    await engine.waiting.put(chat, [TextPart("and then?")])
    gate.open()
    await comparison.wait()
    async with asyncio.timeout(30):
        while not chat.queue[0].is_held:
            await asyncio.sleep(0)
    assert chat.queue[0].failure is not None
    assert "reveal" in chat.queue[0].failure.facts["detail"]

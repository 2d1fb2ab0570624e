"""Folders, tags, retention, and what another process wrote: told to whoever shows the list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from troth.domain.conversation import Conversation
from troth.engine.engine import Engine
from troth.engine.feed import Change, ListChanged
from troth.settings import find_paths
from troth.vault.vault import Vault

LONG_AGO = datetime.now(UTC) - timedelta(days=40)


@pytest.fixture
async def words(tmp_path: Path) -> str:
    made = await Vault.create(tmp_path / "data", "a passphrase for tests", memory_kib=65_536)
    await made.vault.close()
    return made.recovery_words


@pytest.fixture
async def engine(tmp_path: Path, words: str) -> AsyncIterator[Engine]:
    environ = {"TROTH_HOME": str(tmp_path)}
    vault = await Vault.open(tmp_path / "data", recovery_words=words)
    async with await Engine.open(paths=find_paths(environ), vault=vault, environ=environ) as opened:
        yield opened


async def add(vault: Vault, chat_id: str, moment: datetime = LONG_AGO) -> None:
    await vault.add_conversation(Conversation(chat_id, chat_id, moment, moment))


async def test_labels_say_folder_and_tags(engine: Engine) -> None:
    for chat_id in ("one", "two", "three"):
        await add(engine.vault, chat_id)
    assert await engine.housekeeping.toggle_tag(["one", "two"], "#rope")
    await engine.housekeeping.put(["one"], "home")
    labels = await engine.housekeeping.labels()
    assert {name: label.words for name, label in labels.items()} == {
        "one": "folder:home tag:rope",
        "two": "tag:rope",
    }
    assert not await engine.housekeeping.toggle_tag(["one", "two"], "rope")
    await engine.housekeeping.put(["one"], "")
    assert await engine.housekeeping.labels() == {}


async def test_only_what_is_past_its_time_is_deleted_for_good(engine: Engine) -> None:
    now = datetime.now(UTC)
    await add(engine.vault, "kept for ever")
    await add(engine.vault, "past its time")
    await add(engine.vault, "young", now)
    await engine.housekeeping.put(["past its time", "young"], "short")
    await engine.housekeeping.set_keep_days("short", 30)
    await add(engine.vault, "in the trash")
    await engine.vault.trash("in the trash")
    assert await engine.housekeeping.tidy(now) == 1
    left = {chat.id for chat in await engine.chats()}
    assert left == {"kept for ever", "young"}
    await engine.vault.restore("in the trash")
    await engine.vault.trash("in the trash")
    for week in range(1, 5):
        assert await engine.housekeeping.tidy(now + timedelta(days=7 * week)) == 0
    assert await engine.housekeeping.tidy(now + timedelta(days=31)) == 2


async def test_a_clock_far_ahead_deletes_nothing_until_it_has_lasted(engine: Engine) -> None:
    house, now = engine.housekeeping, datetime.now(UTC)
    await add(engine.vault, "in the trash")
    await engine.vault.trash("in the trash")
    await add(engine.vault, "kept for a while", now)
    await house.put(["kept for a while"], "short")
    await house.set_keep_days("short", 30)
    assert await house.tidy(now) == 0
    ahead = now + timedelta(days=27_000)
    assert await house.tidy(ahead) == 0
    assert house.clock_leap == ahead - now
    assert await house.tidy(ahead + timedelta(hours=23)) == 0
    assert await house.tidy(now + timedelta(hours=1)) == 0  # it was set right
    assert house.clock_leap is None
    await engine.vault.restore("in the trash")
    assert {chat.id for chat in await engine.chats()} == {"in the trash", "kept for a while"}
    assert await house.tidy(ahead) == 0  # a second leap begins anew
    assert await house.tidy(ahead + timedelta(days=1)) == 1
    assert house.clock_leap is None


async def test_a_vault_that_never_saw_a_clock_goes_by_its_newest_chat(engine: Engine) -> None:
    await add(engine.vault, "last used", LONG_AGO)
    await engine.housekeeping.put(["last used"], "short")
    await engine.housekeeping.set_keep_days("short", 30)
    now = datetime.now(UTC)
    assert await engine.housekeeping.tidy(now) == 0
    assert engine.housekeeping.clock_leap == now - LONG_AGO
    assert await engine.housekeeping.tidy(now + timedelta(days=1)) == 1


async def test_who_comes_every_fortnight_has_a_trash_that_is_emptied(engine: Engine) -> None:
    house, now = engine.housekeeping, datetime.now(UTC)
    await add(engine.vault, "in the trash")
    await engine.vault.trash("in the trash")
    gone = [await house.tidy(now + timedelta(days=14 * look)) for look in range(5)]
    assert gone == [0, 0, 0, 0, 1]


async def test_what_another_process_writes_is_told_once(
    engine: Engine, tmp_path: Path, words: str
) -> None:
    heard: list[Change] = []

    async def listen() -> None:
        async for change in engine.changes():
            heard.append(change)

    listening = asyncio.create_task(listen())
    await engine.housekeeping.look_elsewhere()
    await engine.housekeeping.look_elsewhere()
    await add(engine.vault, "our own")
    await engine.housekeeping.look_elsewhere()
    await asyncio.sleep(0)
    assert not heard
    other = await Vault.open(tmp_path / "data", recovery_words=words)
    await add(other, "written elsewhere")
    await other.close()
    await engine.housekeeping.look_elsewhere()
    await engine.housekeeping.look_elsewhere()
    await asyncio.sleep(0)
    listening.cancel()
    assert heard == [ListChanged()]

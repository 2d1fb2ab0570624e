"""Folders and tags that come with a chat of ours, and how an undo leaves the folders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from transfer.exports import gpt_simple, write_json
from troth.domain.conversation import Conversation
from troth.engine.engine import Engine
from troth.engine.exporting import chat_document
from troth.engine.housekeeping import Labels
from troth.engine.import_values import ImportReport
from troth.engine.importing import preview_import, run_import, undo_import
from troth.settings import find_paths

NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def opened(folder: Path) -> Engine:
    home = {"TROTH_HOME": str(folder)}
    return await Engine.open(paths=find_paths(home), environ=home)


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Engine]:
    async with await opened(tmp_path / "other") as engine:
        yield engine


async def take(engine: Engine, path: Path) -> ImportReport:
    return await run_import(engine, await preview_import(engine, [path]))


async def labelled(tmp_path: Path, folder: str) -> Path:
    """Return a chat's file as it is given away from this folder of another vault."""
    async with await opened(tmp_path / "home") as engine:
        await take(engine, write_json(tmp_path / "conversations.json", [gpt_simple()]))
        [conversation] = await engine.chats()
        chat = await engine.open_chat(conversation.id)
        await chat.load_rest()
        document = await chat_document(chat, Labels(folder, ("rope", "sea  trip")))
    return write_json(tmp_path / "chat.troth.json", document)


async def test_a_chat_of_ours_comes_with_its_folder_and_tags(other: Engine, tmp_path: Path) -> None:
    report = await take(other, await labelled(tmp_path, "Sailing"))
    [labels] = (await other.housekeeping.labels()).values()
    assert labels == Labels("Sailing", ("rope", "sea  trip"))
    assert report.batch_id is not None
    await undo_import(other, report.batch_id)
    assert await other.housekeeping.folders() == []
    assert await other.housekeeping.labels() == {}


async def test_an_undo_leaves_a_folder_that_was_there_before(other: Engine, tmp_path: Path) -> None:
    mine = Conversation("01ABCDEFGHJKMNPQRSTVWXYZ02", "Mine", NOW, NOW)
    await other.vault.add_conversation(mine)
    await other.housekeeping.put([mine.id], "Sailing")
    report = await take(other, await labelled(tmp_path, "Sailing"))
    assert [folder.conversations for folder in await other.housekeeping.folders()] == [2]
    assert report.batch_id is not None
    await undo_import(other, report.batch_id)
    assert [folder.conversations for folder in await other.housekeeping.folders()] == [1]


async def test_an_old_chat_does_not_go_where_old_chats_are_deleted(
    other: Engine, tmp_path: Path
) -> None:
    await other.housekeeping.set_keep_days("Short-lived", 7)
    await take(other, await labelled(tmp_path, "Short-lived"))
    [labels] = (await other.housekeeping.labels()).values()
    assert labels == Labels("", ("rope", "sea  trip"))

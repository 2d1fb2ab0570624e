"""Words of deleted messages: gone from every search at once, and soon from every page."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from troth.vault.store import connect
from troth.vault.vault import Vault
from troth.vault.wiping import WIPED_AT_ONCE, wipe_for, wipe_slice
from vault.samples import NOW, MadeVault, chat, open_with_words, said, unlocked

CANARY = "xylophone"
MANY = WIPED_AT_ONCE * 3


async def fill(vault: Vault) -> None:
    """Store a chat that stays and one with many messages that is on its way out."""
    await vault.add_conversation(chat("stays", title="Stays"))
    await vault.append(said("kept", "a word that stays", chat_id="stays"))
    await vault.add_conversation(chat("doomed", title="Doomed"))
    parent = None
    for number in range(MANY):
        message = said(f"m{number}", f"{CANARY} w{number}", chat_id="doomed", parent=parent)
        await vault.append(message)
        parent = message.id
    await vault.trash("doomed")


def pages_in_the_clear(made: MadeVault) -> bytes:
    """Return every page of a closed vault decrypted, free ones too."""
    connection = connect(made.database, unlocked(made).keys.database)
    connection.pragma("journal_mode", "DELETE")
    connection.execute("PRAGMA rekey=''").fetchall()
    connection.close()
    return made.database.read_bytes()


async def is_waiting(vault: Vault) -> bool:
    return await vault._writer.run(lambda store: store.has_words_to_wipe)


async def test_many_deleted_messages_are_gone_from_search_at_once_and_from_pages_at_close(
    made: MadeVault,
) -> None:
    vault = await open_with_words(made)
    await fill(vault)
    assert await vault.empty_trash(NOW + timedelta(days=9_999)) == 1
    assert await is_waiting(vault)
    assert await vault.search(CANARY) == []
    assert (await vault.upkeep.check()).is_sound
    await vault.close()
    content = pages_in_the_clear(made)
    assert b"word that stays" in content
    assert CANARY.encode() not in content


async def test_a_few_deleted_messages_are_wiped_at_once(vault: Vault) -> None:
    await vault.add_conversation(chat())
    await vault.append(said("gone", CANARY))
    await vault.trash("chat")
    assert await vault.empty_trash(NOW + timedelta(days=9_999)) == 1
    assert not await is_waiting(vault)


async def test_wiping_goes_on_where_a_kill_cut_it(made: MadeVault, tmp_path: Path) -> None:
    vault = await open_with_words(made)
    await fill(vault)
    await vault.empty_trash(NOW + timedelta(days=9_999))
    killed = MadeVault(tmp_path / "killed", made.recovery_words)
    shutil.copytree(made.directory, killed.directory)
    await vault.close()
    vault = await open_with_words(killed)
    assert await is_waiting(vault)
    await vault.close()
    vault = await open_with_words(killed)
    assert not await is_waiting(vault)
    await vault.close()
    assert CANARY.encode() not in pages_in_the_clear(killed)


async def test_what_is_written_while_words_are_wiped_is_found(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("troth.vault.wiping.SLICE_PAGES", 1)
    await fill(vault)
    await vault.empty_trash(NOW + timedelta(days=9_999))
    parent, number = "kept", 0
    while await is_waiting(vault):
        await vault._writer.run(wipe_slice)
        if number < 20:
            message = said(f"new-{number}", f"late heron {number}", chat_id="stays", parent=parent)
            await vault.append(message)
            parent, number = message.id, number + 1
    assert len(await vault.search("heron ", limit=99)) == number > 0
    assert (await vault.upkeep.check()).is_sound


async def test_an_idle_vault_wipes_by_itself(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("troth.vault.lane.IDLE_S", 0.01)
    await fill(vault)
    await vault.empty_trash(NOW + timedelta(days=9_999))
    store = vault._writer._store
    assert store is not None
    async with asyncio.timeout(60):
        while store.has_words_to_wipe:  # asked beside the thread: a question to it ends its rest
            await asyncio.sleep(0.01)


async def test_wiping_twice_in_two_processes_is_wiping_once(made: MadeVault) -> None:
    one, other = await open_with_words(made), await open_with_words(made)
    await fill(one)
    await one.empty_trash(NOW + timedelta(days=9_999))
    await other._writer.run(lambda store: setattr(store, "has_words_to_wipe", True))
    for vault in (one, other):
        await vault._writer.run(wipe_for, 30.0)
    assert (await other.upkeep.check()).is_sound
    await one.close()
    await other.close()

"""The check, slots, folders, retention and migration of an open vault."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from troth.domain.error import (
    HeaderDamaged,
    NotFound,
    UsageError,
    VaultDamaged,
    VaultLocked,
    WrongPassphrase,
    WrongRecoveryWords,
)
from troth.vault.check import CheckProgress
from troth.vault.store import connect
from troth.vault.vault import Vault
from vault.samples import (
    FLOOR_KIB,
    NOW,
    PASSPHRASE,
    MadeVault,
    chat,
    open_with_words,
    said,
    unlocked,
)
from vault.test_surroundings import run_script

REPOSITORY = Path(__file__).resolve().parents[2]


async def test_the_check_walks_everything_and_reports_progress(own_full: MadeVault) -> None:
    vault = await open_with_words(own_full)
    told: list[CheckProgress] = []
    report = await vault.upkeep.check(told.append)
    before = len(told)
    await asyncio.sleep(0)
    assert len(told) == before  # whoever shows the report is not overwritten
    assert report.is_sound
    assert (report.conversations, report.messages, report.blobs) == (13, 122, 1)
    assert report.pages == own_full.database.stat().st_size // 4_096
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert told[-1].done == 1.0
    for step in ("pages", "index"):  # the longest ones move
        assert len({one.done for one in told if one.step == step}) > 2
    assert not any(one.done == 1.0 for one in told[:-1])
    await vault.close()


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("UPDATE conversation SET title = 'forged' WHERE ulid = 'chat-1'", "rows"),
        ("DELETE FROM draft", "rows"),
        ("UPDATE state SET value = 'x'; INSERT INTO state VALUES ('a', 'b')", "rows"),
        ("UPDATE message SET text = text || '!' WHERE ulid = 'm-2-4'", "messages"),
        ("UPDATE exchange SET status = 500", "messages"),
        ("DELETE FROM exchange", "messages"),
        ("UPDATE raw_item SET payload = x'00'", "messages"),
        ("UPDATE blob_chunk SET bytes = zeroblob(9) WHERE ord = 1", "blobs"),
        ("DELETE FROM blob_chunk WHERE ord = 2", "blobs"),
        ("UPDATE secret SET ciphertext = zeroblob(30)", "keys"),
        ("DELETE FROM message_fts_data WHERE id > 20", "index"),
        ("INSERT INTO message_fts(rowid, text) VALUES (9999, 'ghost')", "index"),
        ("DELETE FROM conversation_fts_content WHERE id = 3", "index"),
        ("DELETE FROM message WHERE ulid = 'm-3-9'", "messages"),
    ],
)
async def test_the_check_finds_what_was_changed_behind_its_back(
    own_full: MadeVault, damage: str, kind: str
) -> None:
    vault = await open_with_words(own_full)
    await vault.set_state("a-state", "value")
    await vault.close()
    access = unlocked(own_full)
    connection = connect(own_full.database, access.keys.database)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
    connection.execute(damage).fetchall()
    connection.close()
    with pytest.raises(VaultDamaged):
        await open_with_words(own_full)
    vault = await Vault.open(
        own_full.directory, recovery_words=own_full.recovery_words, accept_damaged=True
    )
    report = await vault.upkeep.check()
    assert kind in {problem.kind for problem in report.problems}
    await vault.close()


async def test_a_new_passphrase_replaces_the_old_one_and_nothing_else(made: MadeVault) -> None:
    vault = await open_with_words(made)
    assert await vault.upkeep.is_passphrase(PASSPHRASE)
    await vault.upkeep.change_passphrase("newer horse", memory_kib=FLOOR_KIB)
    assert not await vault.upkeep.is_passphrase(PASSPHRASE)
    await vault.close()
    with pytest.raises(WrongPassphrase):
        await Vault.open(made.directory, passphrase=PASSPHRASE)
    for secret in ({"passphrase": "newer horse"}, {"recovery_words": made.recovery_words}):
        await (await Vault.open(made.directory, **secret)).close()  # type: ignore[arg-type]
    vault = await open_with_words(made)
    with pytest.raises(UsageError):
        await vault.upkeep.change_passphrase("", memory_kib=FLOOR_KIB)
    with pytest.raises(UsageError):
        await vault.upkeep.change_passphrase("weak", memory_kib=1_024)
    await vault.close()


async def test_recovery_words_are_renewed_and_removed(made: MadeVault) -> None:
    vault = await open_with_words(made)
    fresh = await vault.upkeep.renew_recovery()
    with pytest.raises(WrongRecoveryWords):
        await Vault.open(made.directory, recovery_words=made.recovery_words)
    await (await Vault.open(made.directory, recovery_words=fresh)).close()
    await vault.upkeep.remove_slot("recovery")
    assert [slot.kind for slot in await vault.upkeep.slots()] == ["passphrase"]
    with pytest.raises(VaultLocked):
        await Vault.open(made.directory, recovery_words=fresh)
    with pytest.raises(UsageError):
        await vault.upkeep.remove_slot("passphrase")
    await vault.close()


async def test_a_header_changed_while_open_is_not_written_over(made: MadeVault) -> None:
    vault = await open_with_words(made)
    header = made.directory / "vault.json"
    header.write_bytes(header.read_bytes().replace(b"argon2id", b"argon2ID"))
    with pytest.raises(HeaderDamaged):
        await vault.upkeep.renew_recovery()
    await vault.close()


async def test_folders_tags_and_retention(vault: Vault) -> None:
    for number in range(4):
        await vault.add_conversation(chat(f"c{number}", is_pinned=number == 3))
        await vault.append(said(f"m{number}", "words", chat_id=f"c{number}"))
    await vault.folders.put(["c0", "c1"], "Short lived")
    await vault.folders.tag(["c0", "c2"], "work")
    await vault.folders.tag(["c0"], "urgent")
    await vault.folders.set_keep_days("Short lived", 7)
    (folder,) = await vault.folders.listed()
    assert (folder.name, folder.conversations, folder.keep_days) == ("Short lived", 2, 7)
    assert await vault.folders.of_chats() == {"c0": "Short lived", "c1": "Short lived"}
    assert await vault.folders.tags() == {"c0": ("urgent", "work"), "c2": ("work",)}
    await vault.folders.untag(["c0"], "urgent")
    await vault.folders.put(["c1"], None)
    with pytest.raises(NotFound):
        await vault.folders.put(["unknown"], "Short lived")
    with pytest.raises(NotFound):
        await vault.folders.remove("unknown")
    with pytest.raises(UsageError):
        await vault.folders.put(["c0"], "  ")
    assert await vault.folders.purge_expired(NOW + timedelta(days=6)) == 0
    assert await vault.folders.purge_expired(NOW + timedelta(days=8)) == 1
    assert {c.id for c in await vault.conversations()} == {"c1", "c2", "c3"}
    assert await vault.folders.purge_expired(NOW + timedelta(days=99), keep_days=30) == 2
    assert {c.id for c in await vault.conversations()} == {"c3"}
    await vault.folders.remove("Short lived")
    assert await vault.folders.listed() == []
    assert (await vault.upkeep.check()).is_sound


def test_purged_words_are_on_no_page(own_full: MadeVault) -> None:
    """secure_delete in the tables, in the index and, after the checkpoint, out of the log."""
    access = unlocked(own_full)

    async def purge() -> None:
        vault = await open_with_words(own_full)
        await vault.add_conversation(chat("doomed", title="xylophonetitle"))
        await vault.append(said("gone", "xylophonewords " * 500, chat_id="doomed"))
        await vault.folders.put(["doomed"], "f")
        await vault.folders.set_keep_days("f", 1)
        assert await vault.folders.purge_expired(NOW + timedelta(days=2)) == 1
        await vault.close()

    asyncio.run(purge())
    connection = connect(own_full.database, access.keys.database)
    connection.pragma("journal_mode", "DELETE")
    connection.execute("PRAGMA rekey=''").fetchall()  # every page in the clear, free ones too
    connection.close()
    content = own_full.database.read_bytes()
    assert b"rope and knots" in content
    assert b"xylophone" not in content


async def test_exactly_one_secret_is_asked_for(made: MadeVault) -> None:
    with pytest.raises(UsageError):
        await Vault.open(made.directory)
    with pytest.raises(UsageError):
        await Vault.open(made.directory, passphrase="a", recovery_words="b")


def test_headless_use_imports_no_keyring_and_no_screen(made: MadeVault) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from troth.vault.vault import Vault
async def main():
    vault = await Vault.open(Path(sys.argv[1]), recovery_words=sys.argv[2])
    await vault.conversations()
    await vault.close()
asyncio.run(main())
print([name for name in ("keyring", "textual", "rich", "httpx", "pydantic") if name in sys.modules])
"""
    assert run_script(script, str(made.directory), made.recovery_words) == "[]\n"

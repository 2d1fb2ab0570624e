"""Backup and restore: verified, rotated, and nothing half-done stays behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from troth.domain.error import (
    VaultBusy,
    VaultDamaged,
    VaultMissing,
    WrongPassphrase,
)
from troth.vault.in_use import alone
from troth.vault.inbox import Parcel
from troth.vault.store import connect
from troth.vault.transfer import backups
from troth.vault.upkeep import restore_backup
from troth.vault.vault import Vault
from vault.samples import (
    FLOOR_KIB,
    PASSPHRASE,
    MadeVault,
    chat,
    open_with_words,
    said,
    unlocked,
)
from vault.test_faults import read_all, writer

REPOSITORY = Path(__file__).resolve().parents[2]


async def test_a_backup_restores_on_a_new_machine_with_the_words_alone(
    own_full: MadeVault, tmp_path: Path
) -> None:
    before, _ = await read_all(own_full)
    vault = await open_with_words(own_full)
    told: list[float] = []
    backup = await vault.upkeep.back_up(tmp_path / "backups", on_progress=told.append)
    await vault.append(said("after", "written after the backup", parent="reply"))
    await vault.close()
    assert backup.messages == 122
    assert told[-1] == 1.0
    assert {path.name for path in backup.folder.iterdir()} == {"vault.db", "vault.json"}
    elsewhere = tmp_path / "new machine"
    restored = await restore_backup(
        backup.folder, elsewhere, recovery_words=own_full.recovery_words
    )
    assert (restored.messages, restored.replaced) == (122, None)
    after, notices = await read_all(MadeVault(elsewhere, own_full.recovery_words))
    assert notices == ()  # it was read back whole: no other program is to blame
    assert after == before


async def test_restoring_over_a_vault_keeps_it_beside(own_full: MadeVault, tmp_path: Path) -> None:
    vault = await open_with_words(own_full)
    backup = await vault.upkeep.back_up(tmp_path / "backups")
    await vault.append(said("after", "written after the backup", parent="reply"))
    await vault.close()
    restored = await restore_backup(backup.folder, own_full.directory, passphrase=PASSPHRASE)
    assert restored.replaced is not None
    for directory, last in ((own_full.directory, "reply"), (restored.replaced, "after")):
        vault = await Vault.open(directory, recovery_words=own_full.recovery_words)
        assert (await vault.messages("chat"))[-1].id == last
        await vault.close()


async def test_sealed_replies_of_another_vault_go_with_it(made: MadeVault, tmp_path: Path) -> None:
    vault = await open_with_words(made)
    await vault.add_conversation(chat())
    inbox = vault.inbox()
    await vault.close()
    assert inbox is not None
    inbox.put(Parcel(said("sealed", "while it was locked")))
    other = await Vault.create(tmp_path / "third", "another", memory_kib=FLOOR_KIB)
    await other.vault.close()
    third = await Vault.open(tmp_path / "third", passphrase="another")
    backup = (await third.upkeep.back_up(tmp_path / "backups-of-third")).folder
    await third.close()
    done = await restore_backup(backup, made.directory, passphrase="another")
    restored = await Vault.open(made.directory, passphrase="another")
    assert restored.notices == ()
    await restored.close()
    assert done.replaced is not None
    vault = await Vault.open(done.replaced, recovery_words=made.recovery_words)
    assert [message.id for message in await vault.messages("chat")] == ["sealed"]
    await vault.close()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be replaced there anyway")
async def test_nothing_is_restored_under_a_program_that_has_the_vault_open(
    own_full: MadeVault, tmp_path: Path
) -> None:
    """It would go on writing into a file that has no name any more."""
    vault = await open_with_words(own_full)
    backup = await vault.upkeep.back_up(tmp_path / "backups")
    await vault.close()
    with writer(own_full, "chat-of-the-other", 1_000_000) as child:
        assert child.stdout is not None
        first = child.stdout.readline().strip()
        with pytest.raises(VaultBusy):
            await restore_backup(backup.folder, own_full.directory, passphrase=PASSPHRASE)
        child.kill()
    vault = await open_with_words(own_full)
    assert (await vault.messages("chat-of-the-other"))[0].id == first
    await vault.close()
    assert not list(own_full.directory.glob("replaced-*"))
    await restore_backup(backup.folder, own_full.directory, passphrase=PASSPHRASE)


async def test_a_backup_is_no_vault_key_away_from_the_vault(
    own_full: MadeVault, tmp_path: Path
) -> None:
    """It lies under the backup key: the database key does not open it, nor the other way."""
    vault = await open_with_words(own_full)
    backup = await vault.upkeep.back_up(tmp_path / "backups")
    await vault.close()
    with pytest.raises(VaultDamaged):
        await Vault.open(backup.folder, recovery_words=own_full.recovery_words)


async def test_a_damaged_backup_is_refused_and_changes_nothing(
    own_full: MadeVault, tmp_path: Path
) -> None:
    vault = await open_with_words(own_full)
    backup = await vault.upkeep.back_up(tmp_path / "backups")
    await vault.close()
    before = {path.name: path.read_bytes() for path in own_full.directory.iterdir()}
    database = backup.folder / "vault.db"
    whole = database.read_bytes()
    words = {"recovery_words": own_full.recovery_words}
    database.write_bytes(whole[: len(whole) // 2 // 4_096 * 4_096])
    with pytest.raises(VaultDamaged):
        await restore_backup(backup.folder, own_full.directory, **words)
    database.write_bytes(whole)
    connection = connect(database, unlocked(own_full).keys.backup)
    connection.execute("INSERT INTO message_fts(message_fts) VALUES ('delete-all')").fetchall()
    connection.close()
    with pytest.raises(VaultDamaged, match="index"):
        await restore_backup(backup.folder, own_full.directory, **words)
    database.unlink()
    with pytest.raises(VaultMissing):
        await restore_backup(backup.folder, own_full.directory, **words)
    with pytest.raises(VaultMissing):
        await restore_backup(tmp_path / "none", own_full.directory, **words)
    database.write_bytes(whole)
    with pytest.raises(WrongPassphrase):
        await restore_backup(backup.folder, own_full.directory, passphrase="wrong")
    assert {path.name: path.read_bytes() for path in own_full.directory.iterdir()} == before


async def test_backups_rotate_only_their_own_kind(own_full: MadeVault, tmp_path: Path) -> None:
    destination = tmp_path / "backups"
    vault = await open_with_words(own_full)
    first = await vault.upkeep.back_up(destination)
    strangers = destination / "troth-backup-20200101T000000Z"
    strangers.mkdir()
    for day in ("20250101", "20250102", "20250103"):
        older = destination / f"troth-backup-{day}T000000Z"
        older.mkdir()
        for path in first.folder.iterdir():
            (older / path.name).write_bytes(path.read_bytes())
    first_folder = first.folder.rename(destination / "troth-backup-20260101T000000Z")
    last = await vault.upkeep.back_up(destination, keep=2)
    await vault.close()
    assert backups(destination) == (first_folder, last.folder)
    assert len(last.removed) == 3
    assert strangers.exists()


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be held there")
async def test_what_a_killed_backup_left_goes_and_one_in_the_making_stays(
    own_full: MadeVault, tmp_path: Path
) -> None:
    left, held = (tmp_path / f"troth-backup-2026010{day}T000000Z.partial" for day in (1, 2))
    for folder in (left, held):
        folder.mkdir()
        (folder / "vault.db").write_bytes(b"half of it")
    vault = await open_with_words(own_full)
    with alone(held):
        made = await vault.upkeep.back_up(tmp_path)
        assert {path.name for path in tmp_path.glob("troth-backup-*")} == {
            held.name,
            made.folder.name,
        }
    await vault.close()


@pytest.mark.skipif(os.name == "nt", reason="links and pipes are made otherwise there")
async def test_a_stranger_among_the_backups_prevents_none(
    own_full: MadeVault, tmp_path: Path
) -> None:
    link, pipe = (tmp_path / f"troth-backup-{name}.partial" for name in ("link", "pipe"))
    link.symlink_to("nowhere")
    os.mkfifo(pipe)
    vault = await open_with_words(own_full)
    backup = await vault.upkeep.back_up(tmp_path)
    await vault.close()
    assert backups(tmp_path) == (backup.folder,)
    assert link.is_symlink()
    assert pipe.is_fifo()


def test_a_backup_that_cannot_be_written_leaves_nothing(
    own_full: MadeVault, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    async def attempt() -> None:
        vault = await open_with_words(own_full)
        with pytest.raises(Exception, match="vault"):
            await vault.upkeep.back_up(blocked / "backups")
        await vault.close()

    asyncio.run(attempt())
    assert blocked.read_text() == "in the way"

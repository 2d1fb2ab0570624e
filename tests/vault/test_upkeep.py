"""Slots, rekey, backup, restore, migration and the check: nothing half-done stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from troth.domain.error import (
    HeaderDamaged,
    KeyringFailed,
    NotFound,
    UsageError,
    VaultBusy,
    VaultDamaged,
    VaultLocked,
    VaultMissing,
    VaultNewer,
    WrongPassphrase,
    WrongRecoveryWords,
)
from troth.vault import keyring_child, keyring_slot, migrate, opening, schema
from troth.vault.check import CheckProgress
from troth.vault.kdf import Cost
from troth.vault.migrate import Step
from troth.vault.opening import Terms
from troth.vault.rekey import rekey
from troth.vault.store import Store, connect
from troth.vault.transfer import backups
from troth.vault.upkeep import rekey_vault, restore_backup
from troth.vault.vault import Vault
from vault.samples import FLOOR_KIB, NOW, PASSPHRASE, MadeVault, chat, said
from vault.test_faults import ROUNDS, read_all
from vault.test_surroundings import run_script

REPOSITORY = Path(__file__).resolve().parents[2]


async def open_with_words(made: MadeVault) -> Vault:
    return await Vault.open(made.directory, recovery_words=made.recovery_words)


@pytest.fixture
def own_full(full_vault: MadeVault, tmp_path: Path) -> MadeVault:
    return full_vault.copy_to(tmp_path / "vault")


async def test_the_check_walks_everything_and_reports_progress(own_full: MadeVault) -> None:
    vault = await open_with_words(own_full)
    told: list[CheckProgress] = []
    report = await vault.upkeep.check(told.append)
    await asyncio.sleep(0)
    assert report.is_sound
    assert (report.conversations, report.messages, report.blobs) == (13, 122, 1)
    assert report.pages == own_full.database.stat().st_size // 4_096
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert told[-1].done == 1.0
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


def unlocked(made: MadeVault) -> opening.Access:
    return opening.unlock_directory(
        made.directory,
        passphrase=None,
        recovery_words=made.recovery_words,
        from_keyring=False,
        terms=Terms(),
    )


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


async def test_rekey_changes_every_key_and_keeps_every_word(own_full: MadeVault) -> None:
    before, _ = await read_all(own_full)
    old_header = (own_full.directory / "vault.json").read_bytes()
    old_key = unlocked(own_full).keys.database
    with pytest.raises(WrongPassphrase):
        await rekey_vault(own_full.directory, "wrong", memory_kib=FLOOR_KIB)
    done = await rekey_vault(
        own_full.directory, PASSPHRASE, new_passphrase="newest", memory_kib=FLOOR_KIB
    )
    rekeyed = MadeVault(own_full.directory, done.recovery_words)
    after, notices = await read_all(rekeyed)
    assert after == before
    assert notices == ()
    vault = await Vault.open(own_full.directory, passphrase="newest")
    assert (await vault.upkeep.check()).is_sound
    await vault.close()
    assert unlocked(rekeyed).keys.database != old_key
    with pytest.raises(WrongRecoveryWords):
        await open_with_words(own_full)
    (own_full.directory / "vault.json").write_bytes(old_header)
    with pytest.raises(VaultDamaged):
        await open_with_words(own_full)


async def test_rekey_waits_for_nobody_and_changes_nothing_while_in_use(
    own_full: MadeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("troth.vault.store.BUSY_MS", 50)
    vault = await open_with_words(own_full)
    await vault.conversations()
    with pytest.raises(VaultBusy):
        await rekey_vault(own_full.directory, PASSPHRASE, memory_kib=FLOOR_KIB)
    await vault.append(said("later", "still here", parent="reply"))
    await vault.close()
    assert (await read_all(own_full))[1] == ()


REKEY_SCRIPT = """
import os, signal, sys
from pathlib import Path
from troth.vault import files, header_file, rekey, places
from troth.vault.kdf import Cost
count = int(sys.argv[2])
def counted(work):
    def call(*args, **kwargs):
        global count
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args, **kwargs)
    return call
for module in (files, header_file, rekey, places):
    for name in ("replace_file", "sync_folder", "write_header", "copy_to_file", "verify_copy",
                 "recount", "_reseal", "_mark_seen", "make_slots"):
        if hasattr(module, name):
            setattr(module, name, counted(getattr(module, name)))
os.fsync, Path.replace = counted(os.fsync), counted(Path.replace)
done = rekey.rekey(Path(sys.argv[1]), "correct horse", "correct horse", Cost(65536))
print("done")
"""


KILLED_AT = (2, 5, 8, 12, 16) if ROUNDS == 1 else range(1, 30)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize("step", KILLED_AT)
async def test_a_rekey_killed_at_any_step_leaves_a_vault_that_opens(
    own_full: MadeVault, step: int
) -> None:
    """The passphrase stays the same, so whichever side of the switch it fell on, it opens."""
    before, _ = await read_all(own_full)
    path = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", REKEY_SCRIPT, str(own_full.directory), str(step)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL or done.stdout == "done\n", done.stderr
    vault = await Vault.open(own_full.directory, passphrase=PASSPHRASE)
    assert await vault.secret("openai") == "sk-secret"
    assert (await vault.upkeep.check()).is_sound
    found = [m.id for m in await vault.messages("chat")]
    await vault.close()
    assert found == [m.id for m in before["chat"][1]]  # type: ignore[index]
    assert {path.name for path in own_full.directory.iterdir()} == {
        "vault.json",
        "vault.json.bak",
        "vault.db",
        "vault.seen",
    }


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
    assert notices[0] == "never-seen-here"
    before["notices"] = after["notices"] = ()
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
    await asyncio.to_thread(wait_for_next_second)
    last = await vault.upkeep.back_up(destination, keep=2)
    await vault.close()
    assert backups(destination) == (first.folder, last.folder)
    assert len(last.removed) == 3
    assert strangers.exists()


def wait_for_next_second() -> None:
    """Backups are named by the second."""
    time.sleep(1.0 - time.time() % 1 + 0.01)


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


def forget_a_column(store: Store) -> None:
    store.run("CREATE TABLE added(a INTEGER) STRICT")


def fail_half_way(store: Store) -> None:
    store.run("CREATE TABLE half(a INTEGER) STRICT")
    raise VaultDamaged(detail="the step failed")


async def test_migration_copies_first_and_goes_step_by_step(own_full: MadeVault) -> None:
    access = unlocked(own_full)
    store = opening.open_writer(access)
    steps: dict[int, Step] = {1: forget_a_column, 2: fail_half_way}
    with pytest.raises(VaultDamaged):
        migrate.migrate(store, steps, 3)
    assert store.connection.pragma("user_version") == 2
    names = {name for (name,) in store.all(tuple[str], "SELECT name FROM sqlite_schema")}
    assert "added" in names
    assert "half" not in names
    opening.close_writer(store)
    copy = connect(own_full.directory / "vault.db.v1", access.keys.database)
    assert copy.pragma("user_version") == schema.VERSION
    assert len(copy.execute("SELECT * FROM message").fetchall()) == 122
    copy.close()
    with pytest.raises(VaultNewer):
        await open_with_words(own_full)


class TestKeyring:
    """The child process, its allow-list, and what it does when the keyring is not one."""

    @pytest.mark.parametrize(
        "backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"]
    )
    async def test_a_keyring_that_keeps_nothing_is_refused(
        self, made: MadeVault, monkeypatch: pytest.MonkeyPatch, backend: str
    ) -> None:
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
        monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "src"))
        before = (made.directory / "vault.json").read_bytes()
        vault = await open_with_words(made)
        with pytest.raises(KeyringFailed) as failed:
            await vault.upkeep.add_keyring()
        await vault.close()
        assert backend in failed.value.detail
        assert (made.directory / "vault.json").read_bytes() == before

    async def test_a_vault_is_made_whole_without_its_keyring(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "src"))
        created = await Vault.create(tmp_path / "v", "pw", memory_kib=FLOOR_KIB, with_keyring=True)
        assert "null" in created.keyring_failure
        assert [slot.kind for slot in await created.vault.upkeep.slots()] == [
            "passphrase",
            "recovery",
        ]
        await created.vault.close()

    def test_a_keyring_that_hangs_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "hanging.py").write_text("import threading; threading.Event().wait()")
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{REPOSITORY / 'src'}")
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "hanging.Keyring")
        monkeypatch.setattr(keyring_slot, "TIMEOUT_S", 0.7)
        with pytest.raises(KeyringFailed) as failed:
            keyring_slot.load("account")
        assert "did not answer" in failed.value.detail

    def test_a_backend_that_writes_plain_text_is_not_on_the_list(self) -> None:
        assert not any("alt" in name for name in keyring_child.TRUSTED_BACKENDS)

    async def test_without_a_keyring_slot_the_keyring_opens_nothing(self, made: MadeVault) -> None:
        with pytest.raises(VaultLocked):
            await Vault.open(made.directory, from_keyring=True)


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


def test_a_rekey_with_a_weak_cost_is_refused(made: MadeVault) -> None:
    with pytest.raises(UsageError):
        rekey(made.directory, PASSPHRASE, "x", Cost(1_024))
    assert not (made.directory / "vault.db.new").exists()

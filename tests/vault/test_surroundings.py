"""The vault among files, users, disks and other programs: private, and typed when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from troth.domain.error import DiskFull, VaultBusy, VaultError, VaultExists, VaultLocked
from troth.domain.message import RawItem
from troth.vault import opening
from troth.vault.places import is_on_network, sync_folder_above
from troth.vault.store import connect
from troth.vault.vault import Vault, vault_status
from vault.samples import (
    FLOOR_KIB,
    PASSPHRASE,
    PICTURE,
    MadeVault,
    chat,
    exchange,
    rich_reply,
    said,
    unlocked,
)

REPOSITORY = Path(__file__).resolve().parents[2]
CANARY = "canary-7f3a9c-Kanarienvogel"

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX modes and users")


def run_script(script: str, *args: str) -> str:
    path = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", script, *args],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@posix
@pytest.mark.parametrize("umask", ["000", "022", "777"])
def test_files_are_private_whatever_the_umask(tmp_path: Path, umask: str) -> None:
    script = """
import asyncio, os, sys
from pathlib import Path
from troth.vault.vault import Vault
from vault.samples import chat, said
os.umask(int(sys.argv[2], 8))
async def main():
    folder = Path(sys.argv[1])
    vault = (await Vault.create(folder, "pw", memory_kib=65536)).vault
    await vault.add_conversation(chat())
    await vault.append(said("a", "b"))
    await vault.upkeep.back_up(folder / "backups")
    for path in (folder, *sorted(folder.rglob("*"))):
        print(oct(path.stat().st_mode & 0o777), path.is_dir(), path.name)
    await vault.close()
asyncio.run(main())
"""
    lines = run_script(script, str(tmp_path / "vault"), umask).splitlines()
    assert any("vault.db-wal" in line for line in lines)
    for line in lines:
        mode, is_folder, name = line.split(" ", 2)
        if name != "backups":
            assert mode == ("0o700" if is_folder == "True" else "0o600"), line


async def test_no_file_ever_holds_a_readable_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setenv("SQLITE_TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    folder = tmp_path / "vault"
    created = await Vault.create(folder, CANARY, memory_kib=FLOOR_KIB)
    vault = created.vault
    await vault.add_conversation(chat(title=CANARY, system_prompt=CANARY, persona=CANARY))
    parent = None
    for number in range(300):
        await vault.append(said(f"m{number}", f"{CANARY} {number} " * 30, parent=parent))
        parent = f"m{number}"
    raw = RawItem("p", "m", "w", "k", CANARY.encode())
    reply = replace(rich_reply(CANARY, parent), raw_items=(raw,))
    await vault.append(reply, exchange=exchange(CANARY.encode() * 999), blobs={})
    await vault.save_draft("chat", CANARY)
    await vault.set_secret(CANARY, CANARY)
    await vault.set_state(CANARY, CANARY)
    await vault.search(f"{CANARY} -nothing", order="best")
    await vault.upkeep.back_up(tmp_path / "backups")
    await vault.upkeep.check()
    seen = readable(tmp_path)
    await vault.close()
    assert {"vault.db", "vault.db-wal", "vault.json", "vault.seen"} <= seen
    readable(tmp_path)
    words = created.recovery_words.split()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not all(word.encode() in content for word in words)


def readable(folder: Path) -> set[str]:
    """Fail if any file holds the canary in any usual encoding; return the names looked at."""
    forms = [CANARY.encode(form) for form in ("utf-8", "utf-16-le", "utf-16-be")]
    forms += [form.upper() for form in forms[:1]] + [b"Kanarienvogel", b"7f3a9c"]
    names: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            names.add(path.name)
            for form in forms:
                assert form not in content, path
    return names


async def test_errors_and_their_facts_hold_no_contents(
    full_vault: MadeVault, tmp_path: Path
) -> None:
    made = full_vault.copy_to(tmp_path / "vault")
    content = bytearray(made.database.read_bytes())
    content[len(content) // 2] ^= 1
    made.database.write_bytes(content)
    with pytest.raises(VaultError) as damaged:
        await Vault.open(made.directory, recovery_words=made.recovery_words)
    told = repr(damaged.value) + str(damaged.value.facts())
    assert "rope" not in told
    assert made.recovery_words.split()[0] not in told.split()


READ_ONLY_SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from troth.domain.error import VaultError
from troth.vault.vault import Vault
from vault.samples import said
import asyncio.base_events, concurrent.futures.thread, encodings.idna, importlib.resources
from troth.vault import unlock
from troth.vault.words import word_list
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
AESGCM(bytes(32)).encrypt(bytes(12), b"", b"")
word_list()
folder, words = Path(sys.argv[1]), sys.argv[2]
folder.as_uri()  # imports what it needs (3.13) while this user may still read Python's own files
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
async def main():
    try:
        vault = await Vault.open(folder, recovery_words=words)
        await vault.append(said("a", "b"))
    except VaultError as error:
        print(error.kind)
    vault = await Vault.open(folder, recovery_words=words, is_read_only=True)
    print(len(await vault.messages("chat")), len(await vault.search("knot ")))
    try:
        await vault.append(said("a", "b"))
    except VaultError as error:
        print(error.kind)
    await vault.close()
asyncio.run(main())
"""


@posix
def test_media_that_cannot_be_written_can_be_read(full_vault: MadeVault) -> None:
    """Run as a user whom the folder's modes bind: root writes anywhere."""
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        made = full_vault.copy_to(Path(outer) / "vault")
        for path in (made.directory, *made.directory.iterdir()):
            if os.getuid() == 0:
                os.chown(path, 65534, 65534)
            path.chmod(0o500 if path.is_dir() else 0o400)
        output = run_script(READ_ONLY_SCRIPT, str(made.directory), made.recovery_words)
        made.directory.chmod(0o700)
        assert output.split("\n")[:3] == ["vault-read-only", "2 1", "vault-read-only"]


class NarrowFile(apsw.VFSFile):
    def __init__(self, disk: NarrowDisk, name: object, flags: list[int]) -> None:
        self.disk = disk
        super().__init__("unix", name, flags)  # type: ignore[arg-type]

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.writes_left == 0:
            raise apsw.FullError
        self.disk.writes_left -= 1
        super().xWrite(data, offset)


class NarrowDisk(apsw.VFS):
    """SQLite's own file layer on a disk that is full after so many writes."""

    def __init__(self, name: str) -> None:
        self.writes_left = -1
        super().__init__(name, "unix", maxpathname=0)

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:
        return NarrowFile(self, name, flags)


@pytest.fixture
def narrow_disk() -> Iterator[NarrowDisk]:
    if "unix" not in apsw.vfs_names():
        pytest.skip("the narrow file layer is written for the unix one")
    disk = NarrowDisk("narrow-disk")
    yield disk
    disk.unregister()


async def test_a_full_disk_is_told_and_loses_nothing(
    made: MadeVault, narrow_disk: NarrowDisk
) -> None:
    access = unlocked(made)
    access.vfs = "multipleciphers-narrow-disk"
    vault = Vault(opening.lanes(access))
    await vault.add_conversation(chat())
    kept: list[str] = []
    for number in range(30):
        narrow_disk.writes_left = 3 * number
        parent = kept[-1] if kept else None
        try:
            await vault.append(said(f"m{number}", "x" * 30_000, parent=parent))
            kept.append(f"m{number}")
        except DiskFull:
            assert [m.id for m in await vault.messages("chat")] == kept
    narrow_disk.writes_left = -1
    assert 0 < len(kept) < 30
    await vault.append(said("after", "room again", parent=kept[-1]))
    await vault.close()
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert [m.id for m in await vault.messages("chat")] == [*kept, "after"]
    assert (await vault.upkeep.check()).is_sound
    await vault.close()


async def test_a_writer_that_holds_on_makes_the_vault_busy(
    made: MadeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("troth.vault.store.BUSY_MS", 50)
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    access = unlocked(made)
    other = connect(made.database, access.keys.database)
    other.execute("BEGIN IMMEDIATE").fetchall()
    with pytest.raises(VaultBusy):
        await vault.add_conversation(chat())
    other.execute("ROLLBACK").fetchall()
    other.close()
    await vault.add_conversation(chat())
    await vault.close()


async def test_a_closed_vault_says_that_it_is_locked(vault: Vault) -> None:
    await vault.close()
    with pytest.raises(VaultLocked):
        await vault.conversations()
    await vault.close()


async def test_making_a_vault_where_one_is_changes_nothing(made: MadeVault) -> None:
    before = {path.name: path.read_bytes() for path in made.directory.iterdir()}
    with pytest.raises(VaultExists):
        await Vault.create(made.directory, "other", memory_kib=FLOOR_KIB)
    assert {path.name: path.read_bytes() for path in made.directory.iterdir()} == before


async def test_a_creation_cut_before_its_last_step_is_finished_or_begun_again(
    made: MadeVault, tmp_path: Path
) -> None:
    made.database.rename(made.directory / "vault.db.new")
    assert vault_status(made.directory).problem is None
    vault = await Vault.open(made.directory, passphrase=PASSPHRASE)
    await vault.close()
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / "vault.db.new").write_bytes(b"half made")
    created = await Vault.create(earlier, "pw", memory_kib=FLOOR_KIB)
    await created.vault.close()
    assert not (earlier / "vault.db.new").exists()


@pytest.mark.parametrize("place", ["Dropbox/x", "OneDrive - Firm/x", "Nextcloud", "marked/deep/x"])
def test_a_sync_folder_is_known(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (tmp_path / "marked").mkdir(exist_ok=True)
    (tmp_path / "marked" / ".stfolder").mkdir()
    assert sync_folder_above(folder) is not None
    assert sync_folder_above(tmp_path / "plain") is None


async def test_a_vault_in_a_sync_folder_opens_with_a_warning(
    empty_vault: MadeVault, tmp_path: Path
) -> None:
    (tmp_path / "Dropbox").mkdir()
    made = empty_vault.copy_to(tmp_path / "Dropbox" / "vault")
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert "sync-folder" in vault.notices
    await vault.close()


def test_a_local_disk_is_no_network(tmp_path: Path) -> None:
    assert not is_on_network(tmp_path)


async def test_on_a_network_folder_the_vault_is_used_alone(
    made: MadeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "is_on_network", lambda _: True)
    monkeypatch.setattr("troth.vault.store.BUSY_MS", 50)
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert "network-folder" in vault.notices
    await vault.add_conversation(chat())
    await vault.append(said("a", "heron"))
    assert len(await vault.search("heron ")) == 1
    with pytest.raises(VaultBusy):
        await Vault.open(made.directory, recovery_words=made.recovery_words)
    await vault.close()
    again = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert len(await again.messages("chat")) == 1
    await again.close()


def test_a_picture_is_large_enough_for_several_chunks() -> None:
    assert len(PICTURE) > 2 * 262_144


LIMITED_SCRIPT = """
import asyncio, resource, sys
from pathlib import Path
from troth.domain.error import VaultError
from troth.vault.vault import Vault
from vault.samples import chat, said
async def main():
    vault = await Vault.open(Path(sys.argv[1]), recovery_words=sys.argv[2])
    await vault.add_conversation(chat())
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    kept = []
    try:
        while len(kept) < 500:
            parent = kept[-1] if kept else None
            await vault.append(said(f"m{len(kept)}", "x" * 30_000, parent=parent))
            kept.append(f"m{len(kept)}")
    except VaultError as error:
        print(error.kind, [m.id for m in await vault.messages("chat")] == kept)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await vault.append(said("after", "room again", parent=kept[-1]))
    await vault.close()
    vault = await Vault.open(Path(sys.argv[1]), recovery_words=sys.argv[2])
    print(len(await vault.messages("chat")) == len(kept) + 1, (await vault.upkeep.check()).is_sound)
    await vault.close()
asyncio.run(main())
"""


@posix
def test_a_limit_on_file_size_is_told_as_a_full_disk(made: MadeVault) -> None:
    output = run_script(LIMITED_SCRIPT, str(made.directory), made.recovery_words)
    assert output.split("\n")[:2] == ["disk-full True", "True True"]

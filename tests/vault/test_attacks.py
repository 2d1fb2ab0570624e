"""Files cut, swapped, emptied and replaced: each is met with its own error, and what is refused is
left as it was, so that putting the right file back brings everything back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from troth.domain.error import (
    DatabaseMissing,
    HeaderDamaged,
    HeaderMissing,
    VaultDamaged,
    VaultError,
    VaultNewer,
    VaultOlder,
    WrongPassphrase,
    WrongRecoveryWords,
)
from troth.explain import explain
from troth.vault.upkeep import recover_header_copy, restore_backup
from troth.vault.vault import Vault, vault_status
from vault.samples import FLOOR_KIB, PASSPHRASE, MadeVault, open_with_words, said
from vault.test_faults import read_all, restore_files

PAGE = 4_096
FRAME = PAGE + 24
Attack = Callable[[Path], None]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> MadeVault:
    """Another vault, with keys of its own."""
    directory = tmp_path_factory.mktemp("other") / "vault"

    async def make() -> str:
        created = await Vault.create(directory, "another", memory_kib=FLOOR_KIB)
        await created.vault.close()
        return created.recovery_words

    return MadeVault(directory, asyncio.run(make()))


@dataclass(frozen=True)
class Stages:
    """One vault at three moments."""

    closed: MadeVault
    killed: MadeVault
    """As a kill leaves it: 20 messages only in the log."""
    later: MadeVault
    """Closed well after those."""


@pytest.fixture(scope="module")
def stages(full_vault: MadeVault, tmp_path_factory: pytest.TempPathFactory) -> Stages:
    folder = tmp_path_factory.mktemp("stages")
    later = full_vault.copy_to(folder / "later")

    async def use() -> MadeVault:
        vault = await open_with_words(later)
        parent = "reply"
        for number in range(20):
            await vault.append(said(f"log-{number}", f"only in the log {number}", parent=parent))
            parent = f"log-{number}"
        killed = later.copy_to(folder / "killed")
        (killed.directory / "vault.db-shm").unlink()
        await vault.close()
        return killed

    return Stages(full_vault, asyncio.run(use()), later)


def cut(name: str, size: int) -> Attack:
    """Negative sizes count from the end."""

    def carry_out(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:size])

    return carry_out


def zeros(name: str, start: int, size: int) -> Attack:
    def carry_out(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[start : start + size] = bytes(min(size, len(content) - start))
        (folder / name).write_bytes(content)

    return carry_out


def folder_at(name: str) -> Attack:
    def carry_out(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return carry_out


def link_at(name: str, target: str) -> Attack:
    def carry_out(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return carry_out


def gone(*names: str) -> Attack:
    def carry_out(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return carry_out


def plain_database(folder: Path) -> None:
    """Put a database with the right marks, but without encryption, in its place."""
    (folder / "vault.db").unlink()
    connection = sqlite3.connect(folder / "vault.db")
    connection.executescript(
        "CREATE TABLE meta(id, vault_id, commit_seq, head_hash, row_sum);"
        "PRAGMA application_id = 0x54726F74; PRAGMA user_version = 1;"
    )
    connection.close()


REFUSED: dict[str, tuple[str, Attack, type[VaultError], str]] = {
    "database emptied": ("closed", cut("vault.db", 0), VaultDamaged, "empty"),
    "database of one byte": ("closed", cut("vault.db", 1), VaultDamaged, "only 1 byte"),
    "database of half a page": ("closed", cut("vault.db", 2_000), VaultDamaged, "only 2000"),
    "database of one page": ("closed", cut("vault.db", PAGE), VaultDamaged, "page"),
    "database cut in a page": ("closed", cut("vault.db", -1_000), VaultDamaged, "page"),
    "database cut by one page": ("closed", cut("vault.db", -PAGE), VaultDamaged, "page"),
    "emptied beside its log": ("killed", cut("vault.db", 0), VaultDamaged, "empty"),
    "cut beside its log": ("killed", cut("vault.db", PAGE), VaultDamaged, ""),
    "log emptied": ("killed", cut("vault.db-wal", 0), VaultOlder, "commits"),
    "log header cut": ("killed", cut("vault.db-wal", 31), VaultOlder, "commits"),
    "log cut in a frame": ("killed", cut("vault.db-wal", 32 + 9 * FRAME + 5), VaultOlder, ""),
    "log cut by one byte": ("killed", cut("vault.db-wal", -1), VaultOlder, "commits"),
    "log frame of zeros": ("killed", zeros("vault.db-wal", 32 + FRAME, FRAME), VaultOlder, ""),
    "log gone": ("killed", gone("vault.db-wal"), VaultOlder, "commits"),
    "first page of zeros": ("closed", zeros("vault.db", 0, PAGE), VaultDamaged, "does not open"),
    "fourth page of zeros": ("closed", zeros("vault.db", 3 * PAGE, PAGE), VaultDamaged, "page"),
    "tail of zeros": ("closed", zeros("vault.db", 9 * PAGE, 1 << 30), VaultDamaged, "page"),
    "database of plain SQLite": ("closed", plain_database, VaultDamaged, "without encryption"),
    "folder for database": ("closed", folder_at("vault.db"), VaultDamaged, "no file"),
    "folder for log": ("closed", folder_at("vault.db-wal"), VaultDamaged, "no file"),
    "folder for shared memory": ("closed", folder_at("vault.db-shm"), VaultDamaged, "no file"),
    "folder for sidecar": ("closed", folder_at("vault.seen"), VaultError, "no file"),
    "folder for key file": ("closed", folder_at("vault.json"), VaultError, ""),
    "device for database": ("closed", link_at("vault.db", "/dev/null"), VaultDamaged, "no file"),
    "dead link for database": ("closed", link_at("vault.db", "/x/y"), VaultDamaged, "nowhere"),
    "dead link for sidecar": ("closed", link_at("vault.seen", "/x/y"), VaultError, "nowhere"),
    "database gone": ("closed", gone("vault.db"), DatabaseMissing, ""),
    "key file gone": ("closed", gone("vault.json"), HeaderMissing, "copy vault.json.bak is whole"),
    "both key files gone": (
        "closed",
        gone("vault.json", "vault.json.bak"),
        HeaderMissing,
        "no whole copy",
    ),
    "key file emptied": ("closed", cut("vault.json", 0), HeaderDamaged, "is whole"),
    "key file cut": ("closed", cut("vault.json", 200), HeaderDamaged, "is whole"),
}


@pytest.mark.skipif(os.name == "nt", reason="devices and links of POSIX")
@pytest.mark.parametrize("name", REFUSED)
async def test_it_is_refused_and_the_right_file_brings_all_back(
    stages: Stages, tmp_path: Path, name: str
) -> None:
    stage, attack, expected, detail = REFUSED[name]
    source: MadeVault = getattr(stages, stage)
    made = source.copy_to(tmp_path / "vault")
    attack(made.directory)
    before = contents(made.directory)
    with pytest.raises(expected) as met:
        await (await open_with_words(made)).close()
    assert type(met.value) is expected
    assert detail in met.value.detail
    after = contents(made.directory)
    assert {name: content for name, content in after.items() if name in before} == before
    assert after.keys() - before.keys() <= {"vault.db-wal", "vault.db-shm"}
    shutil.rmtree(made.directory)
    source.copy_to(made.directory)
    vault = await open_with_words(made)
    last = (await vault.messages("chat"))[-1].id
    await vault.close()
    assert last == ("log-19" if stage == "killed" else "reply")


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return every file but the index of the log, which any reader makes anew."""
    return {
        path.name: path.read_bytes() if path.is_file() else None
        for path in folder.iterdir()
        if path.name != "vault.db-shm" or not path.is_file()
    }


def test_each_way_to_be_shut_out_has_words_of_its_own() -> None:
    kinds = [
        DatabaseMissing,
        HeaderDamaged,
        HeaderMissing,
        VaultDamaged,
        VaultNewer,
        VaultOlder,
        WrongPassphrase,
        WrongRecoveryWords,
    ]
    for face in ("app", "shell"):
        words = [explain(kind(), face) for kind in kinds]  # type: ignore[arg-type]
        assert len({word.title for word in words}) == len(kinds)
        assert len({word.next_step for word in words}) == len(kinds)


def changed_header(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change the key file and sum it up anew, as a forger would."""
    path = folder / "vault.json"
    fields = json.loads(path.read_bytes())
    change(fields)
    fields.pop("sum")
    plain = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    fields["sum"] = hashlib.sha256(plain).hexdigest()
    path.write_bytes(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\n")


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda h: h["slots"][0].update(memory_kib=64 << 20), "out of bounds"),
        (lambda h: h["slots"][0].update(memory_kib=1_024), "out of bounds"),
        (lambda h: h["slots"][0].update(passes=4), "vault.json.bak opens"),
        (lambda h: h.update(vault_id="11" * 16), "vault.json.bak opens"),
        (lambda h: h["slots"].pop(), "seal"),
        (lambda h: h["slots"].append(h["slots"][1]), "seal"),
        (lambda h: h["slots"].reverse(), "seal"),
    ],
    ids=["64 GiB", "1 MiB", "dearer", "other id", "slot gone", "slot twice", "slots turned"],
)
async def test_a_forged_key_file_is_no_wrong_passphrase(
    own_full: MadeVault, change: Callable[[dict[str, object]], object], detail: str
) -> None:
    changed_header(own_full.directory, change)
    with pytest.raises(HeaderDamaged, match=detail):
        await Vault.open(own_full.directory, passphrase=PASSPHRASE)
    kept = await recover_header_copy(own_full.directory)
    assert kept is not None
    assert kept.exists()
    vault = await Vault.open(own_full.directory, passphrase=PASSPHRASE)
    await vault.close()
    with pytest.raises(WrongPassphrase):
        await Vault.open(own_full.directory, passphrase="something else")


async def test_files_of_another_vault_are_told_apart_from_damage(
    own_full: MadeVault, other: MadeVault, tmp_path: Path
) -> None:
    made = own_full.copy_to(tmp_path / "swapped")
    shutil.copy2(other.directory / "vault.json", made.directory / "vault.json")
    with pytest.raises(VaultDamaged, match="another vault"):
        await Vault.open(made.directory, recovery_words=other.recovery_words)
    with pytest.raises(HeaderDamaged, match="the copy"):
        await open_with_words(made)
    restore_files(own_full, made)
    shutil.copy2(other.database, made.database)
    with pytest.raises(VaultDamaged, match="another vault"):
        await open_with_words(made)
    restore_files(own_full, made)
    shutil.copy2(other.directory / "vault.seen", made.directory / "vault.seen")
    vault = await open_with_words(made)
    assert "never-seen-here" in vault.notices
    await vault.close()


async def test_an_older_database_in_waiting_never_replaces_the_newer_one(
    stages: Stages, tmp_path: Path
) -> None:
    """`vault.db.new` is taken into use by itself; what it would write over must still be there."""
    made = stages.later.copy_to(tmp_path / "vault")
    shutil.copy2(stages.closed.database, made.directory / "vault.db.new")
    with pytest.raises(VaultOlder):
        await open_with_words(made)
    (aside,) = made.directory.glob("replaced-*")
    shutil.copy2(aside / "vault.db", made.database)
    vault = await open_with_words(made)
    assert (await vault.messages("chat"))[-1].id == "log-19"
    await vault.close()


async def test_database_log_and_sidecar_of_different_moments_are_told(
    stages: Stages, tmp_path: Path
) -> None:
    """As a copy of a running vault takes them, in every order, with times kept."""
    sources = (stages.closed, stages.killed, stages.later)
    truths = [list((await read_all(s.copy_to(tmp_path / str(n))))[0].items())[1:]
              for n, s in enumerate(sources)]  # fmt: skip
    for number, (database, log, seen) in enumerate(
        (d, w, s) for d in sources for w in (stages.killed, None) for s in sources
    ):
        folder = tmp_path / f"mixed-{number}"
        folder.mkdir(mode=0o700)
        shutil.copy2(stages.closed.directory / "vault.json", folder)
        shutil.copy2(database.database, folder)
        shutil.copy2(seen.directory / "vault.seen", folder)
        if log is not None:
            shutil.copy2(log.directory / "vault.db-wal", folder)
        made = MadeVault(folder, stages.closed.recovery_words)
        try:
            found, notices = await read_all(made)
        except VaultError:
            continue
        assert notices or list(found.items())[1:] in truths, number


async def test_pages_from_before_a_rekey_fit_nowhere(own_full: MadeVault, tmp_path: Path) -> None:
    from troth.vault.upkeep import rekey_vault

    before = own_full.database.read_bytes()
    done = await rekey_vault(own_full.directory, PASSPHRASE, memory_kib=FLOOR_KIB)
    after = own_full.database.read_bytes()
    rekeyed = MadeVault(own_full.directory, done.recovery_words)
    for page in (0, 2, len(after) // PAGE // 2):
        made = rekeyed.copy_to(tmp_path / f"page-{page}")
        mixed = bytearray(after)
        mixed[page * PAGE : (page + 1) * PAGE] = before[page * PAGE : (page + 1) * PAGE]
        made.database.write_bytes(mixed)
        with pytest.raises(VaultDamaged):
            await read_all(made)


async def test_after_any_damage_a_backup_brings_it_back(
    own_full: MadeVault, tmp_path: Path
) -> None:
    vault = await open_with_words(own_full)
    backup = await vault.upkeep.back_up(tmp_path / "backups")
    await vault.close()
    truth = (await read_all(own_full.copy_to(tmp_path / "truth")))[0]
    for attack in (
        cut("vault.db", 0),
        cut("vault.json", 9),
        gone("vault.json", "vault.json.bak"),
        gone("vault.db"),
        plain_database,
    ):
        attack(own_full.directory)
        assert vault_status(own_full.directory).exists
        await restore_backup(
            backup.folder, own_full.directory, recovery_words=own_full.recovery_words
        )
        found = (await read_all(own_full))[0]
        assert list(found.items())[1:] == list(truth.items())[1:]

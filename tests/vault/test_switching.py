"""Switching to another database: rekey and restore while others come, and killed half-way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from troth.domain.error import VaultBusy
from troth.vault.places import Places
from troth.vault.slots import SlotChanges
from troth.vault.switching import finish_switch
from troth.vault.transfer import backups, restore
from troth.vault.vault import Vault
from vault.samples import NOW, PASSPHRASE, MadeVault, open_with_words, said, unlocked

REPOSITORY = Path(__file__).resolve().parents[2]

CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from troth.vault import rekey, transfer
from troth.vault.kdf import Cost
action, place, folder, backup = sys.argv[1:]
module = transfer if action == "restore" else rekey
work = getattr(module, place)
def stop_before(*args, **kwargs):
    print("there", flush=True)
    if sys.stdin.readline() == "die\\n":
        os.kill(os.getpid(), signal.SIGKILL)
    return work(*args, **kwargs)
setattr(module, place, stop_before)
if action == "rekey":
    rekey.rekey(Path(folder), "correct horse", "correct horse", Cost(65536))
else:
    transfer.restore(Path(backup), Path(folder), datetime.now(UTC), passphrase="correct horse")
print("done", flush=True)
"""


@contextmanager
def switching(
    action: str, place: str, directory: Path, backup: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a rekey or a restore in another process up to its call of `place`."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, action, place, str(directory), str(backup or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        yield child


def go_on(child: subprocess.Popen[str], word: str = "go") -> str:
    """Let the other process end, or die where it stands; return what it says."""
    return child.communicate(word + "\n")[0]


async def backed_up(made: MadeVault, destination: Path) -> Path:
    """Make a backup, and one message more than it holds; return its folder."""
    vault = await open_with_words(made)
    folder = (await vault.upkeep.back_up(destination)).folder
    await vault.append(said("after", "written after the backup", parent="reply"))
    await vault.close()
    return folder


async def last_message(directory: Path) -> str:
    vault = await Vault.open(directory, passphrase=PASSPHRASE)
    try:
        assert (await vault.upkeep.check()).is_sound
        return (await vault.messages("chat"))[-1].id
    finally:
        await vault.close()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
@pytest.mark.parametrize("place", ["_reseal", "verify_copy", "write_header"])
async def test_who_comes_while_a_vault_is_encrypted_anew_waits_and_removes_nothing(
    own_full: MadeVault, place: str
) -> None:
    """The new database does not open with the old key: it was once taken for waste."""
    with switching("rekey", place, own_full.directory) as child:
        with pytest.raises(VaultBusy):
            await Vault.open(own_full.directory, passphrase=PASSPHRASE)
        assert Places(own_full.directory).fresh_database.exists()
        assert go_on(child) == "done\n"
    assert await last_message(own_full.directory) == "reply"


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
async def test_keys_of_before_a_rekey_remove_nothing_after_it(own_full: MadeVault) -> None:
    """They were derived while the key file was replaced, which takes as long as a rekey's end."""
    access = unlocked(own_full)
    with switching("rekey", "mark_seen", own_full.directory) as child:
        go_on(child, "die")
    places = Places(own_full.directory)
    places.database.rename(places.fresh_database)  # as before the last step
    with pytest.raises(VaultBusy, match="encrypted anew"):
        finish_switch(places, access.keys)
    assert await last_message(own_full.directory) == "reply"


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be replaced there")
async def test_who_comes_while_a_backup_is_read_back_waits_and_removes_nothing(
    own_full: MadeVault, tmp_path: Path
) -> None:
    backup = await backed_up(own_full, tmp_path / "backups")
    with switching("restore", "verify_copy", own_full.directory, backup) as child:
        with pytest.raises(VaultBusy):
            await Vault.open(own_full.directory, passphrase=PASSPHRASE)
        assert go_on(child) == "done\n"
    assert await last_message(own_full.directory) == "reply"


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
async def test_a_restore_killed_before_its_check_switches_nothing(
    own_full: MadeVault, tmp_path: Path
) -> None:
    backup = await backed_up(own_full, tmp_path / "backups")
    with switching("restore", "verify_copy", own_full.directory, backup) as child:
        go_on(child, "die")
    assert await last_message(own_full.directory) == "after"
    assert {path.name for path in own_full.directory.iterdir()} == {
        "vault.json",
        "vault.json.bak",
        "vault.db",
        "vault.seen",
    }


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
async def test_a_restore_killed_after_its_check_keeps_what_stood_there(
    own_full: MadeVault, tmp_path: Path
) -> None:
    backup = await backed_up(own_full, tmp_path / "backups")
    with switching("restore", "write_header", own_full.directory, backup) as child:
        go_on(child, "die")
    assert await last_message(own_full.directory) == "reply"
    (aside,) = own_full.directory.glob("replaced-*")
    assert await last_message(aside) == "after"


async def test_two_restores_of_one_second_keep_both_vaults(
    own_full: MadeVault, tmp_path: Path
) -> None:
    """So does a clock that is put back between them."""
    backup = await backed_up(own_full, tmp_path / "backups")
    words, directory = own_full.recovery_words, own_full.directory
    first = restore(backup, directory, NOW, recovery_words=words).replaced
    vault = await open_with_words(own_full)
    await vault.append(said("between", "written between the two", parent="reply"))
    await vault.close()
    second = restore(backup, directory, NOW, recovery_words=words).replaced
    assert first is not None
    assert second is not None
    assert await last_message(first) == "after"
    assert await last_message(second) == "between"


async def test_a_clock_that_was_put_back_rotates_no_new_backup_out(
    own_full: MadeVault, tmp_path: Path
) -> None:
    destination = tmp_path / "backups"
    of_the_future = destination / "troth-backup-20991231T000000Z"
    (await backed_up(own_full, destination)).rename(of_the_future)
    vault = await open_with_words(own_full)
    made = await vault.upkeep.back_up(destination, keep=1)
    await vault.close()
    assert backups(destination) == (made.folder,)
    assert made.removed == (of_the_future,)


async def test_a_slot_that_another_program_has_just_changed_is_not_written_over(
    made: MadeVault,
) -> None:
    changes = SlotChanges(made.directory, unlocked(made).keys)
    header = changes._header()
    words = changes.renew_recovery()
    with pytest.raises(VaultBusy):
        changes._write(header, "recovery", None)
    await (await Vault.open(made.directory, recovery_words=words)).close()

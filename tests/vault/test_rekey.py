"""A new data key: everything stays readable, and a kill at any step leaves a vault."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from troth.domain.error import (
    UsageError,
    VaultBusy,
    VaultDamaged,
    WrongPassphrase,
    WrongRecoveryWords,
)
from troth.vault.kdf import Cost
from troth.vault.rekey import rekey
from troth.vault.upkeep import rekey_vault
from troth.vault.vault import Vault
from vault.samples import (
    FLOOR_KIB,
    PASSPHRASE,
    MadeVault,
    open_with_words,
    said,
    unlocked,
)
from vault.test_faults import ROUNDS, read_all

REPOSITORY = Path(__file__).resolve().parents[2]


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
import os, sys
from pathlib import Path
from troth.vault import files, header_file, rekey, places
from troth.vault.kdf import Cost
from vault.killing import kill_at
counted = kill_at(int(sys.argv[2]))
for module in (files, header_file, rekey, places):
    for name in ("replace_file", "sync_folder", "write_header", "copy_to_file", "verify_copy",
                 "recount", "_reseal", "mark_seen", "make_slots"):
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
    was_begun = any(own_full.directory.glob("vault.db.*"))
    vault = await Vault.open(own_full.directory, passphrase=PASSPHRASE)
    if was_begun:  # else it had not touched the vault, or had ended
        assert {"switch-cut", "switch-ended"} & {*vault.notices}
        assert "changed-outside" not in vault.notices
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


def test_a_rekey_with_a_weak_cost_is_refused(made: MadeVault) -> None:
    with pytest.raises(UsageError):
        rekey(made.directory, PASSPHRASE, "x", Cost(1_024))
    assert not (made.directory / "vault.db.new").exists()

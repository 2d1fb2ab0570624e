"""The real keyring: gnome-keyring under a D-Bus of this test's own (Debian: gnome-keyring dbus)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vault.samples import MadeVault

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("gnome-keyring-daemon") is None or shutil.which("dbus-run-session") is None,
        reason="needs gnome-keyring and dbus",
    ),
]

SCRIPT = """
import asyncio, sys
from pathlib import Path
from troth.domain.error import KeyringFailed, VaultLocked
from troth.vault.vault import Vault
directory, words, act = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
from troth.vault import keyring_slot
async def add():
    keyring_slot.TIMEOUT_S = 60.0  # this keyring answers; how soon is the machine's affair
    vault = await Vault.open(directory, recovery_words=words)
    await vault.upkeep.add_keyring()
    await vault.upkeep.add_keyring()
    print([slot.kind for slot in await vault.upkeep.slots()])
    await vault.close()
    vault = await Vault.open(directory, from_keyring=True)
    print(vault.notices)
    await vault.upkeep.remove_slot("keyring")
    await vault.close()
    try:
        await Vault.open(directory, from_keyring=True)
    except VaultLocked:
        print("gone")
async def refused():
    vault = await Vault.open(directory, recovery_words=words)
    try:
        await vault.upkeep.add_keyring()
    except KeyringFailed as error:
        print("failed:", error.detail)
    print([slot.kind for slot in await vault.upkeep.slots()])
    await vault.close()
asyncio.run(add() if act == "add" else refused())
"""


def run(made: MadeVault, home: Path, act: str, *, daemon: str) -> list[str]:
    """Run the script in a session of its own, after the shell line `daemon`."""
    home.mkdir()
    (home / "run").mkdir(mode=0o700)
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY / "src"),
        "XDG_RUNTIME_DIR": str(home / "run"),
    }
    arguments = (str(made.directory), made.recovery_words, act)
    line = f'{daemon} exec "$0" -c "$1" "$2" "$3" "$4"'
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", line, sys.executable, SCRIPT, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


UNLOCKED = "printf 'pw' | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1;"
LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1;"


def test_a_real_keyring_opens_the_vault_until_its_slot_is_removed(
    made: MadeVault, tmp_path: Path
) -> None:
    lines = run(made, tmp_path / "home", "add", daemon=UNLOCKED)
    assert lines == ["['passphrase', 'recovery', 'keyring']", "()", "gone"]


def test_a_locked_keyring_is_told_and_changes_nothing(made: MadeVault, tmp_path: Path) -> None:
    """It wants a window to ask for its password and there is none: an error or three seconds."""
    lines = run(made, tmp_path / "home", "refuse", daemon=LOCKED)
    assert lines[0].startswith("failed: ")
    assert lines[1] == "['passphrase', 'recovery']"


def test_a_session_without_any_keyring_is_told(made: MadeVault, tmp_path: Path) -> None:
    lines = run(made, tmp_path / "home", "refuse", daemon="unset DBUS_SESSION_BUS_ADDRESS;")
    assert lines[0].startswith("failed: ")
    assert lines[1] == "['passphrase', 'recovery']"

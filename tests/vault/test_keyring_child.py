"""The keyring slot where there is no keyring worth the name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from troth.domain.error import (
    KeyringFailed,
    VaultLocked,
)
from troth.vault import keyring_child, keyring_slot
from troth.vault.vault import Vault
from vault.samples import (
    FLOOR_KIB,
    MadeVault,
    open_with_words,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"]
)
async def test_a_keyring_that_keeps_nothing_is_refused(
    made: MadeVault, monkeypatch: pytest.MonkeyPatch, backend: str
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_a_keyring_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hanging.py").write_text("import threading; threading.Event().wait()")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{REPOSITORY / 'src'}")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "hanging.Keyring")
    monkeypatch.setattr(keyring_slot, "TIMEOUT_S", 0.7)
    with pytest.raises(KeyringFailed) as failed:
        keyring_slot.load("account")
    assert "did not answer" in failed.value.detail


def test_a_backend_that_writes_plain_text_is_not_on_the_list() -> None:
    assert not any("alt" in name for name in keyring_child.TRUSTED_BACKENDS)


PLAIN_TEXT_BACKEND = """
from pathlib import Path
from keyring.backend import KeyringBackend
PLACE = Path(__file__).with_name("passwords.txt")
class PlaintextKeyring(KeyringBackend):
    priority = 99
    def set_password(self, service, username, password): PLACE.write_text(password)
    def get_password(self, service, username): return PLACE.read_text() if PLACE.exists() else None
    def delete_password(self, service, username): PLACE.unlink()
"""


async def test_an_installed_plain_text_backend_is_given_nothing(
    made: MadeVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name of `keyrings.alt`, with an entry point: the library chooses it itself."""
    package = tmp_path / "site" / "keyrings" / "alt"
    package.mkdir(parents=True)
    (package / "file.py").write_text(PLAIN_TEXT_BACKEND)
    information = tmp_path / "site" / "keyrings_alt-5.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: keyrings.alt\nVersion: 5.0\n"
    )
    (information / "entry_points.txt").write_text("[keyring.backends]\nfile = keyrings.alt.file\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{REPOSITORY / 'src'}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    vault = await open_with_words(made)
    with pytest.raises(KeyringFailed, match=r"keyrings\.alt\.file\.PlaintextKeyring"):
        await vault.upkeep.add_keyring()
    await vault.close()
    assert not (package / "passwords.txt").exists()


async def test_without_a_keyring_slot_the_keyring_opens_nothing(made: MadeVault) -> None:
    with pytest.raises(VaultLocked):
        await Vault.open(made.directory, from_keyring=True)

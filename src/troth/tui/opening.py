"""Opening the vault for the app: for reading alone where it cannot be written."""

from __future__ import annotations

from pathlib import Path

from troth.domain.error import DiskFull, VaultReadOnly
from troth.vault.vault import Vault


async def open_vault(
    directory: Path,
    *,
    passphrase: str | None = None,
    recovery_words: str | None = None,
    from_keyring: bool = False,
    accept_older: bool = False,
    accept_damaged: bool = False,
) -> Vault:
    """Open the vault as `Vault.open` does; where nothing can be written it can be read.

    Then (a disc, a full disk, a closed folder) its notices hold `read-only`, and whatever would
    write raises VaultReadOnly.
    """

    async def open_it(*, is_read_only: bool) -> Vault:
        return await Vault.open(
            directory,
            passphrase=passphrase,
            recovery_words=recovery_words,
            from_keyring=from_keyring,
            accept_older=accept_older,
            accept_damaged=accept_damaged,
            is_read_only=is_read_only,
        )

    try:
        return await open_it(is_read_only=False)
    except (DiskFull, VaultReadOnly):
        return await open_it(is_read_only=True)

"""Opening the vault for the app: for reading alone where it cannot be written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from textual.screen import Screen

from troth.domain.error import DiskFull, VaultLocked, VaultReadOnly
from troth.tui.screens.unlock import UnlockScreen
from troth.vault.given import given_passphrase
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


async def open_as_told(screen: Screen[object], environ: Mapping[str, str]) -> None:
    """Open with the passphrase that the environment leads to: at the start, never after a lock."""
    try:
        given = await asyncio.to_thread(given_passphrase, environ)
    except VaultLocked:
        return  # it leads nowhere: the screen that stands there asks
    if given and isinstance(screen, UnlockScreen):
        screen.open_with(given)

"""The door for programs: an engine for the length of a `with`, with or without the vault."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from troth.engine.engine import Engine
from troth.settings import find_paths
from troth.vault.vault import Vault


@asynccontextmanager
async def open_engine(
    *, home: Path | None = None, passphrase: str | None = None, from_keyring: bool = False
) -> AsyncGenerator[Engine]:
    """Open an engine; without a passphrase or the keyring nothing is kept.

    `home` puts every file below one folder, as TROTH_HOME does. Raises WrongPassphrase and the
    other VaultErrors. Opening contacts nobody.
    """
    environ = dict(os.environ)
    if home is not None:
        environ["TROTH_HOME"] = str(home)
    paths = find_paths(environ)
    vault = None
    if passphrase is not None or from_keyring:
        vault = await Vault.open(paths.vault_dir, passphrase=passphrase, from_keyring=from_keyring)
    async with await Engine.open(paths=paths, vault=vault, environ=environ) as engine:
        yield engine

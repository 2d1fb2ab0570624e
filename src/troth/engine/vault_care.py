"""The vault as a whole, for faces that show it: how it opens, how big it is, its last backup."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from troth.vault.slots import SlotInfo
from troth.vault.transfer import Backup
from troth.vault.vault import Vault, VaultStatus, vault_status

_LAST_BACKUP = "last_backup"


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """When the vault was last backed up, and where to. Whether it is still there is not known."""

    at: datetime
    folder: str


@dataclass(frozen=True, slots=True)
class VaultFacts:
    """What can be said of an open vault on disk."""

    status: VaultStatus
    slots: tuple[SlotInfo, ...]
    last_backup: BackupRecord | None
    notices: tuple[str, ...]
    """Slugs for `explain.notice_words`: what was odd when it was opened."""

    def has(self, kind: str) -> bool:
        """Whether it opens by `kind`: passphrase, keyring or recovery."""
        return any(slot.kind == kind for slot in self.slots)


async def vault_facts(vault: Vault) -> VaultFacts:
    """Look at a vault that is on disk. Raises VaultError."""
    assert vault.path is not None, "a vault in memory has no outside"
    return VaultFacts(
        await asyncio.to_thread(vault_status, vault.path),
        await vault.upkeep.slots(),
        _parse_record(await vault.state(_LAST_BACKUP)),
        vault.notices,
    )


async def back_up(
    vault: Vault,
    destination: Path,
    *,
    keep: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> Backup:
    """Make a verified backup below `destination` and remember that; raises VaultError."""
    made = await vault.upkeep.back_up(destination, keep=keep, on_progress=on_progress)
    if not vault.is_read_only:
        record = {"at": datetime.now(UTC).isoformat(), "folder": str(made.folder.absolute())}
        await vault.set_state(_LAST_BACKUP, json.dumps(record))
    return made


def _parse_record(kept: str | None) -> BackupRecord | None:
    if kept is None:
        return None
    found = cast("dict[str, str]", json.loads(kept))
    return BackupRecord(datetime.fromisoformat(found["at"]), found["folder"])

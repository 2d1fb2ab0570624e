"""What can be known of a vault without its key: cheap and synchronous, for first screens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from troth.domain.error import DatabaseMissing, VaultError, VaultMissing
from troth.vault.places import Places


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """The outside of a vault. `problem` is the typed error that opening it would meet first."""

    directory: Path
    exists: bool
    version: int = 0
    vault_id: str = ""
    has_passphrase: bool = False
    has_keyring: bool = False
    has_recovery: bool = False
    memory_kib: int = 0
    """What one guess of the passphrase costs."""
    database_bytes: int = 0
    """Database and write-ahead log together."""
    problem: VaultError | None = None


def vault_status(directory: Path) -> VaultStatus:
    """Return what is there; raises nothing for a vault that is missing or damaged."""
    places = Places(directory)
    size = sum(
        path.stat().st_size
        for path in (places.database, places.database.with_name("vault.db-wal"))
        if path.exists()
    )
    if not size and not places.header.exists():
        return VaultStatus(directory, exists=False)
    from troth.vault.header_file import read_header
    from troth.vault.keyfile import VERSION

    try:
        header = read_header(places)
    except VaultMissing as error:
        return VaultStatus(
            directory, exists=size > 0, database_bytes=size, problem=error if size else None
        )
    except VaultError as error:
        return VaultStatus(directory, exists=True, database_bytes=size, problem=error)
    costs = [slot.cost.memory_kib for slot in header.slots if slot.cost is not None]
    missing = None
    if not places.database.exists() and not places.fresh_database.exists():
        missing = DatabaseMissing(str(places.database))
    return VaultStatus(
        directory=directory,
        exists=True,
        version=VERSION,
        vault_id=header.vault_id,
        has_passphrase=bool(costs),
        has_keyring=bool(header.slots_of("keyring")),
        has_recovery=bool(header.slots_of("recovery")),
        memory_kib=max(costs, default=0),
        database_bytes=size,
        problem=missing,
    )

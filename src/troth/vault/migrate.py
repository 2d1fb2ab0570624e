"""From an older vault to this version's tables: a copy first, then one transaction a step.

Newer vaults are refused; nothing guesses at tables that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from troth.domain.error import VaultDamaged, VaultNewer
from troth.vault import schema
from troth.vault.files import sync_folder
from troth.vault.store import Store, writing
from troth.vault.tally import SUM_BYTES

Step = Callable[[Store], None]

STEPS: Mapping[int, Step] = {}
"""From version n to n + 1. A released step is never changed."""


def create(store: Store) -> None:
    """Make the tables in an empty database."""
    connection = store.connection
    connection.pragma("journal_mode", "WAL")
    connection.execute("BEGIN IMMEDIATE").fetchall()
    connection.execute(schema.TABLES).fetchall()
    store.run(
        "INSERT INTO meta(id, vault_id, commit_seq, head_hash, row_sum) VALUES (1,?,0,?,?)",
        (store.vault_id, bytes(32), bytes(SUM_BYTES)),
    )
    connection.pragma("application_id", schema.APPLICATION_ID)
    connection.pragma("user_version", schema.VERSION)
    connection.execute("COMMIT").fetchall()


def look(store: Store, target: int = schema.VERSION) -> int:
    """Return the version of the tables. Changes nothing.

    Raises VaultNewer, or VaultDamaged when this is no vault's database or another vault's.
    """
    where = str(store.path or "")
    if store.connection.pragma("application_id") != schema.APPLICATION_ID:
        raise VaultDamaged(where, "not the database of a vault")
    version = store.connection.pragma("user_version")
    if not isinstance(version, int) or version < 1:
        raise VaultDamaged(where, "its schema version makes no sense")
    if version > target:
        raise VaultNewer(where, f"vault version {version}")
    owner = store.one(tuple[str], "SELECT vault_id FROM meta WHERE id = 1")
    if owner is None or owner[0] != store.vault_id:
        raise VaultDamaged(where, "the database belongs to another vault")
    return version


def migrate(
    store: Store, steps: Mapping[int, Step] = STEPS, target: int = schema.VERSION
) -> Path | None:
    """Bring the tables to `target`; return the copy that was made first, None when up to date.

    Raises what `look` raises.
    """
    connection = store.connection
    version = look(store, target)
    if version == target:
        return None
    copy = _copy(store, version)
    for known in range(version, target):
        with writing(store):
            steps[known](store)
            connection.pragma("user_version", known + 1)
    return copy


def _copy(store: Store, version: int) -> Path | None:
    """Copy the database, under its own key, to `vault.db.v<version>`."""
    if store.path is None:
        return None
    from troth.vault.copying import copy_to_file  # brings the whole check; rarely needed

    copy = store.path.with_name(f"{store.path.name}.v{version}")
    partial = copy.with_name(copy.name + ".partial")
    copy_to_file(store, partial, store.keys.database)
    partial.replace(copy)
    sync_folder(copy.parent)
    return copy

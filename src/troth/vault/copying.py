"""Whole copies of a database under another key: for backup, restore, rekey and migration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from troth.domain.error import VaultDamaged
from troth.vault.check import check, check_index
from troth.vault.files import make_private_file
from troth.vault.freshness import SeenFile
from troth.vault.kdf import Keys
from troth.vault.places import Places
from troth.vault.sql import Connection
from troth.vault.store import Store, commit_state, connect
from troth.vault.tally import COUNTED_TABLES, MODULUS, SUM_BYTES, count_row

PAGES_PER_STEP = 1_000

OnCopied = Callable[[float], None]


def copy_pages(source: Connection, target: Connection, report: OnCopied | None = None) -> None:
    """Copy every page in one consistent state; the reader's view of `source` does not move."""
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(PAGES_PER_STEP)
            if report is not None and backup.page_count:
                report(1 - backup.remaining / backup.page_count)


def copy_to_file(store: Store, path: Path, key: bytes, report: OnCopied | None = None) -> None:
    """Copy a database to a new private file under `key`, as one file without a log, on disk."""
    path.unlink(missing_ok=True)
    make_private_file(path)
    target = connect(path, key)
    try:
        with store.view():
            commit_state(store)  # the view starts with a read
            copy_pages(store.connection, target, report)
        target.pragma("journal_mode", "DELETE")
    finally:
        target.close()


def verify_copy(
    path: Path, key: bytes, keys: Keys, vault_id: str, commits: int, *, reads_index: bool = False
) -> int:
    """Read a copy back whole and return its messages. Raises VaultDamaged.

    `reads_index` compares the search index with the texts too: for copies that come from outside.
    """
    store = Store(connect(path, key), keys, vault_id, path)
    try:
        report = check(store)
        problems = report.problems or (check_index(store) if reads_index else ())
    finally:
        store.close()
    if problems:
        raise VaultDamaged(str(path), f"{problems[0].kind}: {problems[0].detail}")
    if report.commits < commits:
        raise VaultDamaged(str(path), "the copy is older than what was copied")
    return report.messages


def recount(store: Store, keys: Keys) -> None:
    """Write the sum over all counted rows under the rows key of `keys`."""
    total = 0
    for table in COUNTED_TABLES:
        columns = "id, hash" if table == "message" else "*"
        for values in store.connection.execute(f"SELECT {columns} FROM {table}").fetchall():  # noqa: S608
            total += count_row(keys.rows, table, values)
    store.run("UPDATE meta SET row_sum = ? WHERE id = 1", ((total % MODULUS).to_bytes(SUM_BYTES),))


def commits_of(store: Store) -> int:
    return commit_state(store)[0]


def mark_seen(places: Places, keys: Keys, vault_id: str) -> None:
    """Write the sidecar anew, for a database of ours that was read back whole and is in place."""
    store = Store(connect(places.database, keys.database), keys, vault_id, places.database)
    try:
        sequence, head, _ = commit_state(store)
    finally:
        store.close()
    places.seen.unlink(missing_ok=True)
    seen = SeenFile(places.seen, keys.freshness)
    seen.write(sequence, head, places.database)
    seen.close()

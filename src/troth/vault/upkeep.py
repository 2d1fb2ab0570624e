"""The door to the care of a vault: checks, slots, backups, other processes, restore, rekey."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from troth.domain.error import UsageError, VaultError
from troth.vault import transfer
from troth.vault.check import CheckProgress, CheckReport, check, check_index
from troth.vault.header_file import has_whole_copy, read_copy, read_header, recover_header
from troth.vault.kdf import DEFAULT_MEMORY_KIB, Cost
from troth.vault.opening import Opened
from troth.vault.places import Places
from troth.vault.rekey import Rekeyed, rekey
from troth.vault.slots import SlotChanges, SlotInfo
from troth.vault.store import Store
from troth.vault.transfer import Backup, Restored

ValueT = TypeVar("ValueT")

_INDEX_FROM = 0.8
"""The share of a check before the search index is compared with the texts."""


class Upkeep:
    """Looks after one open vault. Key changes take about a second each, off the loop."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def check(
        self, on_progress: Callable[[CheckProgress], None] | None = None
    ) -> CheckReport:
        """Walk everything and report what is not as it was written; raises nothing for damage.

        `on_progress` is called on the event loop. Cancelling stops the walk.
        """
        report = _on_this_loop(on_progress)
        is_whole = self._opened.access.terms.is_read_only  # then the index cannot be compared
        walk = report if is_whole else _part_of(report, 0.0, _INDEX_FROM)
        found = await self._inspect(lambda store: check(store, walk))
        if is_whole:
            return found
        compare = _part_of(report, _INDEX_FROM, 1.0)
        index = await self._opened.writer.run(check_index, compare)
        if on_progress is not None:
            on_progress(CheckProgress("done", 1.0))  # at once: it must not come after the report
        return CheckReport(
            (*found.problems, *index),
            found.conversations,
            found.messages,
            found.blobs,
            found.pages,
            found.commits,
        )

    async def slots(self) -> tuple[SlotInfo, ...]:
        return await asyncio.to_thread(self._changes().listed)

    async def is_passphrase(self, passphrase: str) -> bool:
        """Whether it opens this vault: asked before a passphrase is changed."""
        return await asyncio.to_thread(self._changes().is_passphrase, passphrase)

    async def change_passphrase(
        self, passphrase: str, *, memory_kib: int = DEFAULT_MEMORY_KIB
    ) -> None:
        """Put a new passphrase in the place of the old one; other slots go on working."""
        cost = Cost(memory_kib=memory_kib)
        await asyncio.to_thread(self._changes().change_passphrase, passphrase, cost)

    async def renew_recovery(self) -> str:
        """Return twelve new recovery words; the old ones stop working."""
        return await asyncio.to_thread(self._changes().renew_recovery)

    async def add_keyring(self) -> None:
        """Let the system's keyring open the vault too. Raises KeyringFailed."""
        await asyncio.to_thread(self._changes().add_keyring)

    async def remove_slot(self, kind: str) -> None:
        """Remove the `recovery` or the `keyring` slot. Raises UsageError for any other."""
        await asyncio.to_thread(self._changes().remove, kind)

    async def back_up(
        self,
        destination: Path,
        *,
        keep: int = 0,
        on_progress: Callable[[float], None] | None = None,
    ) -> Backup:
        """Make a verified backup below `destination` while the vault is in use.

        `keep` is how many of this vault stay there, 0 for all. `on_progress` gets 0 to 1.
        """
        report = _on_this_loop(on_progress)

        def carry_out(store: Store) -> Backup:
            return transfer.back_up(store, destination, datetime.now(UTC), keep, report)

        return await self._inspect(carry_out)

    async def _inspect(self, work: Callable[[Store], ValueT]) -> ValueT:
        """Do something long that only reads, without standing in the way of a search."""
        inspector = self._opened.inspector()
        try:
            return await inspector.run_cancellable(work)
        finally:
            if inspector is not self._opened.writer:
                await inspector.close()

    def _changes(self) -> SlotChanges:
        path = self._opened.access.path
        if path is None:
            raise UsageError("a vault in memory has no slots")
        return SlotChanges(path.parent, self._opened.access.keys)


async def restore_backup(
    backup: Path,
    directory: Path,
    *,
    passphrase: str | None = None,
    recovery_words: str | None = None,
) -> Restored:
    """Put a backup in place as the vault of `directory`, after reading it whole.

    Works on a machine that has never seen the vault. A vault that stands there is kept beside, in
    `Restored.replaced`. Raises what opening raises, VaultBusy too; then nothing has changed.
    """

    def carry_out() -> Restored:
        return transfer.restore(
            backup,
            directory,
            datetime.now(UTC),
            passphrase=passphrase,
            recovery_words=recovery_words,
        )

    return await asyncio.to_thread(carry_out)


async def rekey_vault(
    directory: Path,
    passphrase: str,
    *,
    new_passphrase: str | None = None,
    memory_kib: int = DEFAULT_MEMORY_KIB,
) -> Rekeyed:
    """Encrypt a closed vault again under a new data key; return its new recovery words.

    After it, no old header, passphrase or recovery sheet opens the vault; backups made before keep
    the old key. Raises WrongPassphrase, VaultBusy, DiskFull; then nothing has changed.
    """
    return await asyncio.to_thread(
        rekey, directory, passphrase, new_passphrase or passphrase, Cost(memory_kib=memory_kib)
    )


def has_header_copy(directory: Path) -> bool:
    """Whether a whole copy of `vault.json` lies beside it. Cheap."""
    return has_whole_copy(Places(directory))


def has_other_header_copy(directory: Path) -> bool:
    """Whether a whole copy lies there that is not the same as `vault.json`. Cheap."""
    places = Places(directory)
    copy = read_copy(places)
    try:
        return copy is not None and read_header(places) != copy
    except VaultError:
        return copy is not None


async def recover_header_copy(directory: Path) -> Path | None:
    """Put the whole copy of `vault.json` in its place; return where the old one is kept, if it was.

    Raises HeaderDamaged where there is no whole copy.
    """
    return await asyncio.to_thread(recover_header, Places(directory))


def _part_of(
    report: Callable[[CheckProgress], None], start: float, end: float
) -> Callable[[CheckProgress], None]:
    """Return a callback for one part of a longer check, which begins and ends at these shares."""

    def call(progress: CheckProgress) -> None:
        step = "index" if progress.step == "done" else progress.step
        report(CheckProgress(step, start + (end - start) * progress.done))

    return call


def _on_this_loop(report: Callable[[ValueT], None] | None) -> Callable[[ValueT], None]:
    """Return a callback that may be called in any thread."""
    loop = asyncio.get_running_loop()

    def call(value: ValueT) -> None:
        if report is not None:
            loop.call_soon_threadsafe(report, value)

    return call

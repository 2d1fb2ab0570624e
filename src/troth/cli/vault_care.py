"""The care of a vault: its passphrase, words and keyring; check, backup, restore, mend, rekey."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from troth.cli.command import Arguments
from troth.cli.output import Console, ExitCode
from troth.cli.passphrase import ask_new_passphrase, show_recovery_words
from troth.cli.unlock import (
    VaultUse,
    ask_hidden,
    can_ask,
    open_by_passphrase,
    open_knowing,
    open_vault,
)
from troth.domain.error import HeaderDamaged, UsageError, VaultLocked, VaultMissing
from troth.engine.vault_care import back_up
from troth.settings import Paths, find_paths
from troth.vault.check import CheckProgress
from troth.vault.given import given_passphrase
from troth.vault.upkeep import (
    has_header_copy,
    has_other_header_copy,
    recover_header_copy,
    rekey_vault,
    restore_backup,
)
from troth.vault.vault import Vault, vault_status

MAX_PIPED = 4_096
"""Twelve words have 150 letters at most."""


async def run_slots(_arguments: Arguments, console: Console) -> int:
    """List the ways in; no key is needed for it."""
    directory = _paths_of_vault().vault_dir
    status = vault_status(directory)
    ways = (
        ("passphrase", status.has_passphrase, "`troth vault passphrase` changes it"),
        ("recovery words", status.has_recovery, "`troth vault recovery` makes new ones"),
        ("keychain", status.has_keyring, "`troth vault keyring on|off`"),
    )
    if console.is_json:
        console.json([name for name, is_there, _ in ways if is_there])
        return ExitCode.OK
    console.rows(
        [(name, "opens it" if is_there else "not set up", how) for name, is_there, how in ways]
    )
    return ExitCode.OK


async def run_passphrase(arguments: Arguments, console: Console) -> int:
    """Change the passphrase; knowing the old one, or the recovery words, is needed for it."""
    paths = _paths_of_vault()
    by_words = arguments.flag("recovery")
    opening = _open_by_words(console, paths) if by_words else open_by_passphrase(console, paths)
    async with _closing(await opening) as vault:
        passphrase = _new_passphrase(arguments.text("new_file"), console)
        await vault.upkeep.change_passphrase(passphrase)
    console.note("The passphrase is changed. Backups made before still open with the old one.")
    return ExitCode.OK


async def run_recovery(arguments: Arguments, console: Console) -> int:
    async with _closing(await open_by_passphrase(console, _paths_of_vault())) as vault:
        if arguments.flag("remove"):
            await vault.upkeep.remove_slot("recovery")
            console.note("No recovery words open the vault now: a lost passphrase loses it.")
            return ExitCode.OK
        words = await vault.upkeep.renew_recovery()
    console.note("The old recovery words open this vault no more.")
    show_recovery_words(console, words)
    return ExitCode.OK


async def run_keyring(arguments: Arguments, console: Console) -> int:
    async with _closing(await open_by_passphrase(console, _paths_of_vault())) as vault:
        if arguments.text("switch") == "on":
            await vault.upkeep.add_keyring()
            console.note("The system's keychain opens the vault from now on; the passphrase too.")
        else:
            await vault.upkeep.remove_slot("keyring")
            console.note("Only the passphrase and the recovery words open the vault now.")
    return ExitCode.OK


async def run_check(_arguments: Arguments, console: Console) -> int:
    vault = await open_vault(console, _paths_of_vault(), VaultUse.REQUIRED)
    assert vault is not None, "a vault that is required is there"
    async with _closing(vault):

        def show(progress: CheckProgress) -> None:
            console.status(f"Checking: {progress.step}, {progress.done:.0%}")

        report = await vault.upkeep.check(show)
    if console.is_json:
        console.json(
            {
                "is_sound": report.is_sound,
                "conversations": report.conversations,
                "messages": report.messages,
                "blobs": report.blobs,
                "problems": [
                    {"kind": problem.kind, "detail": problem.detail} for problem in report.problems
                ],
            }
        )
    else:
        for problem in report.problems:
            console.line(f"{problem.kind}: {problem.detail}")
        console.note(
            f"{report.conversations:,} chats, {report.messages:,} messages and {report.blobs:,} "
            f"files were read: {'all is as it was written' if report.is_sound else 'DAMAGED'}."
        )
    return ExitCode.OK if report.is_sound else ExitCode.LOCKED


async def run_backup(arguments: Arguments, console: Console) -> int:
    keep = arguments.number("keep")
    if keep < 0:
        raise UsageError("--keep takes a number from 1 on; without it all are kept")
    vault = await open_vault(console, _paths_of_vault(), VaultUse.REQUIRED)
    assert vault is not None, "a vault that is required is there"
    async with _closing(vault):
        backup = await back_up(
            vault,
            Path(arguments.text("folder")),
            keep=keep,
            on_progress=lambda done: console.status(f"Copying: {done:.0%}"),
        )
    console.note(
        f"{backup.messages:,} messages, {backup.size_bytes / 1e6:.1f} MB, read back and right. "
        "The passphrase or the recovery words of today open it."
    )
    if backup.removed:
        console.note(f"{len(backup.removed)} older backups were removed.")
    console.line(str(backup.folder))
    return ExitCode.OK


async def run_restore(arguments: Arguments, console: Console) -> int:
    directory = find_paths(os.environ).vault_dir
    backup = Path(arguments.text("backup"))
    if arguments.flag("recovery"):
        words, passphrase = _ask_words(), None
    else:
        words, passphrase = None, _ask_passphrase()
    restored = await restore_backup(backup, directory, passphrase=passphrase, recovery_words=words)
    console.note(f"{restored.messages:,} messages are back in {directory}.")
    if restored.replaced is not None:
        console.note(f"The vault that was there before is kept in {restored.replaced}.")
    return ExitCode.OK


async def run_mend(_arguments: Arguments, console: Console) -> int:
    """Put `vault.json.bak` in place of a damaged or missing `vault.json`."""
    directory = find_paths(os.environ).vault_dir
    status = vault_status(directory)
    if not status.exists:
        raise VaultMissing(str(directory))
    if not isinstance(status.problem, HeaderDamaged) and not has_other_header_copy(directory):
        console.note("The key file reads well and its copy is the same: nothing to mend.")
        return ExitCode.OK
    if not has_header_copy(directory):
        raise status.problem or HeaderDamaged(str(directory), "there is no whole copy beside it")
    kept = await recover_header_copy(directory)
    console.note(f"The copy is in place: {directory / 'vault.json'}.")
    if kept is not None:
        console.note(f"What stood there before is kept in {kept.name}.")
    console.note("Open the vault now; if it does not open, bring back a backup.")
    return ExitCode.OK


async def run_rekey(_arguments: Arguments, console: Console) -> int:
    paths = _paths_of_vault()
    passphrase = _ask_passphrase()
    console.status("Encrypting everything again ...")
    made = await rekey_vault(paths.vault_dir, passphrase)
    console.note("Everything is encrypted under a new key; the passphrase is the same.")
    if made.keyring_failure:
        console.note(f"The keychain does not open it any more: {made.keyring_failure}.")
    show_recovery_words(console, made.recovery_words)
    return ExitCode.OK


def _paths_of_vault() -> Paths:
    paths = find_paths(os.environ)
    status = vault_status(paths.vault_dir)
    if status.problem is not None:
        raise status.problem
    if not status.exists:
        raise VaultMissing(str(paths.vault_dir))
    return paths


@asynccontextmanager
async def _closing(vault: Vault) -> AsyncGenerator[Vault]:
    try:
        yield vault
    finally:
        await vault.close()


async def _open_by_words(console: Console, paths: Paths) -> Vault:
    return await open_knowing(console, paths, recovery_words=_ask_words())


def _ask_words() -> str:
    """Return the recovery words from a pipe at stdin, else from the person."""
    if sys.stdin is not None and not sys.stdin.isatty():
        piped = " ".join(sys.stdin.read(MAX_PIPED).split())
        if piped:
            return piped
    if not can_ask():
        raise UsageError("the recovery words are asked for at a terminal, or read from a pipe")
    return ask_hidden("The twelve recovery words: ")


def _ask_passphrase() -> str:
    """Return the passphrase from the environment or the person, unchecked."""
    given = given_passphrase(os.environ)
    if given is not None:
        return given
    if not can_ask():
        raise VaultLocked(str(find_paths(os.environ).vault_dir))
    return ask_hidden("Passphrase: ")


def _new_passphrase(file: str, console: Console) -> str:
    if not file:
        return ask_new_passphrase(console, "New passphrase: ")
    # The same rule as for the old one: one line end is taken off.
    given = given_passphrase({"TROTH_PASSPHRASE_FILE": file})
    if not given:
        raise UsageError(f"{file} is empty")
    return given

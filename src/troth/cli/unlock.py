"""Open the engine with the vault that a command needs, asking for the passphrase only if it must.

A passphrase comes from a file, from a command, from the system's keychain or from a hidden prompt;
never from the arguments, where every user of the machine could read it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import Enum, auto

from troth.cli.output import Console
from troth.domain.error import (
    DiskFull,
    KeyringFailed,
    VaultDamaged,
    VaultError,
    VaultLocked,
    VaultMissing,
    VaultOlder,
    VaultReadOnly,
    WrongPassphrase,
)
from troth.engine.engine import Engine
from troth.settings import Paths, find_paths
from troth.vault.given import given_passphrase
from troth.vault.vault import Vault, vault_status

_TRIES = 3


class VaultUse(Enum):
    """What a command needs of the vault."""

    NONE = auto()
    """Memory only; nothing is read and nothing kept."""
    IF_FREE = auto()
    """Open it where that needs no question, else go on without."""
    IF_THERE = auto()
    """Go on without where there is none; a vault that is there must open."""
    REQUIRED = auto()


@asynccontextmanager
async def opened_engine(console: Console, use: VaultUse) -> AsyncGenerator[Engine]:
    """Open the engine; closes it, and with it the vault, whatever happens."""
    paths = find_paths(os.environ)
    vault = await open_vault(console, paths, use)
    async with await Engine.open(paths=paths, vault=vault) as engine:
        for problem in engine.problems:
            place = f", line {problem.line}" if problem.line else ""
            console.note(f"troth: {problem.file}{place}: {problem.key} {problem.detail}")
        yield engine


async def open_vault(console: Console, paths: Paths, use: VaultUse) -> Vault | None:
    """Open the vault as `use` says; None means that there is none to use."""
    if use is VaultUse.NONE:
        return None
    status = vault_status(paths.vault_dir)
    if status.problem is not None:
        raise status.problem
    if not status.exists:
        if use is VaultUse.REQUIRED:
            raise VaultMissing(str(paths.vault_dir))
        return None
    if (given := given_passphrase(os.environ)) is not None:
        return await open_knowing(console, paths, passphrase=given)
    if status.has_keyring:
        try:
            return await open_knowing(console, paths, from_keyring=True)
        except KeyringFailed:
            console.note("troth: the system's keychain did not give the key.")
    if use is VaultUse.IF_FREE:
        return None
    return await open_by_passphrase(console, paths)


async def open_by_passphrase(console: Console, paths: Paths) -> Vault:
    """Open the vault with the passphrase itself, from the environment or by asking."""
    if (given := given_passphrase(os.environ)) is not None:
        return await open_knowing(console, paths, passphrase=given)
    if not can_ask():
        raise VaultLocked(str(paths.vault_dir))
    for attempt in range(_TRIES):
        try:
            return await open_knowing(console, paths, passphrase=ask_hidden("Passphrase: "))
        except WrongPassphrase:
            if attempt == _TRIES - 1:
                raise
            console.note("That passphrase does not open this vault.")
    raise AssertionError("the last try either opens or raises")


async def open_knowing(
    console: Console,
    paths: Paths,
    *,
    passphrase: str | None = None,
    recovery_words: str | None = None,
    from_keyring: bool = False,
) -> Vault:
    """Open the vault and say what the user should know of it.

    One that is older than it was here before, or damaged, is opened only after their yes.
    """

    async def open_it(
        *, accept_older: bool = False, accept_damaged: bool = False, is_read_only: bool = False
    ) -> Vault:
        try:
            return await Vault.open(
                paths.vault_dir,
                passphrase=passphrase,
                recovery_words=recovery_words,
                from_keyring=from_keyring,
                accept_older=accept_older,
                accept_damaged=accept_damaged,
                is_read_only=is_read_only,
            )
        except (VaultReadOnly, DiskFull):
            if is_read_only:
                raise
            # A disc, a full one, a folder that is closed to us: what is there can still be read.
            return await open_it(
                accept_older=accept_older, accept_damaged=accept_damaged, is_read_only=True
            )

    try:
        vault = await open_it()
    except VaultOlder as error:
        _ask_after(error, console, "Type yes to open it all the same: ")
        vault = await open_it(accept_older=True)
    except VaultDamaged as error:
        _ask_after(error, console, "Type yes to open what is left: ")
        vault = await open_it(accept_older=True, accept_damaged=True)
    for notice in vault.notices:
        from troth.explain import QUIET_NOTICES, notice_words

        if notice not in QUIET_NOTICES:
            console.note(f"troth: {notice_words(notice)}")
    return vault


def _ask_after(error: VaultError, console: Console, question: str) -> None:
    """Tell what is wrong; raises `error` unless the person says yes."""
    if not can_ask():
        raise error
    from troth.explain import explain

    words = explain(error, "shell")
    console.note(f"{words.title}. {words.detail}")
    if ask_shown(question).strip().lower() != "yes":
        raise error


def can_ask() -> bool:
    """Whether a person sits at a terminal where a hidden prompt can be shown."""
    if not sys.stderr.isatty():
        return False
    return (sys.stdin is not None and sys.stdin.isatty()) or _has_terminal()


def _has_terminal() -> bool:
    if sys.platform == "win32":
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def ask_hidden(prompt: str) -> str:
    """Ask for a secret at the terminal; nothing of it is shown. stdin may be a pipe."""
    import getpass

    try:
        return getpass.getpass(prompt)
    except EOFError as error:
        raise KeyboardInterrupt from error


def ask_shown(prompt: str) -> str:
    """Ask for something that is no secret, at the terminal; stdin may be a pipe."""
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write(prompt)
        sys.stderr.flush()
        return sys.stdin.readline()
    with open("/dev/tty", "r+", encoding="utf-8", errors="replace") as terminal:
        terminal.write(prompt)
        terminal.flush()
        return terminal.readline()

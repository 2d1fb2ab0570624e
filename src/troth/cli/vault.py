"""`troth vault`: make the encrypted vault, look at it from outside, change how it opens."""

from __future__ import annotations

import os

from troth.cli import vault_care
from troth.cli.command import Arguments, Parser, Subcommands, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.cli.passphrase import new_passphrase, show_recovery_words
from troth.domain.error import VaultExists
from troth.settings import find_paths
from troth.vault.vault import Vault, vault_status


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    making = add_subcommand(group, "init", "make the vault; the passphrase is asked for, unseen")
    making.add_argument(
        "--keyring", action="store_true", help="also open it with the system's keychain"
    )
    making.set_defaults(run=run_init)
    looking = add_subcommand(group, "status", "say what is there, without opening it")
    add_json_flag(looking)
    looking.set_defaults(run=run_status)
    _configure_care(group)


def _configure_care(group: Subcommands) -> None:
    """Add what is done to a vault that is there; `vault_care` does it."""
    changing = add_subcommand(group, "passphrase", "change the passphrase")
    changing.add_argument(
        "--recovery", action="store_true", help="open it with the recovery words instead"
    )
    changing.add_argument(
        "--new-file", default="", metavar="FILE", help="read the new passphrase from FILE"
    )
    changing.set_defaults(run=vault_care.run_passphrase)
    renewing = add_subcommand(group, "recovery", "make new recovery words; the old ones end")
    renewing.add_argument("--remove", action="store_true", help="let no words open it any more")
    renewing.set_defaults(run=vault_care.run_recovery)
    keyring = add_subcommand(group, "keyring", "let the system's keychain open it, or no more")
    keyring.add_argument("switch", choices=("on", "off"))
    keyring.set_defaults(run=vault_care.run_keyring)
    listing = add_subcommand(group, "slots", "list what opens the vault, and how to change it")
    add_json_flag(listing)
    listing.set_defaults(run=vault_care.run_slots)
    checking = add_subcommand(group, "check", "look through all of it for damage")
    add_json_flag(checking)
    checking.set_defaults(run=vault_care.run_check)
    saving = add_subcommand(group, "backup", "write an encrypted, verified copy into a folder")
    saving.add_argument("folder", metavar="FOLDER")
    saving.add_argument("--keep", type=int, default=0, metavar="N", help="keep the newest N only")
    saving.set_defaults(run=vault_care.run_backup)
    restoring = add_subcommand(group, "restore", "put a backup in the vault's place")
    restoring.add_argument("backup", metavar="BACKUP")
    restoring.add_argument(
        "--recovery", action="store_true", help="open it with the recovery words (asked, or piped)"
    )
    restoring.set_defaults(run=vault_care.run_restore)
    mending = add_subcommand(group, "mend", "put the copy of a damaged key file in its place")
    mending.set_defaults(run=vault_care.run_mend)
    rekeying = add_subcommand(group, "rekey", "encrypt everything again under a new key")
    rekeying.set_defaults(run=vault_care.run_rekey)


async def run_init(arguments: Arguments, console: Console) -> int:
    directory = find_paths(os.environ).vault_dir
    status = vault_status(directory)
    if status.problem is not None:
        raise status.problem
    if status.exists:
        raise VaultExists(str(directory))
    passphrase = new_passphrase(console)
    console.status("Making the vault; this takes a second ...")
    created = await Vault.create(directory, passphrase, with_keyring=arguments.flag("keyring"))
    await created.vault.close()
    console.clear_status()
    console.note(f"The vault is made: {directory / 'vault.db'}")
    if created.keyring_failure:
        console.note(f"The keychain does not open it: {created.keyring_failure}.")
    show_recovery_words(console, created.recovery_words)
    return ExitCode.OK


async def run_status(_arguments: Arguments, console: Console) -> int:
    directory = find_paths(os.environ).vault_dir
    status = vault_status(directory)
    if console.is_json:
        console.json(
            {
                "path": str(directory / "vault.db"),
                "exists": status.exists,
                "version": status.version,
                "slots": {
                    "passphrase": status.has_passphrase,
                    "keyring": status.has_keyring,
                    "recovery": status.has_recovery,
                },
                "memory_kib": status.memory_kib,
                "size_bytes": status.database_bytes,
                "problem": status.problem.kind if status.problem else None,
            }
        )
    elif status.problem is None and not status.exists:
        console.line(f"There is no vault at {directory}. `troth vault init` makes one.")
    elif status.problem is None:
        yes_no = {True: "yes", False: "no"}
        console.rows(
            (
                ("vault", str(directory / "vault.db")),
                ("size", f"{status.database_bytes / 1e6:.1f} MB"),
                ("opens with passphrase", yes_no[status.has_passphrase]),
                ("opens with keychain", yes_no[status.has_keyring]),
                ("opens with recovery words", yes_no[status.has_recovery]),
                ("one guess costs", f"{status.memory_kib // 1024} MiB of memory"),
            )
        )
    if status.problem is not None and not console.is_json:
        raise status.problem
    return ExitCode.LOCKED if status.problem is not None else ExitCode.OK

"""`troth vault`: make the encrypted vault, look at it from outside, change how it opens."""

from __future__ import annotations

import os
import secrets
import sys

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import ask_hidden, can_ask, given_passphrase
from troth.domain.error import UsageError, VaultExists
from troth.settings import find_paths
from troth.vault.vault import CreatedVault, Vault, vault_status

_WEAK_LENGTH = 12
_ASKED_WORDS = 2
_TRIES = 3


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


async def run_init(arguments: Arguments, console: Console) -> int:
    directory = find_paths(os.environ).vault_dir
    if vault_status(directory).exists:
        raise VaultExists(str(directory))
    passphrase = new_passphrase(console)
    console.status("Making the vault; this takes a second ...")
    created = await Vault.create(directory, passphrase, with_keyring=arguments.flag("keyring"))
    await created.vault.close()
    console.clear_status()
    console.note(f"The vault is made: {directory / 'vault.db'}")
    if created.keyring_failure:
        console.note(f"The keychain does not open it: {created.keyring_failure}.")
    show_recovery_words(console, created)
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


def new_passphrase(console: Console, prompt: str = "Passphrase for the vault: ") -> str:
    """Return a passphrase from the environment's file or command, else ask for it twice.

    Raises UsageError when there is nobody to ask, or when the two differ.
    """
    given = given_passphrase(os.environ)
    if given is not None:
        return given
    if not can_ask():
        raise UsageError(
            "no terminal to ask for a passphrase at; set TROTH_PASSPHRASE_FILE or "
            "TROTH_PASSPHRASE_COMMAND"
        )
    console.note(
        "A forgotten passphrase cannot be reset. Four or more random words make a good one."
    )
    passphrase = ask_hidden(prompt)
    if not passphrase:
        raise UsageError("an empty passphrase protects nothing")
    if ask_hidden("The same again: ") != passphrase:
        raise UsageError("the two are not the same; nothing was made")
    if len(passphrase) < _WEAK_LENGTH:
        console.note("That is short: somebody who has the disk can guess it in time.")
    return passphrase


def show_recovery_words(console: Console, created: CreatedVault) -> None:
    """Print the words, once, and on a terminal ask for some of them back."""
    words = created.recovery_words.split()
    console.note("")
    console.note("These twelve words open the vault if the passphrase is lost. Write them down on")
    console.note("paper now; they are shown this once and are kept nowhere.")
    console.note("")
    if not sys.stdout.isatty():
        console.line(" ".join(words))
        return
    for row in range(0, len(words), 4):
        numbered = enumerate(words[row : row + 4], start=row + 1)
        console.stdout.write("   " + "".join(f"{n:>2} {word:<10}" for n, word in numbered) + "\n")
    console.stdout.flush()
    if can_ask():
        _ask_back(console, words)


def _ask_back(console: Console, words: list[str]) -> None:
    places = sorted(secrets.SystemRandom().sample(range(len(words)), _ASKED_WORDS))
    console.note("")
    for place in places:
        for _ in range(_TRIES):
            typed = ask_hidden(f"Word {place + 1} from your paper: ").strip().lower()
            if typed == words[place]:
                break
            console.note("That is another word.")
        else:
            console.note("The vault is made all the same. Compare your paper with the words above.")
            return
    console.note("Right. Keep the paper away from this computer.")

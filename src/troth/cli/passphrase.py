"""New passphrases and recovery words: asked for unseen, shown once, asked back."""

from __future__ import annotations

import os
import secrets
import sys

from troth.cli.output import Console
from troth.cli.unlock import ask_hidden, can_ask
from troth.domain.error import UsageError
from troth.vault.given import given_passphrase

_WEAK_LENGTH = 12
_ASKED_WORDS = 2
_TRIES = 3


def new_passphrase(console: Console, prompt: str = "Passphrase for the vault: ") -> str:
    """Return a passphrase from the environment's file or command, else ask for it twice.

    Raises UsageError when there is nobody to ask, or when the two differ.
    """
    given = given_passphrase(os.environ)
    return given if given is not None else ask_new_passphrase(console, prompt)


def ask_new_passphrase(console: Console, prompt: str) -> str:
    """Ask for a new passphrase twice, unseen."""
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
        raise UsageError("the two are not the same; nothing was changed")
    if len(passphrase) < _WEAK_LENGTH:
        console.note("That is short: somebody who has the disk can guess it in time.")
    return passphrase


def show_recovery_words(console: Console, recovery_words: str) -> None:
    """Print the words, once, and on a terminal ask for some of them back."""
    words = recovery_words.split()
    console.note("")
    console.note("These twelve words open the vault if the passphrase is lost. Write them down on")
    console.note("paper now; they are shown this once and are kept nowhere.")
    console.note("")
    if not sys.stdout.isatty():
        console.line(" ".join(words))
        return
    for row in range(0, len(words), 4):
        numbered = enumerate(words[row : row + 4], start=row + 1)
        console.put("   " + "".join(f"{n:>2} {word:<10}" for n, word in numbered) + "\n")
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
            console.note("Compare your paper with the words above: they are not shown again.")
            return
    console.note("Right. Keep the paper away from this computer.")

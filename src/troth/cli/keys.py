"""`troth keys`: API keys in the vault; only their source and last four characters are shown."""

from __future__ import annotations

import sys
from typing import TextIO

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, ask_hidden, can_ask, opened_engine
from troth.domain.error import UsageError
from troth.domain.model import Endpoint
from troth.engine.directory import KeyStatus

_LONGEST_KEY = 16_384


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    setting = add_subcommand(group, "set", "keep a provider's key; it is asked for, unseen")
    setting.add_argument("provider", metavar="PROVIDER")
    setting.add_argument("--stdin", action="store_true", help="read the key from stdin")
    setting.set_defaults(run=run_set)
    listing = add_subcommand(group, "list", "list the keys by source and last four characters")
    add_json_flag(listing)
    listing.set_defaults(run=run_list)
    removing = add_subcommand(group, "remove", "delete a provider's key from the vault")
    removing.add_argument("provider", metavar="PROVIDER")
    removing.set_defaults(run=run_remove)


async def run_set(arguments: Arguments, console: Console) -> int:
    provider = arguments.text("provider")
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        endpoint = engine.providers.endpoint(provider)
        if provider == "local":
            raise UsageError("the model on this computer needs no key")
        if not endpoint.base_url and endpoint.wire != "opengradient":
            raise UsageError(
                f"{provider} has no address yet: `troth providers add {provider} --wire "
                f"{endpoint.wire} --base-url URL` gives it yours"
            )
        if arguments.flag("stdin"):
            key = read_key(sys.stdin)
        elif can_ask():
            key = ask_hidden(f"Key for {provider} ({_place_of(endpoint)}): ")
        else:
            raise UsageError("no terminal to ask at; give the key to --stdin")
        await engine.providers.set_key(provider, key)
        console.note(f"The key for {provider} is in the vault, for {_place_of(endpoint)} only.")
    return ExitCode.OK


def _place_of(endpoint: Endpoint) -> str:
    return endpoint.base_url or "the enclaves that its registry lists"


async def run_list(arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.IF_THERE) as engine:
        found = [
            (endpoint.name, status)
            for endpoint in engine.providers.endpoints()
            if (status := engine.providers.key_status(endpoint.name)) is not None
        ]
        # Keys whose provider now points elsewhere are not used, but they are there.
        used = {name for name, status in found if status.source == "vault"}
        unused = sorted(set(engine.providers.stored_keys()) - used)
        if console.is_json:
            console.json(
                [
                    {
                        "provider": name,
                        "source": status.source,
                        "variable": status.variable,
                        "last4": status.last4,
                    }
                    for name, status in found
                ]
            )
        else:
            console.rows((name, key_words(status, needed=True)) for name, status in found)
            for name in unused:
                console.note(f"{name}: a key is stored for another address and is not used.")
            if not found and not unused:
                console.note("There are no keys. `troth keys set PROVIDER` keeps one.")
    return ExitCode.OK


async def run_remove(arguments: Arguments, console: Console) -> int:
    provider = arguments.text("provider")
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        await engine.providers.remove_key(provider)
        console.note(f"The key for {provider} is deleted.")
    return ExitCode.OK


def read_key(stream: TextIO | None) -> str:
    """Read one key from a pipe; raises UsageError when there is none."""
    if stream is None:
        raise UsageError("stdin is closed, so there is no key to read")
    key = stream.read(_LONGEST_KEY + 1).strip()
    if not key or len(key) > _LONGEST_KEY:
        raise UsageError("stdin holds no key")
    return key


def key_words(status: KeyStatus | None, *, needed: bool) -> str:
    """Return where a key comes from, in words."""
    if status is None:
        return "no key" if needed else "needs no key"
    # A short key would be half told by four of its letters.
    ending = f" ...{status.last4}"
    return f"{status.variable or status.source}{ending}"

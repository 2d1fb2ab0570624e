"""`troth providers`: which servers can be asked, and the user's own ones."""

from __future__ import annotations

import sys

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.enclave_arguments import (
    add_channel_argument,
    add_enclave_arguments,
    read_pin,
    with_route,
)
from troth.cli.keys import key_words, read_key
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import UsageError
from troth.domain.model import Endpoint, Json
from troth.engine.engine import Engine
from troth.settings import ProviderSettings, check_provider_name, check_url

WIRES = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "opengradient")


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    listing = add_subcommand(group, "list", "list every provider and where its key comes from")
    listing.add_argument("--ready", action="store_true", help="only those that can be asked now")
    add_json_flag(listing)
    listing.set_defaults(run=run_list)

    adding = add_subcommand(group, "add", "add a server of yours, or point a known one elsewhere")
    adding.add_argument("name", metavar="NAME")
    adding.add_argument("--wire", required=True, choices=WIRES, help="what it speaks")
    adding.add_argument("--base-url", default="", metavar="URL", help="such as http://host/v1")
    adding.add_argument("--title", default="", metavar="TEXT", help="its name for people")
    adding.add_argument("--own", action="store_true", help="your own machine: replies are local")
    key = adding.add_mutually_exclusive_group()
    key.add_argument("--key-env", metavar="VAR", help="environment variable that holds the key")
    key.add_argument("--key-stdin", action="store_true", help="read the key from stdin")
    add_channel_argument(adding)
    add_enclave_arguments(adding)
    adding.set_defaults(run=run_add)

    removing = add_subcommand(group, "remove", "take one of yours out again, with its key")
    removing.add_argument("name", metavar="NAME")
    removing.set_defaults(run=run_remove)

    testing = add_subcommand(group, "test", "ask a provider for its models; costs nothing")
    testing.add_argument("name", metavar="NAME")
    add_json_flag(testing)
    testing.set_defaults(run=run_test)


async def run_list(arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.IF_FREE) as engine:
        endpoints = [
            endpoint
            for endpoint in engine.providers.endpoints()
            if not arguments.flag("ready") or _is_ready(engine, endpoint)
        ]
        if console.is_json:
            console.json([_endpoint_json(engine, endpoint) for endpoint in endpoints])
        else:
            console.rows(
                (
                    endpoint.name,
                    endpoint.wire,
                    key_words(
                        engine.providers.key_status(endpoint.name), needed=endpoint.needs_key
                    ),
                    endpoint.base_url,
                )
                for endpoint in endpoints
            )
    return ExitCode.OK


async def run_add(arguments: Arguments, console: Console) -> int:
    name, url = arguments.text("name"), arguments.text("base_url")
    check_provider_name(name)
    if url:
        check_url(url)
    takes_key = arguments.flag("key_stdin")
    variable = arguments.text("key_env")
    # Without a place for the key nothing is written: half a provider helps nobody.
    use = VaultUse.REQUIRED if takes_key else VaultUse.NONE
    async with opened_engine(console, use) as engine:
        if (present := engine.settings.providers.get(name)) is not None:
            raise _taken(present)
        key = read_key(sys.stdin) if takes_key else ""
        endpoint = Endpoint(
            name=name,
            wire=arguments.text("wire"),
            base_url=url.rstrip("/"),
            title=arguments.text("title"),
            key_variables=(variable,) if variable else (),
            needs_key=bool(key or variable),
            is_own=arguments.flag("own"),
        )
        pinned = await read_pin(arguments, name)  # a file that is not there leaves no provider
        await engine.providers.add_endpoint(with_route(arguments, endpoint))
        if pinned is not None:
            await engine.proofs.trust_file.pin(pinned)
        if key:
            await engine.providers.set_key(name, key)
        console.note(f"{name} is added. `troth providers test {name}` asks it for its models.")
    return ExitCode.OK


def _taken(present: ProviderSettings) -> UsageError:
    """Say what a provider is that has the name already, and how it is changed."""
    name, what = present.name, present.wire or "changed in config.toml"
    where = f" at {present.base_url}" if present.base_url else ""
    return UsageError(
        f"the name {name} is taken: it is {what}{where}",
        step=f"`troth config set providers.{name}.base_url URL` changes it, "
        f"`troth keys set {name}` its key; `troth providers remove {name}` makes room.",
    )


async def run_remove(arguments: Arguments, console: Console) -> int:
    name = arguments.text("name")
    async with opened_engine(console, VaultUse.IF_THERE) as engine:
        await engine.providers.remove_endpoint(name)
        console.note(f"{name} is removed.")
    return ExitCode.OK


async def run_test(arguments: Arguments, console: Console) -> int:
    name = arguments.text("name")
    async with opened_engine(console, VaultUse.IF_THERE) as engine:
        endpoint = engine.providers.endpoint(name)
        if name == "local":
            raise UsageError("local is on this computer: `troth local status` looks at it")
        if endpoint.wire == "opengradient" and not endpoint.base_url:
            listing = await engine.enclaves.listing(name)
            count = len(listing.records)
            console.note(f"{listing.source.name} answers: it lists {count} enclaves for {name}.")
        models = (
            await engine.providers.refresh_models(name)
            if endpoint.base_url
            else tuple(c.info for c in engine.providers.models() if c.endpoint.name == name)
        )
        if console.is_json:
            console.json({"provider": name, "models": [info.ref.model for info in models]})
        else:
            if endpoint.base_url:
                console.note(f"{name} answers at {endpoint.base_url}: {len(models)} models.")
            for info in models:
                console.line(str(info.ref))
    return ExitCode.OK


def _is_ready(engine: Engine, endpoint: Endpoint) -> bool:
    return not endpoint.needs_key or engine.providers.key_status(endpoint.name) is not None


def _endpoint_json(engine: Engine, endpoint: Endpoint) -> Json:
    status = engine.providers.key_status(endpoint.name)
    return {
        "name": endpoint.name,
        "title": endpoint.title,
        "wire": endpoint.wire,
        "base_url": endpoint.base_url,
        "needs_key": endpoint.needs_key,
        "key": None
        if status is None
        else {"source": status.source, "variable": status.variable, "last4": status.last4},
        "is_own": endpoint.is_own,
        "is_yours": endpoint.name in engine.settings.providers,
    }

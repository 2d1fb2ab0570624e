"""What `troth providers add` takes for OpenGradient: whose key counts, and which way to go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from troth.cli.command import Arguments, Parser
from troth.domain.error import NotFound, UsageError
from troth.domain.model import Endpoint, Json
from troth.engine.engine import Engine

ROUTES = ("direct", "relay", "veil")


def add_enclave_arguments(parser: Parser) -> None:
    group = parser.add_argument_group("OpenGradient (--wire opengradient)")
    group.add_argument("--pin", metavar="KEY.pem", help="the key that must sign its replies")
    group.add_argument("--route", choices=ROUTES, help="how to get there; direct if absent")


def with_route(arguments: Arguments, endpoint: Endpoint) -> Endpoint:
    """Return the endpoint with what the arguments say of its route; raise UsageError."""
    given = [name for name in ("pin", "route") if arguments.text(name)]
    if given and endpoint.wire != "opengradient":
        raise UsageError(f"--{given[0]} goes with --wire opengradient")
    options: dict[str, Json] = dict(endpoint.options)
    if route := arguments.text("route"):
        options["route"] = route
    return replace(endpoint, options=options)


async def pin_key(arguments: Arguments, engine: Engine, provider: str) -> None:
    """Pin the key of `--pin` for `provider`; raise NotFound or UsageError."""
    if not (given := arguments.text("pin")):
        return
    pem = await asyncio.to_thread(_read, given)
    from troth.engine.opengradient.pinning import pinned_key

    await engine.proofs.trust_file.pin(pinned_key(pem, provider, source=Path(given).name))


def _read(given: str) -> bytes:
    try:
        return Path(given).expanduser().read_bytes()
    except OSError as error:
        raise NotFound("file", given) from error

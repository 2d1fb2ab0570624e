"""What `troth providers add` and `troth ask` take for OpenGradient: keys, routes and money."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from troth.cli.command import Arguments, Parser
from troth.domain.error import NotFound, PaymentRefused, UsageError
from troth.domain.model import Endpoint, Json
from troth.engine.engine import Engine
from troth.settings import check_url, typed_path
from troth.verifiers.tinfoil_names import CHANNEL_SCHEMES

if TYPE_CHECKING:
    from troth.engine.payment import PaymentRequest
    from troth.verifiers.trust import PinnedKey

# Payments (6 ms) are imported late: `troth ask` takes these arguments and hardly ever pays.

WIRE = "opengradient"
ROUTES = ("direct", "relay", "veil")
WALLET_VARIABLE = "TROTH_OG_PRIVATE_KEY"
_OPTIONS = {
    "route": "route",
    "gateway": "gateway",
    "settlement": "settlement",
    "max_opg": "max_opg_reply",
    "base_rpc": "balance_rpc",
}


def add_enclave_arguments(parser: Parser) -> None:
    group = parser.add_argument_group("OpenGradient (--wire opengradient)")
    group.add_argument("--pin", metavar="KEY.pem", help="the key that must sign its replies")
    group.add_argument(
        "--registry",
        action="append",
        default=[],
        metavar="RPC:ADDRESS",
        help="find its gateways there; give two to let them check each other",
    )
    group.add_argument("--route", choices=ROUTES, help="how to get there; direct if absent")
    group.add_argument(
        "--gateway",
        metavar="URL",
        help="with --route relay and no registry: the gateway that the relay leads to",
    )
    group.add_argument(
        "--pay-to",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="who may be paid, where no registry says so",
    )
    group.add_argument("--max-opg", metavar="N", help="the most that one authorisation may be")
    group.add_argument(
        "--base-rpc", metavar="URL", help="endpoint of Base to ask what the wallet holds"
    )
    group.add_argument("--settlement", choices=("private", "batch", "individual"))


def add_channel_argument(parser: Parser) -> None:
    parser.add_argument(
        "--channel",
        choices=sorted(CHANNEL_SCHEMES),
        help="its machine proves itself this way: nothing is sent before that holds",
    )


def with_route(arguments: Arguments, endpoint: Endpoint) -> Endpoint:
    """Return the endpoint with what the arguments say of its route; raise UsageError."""
    if channel := arguments.text("channel"):
        if endpoint.wire == WIRE or not endpoint.base_url.startswith("https://"):
            raise UsageError("--channel goes with a --base-url that begins with https://")
        endpoint = replace(endpoint, options={**endpoint.options, "channel": channel})
    given = [name for name in ("pin", *_OPTIONS) if arguments.text(name)]
    given += [name for name in ("registry", "pay_to") if arguments.texts(name)]
    if endpoint.wire != WIRE:
        if given:
            raise UsageError(f"--{given[0].replace('_', '-')} goes with --wire {WIRE}")
        if not endpoint.base_url:
            raise UsageError("--base-url is missing")
        return endpoint
    options: dict[str, Json] = dict(endpoint.options)
    options |= {
        name: arguments.text(argument)
        for argument, name in _OPTIONS.items()
        if arguments.text(argument)
    }
    for argument in ("registry", "pay_to"):
        if places := arguments.texts(argument):
            options[argument] = list[Json](places)
    if (amount := options.get("max_opg_reply")) is not None:
        from troth.engine.payment import to_base_units

        to_base_units(amount)
    _check_place(endpoint, options)
    variables = endpoint.key_variables or (WALLET_VARIABLE,)
    return replace(endpoint, options=options, key_variables=variables, needs_key=False)


def _check_place(endpoint: Endpoint, options: dict[str, Json]) -> None:
    if gateway := options.get("gateway"):
        if options.get("route") != "relay":
            raise UsageError("--gateway goes with --route relay; --base-url names a direct one")
        check_url(str(gateway))
    if places := options.get("registry"):
        from troth.engine.opengradient.registries import parse_registry

        parse_registry([str(place) for place in places] if isinstance(places, list) else [], "")
        if endpoint.base_url and options.get("route") != "relay":
            raise UsageError("a gateway comes from --base-url or from --registry, not from both")
    elif not endpoint.base_url and options.get("route") != "relay":
        raise UsageError("--base-url or --registry says where the gateway is")


async def read_pin(arguments: Arguments, provider: str) -> PinnedKey | None:
    """Return the key of `--pin` for `provider`, None without; raise NotFound or UsageError."""
    if not (given := arguments.text("pin")):
        return None
    content = await asyncio.to_thread(_read, given)
    from troth.engine.opengradient.pinning import pinned_key

    return pinned_key(content, provider, source=Path(given).name)


def _read(given: str) -> bytes:
    try:
        return typed_path(given).read_bytes()
    except FileNotFoundError as error:
        raise NotFound("file", given) from error
    except OSError as error:
        raise UsageError(f"{given} cannot be read: {error.strerror}") from error


def allow_payments(arguments: Arguments, engine: Engine) -> None:
    """Let `--max-opg` answer where nobody can be asked; without it nothing is paid."""
    if not (given := arguments.text("max_opg")):
        return
    from troth.engine.payment import to_base_units, to_opg, written_opg

    most = to_opg(to_base_units(given))

    async def is_within(request: PaymentRequest) -> bool:
        if request.amount > most:
            asked = written_opg(request.amount)
            reason = f"It asks for up to {asked}; --max-opg lets {written_opg(most)} go."
            raise PaymentRefused(request.provider, reason)
        return True

    engine.enclaves.payments.ask = is_within

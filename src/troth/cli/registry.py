"""`troth registry`: which enclaves OpenGradient's registry lists, and what its word is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.model import Json

if TYPE_CHECKING:
    from troth.verifiers.trust import RegistryRecord


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    listing = add_subcommand(group, "list", "ask the registry for the enclaves that are alive")
    listing.add_argument(
        "--provider", default="", metavar="NAME", help="the registry of this provider"
    )
    add_json_flag(listing)
    listing.set_defaults(run=run_list)

    asking = add_subcommand(group, "ask", "ask whether the enclave of a reply is listed still")
    asking.add_argument(
        "message", metavar="MESSAGE", help="id of a reply, the end of it, or `last`"
    )
    add_json_flag(asking)
    asking.set_defaults(run=run_ask)


async def run_ask(arguments: Arguments, console: Console) -> int:
    """Ask now; the answer is kept beside the reply, whose verdict stays what it was."""
    from troth.cli.receipt import find_reply
    from troth.verifiers.opengradient_standing import Said

    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        chat, message_id = await find_reply(engine, arguments.text("message"))
        standing = await engine.proofs.ask_registry(chat, message_id)
        if console.is_json:
            console.json(
                {
                    "message": message_id,
                    "tee_id": standing.tee_id,
                    "registry": standing.registry,
                    "said": standing.said,
                    "read_at": standing.read_at.isoformat(),
                }
            )
        else:
            console.line(standing.words)
    return ExitCode.OK if standing.said is Said.ALIVE else ExitCode.NOT_VERIFIED


async def run_list(arguments: Arguments, console: Console) -> int:
    """Ask now, whatever is remembered; the vault is not needed."""
    async with opened_engine(console, VaultUse.NONE) as engine:
        listing = await engine.enclaves.listing(arguments.text("provider"))
        source = listing.source
        if console.is_json:
            console.json(
                {
                    "registry": source.name,
                    "address": source.address,
                    "chain_id": source.chain_id or None,
                    "rpc_urls": list(source.rpc_urls),
                    "failures": dict(listing.failures),
                    "read_at": listing.read_at.isoformat(),
                    "enclaves": [_record_json(record) for record in listing.records],
                }
            )
            return ExitCode.OK
        console.rows(_row(record) for record in listing.records)
        for url, why in listing.failures:
            console.note(f"troth: {url}: {why}")
        count = len(listing.records)
        alive = "1 enclave is" if count == 1 else f"{count} enclaves are"
        console.note(
            f"{alive} alive. That a key is listed means that an"
            " administrator of the registry says so, over HTTPS; it is no hardware proof."
        )
        if len(source.rpc_urls) == 1:
            console.note(
                "One endpoint was asked. A second one in trust.toml would show when one lies."
            )
    return ExitCode.OK


def _row(record: RegistryRecord) -> tuple[str, ...]:
    words = ["enabled" if record.is_enabled else "SWITCHED OFF"]
    if record.ohttp is not None:
        words.append("takes sealed prompts")
    if record.disagreeing_urls:
        words.append(f"ENDPOINTS DISAGREE: {', '.join(record.disagreeing_urls)}")
    return record.tee_id, record.endpoint, record.pcr_hash.hex()[:12], ", ".join(words)


def _record_json(record: RegistryRecord) -> Json:
    return {
        "tee_id": record.tee_id,
        "endpoint": record.endpoint,
        "pcr_hash": record.pcr_hash.hex(),
        "is_enabled": record.is_enabled,
        "takes_sealed": record.ohttp is not None,
        "payment_address": record.payment_address,
        "owner": record.owner,
        "registered_at": record.registered_at,
        "last_heartbeat_at": record.last_heartbeat_at,
        "block": record.block,
        "agreeing": list(record.rpc_urls),
        "disagreeing": list(record.disagreeing_urls),
    }

"""`troth pay`: what a wallet holds, and what may be drawn from it; set only after a yes of its own.

Authorising a reply and letting Permit2 draw are two consents: the first is a signature that the
gateway may use up to a cap, the second a public transaction that costs ETH.
"""

from __future__ import annotations

import sys

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, can_ask, opened_engine
from troth.domain.error import UsageError


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    status = add_subcommand(group, "status", "ask Base what the wallet holds and what may be drawn")
    status.add_argument("provider", metavar="PROVIDER")
    status.add_argument("--rpc", default="", metavar="URL", help="endpoint of Base to ask")
    add_json_flag(status)
    status.set_defaults(run=run_status)

    approving = add_subcommand(
        group, "approve", "let Permit2 draw N OPG in all; a transaction that costs ETH"
    )
    approving.add_argument("provider", metavar="PROVIDER")
    approving.add_argument("--amount", required=True, metavar="N", help="OPG; 0 takes it back")
    approving.add_argument("--rpc", default="", metavar="URL", help="endpoint of Base to ask")
    approving.add_argument(
        "--yes", metavar="N", default="", help="the amount again: agree where nobody can be asked"
    )
    approving.set_defaults(run=run_approve)


async def run_status(arguments: Arguments, console: Console) -> int:
    """Ask Base about the wallet, and the vault about today."""
    from troth.engine.payment import to_opg, written_opg

    provider = arguments.text("provider")
    async with opened_engine(console, VaultUse.IF_THERE) as engine:
        standing = await engine.enclaves.approver(provider, arguments.text("rpc")).standing()
        today = to_opg(await engine.enclaves.payments.authorised_today())
        if console.is_json:
            console.json(
                {
                    "provider": provider,
                    "wallet": standing.wallet,
                    "balance_opg": str(standing.balance),
                    "allowed_opg": str(standing.allowed),
                    "balance_eth": str(standing.ether),
                    "authorised_today_opg": str(today),
                }
            )
            return ExitCode.OK
        console.rows(
            (
                ("wallet", standing.wallet),
                ("holds", f"{written_opg(standing.balance)}, {standing.ether.normalize():f} ETH"),
                ("may draw", f"Permit2: {written_opg(standing.allowed)}"),
                ("authorised", f"{written_opg(today)} today, at all providers"),
            )
        )
    return ExitCode.OK


async def run_approve(arguments: Arguments, console: Console) -> int:
    """Show all of it, ask for the amount again, and only then sign and send."""
    from troth.engine.opengradient.approval import approval_lines
    from troth.engine.payment import to_base_units

    provider = arguments.text("provider")
    amount = to_base_units(arguments.text("amount"))
    async with opened_engine(console, VaultUse.IF_THERE) as engine:
        approver = engine.enclaves.approver(provider, arguments.text("rpc"))
        approval = await approver.propose(amount)
        console.note("This asks Base to let Permit2 draw on your wallet:")
        for name, value in approval_lines(approval):
            console.note(f"{name}: {value}")
        given = arguments.text("yes")
        if not given:
            if not can_ask():
                raise UsageError("no terminal to ask at; --yes with the amount again agrees")
            console.note(f"Type {arguments.text('amount')} again to send it; anything else stops.")
            given = sys.stdin.readline().strip()
        if not given or to_base_units(given) != amount:
            raise UsageError("that is another amount; nothing was signed")
        console.note("Sending; it is final once it is in a block.")
        sent = await approver.approve(approval)
        console.note(f"Permit2 may now draw {approval.amount} OPG.")
        console.line(sent)
    return ExitCode.OK

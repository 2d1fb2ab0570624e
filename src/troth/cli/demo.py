"""`troth demo`: the simulated enclave as a server of its own, to be looked at closely."""

from __future__ import annotations

import asyncio

from troth.cli.command import Arguments, Parser
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.engine.demo.root import NAME

MODES = ("honest", "tamper", "replay", "truncate", "strip", "debug")


def configure(parser: Parser) -> None:
    parser.description = (
        "Run a simulated enclave on this computer: the small model answers, and its replies are"
        " signed as a real enclave's, or are tampered with. It proves nothing about anything."
        " `troth ask -m demo/MODE` shows one reply without a server."
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="0 picks a free one")
    parser.add_argument(
        "--mode", choices=MODES, default="", help="what happens to every reply; else by model name"
    )
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    """Serve until ctrl+c."""
    async with opened_engine(console, VaultUse.NONE) as engine:
        await engine.enclaves.start_demo(arguments.text("mode") or "honest")
        demo = engine.enclaves.demo()
        port, mode = arguments.number("port"), arguments.text("mode")
        async with demo.serve(port=port, mode=mode) as given:
            console.note(f"SIMULATED: {NAME}")
            console.note(f"Models: {', '.join(MODES)}. ctrl+c stops it.")
            console.note("Without a server: troth ask -m demo/tamper 'What is a signature?'")
            console.line(f"http://127.0.0.1:{given}/v1")
            await asyncio.Event().wait()
    return ExitCode.OK

"""`troth login`: let the browser log in to a provider's relay; the tokens go into the vault."""

from __future__ import annotations

import asyncio
import webbrowser

from troth.cli.command import Arguments, Parser
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine


def configure(parser: Parser) -> None:
    parser.add_argument("provider", metavar="PROVIDER", help="such as opengradient")
    parser.add_argument("--app-url", default="", metavar="URL", help="another login page")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--out", action="store_true", help="forget the login instead")
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    """Wait for the page in the browser, five minutes at most."""
    provider = arguments.text("provider")
    # A login that is gone when the command ends would be none.
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        if arguments.flag("out"):
            await engine.enclaves.log_out(provider)
            console.note(f"The login for {provider} is forgotten here.")
            return ExitCode.OK

        opening: list[asyncio.Future[bool]] = []

        def open_page(url: str) -> None:
            console.note("Log in with your browser, at this address:")
            console.line(url)
            if not arguments.flag("no_browser"):
                loop = asyncio.get_running_loop()
                opening.append(loop.run_in_executor(None, webbrowser.open, url))

        login = await engine.enclaves.log_in(provider, open_page, app_url=arguments.text("app_url"))
        who = f" as {login.account}" if login.account else ""
        console.note(
            f"Logged in to {provider}{who}. Relay {login.relay_url},"
            f" registry {login.registry.address}. The tokens are in the vault."
        )
    return ExitCode.OK

"""`troth login`: let the browser log in to a provider's relay; the tokens go into the vault."""

from __future__ import annotations

import asyncio
import json
import sys
import webbrowser

from troth.cli.command import Arguments, Parser
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, ask_hidden, opened_engine
from troth.domain.error import UsageError

_LONGEST = 256 << 10


def configure(parser: Parser) -> None:
    parser.add_argument("provider", metavar="PROVIDER", help="such as opengradient")
    parser.add_argument("--app-url", default="", metavar="URL", help="another login page")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--paste", action="store_true", help="the page's copy of the login, for a browser elsewhere"
    )
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

        app_url = arguments.text("app_url")
        if arguments.flag("paste"):
            given = await asyncio.to_thread(read_login, console)
            login = await engine.enclaves.take_login(provider, given, app_url=app_url)
        else:
            login = await engine.enclaves.log_in(provider, open_page, app_url=app_url)
        who = f" as {login.account}" if login.account else ""
        console.note(
            f"Logged in to {provider}{who}. Relay {login.relay_url},"
            f" registry {login.registry.address}. The tokens are in the vault."
        )
    return ExitCode.OK


def read_login(console: Console) -> bytes:
    """Read a login from a pipe, or unseen from the terminal; raise UsageError where none comes."""
    if sys.stdin is None or not sys.stdin.isatty():
        given = sys.stdin.read(_LONGEST) if sys.stdin is not None else ""
        if not given.strip():
            raise UsageError("stdin holds no login")
        return given.encode("utf-8")
    console.note("Paste what the page's Copy button gave. It is not shown; an empty line ends it.")
    given = ""
    while len(given) < _LONGEST and not _is_whole(given):
        line = ask_hidden("> " if not given else "")
        if not line:
            break
        given += line + "\n"
    return given.encode("utf-8")


def _is_whole(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

"""What a command is: a row in the table below, and a module that is imported when it is asked for.

Nothing else is imported for it, so that `troth ask` pays for no other command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, NoReturn, Protocol, TypeAlias, cast

from troth.cli.output import Console, put
from troth.domain.error import UsageError


class CommandModule(Protocol):
    """What the module of a command offers."""

    def configure(self, parser: Parser) -> None:
        """Add arguments; set `run` as a default, per subcommand where there are some."""
        ...


class Command(NamedTuple):
    name: str
    module: str
    summary: str
    group: str


COMMANDS: tuple[Command, ...] = (
    Command("ask", "ask", "ask one question and print the answer", "Talk"),
    Command("chat", "chat_plain", "talk line by line (--plain), or open the app", "Talk"),
    Command("compare", "compare", "ask several models the same, once or for research", "Talk"),
    Command("lineups", "compare_lineups", "keep the columns of a comparison by name", "Talk"),
    Command("ratings", "ratings", "rate models from your blind votes", "Talk"),
    Command("chats", "chats", "list the chats in the vault", "Talk"),
    Command("search", "search", "find words in all chats", "Talk"),
    Command("import", "import_", "take in chats of ChatGPT, Claude, Gemini and others", "Talk"),
    Command("export", "export", "write chats as Markdown, JSON or HTML", "Talk"),
    Command("receipt", "receipt", "write a file with which anyone can check a reply", "Trust"),
    Command("verify", "verify", "check a receipt or a picture; no vault, no network", "Trust"),
    Command("registry", "registry", "list the enclaves of OpenGradient's registry", "Trust"),
    Command("demo", "demo", "see what verification looks like, simulated", "Trust"),
    Command("trust", "trust", "say whose signing keys and which code count", "Trust"),
    Command("models", "models", "list the models that can answer", "Models"),
    Command("providers", "providers", "list, add, test and remove providers", "Models"),
    Command("login", "login", "log in to a provider's relay with the browser", "Models"),
    Command("pay", "pay", "see and set what may be drawn from a wallet", "Models"),
    Command("keys", "keys", "keep API keys in the vault", "Models"),
    Command("local", "local", "the model that runs on this computer", "Models"),
    Command("vault", "vault", "make the vault, look at it, change its passphrase", "This computer"),
    Command("config", "config", "show or edit the settings", "This computer"),
    Command("doctor", "doctor", "say what works here; contacts nobody", "This computer"),
    Command("completion", "completion", "print the completion script of a shell", "This computer"),
)
BY_NAME = {command.name: command for command in COMMANDS}

EXIT_CODES = """\
exit codes:
  0 ok   1 provider or network   2 usage   3 locked or no key
  4 not verified   130 interrupted
"""


class Arguments(argparse.Namespace):
    """Parsed arguments, read with the type that the parser gave them."""

    def text(self, name: str) -> str:
        """Return an argument as text; "" when it was not given."""
        return cast("str | None", getattr(self, name)) or ""

    def maybe_text(self, name: str) -> str | None:
        return cast("str | None", getattr(self, name))

    def texts(self, name: str) -> list[str]:
        return cast("list[str]", getattr(self, name))

    def flag(self, name: str) -> bool:
        return cast("bool", getattr(self, name))

    def number(self, name: str) -> int:
        return cast("int", getattr(self, name))


class Parser(argparse.ArgumentParser):
    """argparse whose errors go through Troth's one way of saying what is wrong."""

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().split()).removeprefix("usage: ")
        raise UsageError(f"{message.rstrip('.')}. Usage: {usage}", step=help_of(self.prog))

    def print_help(self, file: object = None) -> None:
        """Write the help to stdout; argparse itself says nothing where that fails."""
        put(sys.stdout, self.format_help())


def help_of(prog: str) -> str:
    """Point to the help of a command, as `troth keys set`."""
    return f"`{prog} --help` explains it."


def parser_for(command: Command) -> Parser:
    """Build the parser of one command; imports its module."""
    module = cast("CommandModule", import_module(f"troth.cli.{command.module}"))
    parser = Parser(
        prog=f"troth {command.name}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.configure(parser)
    parser.set_defaults(prog=parser.prog)
    return parser


Subcommands: TypeAlias = "argparse._SubParsersAction[Parser]"  # pyright: ignore[reportPrivateUsage]
"""What `Parser.add_subparsers` returns; argparse has no public name for it."""


def add_subcommand(group: Subcommands, name: str, summary: str) -> Parser:
    """Add a subcommand such as `keys set`, with help that reads like its parent's."""
    parser = group.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        allow_abbrev=False,
    )
    parser.set_defaults(prog=parser.prog)
    return parser


class Accepts(Protocol):
    """A parser, or a group of arguments that exclude each other."""

    def add_argument(self, *flags: str, action: str, help: str) -> object: ...


def add_json_flag(parser: Accepts) -> None:
    """Add `--json`, which the console looks for as well."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def usage_of(commands: Sequence[Command]) -> str:
    """Return the help of `troth` itself."""
    lines = [
        "usage: troth [COMMAND] ...",
        "",
        "A terminal chat for every model, with an encrypted vault and a verdict on each reply.",
        "Without a command it opens the app.",
    ]
    group = ""
    for command in commands:
        if command.group != group:
            group = command.group
            lines += ["", f"{group}:"]
        lines.append(f"  {command.name:<12} {command.summary}")
    lines += [
        "",
        "The app:",
        "  troth                     open it",
        "  troth --chat ID           open it at a chat",
        "  troth --memory            open no vault and keep nothing",
        "",
        "  troth COMMAND --help      explains a command",
        "  troth --version           prints the version",
        "",
        EXIT_CODES,
    ]
    return "\n".join(lines)


__all__ = ["BY_NAME", "COMMANDS", "Command", "Console", "Parser", "parser_for", "usage_of"]

"""`troth lineups`: columns under a name, for `troth compare --lineup NAME` and for the app."""

from __future__ import annotations

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.engine.comparison_lineups import remove_lineup, save_lineup
from troth.engine.comparison_text import parse_spec


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    listing = add_subcommand(group, "list", "list the line-ups with their columns")
    add_json_flag(listing)
    listing.set_defaults(run=run_list)
    saving = add_subcommand(group, "save", "keep columns under a name, in place of what it meant")
    saving.add_argument("name", metavar="NAME")
    saving.add_argument(
        "-m",
        "--model",
        action="append",
        default=[],
        metavar="PROVIDER/MODEL",
        help="a column, repeatable; parameters may follow: 'p/m?temperature=0.2&seed=1'",
    )
    saving.set_defaults(run=run_save)
    removing = add_subcommand(group, "remove", "forget a line-up")
    removing.add_argument("name", metavar="NAME")
    removing.set_defaults(run=run_remove)


async def run_list(_: Arguments, console: Console) -> int:
    """Print every name with its columns, as they are written in config.toml."""
    async with opened_engine(console, VaultUse.NONE) as engine:
        known = engine.settings.lineups
    if console.is_json:
        console.json({name: list(columns) for name, columns in known.items()})
    elif not known:
        console.note("troth: there is no line-up yet: troth lineups save NAME -m A -m B")
    else:
        console.rows((name, " ".join(columns)) for name, columns in known.items())
    return ExitCode.OK


async def run_save(arguments: Arguments, console: Console) -> int:
    """Save two to eight columns; a model that is not there is refused."""
    name = arguments.text("name")
    async with opened_engine(console, VaultUse.NONE) as engine:
        specs = [
            parse_spec(text, engine.providers.resolve_model) for text in arguments.texts("model")
        ]
        await save_lineup(engine, name, specs)
    console.note(f"troth: {name} is saved: troth compare --lineup {name!r} asks it.")
    return ExitCode.OK


async def run_remove(arguments: Arguments, console: Console) -> int:
    """Forget one; exit 2 where there is none of that name."""
    name = arguments.text("name")
    async with opened_engine(console, VaultUse.NONE) as engine:
        await remove_lineup(engine, name)
    console.note(f"troth: {name} is gone.")
    return ExitCode.OK

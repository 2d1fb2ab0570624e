"""`troth compare`: one prompt, or a file of them, to several models side by side."""

from __future__ import annotations

from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.compare_places import BESIDE
from troth.cli.output import Console
from troth.domain.error import UsageError


def configure(parser: Parser) -> None:
    parser.add_argument("prompt", nargs="*", metavar="PROMPT", help="the question; stdin joins it")
    parser.add_argument(
        "-m",
        "--model",
        action="append",
        default=[],
        metavar="PROVIDER/MODEL",
        help="a column, repeatable; parameters may follow: 'p/m?temperature=0.2&seed=1'",
    )
    parser.add_argument(
        "--lineup", metavar="NAME", help="the columns of a line-up; see `troth lineups`"
    )
    parser.add_argument("-s", "--system", metavar="SYSTEM", help="the system prompt")
    parser.add_argument("--temperature", type=float, metavar="X", help="for all columns")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest reply of all columns")
    parser.add_argument("--no-save", action="store_true", help="keep nothing of it (one prompt)")
    parser.add_argument("--chat", metavar="ID", help="show a comparison of the vault; see --csv")
    add_json_flag(parser)
    _add_batch(parser)
    parser.set_defaults(run=run)


def _add_batch(parser: Parser) -> None:
    batch = parser.add_argument_group("many prompts")
    batch.add_argument("--file", metavar="FILE", help="prompts, as JSON lines or CSV")
    batch.add_argument("--out", metavar="FILE", help="results, one JSON line per reply")
    batch.add_argument("--repeat", type=int, default=1, metavar="N", help="ask each N times")
    batch.add_argument("--seed", type=int, metavar="S", help="sent with each; +1 per repetition")
    batch.add_argument(
        "--concurrency",
        type=int,
        metavar="K",
        help="at once to each provider (4; 1 for models of your own, whose times would suffer)",
    )
    batch.add_argument(
        "--max-cost",
        type=float,
        metavar="X",
        help="stop before X US dollars, each reply counted as long as it may get until it is in",
    )
    batch.add_argument("--csv", metavar="FILE", help="write the results as CSV, too")
    batch.add_argument(
        "--receipts", nargs="?", const=BESIDE, metavar="DIR", help="keep a receipt of each reply"
    )
    batch.add_argument(
        "--report", nargs="?", const=BESIDE, metavar="FILE", help="write one HTML page with plots"
    )
    batch.add_argument("--strict", action="store_true", help="refuse a file with a broken row")
    batch.add_argument("--append", action="store_true", help="add to the results of another run")
    batch.add_argument(
        "--ask-again",
        action="store_true",
        help="ask once more what was interrupted, stopped or cut; it may be paid twice",
    )
    batch.add_argument("--check", metavar="FILE", help="check a results file; sends nothing")


async def run(arguments: Arguments, console: Console) -> int:
    """Do what was asked for; each way imports what it needs and no more."""
    if arguments.text("check"):
        from troth.cli.compare_check import check

        return await check(arguments, console)
    if arguments.text("chat"):
        from troth.cli.compare_show import show

        return await show(arguments, console)
    if arguments.text("file") or arguments.text("out"):
        if not arguments.text("file") or not arguments.text("out"):
            raise UsageError("a batch needs both: --file PROMPTS --out RESULTS")
        if arguments.texts("prompt"):
            raise UsageError("ask a file or a prompt, not both")
        from troth.cli.compare_batch import run_batch

        return await run_batch(arguments, console)
    from troth.cli.compare_once import ask_once

    return await ask_once(arguments, console)

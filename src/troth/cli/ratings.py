"""`troth ratings`: Bradley-Terry ratings of all blind votes in the vault."""

from __future__ import annotations

import csv
import io

from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import UsageError
from troth.domain.model import Json
from troth.engine.rating import FEWEST_TURNS, RatingTable, Tally, interval_words, rate
from troth.engine.rating_votes import CollectedVotes, VoteFilter, collect_votes


def configure(parser: Parser) -> None:
    parser.add_argument("--tag", default="", metavar="TAG", help="only chats with this tag")
    parser.add_argument("--set", default="", metavar="NAME", help="only this set of prompts")
    parser.add_argument("--open", action="store_true", help="also votes with the names in sight")
    parser.add_argument(
        "--flagged", action="store_true", help="also votes on replies that named themselves"
    )
    parser.add_argument("--rounds", type=int, default=1000, metavar="N", help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the bootstrap")
    look = parser.add_mutually_exclusive_group()
    add_json_flag(look)
    look.add_argument("--csv", action="store_true", help="print the ratings as CSV")
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    """Print ratings with 95 % intervals, best first, and who beat whom."""
    rounds = arguments.number("rounds")
    if not 1 <= rounds <= 100_000:
        raise UsageError("--rounds takes a number from 1 to 100000")
    wanted = VoteFilter(
        arguments.text("tag"),
        arguments.text("set"),
        takes_open=arguments.flag("open"),
        takes_flagged=arguments.flag("flagged"),
    )
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        votes = await collect_votes(engine.vault, wanted)
    table = rate(votes.ballots, rounds=rounds, seed=arguments.number("seed"))
    if console.is_json:
        console.json(_table_json(table, votes))
    elif arguments.flag("csv"):
        console.write(_table_csv(table))
    else:
        _show(console, table)
    if not console.is_json:
        _say_what_is_left_out(console, table, votes)
    return ExitCode.OK


def _show(console: Console, table: RatingTable) -> None:
    if not table.ratings:
        console.note("troth: there is no vote to rate yet. Compare blind in the app, and vote.")
        return
    rows: list[tuple[str, ...]] = [("RATING", "95 %", "MODEL", "WON", "LOST", "TIED", "BOTH BAD")]
    rows += [
        (
            f"{one.rating:.0f}",
            interval_words(one, "-") or "not enough votes",
            one.name,
            *(str(count) for count in _counts(one.tally)),
        )
        for one in table.ratings
    ]
    console.rows(rows)
    if len(table.ratings) > 2:
        console.line()
        _show_matrix(console, table)


def _show_matrix(console: Console, table: RatingTable) -> None:
    """Print the share of games that the row took from the column, ties as half."""
    names = [one.name for one in table.ratings]
    rows = [("WINS OF ROW", *(f"[{number}]" for number in range(1, len(names) + 1)))]
    for number, name in enumerate(names, 1):
        cells = [_share(table.matrix.get((name, other))) for other in names]
        rows.append((f"[{number}] {name}", *cells))
    console.rows(rows)


def _share(tally: Tally | None) -> str:
    if tally is None or not tally.games:
        return "-"
    return f"{(tally.wins + (tally.ties + tally.both_bad) / 2) / tally.games:.0%}"


def _say_what_is_left_out(console: Console, table: RatingTable, votes: CollectedVotes) -> None:
    if votes.open_left_out:
        console.note(
            f"troth: {votes.open_left_out} votes were cast with the names in sight and do not "
            "count; --open takes them in."
        )
    if votes.flagged_left_out:
        console.note(
            f"troth: {votes.flagged_left_out} votes are on replies that named their own model or "
            "vendor and do not count; --flagged takes them in."
        )
    if any(one.low is None for one in table.ratings):
        console.note(f"troth: an interval needs {FEWEST_TURNS} turns, won and lost in both ways.")
    if not table.is_connected:
        console.note("troth: not all have met, not even through others: their ranks mean little.")


def _table_json(table: RatingTable, votes: CollectedVotes) -> dict[str, Json]:
    return {
        "ratings": [
            {
                "model": one.name,
                "rating": round(one.rating, 2),
                "low": _rounded(one.low),
                "high": _rounded(one.high),
                **_tally_json(one.tally),
            }
            for one in table.ratings
        ],
        "matrix": [
            {"model": left, "against": right, **_tally_json(tally)}
            for (left, right), tally in table.matrix.items()
        ],
        "votes": table.ballots,
        "open_left_out": votes.open_left_out,
        "flagged_left_out": votes.flagged_left_out,
        "is_connected": table.is_connected,
        "level": table.level,
        "rounds": table.rounds,
        "seed": table.seed,
    }


def _table_csv(table: RatingTable) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "rating", "low", "high", "wins", "losses", "ties", "both_bad"))
    for one in table.ratings:
        values = (one.rating, one.low, one.high)
        points = ("" if value is None else f"{value:.2f}" for value in values)
        writer.writerow((one.name, *points, *_counts(one.tally)))
    return text.getvalue()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _counts(tally: Tally) -> tuple[int, int, int, int]:
    return tally.wins, tally.losses, tally.ties, tally.both_bad


def _tally_json(tally: Tally) -> dict[str, Json]:
    wins, losses, ties, both_bad = _counts(tally)
    return {"wins": wins, "losses": losses, "ties": ties, "both_bad": both_bad}

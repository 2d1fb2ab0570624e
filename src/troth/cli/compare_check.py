"""`troth compare --check`: is a results file whole and as its run left it?"""

from __future__ import annotations

import asyncio
from pathlib import Path

from troth.cli.command import Arguments
from troth.cli.compare_places import place_of
from troth.cli.output import Console, ExitCode
from troth.domain.error import UsageError
from troth.engine.batch_check import CheckReport, check_results


async def check(arguments: Arguments, console: Console) -> int:
    """Say what was found; exit 4 where something is not as it was."""
    if arguments.texts("prompt") or arguments.text("out"):
        raise UsageError("--check takes the results file and nothing to ask")
    prompts = Path(text) if (text := arguments.text("file")) else None
    results = Path(arguments.text("check"))
    receipts = place_of(arguments, "receipts", results, ".receipts")
    report = await asyncio.to_thread(check_results, results, prompts=prompts, receipts=receipts)
    if console.is_json:
        console.json(
            {
                "is_good": not report.problems,
                "rows": report.rows,
                "finishes": dict(report.finishes),
                "receipts_checked": report.receipts_checked,
                "requests_rebuilt": report.requests_rebuilt,
                "problem_count": report.problem_count,
                "problems": [*report.problems],
                "notes": [*report.notes],
            }
        )
    else:
        _show(console, report)
    return ExitCode.NOT_VERIFIED if report.problems else ExitCode.OK


def _show(console: Console, report: CheckReport) -> None:
    for problem in report.problems:
        console.line(f"problem: {problem}")
    if (more := report.problem_count - len(report.problems)) > 0:
        console.line(f"problem: and {more} more")
    for note in report.notes:
        console.line(f"note: {note}")
    finishes = ", ".join(f"{count} {name}" for name, count in report.finishes.most_common())
    checked = f"; {report.receipts_checked} receipts checked" if report.receipts_checked else ""
    if report.requests_rebuilt:
        checked += f"; {report.requests_rebuilt} requests built again, and the same"
    verdict = "NOT as the run left it" if report.problems else "as the run left it"
    console.line(f"{report.rows} rows ({finishes}){checked}: {verdict}")

"""`troth compare --chat ID`: a comparison that lies in the vault, as text, JSON or CSV."""

from __future__ import annotations

from pathlib import Path

from troth.cli.command import Arguments
from troth.cli.find import find_chat
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import UsageError
from troth.domain.model import Json
from troth.engine.comparison_export import (
    FIELDS,
    comparison_markdown,
    comparison_rows,
    vote_rows,
)
from troth.engine.table import write_csv


async def show(arguments: Arguments, console: Console) -> int:
    """Print what all columns said; names that are hidden stay hidden."""
    if arguments.texts("prompt") or arguments.texts("model"):
        raise UsageError("--chat shows a comparison and asks nothing")
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        found = await find_chat(engine, arguments.text("chat"))
        comparison = await engine.comparisons.open(await engine.open_chat(found.id))
        rows = list(comparison_rows(comparison))
        if target := arguments.text("csv"):
            write_csv(Path(target), FIELDS, rows)
            console.note(f"troth: {len(rows)} answers are written to {target}.")
        if console.is_json:
            answers: list[Json] = [*rows]
            votes = vote_rows(comparison)
            console.json({"chat": comparison.id, "answers": answers, "votes": votes})
        elif not arguments.text("csv"):
            console.write(comparison_markdown(comparison))
            console.end_text()
    return ExitCode.OK

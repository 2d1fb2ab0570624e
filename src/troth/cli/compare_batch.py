"""`troth compare --file`: run a batch, show where it is, and say in the end what came out."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from troth.cli.command import Arguments
from troth.cli.compare_columns import columns_of
from troth.cli.compare_places import place_of
from troth.cli.output import Console, ExitCode
from troth.cli.signals import stopping_on_signals
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import UsageError
from troth.engine.batch import Batch, Progress
from troth.engine.batch_files import read_rows, writing
from troth.engine.batch_manifest import BatchPlan, PromptCount, load_manifest, manifest_path
from troth.engine.batch_prompts import PromptFile, open_prompts
from troth.engine.batch_row import FIELDS
from troth.engine.batch_summary import ModelSummary, summarize_results, summary_json
from troth.engine.table import write_csv

_NAMED_ROWS = 5
_QUIET_STEP_S = 10.0
"""How often a log that is no terminal hears of progress."""


async def run_batch(arguments: Arguments, console: Console) -> int:
    """Run, or go on with, a batch."""
    plan_facts = _checked(arguments)
    prompts = open_prompts(Path(arguments.text("file")))
    results = Path(arguments.text("out"))
    _check_places(arguments, results)
    async with opened_engine(console, VaultUse.IF_THERE) as engine:
        plan = BatchPlan(
            columns_of(arguments, engine),
            repeats=arguments.number("repeat"),
            seed=cast("int | None", arguments.seed),
            system=arguments.text("system"),
            concurrency=cast("int | None", arguments.concurrency),
            max_cost_usd=plan_facts,
            is_strict=arguments.flag("strict"),
            appends=arguments.flag("append"),
            asks_again=arguments.flag("ask_again"),
        )
        receipts = place_of(arguments, "receipts", results, ".receipts")
        teller = _Teller(console)
        batch = Batch(engine, plan, prompts, results, receipts=receipts, on_progress=teller)
        count = await asyncio.to_thread(batch.count)
        _say_what_was_read(console, prompts, count, is_strict=plan.is_strict)
        with _ending_on_signals(batch, console) as caught:
            progress = await batch.run(count)
        console.clear_status()
    summaries = await asyncio.to_thread(summarize_results, results)
    if target := arguments.text("csv"):
        await asyncio.to_thread(_write_csv, results, Path(target))
    if (page := place_of(arguments, "report", results, ".html")) is not None:
        await asyncio.to_thread(_write_report, results, page, summaries)
        console.note(f"troth: the report is {page}.")
    _say_how_it_ended(console, arguments, progress)
    if console.is_json:
        console.json({"run": batch.run_id, **progress.counts(), "models": summary_json(summaries)})
    else:
        show_summary(console, summaries)
    if caught:
        return ExitCode.INTERRUPTED
    is_whole = not (progress.left or progress.failed or progress.interrupted)
    return ExitCode.OK if is_whole else ExitCode.PROVIDER


def _checked(arguments: Arguments) -> float | None:
    """Refuse numbers that make no sense; return the limit of cost."""
    for name in ("repeat", "concurrency"):
        value = cast("int | None", getattr(arguments, name))
        if value is not None and not 1 <= value <= 1000:
            raise UsageError(f"--{name} takes a number from 1 to 1000")
    limit = cast("float | None", arguments.max_cost)
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        raise UsageError("--max-cost takes US dollars above 0")
    return limit


def _check_places(arguments: Arguments, results: Path) -> None:
    """Refuse to write over what is read, or twice into one file, before anything is asked."""
    named = {"--file": Path(arguments.text("file")), "--out": results}
    places = {
        "--csv": Path(text) if (text := arguments.text("csv")) else None,
        "--report": place_of(arguments, "report", results, ".html"),
        "--receipts": place_of(arguments, "receipts", results, ".receipts"),
    }
    named |= {option: path for option, path in places.items() if path is not None}
    seen: dict[Path, str] = {}
    for option, path in named.items():
        place = path.resolve()
        if place in seen:
            raise UsageError(f"{seen[place]} and {option} name the same file")
        if not place.parent.is_dir():
            raise UsageError(f"there is no folder {path.parent} for {option}")
        if option != "--receipts" and place.is_dir():
            raise UsageError(f"{path} is a folder; {option} takes a file")
        if option != "--file" and not os.access(place.parent, os.W_OK):
            raise UsageError(f"{path.parent} cannot be written, and {option} goes there")
        seen[place] = option


def _say_what_was_read(
    console: Console, prompts: PromptFile, count: PromptCount, *, is_strict: bool
) -> None:
    if prompts.encoding == "cp1252":
        console.note(f"troth: {prompts.path.name} is not UTF-8; it is read as Latin-1 (cp1252).")
    elif prompts.encoding not in {"utf-8", "utf-8-sig"}:
        console.note(f"troth: {prompts.path.name} is read as {prompts.encoding.upper()}.")
    if is_strict:
        return  # the refusal names them
    for row in count.broken[:_NAMED_ROWS]:
        console.note(f"troth: line {row.line} of {prompts.path.name} is skipped: {row.reason}.")
    if (more := len(count.broken) - _NAMED_ROWS) > 0:
        console.note(f"troth: {more} more lines are skipped; the manifest names them.")


class _Teller:
    """Tells where a run is: on one moving line, or now and then in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told_at = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        words = progress_words(progress)
        if self._console.is_interactive:
            self._console.status(words)
        elif time.monotonic() - self._told_at >= _QUIET_STEP_S:
            self._told_at = time.monotonic()
            self._console.note(f"troth: {words}")


def progress_words(progress: Progress) -> str:
    """Return one line: how many of how many, what failed, what it cost so far."""
    done = progress.kept + progress.answered + progress.failed + progress.interrupted
    facts = [f"{done:,} of {progress.total:,}"]
    if progress.kept:
        facts.append(f"{progress.kept:,} from before")
    if progress.failed:
        facts.append(f"{progress.failed:,} failed")
    facts += [f"{progress.running} under way", cost_words(progress)]
    return ", ".join(facts)


def cost_words(progress: Progress) -> str:
    known = f"${progress.cost_usd:.4f}"
    return f"{known} and what has no price" if progress.has_unknown_cost else known


@contextmanager
def _ending_on_signals(batch: Batch, console: Console) -> Generator[list[int]]:
    """Let ctrl+c end the run after what is under way; a second one stops that, a third leaves."""

    def stop() -> None:
        batch.stop()
        running = batch.progress.running
        if len(caught) == 1 and running:
            console.note(f"troth: {running} under way will end; ctrl+c again stops them.")

    with stopping_on_signals(stop, patience=2) as caught:
        yield caught


def _reserve_words(progress: Progress) -> str:
    """Say what was set aside for the reply that was not asked for, and why as much."""
    reserve = progress.too_dear
    if reserve is None:
        return ""
    why = (
        f"may be {reserve.tokens:,} tokens long" if reserve.tokens else "has no limit that is known"
    )
    return f" A reply of {reserve.model} {why}: ${reserve.usd:.2g} is set aside for it."


def _say_how_it_ended(console: Console, arguments: Arguments, progress: Progress) -> None:
    again = "Run the same command again to go on"
    match progress.reason:
        case "max-cost":
            console.note(
                f"troth: the next request could have gone beyond --max-cost "
                f"{arguments.max_cost:g}: {cost_words(progress)} so far, {progress.left:,} of "
                f"{progress.total:,} replies are left.{_reserve_words(progress)} {again} with a "
                "higher limit, or with --max-tokens, which lowers what is set aside for each."
            )
        case "stopped":
            console.note(f"troth: stopped; {progress.left:,} replies are left. {again}.")
        case "given-up":
            from troth.explain import explain_failure

            for name, failure in progress.given_up.items():
                words = explain_failure(failure, "shell")
                console.note(f"troth: {name} was given up: {words.title}. {words.next_step}")
            console.note(f"troth: {progress.left:,} replies are left. {again}.")
        case _:
            pass
    if progress.failed:
        console.note(f"troth: {progress.failed:,} failed and cost nothing. {again} with them.")
    if progress.interrupted:
        console.note(
            f"troth: {progress.interrupted:,} were under way when the run was killed. They may "
            "have been paid and are not asked again; --ask-again does."
        )


def show_summary(console: Console, summaries: Sequence[ModelSummary]) -> None:
    """Print medians with their 95 % intervals, one line a model; nothing where nothing is known."""
    if not summaries:
        return
    rows: list[tuple[str, ...]] = [
        ("MODEL", "REPLIES", "WHOLE", "FIRST TOKEN ms", "TOTAL ms", "TOKENS/s", "IN", "OUT", "COST")
    ]
    for one in summaries:
        rate = one.whole_rate
        rows.append(
            (
                one.name,
                str(one.replies),
                f"{rate.value:.0%} ({rate.low:.0%}-{rate.high:.0%})",
                *(
                    _estimate_words(one, name)
                    for name in ("first_token_ms", "total_ms", "tokens_per_s")
                ),
                str(one.input_tokens),
                str(one.output_tokens),
                one.cost_words,
            )
        )
    console.rows(rows)


def _estimate_words(one: ModelSummary, name: str) -> str:
    found = one.medians.get(name)
    if found is None:
        return "-"
    return f"{found.value:,.0f} ({found.low:,.0f}-{found.high:,.0f})"


def _write_csv(results: Path, target: Path) -> None:
    with writing(target):
        write_csv(target, FIELDS, (row for _, row in read_rows(results) if row is not None))


def _write_report(results: Path, target: Path, summaries: Sequence[ModelSummary]) -> None:
    from troth.engine.batch_report import report_html

    manifest = load_manifest(results) if manifest_path(results).exists() else None
    page = report_html(f"Comparison: {results.name}", summaries, manifest)
    fresh = target.with_name(target.name + ".new")
    with writing(target):
        fresh.write_text(page, encoding="utf-8", errors="backslashreplace")
        fresh.replace(target)

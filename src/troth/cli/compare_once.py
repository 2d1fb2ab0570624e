"""`troth compare -m A -m B PROMPT`: one prompt to several models, their answers one below another.

It lies in the vault like any comparison, and the app opens it side by side.
"""

from __future__ import annotations

from troth.cli.ask import read_prompt
from troth.cli.command import Arguments
from troth.cli.compare_columns import columns_of
from troth.cli.output import Console, ExitCode, error_json
from troth.cli.reply_json import reply_json
from troth.cli.signals import stopping_on_signals
from troth.cli.summary import reply_summary
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import UsageError
from troth.domain.model import Json
from troth.engine.comparison import Column, Comparison
from troth.explain import explain_failure


async def ask_once(arguments: Arguments, console: Console) -> int:
    """Ask all columns at once; print each answer as soon as it and those before it have ended."""
    prompt = read_prompt(arguments.texts("prompt"))
    if not prompt:
        raise UsageError("there is nothing to ask. Usage: troth compare -m A -m B 'QUESTION'")
    async with opened_engine(console, VaultUse.IF_THERE) as engine:
        specs = columns_of(arguments, engine)
        if engine.vault.is_memory and not arguments.flag("no_save"):
            console.note("troth: there is no vault yet, so nothing of this is kept.")
        chat = await engine.new_chat(
            model=specs[0].model, is_incognito=arguments.flag("no_save") or engine.vault.is_memory
        )
        if (system := arguments.maybe_text("system")) is not None:
            await engine.update_chat(chat, system_prompt=system)
        comparison = await engine.comparisons.start(chat, prompt, specs)
        with stopping_on_signals(comparison.stop) as caught:
            for column in comparison.columns:
                console.status(f"{column.spec.name} is answering ...")
                await column.ended()
                if not console.is_json:
                    _show(console, comparison, column)
        if console.is_json:
            columns: list[Json] = [_column_json(comparison, c) for c in comparison.columns]
            console.json({"chat": chat.id, "columns": columns})
        if caught:
            return ExitCode.INTERRUPTED
        failed = any(comparison.metrics(c).failure for c in comparison.columns)
        return ExitCode.PROVIDER if failed else ExitCode.OK


def _show(console: Console, comparison: Comparison, column: Column) -> None:
    console.line(f"== {column.spec.name}")
    answers = comparison.answers(column)
    metrics = comparison.metrics(column)
    if answers and answers[-1].text:
        console.write(answers[-1].text)
        console.end_text()
    if metrics.failure is not None:
        words = explain_failure(metrics.failure, "shell")
        console.line(f"[{words.title}: {words.detail}]")
    elif answers and answers[-1].replies:
        message = answers[-1].replies[-1]
        summary = reply_summary(column.spec.model, message, metrics.verdict, is_plain=True)
        console.line(summary)
    console.line()


def _column_json(comparison: Comparison, column: Column) -> dict[str, Json]:
    answers = comparison.answers(column)
    metrics = comparison.metrics(column)
    row: dict[str, Json] = {"column": column.spec.name}
    if answers and answers[-1].replies:
        message = answers[-1].replies[-1]
        row |= reply_json(comparison.id, column.spec.model, message, metrics.verdict)
        row["cost_usd"] = metrics.cost_usd
    if metrics.failure is not None:
        row["error"] = error_json(explain_failure(metrics.failure, "shell"))
    return row

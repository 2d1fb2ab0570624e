"""A comparison as rows for a table, and as Markdown for a person. Hidden names stay hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from troth.domain.error import UsageError
from troth.domain.model import Json
from troth.engine.chat import Chat
from troth.engine.comparison import Column, Comparison
from troth.engine.comparison_state import (
    COMPARISON_KEY,
    JUDGEMENTS_KEY,
    VOTES_KEY,
    dump_state,
    load_state,
    params_json,
)
from troth.engine.table import csv_text

FIELDS = (
    "chat", "turn", "column", "model", "params", "prompt", "text", "finish", "error_kind",
    "input_tokens", "output_tokens", "thinking_tokens", "cost_usd", "first_token_ms", "total_ms",
    "tokens_per_s", "verdict", "names_itself",
)  # fmt: skip
"""Every row has all of them, in this order. While names are hidden, so are the facts by which a
model is known: model, parameters, price, times and tokens are null."""


def comparison_rows(comparison: Comparison) -> Iterator[dict[str, Json]]:
    """Yield one flat row for each answer: turn by turn, as the columns stand on the screen."""
    for turn in comparison.turns():
        for column in comparison.voting.order(turn.index):
            answers = comparison.answers(column)
            if turn.index < len(answers) and answers[turn.index].replies:
                yield _row(comparison, column, turn.index)


def _row(comparison: Comparison, column: Column, turn: int) -> dict[str, Json]:
    answer = comparison.answers(column)[turn]
    metrics = comparison.metrics(column, turn)
    spec = comparison.spec_of(column, turn)
    row: dict[str, Json] = dict.fromkeys(FIELDS)
    row |= {
        "chat": comparison.id,
        "turn": turn,
        "column": comparison.voting.title(column, turn),
        "prompt": answer.asked.text,
        "text": answer.text,
        "finish": metrics.finish.value if metrics.finish else None,
        "error_kind": metrics.failure.kind if metrics.failure else None,
        "names_itself": list(comparison.voting.flags(column, turn)),
    }
    if not comparison.voting.is_blind:
        row |= {
            "model": str(spec.model),
            "params": params_json(spec.params),
            "input_tokens": metrics.input_tokens,
            "output_tokens": metrics.output_tokens,
            "thinking_tokens": metrics.thinking_tokens,
            "cost_usd": metrics.cost_usd,
            "first_token_ms": metrics.first_token_ms,
            "total_ms": metrics.total_ms,
            "tokens_per_s": metrics.tokens_per_s,
            "verdict": metrics.verdict.state.value if metrics.verdict else None,
        }
    return row


def vote_rows(comparison: Comparison) -> list[Json]:
    """Return the votes of a comparison; names are null while they are hidden."""
    is_blind = comparison.voting.is_blind
    return [
        {
            "turn": vote.turn,
            "left": None if is_blind else vote.left_name,
            "right": None if is_blind else vote.right_name,
            "choice": vote.choice.value,
            "at": vote.at.isoformat(),
            "is_blind": vote.is_blind,
            "names_itself": vote.names_itself,
            "prompt_set": vote.prompt_set,
        }
        for vote in comparison.voting.votes
    ]


def comparison_markdown(comparison: Comparison) -> str:
    """Return all turns with their answers below one another. Foreign text: clean it to show it."""
    lines = [f"# {comparison.chat.conversation.title or 'Comparison'}", ""]
    for turn in comparison.turns():
        lines += [f"## {turn.index + 1}", "", _quoted(turn.prompt.text), ""]
        for column in comparison.voting.order(turn.index):
            answers = comparison.answers(column)
            if turn.index >= len(answers) or not answers[turn.index].replies:
                continue
            title = comparison.voting.title(column, turn.index)
            lines += [f"### {title}", "", answers[turn.index].text, ""]
            if not comparison.voting.is_blind:
                lines += [f"*{_facts(comparison, column, turn.index)}*", ""]
    return "\n".join(lines).rstrip() + "\n"


def exported(comparison: Comparison, path: str) -> bytes:
    """Return a comparison as a file of this name holds it: `.csv`, `.jsonl`, else Markdown."""
    if path.lower().endswith(".csv"):
        text = csv_text(FIELDS, comparison_rows(comparison))
    elif path.lower().endswith((".jsonl", ".ndjson")):
        lines = (json.dumps(row, ensure_ascii=False) for row in comparison_rows(comparison))
        text = "".join(f"{line}\n" for line in lines)
    else:
        text = comparison_markdown(comparison)
    return text.encode("utf-8", "backslashreplace")


async def stored_comparison(chat: Chat) -> dict[str, Json]:
    """Return what the vault holds of a chat's comparison, by kind; nothing where it holds none."""
    found: dict[str, Json] = {}
    for kind in (COMPARISON_KEY, VOTES_KEY, JUDGEMENTS_KEY):
        if text := await chat.store.state(kind + chat.id):
            found[kind.removesuffix(":")] = cast("Json", json.loads(text))
    return found


def imported_comparison(text: str) -> str:
    """Return a comparison's columns as a file told them, as they may be stored; "" for nonsense.

    Votes are never taken from a file: it can say anything.
    """
    try:
        return dump_state(load_state(text)) if text else ""
    except (ValueError, KeyError, TypeError, AttributeError, UsageError):
        return ""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _facts(comparison: Comparison, column: Column, turn: int) -> str:
    metrics = comparison.metrics(column, turn)
    facts = [str(comparison.spec_of(column, turn).model)]
    if metrics.total_ms is not None:
        facts.append(f"{metrics.total_ms / 1000:.1f} s")
    if metrics.output_tokens is not None:
        facts.append(f"{metrics.output_tokens} tokens")
    if metrics.tokens_per_s is not None:
        facts.append(f"{metrics.tokens_per_s:.0f} tokens/s")
    if metrics.cost_usd is not None:
        facts.append(f"${metrics.cost_usd:.4f}")
    if metrics.finish is not None:
        facts.append(metrics.finish.value)
    if metrics.verdict is not None:
        facts.append(metrics.verdict.state.value)
    return ", ".join(facts)

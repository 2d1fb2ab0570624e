"""What a batch asks and what it writes down: tasks with a key, and one flat row for each reply.

The key is a digest of everything that decides the request: the same key is never asked twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from troth.domain.error import Failure
from troth.domain.exchange import Exchange
from troth.domain.message import Message
from troth.domain.model import Json
from troth.domain.verdict import Verdict
from troth.engine.batch_prompts import Prompt
from troth.engine.comparison_state import ColumnSpec, params_json

FIELDS = (
    "run", "key", "prompt_id", "repeat", "model", "params", "prompt", "text", "thinking",
    "finish", "error_kind", "error_detail", "input_tokens", "output_tokens", "cached_tokens",
    "thinking_tokens", "cost_usd", "first_token_ms", "total_ms", "tokens_per_s", "verdict",
    "verdict_scheme", "left_out", "sent_at", "received_at", "request_sha256", "response_sha256",
    "text_sha256", "meta",
)  # fmt: skip
"""Every row has all of them, in this order; what is not known is null."""

INTERRUPTED = "interrupted"
"""The finish of a reply that was asked for when the run was killed: it may have been paid."""
UNSURE = frozenset({INTERRUPTED, "stopped", "cut"})
"""Finishes of what may have been paid and is not whole: asked again only when the user says so."""


@dataclass(frozen=True, slots=True)
class Task:
    """One request of a batch."""

    prompt: Prompt
    spec: ColumnSpec
    repeat: int
    """From 0."""
    system: str
    key: str


def tasks_of(
    prompt: Prompt, specs: Sequence[ColumnSpec], *, repeats: int, seed: int | None, system: str
) -> Iterator[Task]:
    """Yield what is asked for one prompt. A seed goes up by one with each repetition."""
    for repeat in range(repeats):
        for spec in specs:
            if seed is not None and spec.params.seed is None:
                spec = replace(spec, params=replace(spec.params, seed=seed + repeat))
            own = system if prompt.system is None else prompt.system
            yield Task(prompt, spec, repeat, own, _key(prompt, spec, repeat, own))


def _key(prompt: Prompt, spec: ColumnSpec, repeat: int, system: str) -> str:
    told = {
        "id": prompt.id,
        "messages": [[role.value, text] for role, text in prompt.messages],
        "system": system,
        "model": str(spec.model),
        "params": params_json(spec.params),
        "repeat": repeat,
    }
    return sha256(json.dumps(told, sort_keys=True).encode("ascii")).hexdigest()[:32]


def row_of(
    run: str, task: Task, message: Message, exchange: Exchange | None, verdict: Verdict | None
) -> dict[str, Json]:
    """Write one reply as a flat row."""
    usage, timing, failure = message.usage, message.timing, message.failure
    speed = timing.tokens_per_s(usage) if timing else None
    return {
        **_blank(run, task),
        "text": message.text,
        "thinking": message.thinking or None,
        "finish": message.finish.value if message.finish else None,
        "error_kind": failure.kind if failure else None,
        "error_detail": _detail(failure) if failure else None,
        "input_tokens": usage.input if usage else None,
        "output_tokens": usage.output if usage else None,
        "cached_tokens": usage.cached if usage else None,
        "thinking_tokens": usage.thinking if usage else None,
        "cost_usd": message.cost_usd,
        "first_token_ms": _rounded(timing.first_token_ms if timing else None),
        "total_ms": _rounded(timing.total_ms if timing else None),
        "tokens_per_s": _rounded(speed),
        "verdict": verdict.state.value if verdict else None,
        "verdict_scheme": verdict.scheme if verdict else None,
        "left_out": [
            f"{one.kind}:{one.reason}:{one.name or one.count}" for one in message.left_out
        ],
        "sent_at": exchange.sent_at.isoformat() if exchange else None,
        "received_at": exchange.received_at.isoformat() if exchange else None,
        "request_sha256": sha256(exchange.request_body).hexdigest() if exchange else None,
        "response_sha256": sha256(exchange.response_body).hexdigest() if exchange else None,
        "text_sha256": text_digest(message.text),
    }


def interrupted_row(run: str, task: Task) -> dict[str, Json]:
    """Write down that a task was asked for and that nobody knows what came of it."""
    return {**_blank(run, task), "finish": INTERRUPTED, "error_kind": INTERRUPTED}


def _blank(run: str, task: Task) -> dict[str, Json]:
    row: dict[str, Json] = dict.fromkeys(FIELDS)
    row |= {
        "run": run,
        "key": task.key,
        "prompt_id": task.prompt.id,
        "repeat": task.repeat,
        "model": str(task.spec.model),
        "params": params_json(task.spec.params),
        "prompt": task.prompt.text,
        "left_out": [],
        "meta": task.prompt.meta,
    }
    return row


def text_digest(text: str) -> str:
    """Return the SHA-256 (hex) of a text in UTF-8."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def encode_row(row: dict[str, Json]) -> bytes:
    """Write a row as one line of UTF-8. Half a surrogate stays the escape that JSON has for it."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _detail(failure: Failure) -> str:
    return failure.facts.get("detail") or failure.facts.get("status") or ""


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)

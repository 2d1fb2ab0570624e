"""A reply as the one JSON object of `troth ask --json`. Its fields are a contract with scripts."""

from __future__ import annotations

from collections.abc import Sequence

from troth.domain.message import LeftOut, Message
from troth.domain.model import Json, ModelRef
from troth.domain.usage import Usage
from troth.domain.verdict import Check, Verdict


def reply_json(
    chat_id: str, model: ModelRef, message: Message, verdict: Verdict | None
) -> dict[str, Json]:
    """Return a sealed reply, whole or partial."""
    return {
        "chat": chat_id,
        "message": message.id,
        "provider": model.provider,
        "model": model.model,
        "text": message.text,
        "thinking": message.thinking,
        "files": [
            {
                "name": blob.name,
                "media_type": blob.media_type,
                "size_bytes": blob.size_bytes,
                "sha256": blob.sha256,
            }
            for blob in message.blobs
        ],
        "finish": message.finish.value if message.finish else None,
        "usage": usage_json(message.usage or Usage()),
        "timing": _timing_json(message),
        "left_out": left_out_json(message.left_out),
        "verdict": verdict_json(verdict),
    }


def usage_json(usage: Usage) -> dict[str, Json]:
    """Return token counts; null is what the provider did not say."""
    return {
        "input": usage.input,
        "output": usage.output,
        "cached": usage.cached,
        "thinking": usage.thinking,
    }


def left_out_json(items: Sequence[LeftOut]) -> list[Json]:
    return [
        {"kind": item.kind, "count": item.count, "reason": item.reason, "name": item.name}
        for item in items
    ]


def verdict_json(verdict: Verdict | None) -> Json:
    """Return a verdict with all of its checks; null where nothing was checked."""
    if verdict is None:
        return None
    shown: dict[str, Json] = {
        "state": verdict.state.value,
        "scheme": verdict.scheme,
        "checks": [_check_json(check) for check in verdict.checks],
    }
    if verdict.is_simulated:
        # A failure of the simulation keeps its state; nobody may take it for a real one.
        shown["is_simulated"] = True
    return shown


def _check_json(check: Check) -> Json:
    shown: dict[str, Json] = {
        "name": check.name,
        "outcome": check.outcome.value,
        "detail": check.detail,
    }
    return {**shown, "facts": dict[str, Json](check.facts)} if check.facts else shown


def _timing_json(message: Message) -> dict[str, Json]:
    timing = message.timing
    if timing is None:
        return {"first_token_ms": None, "total_ms": None, "tokens_per_s": None}
    return {
        "first_token_ms": _rounded(timing.first_token_ms),
        "total_ms": _rounded(timing.total_ms),
        "tokens_per_s": _rounded(timing.tokens_per_s(message.usage)),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)

"""Token counts of the Chat Completions wire, from wherever a vendor puts them."""

from __future__ import annotations

from troth.domain.model import Json
from troth.domain.usage import Usage
from troth.providers.wirejson import Object, as_count, as_object


def usage_of(value: Object, choice: Object) -> Usage | None:
    """Return the counts of one chunk or document; None where it has none.

    Kimi puts them into the choice, Groq below `x_groq`, llama.cpp into `timings` when it was not
    asked for usage.
    """
    usage = value.get("usage") or choice.get("usage")
    if not usage and (groq := value.get("x_groq")):
        usage = as_object(groq).get("usage")
    if usage and isinstance(usage, dict):
        return parse_usage(usage)
    timings = value.get("timings")
    return _from_timings(as_object(timings)) if timings else None


def parse_usage(usage: Object) -> Usage | None:
    """Read a `usage` object, in the words of OpenAI or of Anthropic-like proxies."""
    input_tokens = _first(usage, "prompt_tokens", "input_tokens")
    output_tokens = _first(usage, "completion_tokens", "output_tokens")
    read = as_object(usage.get("prompt_tokens_details")) or as_object(
        usage.get("input_tokens_details")
    )
    written = as_object(usage.get("completion_tokens_details")) or as_object(
        usage.get("output_tokens_details")
    )
    cached = _first(read, "cached_tokens")
    if cached is None:
        cached = _first(
            usage, "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens"
        )
    thinking = _first(written, "reasoning_tokens")
    if thinking is None:
        thinking = _first(usage, "reasoning_tokens")
    total = _first(usage, "total_tokens")
    if None not in (input_tokens, output_tokens, thinking, total):
        output_tokens = _with_thinking(input_tokens, output_tokens, thinking, total)
    found = Usage(input_tokens, output_tokens, cached, thinking)
    return None if found == Usage() else found


def _with_thinking(
    input_tokens: int | None, output_tokens: int | None, thinking: int | None, total: int | None
) -> int | None:
    """xAI counts reasoning apart from the completion: only the total tells (recorded)."""
    counted, apart = output_tokens or 0, thinking or 0
    is_apart = apart and (input_tokens or 0) + counted + apart == total
    return counted + apart if is_apart else output_tokens


def _from_timings(timings: Object) -> Usage | None:
    read, cached = _first(timings, "prompt_n"), _first(timings, "cache_n")
    written = _first(timings, "predicted_n")
    if read is None and written is None:
        return None
    return Usage(None if read is None else read + (cached or 0), written, cached)


def _first(usage: Object, *names: str) -> int | None:
    values: list[Json] = [usage.get(name) for name in names]
    return next((count for value in values if (count := as_count(value)) is not None), None)

"""What a reply used: tokens as the provider counted them, and time as we measured it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts in the provider's own tokens. None means that the provider did not say.

    `input` is everything that was read, cached tokens included; `output` is everything that was
    written, thinking included. Wires that report them apart are summed in their decoder.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    """Part of `input` that was read from a cache."""
    thinking: int | None = None
    """Part of `output` that is reasoning."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in milliseconds from the moment when the request left."""

    total_ms: float
    first_token_ms: float | None = None
    """None when no token came."""

    def tokens_per_s(self, usage: Usage | None) -> float | None:
        """Return output tokens per second after the first token; None when not known."""
        if usage is None or usage.output is None or self.first_token_ms is None:
            return None
        writing_ms = self.total_ms - self.first_token_ms
        return usage.output / writing_ms * 1000 if writing_ms > 0 else None

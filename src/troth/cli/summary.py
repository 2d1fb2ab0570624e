"""One line about a reply that has ended: who, how long, how much, and what was proven."""

from __future__ import annotations

from troth.domain.message import Finish, Message
from troth.domain.model import ModelRef
from troth.domain.verdict import State, Verdict
from troth.explain import badge_words, left_out_words, verdict_sentence, verdict_words
from troth.tui.safe import clean_line

_ENDINGS = {
    Finish.LENGTH: "cut at its length limit",
    Finish.STOPPED: "stopped",
    Finish.CUT: "cut short",
    Finish.REFUSED: "declined",
    Finish.PAUSED: "paused",
}


def reply_summary(
    model: ModelRef, message: Message, verdict: Verdict | None, *, is_plain: bool
) -> str:
    """Return the line; in plain mode the verdict is a sentence and has no glyph."""
    words = verdict_words(verdict.state if verdict else None)
    short = badge_words(verdict) if verdict else words.short
    sentence = verdict_sentence(verdict) if verdict else words.sentence
    simulated = ""
    if verdict is not None and verdict.is_simulated and verdict.state is not State.SIMULATED:
        simulated = "SIMULATED, "
    facts = [str(model), *_numbers(message)]
    if message.finish is not None and message.finish in _ENDINGS:
        facts.append(_ENDINGS[message.finish])
    if left_out := left_out_words(message.left_out):
        facts.append(left_out)
    if is_plain:
        return f"[{simulated}{short}. {sentence} {', '.join(facts)}]"
    return ", ".join([f"{words.glyph} {simulated}{short}", *facts])


def file_lines(message: Message) -> list[str]:
    """Name each image or file that came with a reply: a terminal's words cannot show it."""
    return [
        f"{'Image' if blob.is_image else 'File'} {clean_line(blob.name)}: "
        f"{clean_line(blob.media_type)}, {blob.size_bytes:,} bytes, sha-256 {blob.sha256}"
        for blob in message.blobs
    ]


def _numbers(message: Message) -> list[str]:
    numbers: list[str] = []
    if message.timing is not None:
        numbers.append(f"{message.timing.total_ms / 1000:.1f} s")
    if message.usage is not None and message.usage.output is not None:
        numbers.append(f"{message.usage.output:,} tokens")
    if message.cost_usd:
        numbers.append(f"about ${message.cost_usd:.4f}")
    return numbers

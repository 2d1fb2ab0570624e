"""From a message to what the transcript draws: words, numbers and badges. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from sys import intern

from troth.domain.conversation import Conversation
from troth.domain.message import Blob, Finish, Message, Role, SourcePart
from troth.domain.model import ModelInfo, ModelRef
from troth.domain.usage import Usage
from troth.domain.verdict import Outcome, State, Verdict
from troth.engine.endpoints import DEMO_PROVIDER
from troth.explain import (
    Face,
    badge_words,
    explain_failure,
    left_out_words,
    outcome_words,
    picture_words,
    verdict_words,
)
from troth.tui.glyph import Badge, badge
from troth.tui.widgets.transcript_entry import Entry, Picture, Problem, Source

_ENDINGS = {
    Finish.STOPPED: "stopped by you",
    Finish.CUT: "cut off before its end",
    Finish.LENGTH: "ended at its limit of tokens",
    Finish.PAUSED: "paused by the provider",
    Finish.REFUSED: "declined by the model or its provider",
    Finish.TOOL_CALLS: "asked for a tool, which Troth does not run",
}

_DRAWN = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})

_LISTED = 6
"""Lines that attachments take at most."""
ARRIVING = badge("live")
CHECKING = badge("live", "checking")
HELD = "This chat shows a reply only once it was checked."
_FAILED, _SHORT = "failed verification", "proves less than this chat asks for"


def entry_of(
    message: Message,
    *,
    verdict: Verdict | None = None,
    variant: tuple[int, int] | None = None,
    falls_short: bool = False,
    zone: tzinfo | None = None,
    face: Face = "app",
) -> Entry:
    """Put one sealed message into words; `variant` is (which, of how many), counted from 1.

    `face` decides which keys the next step names.
    `falls_short`: it failed, or proves less than its chat asks for; then it is folded and loud.
    """
    if message.role is Role.USER:
        return Entry(
            message.id,
            "user",
            "You",
            meta=intern(message.created_at.astimezone(zone).strftime("%H:%M")),
            text=message.text,
            variant=variant,
            attachments=_file_lines(message),
            pictures=_pictures(message),
            is_imported=message.is_imported,
        )
    if message.role is Role.TOOL:
        return Entry(message.id, "tool", "Tool result", text=message.text)
    return Entry(
        message.id,
        "assistant",
        model_name(message.model) if message.model else "model",
        meta=_numbers_in_short(message),
        badge=short_badge(verdict) if falls_short else verdict_badge(verdict),
        text=message.text,
        thinking=message.thinking,
        lead_notes=_lead_notes(message),
        notes=_endings(message, face),
        problem=_problem(message, face),
        variant=variant,
        attachments=_file_lines(message),
        pictures=_pictures(message, verdict),
        sources=tuple(
            Source(part.url, part.title) for part in message.parts if isinstance(part, SourcePart)
        ),
        is_failed=falls_short or (verdict is not None and verdict.is_loud),
        fold_reason=_FAILED if verdict is not None and verdict.is_loud else _SHORT,
        is_imported=message.is_imported,
    )


def arriving_entry(message_id: str, model: str, lead_notes: tuple[str, ...] = ()) -> Entry:
    """Return the entry of a reply of which nothing has come yet."""
    return Entry(
        message_id,
        "assistant",
        model,
        meta="arriving",
        badge=ARRIVING,
        lead_notes=lead_notes,
        is_streaming=True,
    )


def short_badge(verdict: Verdict | None) -> Badge | None:
    """Return the badge of a reply that failed, or proves less than its chat asks for."""
    found = verdict_badge(verdict)
    if found is None or found.tone == "bad":
        return found
    return Badge("bad", found.glyph, f"{found.words}, below policy")


def verdict_badge(verdict: Verdict | None) -> Badge | None:
    """Return the badge of a verdict; none where nothing was judged."""
    if verdict is None:
        return None
    words = verdict_words(verdict.state)
    if verdict.is_simulated and verdict.state is not State.SIMULATED:
        return Badge(words.tone, words.glyph, f"SIMULATED, {words.short}")
    return Badge(words.tone, words.glyph, badge_words(verdict))


def model_name(ref: ModelRef) -> str:
    """Name a model as a reply's head does: one that is a demonstration says so every time."""
    return f"SIMULATED {ref}" if ref.provider == DEMO_PROVIDER else ref.model


def attachment_words(blob: Blob) -> str:
    """Write an attachment on one line: name, type, size."""
    return f"{blob.name}  {blob.media_type}  {written_bytes(blob.size_bytes)}"


def attachment_lines(blobs: Sequence[Blob]) -> list[str]:
    """Write attachments a line each; of many, as a folder has them, the first and how many more."""
    lines = [attachment_words(blob) for blob in blobs]
    if len(lines) <= _LISTED:
        return lines
    rest = blobs[_LISTED - 1 :]
    size = written_bytes(sum(blob.size_bytes for blob in rest))
    return [*lines[: _LISTED - 1], f"{len(rest):,} more files  {size}"]


def is_picture(blob: Blob) -> bool:
    """Whether it may be drawn. What the bytes are is seen when they are read."""
    return blob.media_type in _DRAWN


def _file_lines(message: Message) -> tuple[str, ...]:
    return tuple(attachment_lines([blob for blob in message.blobs if not is_picture(blob)]))


def _pictures(message: Message, verdict: Verdict | None = None) -> tuple[Picture, ...]:
    """Return a message's pictures; `coverage` is the check that counts them among what is shown,
    and there is a check `picture` for each, in their order."""
    checks = verdict.checks if verdict is not None else ()
    is_open = any(c.name == "coverage" and c.outcome is Outcome.NOT_COVERED for c in checks)
    left_out = f"{outcome_words(Outcome.NOT_COVERED).short} by the signature" if is_open else ""
    images = [blob for blob in message.blobs if blob.is_image]
    found = [check.outcome for check in checks if check.name == "picture"]
    own = found if len(found) == len(images) else [None] * len(images)
    return tuple(
        Picture(
            blob.sha256,
            blob.name,
            blob.media_type,
            written_bytes(blob.size_bytes),
            ", ".join(filter(None, (picture_words(outcome) if outcome else "", left_out))),
            is_note_quiet=outcome is Outcome.PASSED and not left_out,
        )
        for blob, outcome in zip(images, own, strict=True)
        if is_picture(blob)
    )


def hanging(name: str, value: str, width: int) -> list[str]:
    """Write a name and its value in lines of `width`, the later ones indented below the value."""
    return textwrap.wrap(
        value, width, initial_indent=name, subsequent_indent=" " * len(name), break_on_hyphens=False
    ) or [name]


def written_bytes(size: int) -> str:
    """Write a size as people do: `930 bytes`, `12 KB`, `1.3 MB`."""
    if size < 1_000:
        return f"{size} bytes"
    if size < 1_000_000:
        return f"{size / 1_000:.0f} KB"
    return f"{size / 1_000_000:.1f} MB"


def short_path(path: Path) -> str:
    """Write a path as people do, the home folder as `~`."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)  # elsewhere, or nobody's home is known


def written_count(count: int) -> str:
    """Write a number of tokens: `930`, `12k`, `200k`, `1.0M`."""
    if count < 1_000:
        return str(count)
    if count < 10_000:
        return f"{count / 1_000:.1f}k"
    return f"{count / 1_000:.0f}k" if count < 999_500 else f"{count / 1_000_000:.1f}M"


def written_cost(dollars: float) -> str:
    """Write an estimate of a cost; what is less than a hundredth of a cent says so."""
    if dollars <= 0:
        return "free"
    if dollars < 0.0001:
        return "<$0.0001"
    return f"~${dollars:.4f}" if dollars < 0.01 else f"~${dollars:.2f}"


def _numbers_in_short(message: Message) -> str:
    """Return seconds, tokens and cost for the head line."""
    pieces: list[str] = []
    if message.timing is not None:
        pieces.append(f"{message.timing.total_ms / 1000:.1f} s")
    if message.usage is not None and message.usage.output is not None:
        pieces.append(f"{message.usage.output:,} tokens")
    if message.cost_usd:
        pieces.append(written_cost(message.cost_usd))
    return "  ".join(pieces)


def number_lines(message: Message) -> list[tuple[str, str]]:
    """Return everything that is known in numbers of a reply, as (name, value)."""
    lines: list[tuple[str, str]] = []
    if message.model is not None:
        lines.append(("Model", str(message.model)))
    if (timing := message.timing) is not None:
        lines.append(("Time", f"{timing.total_ms / 1000:.2f} s"))
        if timing.first_token_ms is not None:
            lines.append(("First token", f"{timing.first_token_ms / 1000:.2f} s"))
        if (speed := timing.tokens_per_s(message.usage)) is not None:
            lines.append(("Speed", f"{speed:.0f} tokens/s"))
    if message.usage is not None:
        lines.append(("Tokens", _usage_words(message.usage)))
    if message.cost_usd is not None:
        lines.append(("Cost", f"{written_cost(message.cost_usd)}, an estimate"))
    if message.finish is not None:
        lines.append(("Ended", _ENDINGS.get(message.finish, message.finish.value)))
    return lines


def _usage_words(usage: Usage) -> str:
    pieces = [
        ("in", usage.input),
        ("out", usage.output),
        ("cached", usage.cached),
        ("thinking", usage.thinking),
    ]
    return ", ".join(f"{count:,} {name}" for name, count in pieces if count is not None)


def _lead_notes(message: Message) -> tuple[str, ...]:
    words = left_out_words(message.left_out)
    return (words,) if words else ()


def _endings(message: Message, face: Face) -> tuple[str, ...]:
    if message.finish is None or message.finish not in _ENDINGS or message.failure is not None:
        return ()  # `_problem` tells of a failure how the reply ended, and what goes on
    note = _ENDINGS[message.finish]
    goes_on = "." if face == "columns" else "/continue"
    return (f"{note}; {goes_on} goes on",) if message.is_partial and message.text else (note,)


def _problem(message: Message, face: Face) -> Problem | None:
    if message.failure is None:
        return None
    words = explain_failure(message.failure, face)
    return Problem(words.title, words.detail, words.next_step)


def price_words(info: ModelInfo) -> str:
    """Write what a model costs for a million tokens in and out; "" when nobody says."""
    if info.is_local:
        return "local"
    if info.price_input is None or info.price_output is None:
        return ""
    if info.price_input == 0 and info.price_output == 0:
        return "free"
    return f"{_dollars(info.price_input)}/{_dollars(info.price_output)}"


def _dollars(amount: float) -> str:
    return f"${amount:.2f}".rstrip("0").rstrip(".")


def model_sentence(info: ModelInfo) -> str:
    """Say in one sentence what is known of a model."""
    pieces: list[str] = []
    if info.context_tokens:
        pieces.append(f"{written_count(info.context_tokens)} context")
    pieces += [
        f"{name}s" if name == "image" else name
        for name in ("image", "pdf", "audio", "video")
        if info.accepts(name)
    ]
    if info.reasons:
        pieces.append("thinks before it answers")
    text = ", ".join(pieces)
    if info.price_input is not None and info.price_output is not None and not info.is_local:
        price = f"{_dollars(info.price_input)} in, {_dollars(info.price_output)} out per million"
        text = f"{text}. {price} tokens (an estimate)" if text else f"{price} tokens (an estimate)"
    if not text and info.ref.provider == DEMO_PROVIDER:
        return f"{info.title}."
    return f"{text}." if text else "Nothing is known of its size or price; it can be used."


def chat_markdown(conversation: Conversation, path: Sequence[Message]) -> str:
    """Write a chat as Markdown, each message under its speaker's name."""
    lines = [f"# {conversation.title or 'New chat'}", ""]
    for message in path:
        who = "You" if message.role is Role.USER else str(message.model or message.role.value)
        lines += [f"## {who}", "", message.text.rstrip(), ""]
    return "\n".join(lines)

"""From a conversation's path to what one model is given, and the honest list of what it is not.

Pure. The rules are those of `Switching models in the middle of a conversation`: neutral parts go to
every model; raw items go back only to where their wire says that they may; nothing is dropped in
silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from troth.domain.message import (
    BlobPart,
    Finish,
    LeftOut,
    Message,
    Part,
    RawItem,
    Role,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import ModelInfo
from troth.providers.replay import media_kind

Replays = Callable[[RawItem], bool]
Carries = Callable[[str], bool]
"""Whether the wire has a form for bytes of a media type."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is sent, and what is not."""

    messages: tuple[Message, ...]
    left_out: tuple[LeftOut, ...]


def build_context(
    path: Sequence[Message],
    model: ModelInfo,
    *,
    replays: Replays,
    carries: Carries,
    raw_items: Mapping[str, tuple[RawItem, ...]],
    held_back: Mapping[str, str] = MappingProxyType({}),
    withheld: Collection[str] = (),
) -> Context:
    """Cut `path` (oldest first) down to what `model` can take.

    `raw_items` maps message ids to their stored items; `held_back` names replies that
    failed verification or prove too little, with the reason: they stay out until the user says
    otherwise; `withheld` what the user keeps from
    this provider.
    """
    counted: Counter[tuple[str, str]] = Counter()
    paired = _paired_calls([message for message in path if not message.is_imported])
    kept: list[Message] = []
    carried: list[BlobPart] = []
    for message in path:
        if message.id in held_back:
            reason = held_back[message.id]
            counted["failed_reply" if reason == "not_verified" else "short_reply", reason] += 1
            continue
        if message.id in withheld:
            counted["kept_back", "boundary"] += 1
            continue
        items = raw_items.get(message.id, message.raw_items)
        items = items if items and all(map(replays, items)) else ()
        parts = _fit_parts(message, model, carries, paired, counted, has_items=bool(items))
        if message.role is Role.ASSISTANT:
            if not items:
                carried += [part for part in parts if isinstance(part, BlobPart)]
                parts = [part for part in parts if not isinstance(part, BlobPart)]
            if message.finish is Finish.FAILED or not (parts or items):
                continue
        elif message.role is Role.USER and carried:
            parts = [*carried, *parts]
            carried = []
        if parts or items:
            _keep(kept, replace(message, parts=tuple(parts), raw_items=items))
    return Context(
        tuple(kept),
        tuple(LeftOut(kind, count, reason) for (kind, reason), count in counted.items()),
    )


def _keep(kept: list[Message], message: Message) -> None:
    """Append a message; a reply that goes on where the one before was cut is joined to it."""
    before = kept[-1] if kept else None
    if before and before.role is Role.ASSISTANT and message.role is Role.ASSISTANT:
        kept[-1] = replace(before, parts=before.parts + message.parts, raw_items=())
    else:
        kept.append(message)


def _paired_calls(path: Sequence[Message]) -> set[str]:
    """Ids of tool calls that have their result: every other call or result must go.

    The tools of another program are not ours to offer, and vendors refuse calls of unknown tools.
    """
    parts = [part for message in path for part in message.parts]
    calls = {part.call_id for part in parts if isinstance(part, ToolCallPart)}
    results = {part.call_id for part in parts if isinstance(part, ToolResultPart)}
    return calls & results


def _fit_parts(
    message: Message,
    model: ModelInfo,
    carries: Carries,
    paired: Collection[str],
    counted: Counter[tuple[str, str]],
    *,
    has_items: bool,
) -> list[Part]:
    parts: list[Part] = []
    for part in message.parts:
        match part:
            case TextPart(text):
                if text:
                    parts.append(part)
            case ThinkingPart():
                if not has_items and message.model != model.ref:
                    counted["thinking", "other_model"] += 1
            case BlobPart():
                parts.append(_fit_blob(part, model, carries, counted))
            case ToolCallPart(call_id, _, _) | ToolResultPart(call_id, _, _):
                if call_id in paired:
                    parts.append(part)
                else:
                    kind = "tool_call" if isinstance(part, ToolCallPart) else "tool_result"
                    counted[kind, "imported" if message.is_imported else "unpaired"] += 1
            case SourcePart():
                pass  # sources stand in the text where it refers to them
    return parts


def _fit_blob(
    part: BlobPart, model: ModelInfo, carries: Carries, counted: Counter[tuple[str, str]]
) -> Part:
    """Return the part where wire and model take it, else its text, else a word in its place.

    A model of which nobody has said what it reads is given images as they are, and of a PDF the
    text where there is any: that much it reads for certain.
    """
    blob = part.blob
    kind = media_kind(blob.media_type)
    reads = model.accepts(kind) if carries(blob.media_type) else False
    if reads or (reads is None and kind == "image"):
        return part
    if part.extracted_text:
        if kind == "pdf":
            counted["pdf_as_text", "sent_as_text"] += 1
        return TextPart(_fence(blob.name, part.extracted_text))
    if reads is None and kind == "pdf":
        return part
    if kind == "image":
        counted["image", "no_image_input"] += 1
        return TextPart(f"[image left out: {blob.name}]\n")
    if kind == "pdf" and part.extracted_text is not None:
        counted["pdf_without_text", "no_text_found"] += 1
    else:
        counted["document", "no_document_input"] += 1
    return TextPart(f"[document left out: {blob.name}]\n")


def _fence(name: str, text: str) -> str:
    """Set a document apart from the words round it with a fence longer than any inside."""
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return f"{name}:\n{ticks}\n{text}\n{ticks}\n"

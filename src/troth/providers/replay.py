"""Lay a turn out for the wires that take a vendor's own items back, and decide which go back.

A reply goes back either whole, as its wire wrote it, or as plain parts: a reasoning item without
what followed it, or a thinking block behind changed text, is refused with a 400 by its vendor.
Everything here depends on the message and the model alone, so a prefix once sent stays the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from troth.domain.error import ReplyMalformed, UsageError
from troth.domain.event import RawItemDone, WireEvent
from troth.domain.message import (
    BlobPart,
    Finish,
    Message,
    Part,
    RawItem,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.providers.parts import CONTINUE_PROMPT, document_text, sendable
from troth.providers.wirejson import Object, dump_json, parse_json

_DATE_SUFFIX = re.compile(r"-(?:latest|20\d{6}|20\d\d-\d\d-\d\d)$")
_UNFINISHED = frozenset({Finish.CUT, Finish.STOPPED, Finish.FAILED})
_OPENING = "[The conversation begins with a reply.]"


@dataclass(slots=True)
class Spoken:
    """One side's words. `raw` is a reply as its wire wrote it and stands for all of it."""

    is_user: bool
    parts: list[Part] = field(default_factory=list[Part])
    raw: list[Object] | None = None


def is_same_model(one: str, other: str) -> bool:
    """Whether two ids name one model, a date or `-latest` at the end left aside."""
    return _DATE_SUFFIX.sub("", one) == _DATE_SUFFIX.sub("", other)


def is_own(item: RawItem, wire: str, endpoint: Endpoint, model: ModelRef) -> bool:
    """Whether `item` came from this model over this wire at this endpoint."""
    return (
        item.wire == wire
        and item.provider == endpoint.name
        and is_same_model(item.model, model.model)
    )


def raw_items(
    wholes: Sequence[tuple[str, Object]], provider: str, model: str, wire: str
) -> list[WireEvent]:
    """Return a reply's items, given as kind and value, as events; none where one has no JSON."""
    try:
        return [
            RawItemDone(RawItem(provider, model, wire, kind, dump_json(value)))
            for kind, value in wholes
        ]
    except (ValueError, RecursionError):
        return []  # a number beyond every double, or nested too deep: it cannot be written again


def raw_reply(
    message: Message,
    *,
    replays: Callable[[RawItem], bool],
    words: Callable[[Object], str],
    call_id: Callable[[Object], str],
) -> list[Object] | None:
    """Return a reply's items for sending back, or None where plain parts must stand for it.

    The items must say exactly what the message says: the same text (`words` of each item) and the
    same tool calls (`call_id` of each item, "" for others). That fails, on purpose, for replies
    that were stopped, cut or continued, and for calls whose result is missing.
    """
    if not message.raw_items or message.finish in _UNFINISHED:
        return None
    if not all(map(replays, message.raw_items)):
        return None
    items: list[Object] = []
    for item in message.raw_items:
        try:
            value = parse_json(item.payload)
        except ReplyMalformed:
            return None
        if not isinstance(value, dict):
            return None
        items.append(value)
    calls = {part.call_id for part in message.parts if isinstance(part, ToolCallPart)}
    if "".join(map(words, items)) != message.text:
        return None
    return items if {call_id(item) for item in items} - {""} == calls else None


def lay_out(
    turn: Turn,
    raw_of: Callable[[Message], list[Object] | None],
    *,
    may_end_with_reply: Callable[[Spoken], bool],
) -> list[Spoken]:
    """Return who says what, in order: begins with the user and ends with them.

    Images that a model made move into the next words of the user, because no wire takes them in a
    reply that it did not write itself. A turn that ends with a reply is one to be continued; where
    `may_end_with_reply` says no to it, the user asks for the rest. Raises UsageError where nothing
    is said.
    """
    spoken: list[Spoken] = []
    images: list[Part] = []
    raws = {message.id: raw_of(message) for message in turn.messages if message.raw_items}
    paired = {message.id: message for message in sendable(turn.messages, keeps_raw=True)}
    for original in turn.messages:
        message = paired.get(original.id)
        if message is None:
            continue
        if message.role is not Role.ASSISTANT:
            results = [part for part in message.parts if isinstance(part, ToolResultPart)]
            others = [part for part in message.parts if not isinstance(part, ToolResultPart)]
            spoken.append(Spoken(is_user=True, parts=[*results, *images, *others]))
            images = []
            continue
        raw = raws.get(message.id) if _calls(message) == _calls(original) else None
        reply = Spoken(is_user=False, raw=raw)
        if raw is None:
            reply.parts = _reply_parts(message)
            images += [part for part in message.parts if isinstance(part, BlobPart)]
        if reply.parts or raw:
            spoken.append(reply)
    if not spoken:
        raise UsageError("there is nothing to send")
    if not spoken[0].is_user:
        spoken.insert(0, Spoken(is_user=True, parts=[TextPart(_OPENING)]))
    last = spoken[-1]
    if last.is_user:
        return spoken
    if not may_end_with_reply(last):
        spoken.append(Spoken(is_user=True, parts=[TextPart(CONTINUE_PROMPT)]))
    elif last.raw is None:
        # White space at the end of a reply to be continued is refused.
        *before, end = last.parts
        last.parts = [*before, TextPart(end.text.rstrip()) if isinstance(end, TextPart) else end]
    return spoken


def sent_as(part: BlobPart, model: ModelInfo, kinds: frozenset[str]) -> str:
    """Return `image`, `pdf`, `audio` or `video` where the part can be sent so, else "".

    `kinds` are what the wire has a form for; the model may still refuse one of them.
    """
    kind = media_kind(part.blob.media_type)
    return kind if kind in kinds and model.accepts(kind) is not False else ""


def media_kind(media_type: str) -> str:
    """Return the modality that bytes of this type need: `image`, `pdf`, `audio`, `video`, ...

    SVG is text: no vendor takes it for an image.
    """
    bare = media_type.partition(";")[0].strip().lower()
    if bare == "image/svg+xml":
        return "text"
    return "pdf" if bare == "application/pdf" else bare.partition("/")[0]


def in_words(part: BlobPart, turn: Turn) -> str:
    """Return what is sent in place of bytes that cannot be: the text in them, or their name."""
    text = document_text(part, turn.blobs)
    return _placeholder(part) if text is None else text


def wire_id(call_id: str, *, limit: int = 64) -> str:
    """Return a call id that every wire takes (letters, digits, _ and -), the same for the same."""
    bare = re.sub(r"[^A-Za-z0-9_-]", "_", call_id)
    if bare == call_id and 0 < len(bare) <= limit:
        return bare
    return f"{bare[: limit - 9]}_{hashlib.sha256(call_id.encode()).hexdigest()[:8]}"


def _calls(message: Message) -> list[Part]:
    return [part for part in message.parts if isinstance(part, ToolCallPart)]


def _placeholder(part: BlobPart) -> str:
    kind = "image" if part.blob.is_image else "file"
    return f"[{kind}: {part.blob.name or part.blob.media_type}]"


def _reply_parts(message: Message) -> list[Part]:
    """Return a reply's words, joined to one text where nothing stands between, and its calls."""
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            parts.append(part)
        elif isinstance(part, TextPart | BlobPart):
            text = part.text if isinstance(part, TextPart) else _placeholder(part)
            last = parts[-1] if parts else None
            if isinstance(last, TextPart) and isinstance(part, TextPart):
                parts[-1] = TextPart(last.text + text)
            else:
                parts.append(TextPart(text))
    return parts

"""What every wire does with a message's parts: data URLs, documents as text, merging, pairing.

Pure. Nothing here knows a vendor; what a vendor wants of it stands in the vendor's file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from troth.domain.error import ReplyMalformed, UsageError
from troth.domain.message import (
    Blob,
    BlobPart,
    Message,
    Part,
    Role,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import Json
from troth.providers.wirejson import Object, parse_json

CONTINUE_PROMPT = (
    "Your last reply was cut off. Go on exactly where it stopped, with no introduction and "
    "without repeating anything."
)
"""Sent as the user's words where a wire cannot be given the beginning of its own reply."""

_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),(.*)", re.DOTALL | re.IGNORECASE)


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def bytes_of_base64(text: str) -> bytes | None:
    """Decode base64 or base64url, padding and line ends optional; None where it is neither."""
    bare = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64_of(content)}"


def parse_data_url(url: str) -> tuple[str, bytes] | None:
    """Return media type and bytes of a base64 data URL (RFC 2397); None where it is none."""
    match = _DATA_URL.fullmatch(url.strip())
    if match is None or ";base64" not in match[2].lower():
        return None
    content = bytes_of_base64(match[3])
    return None if content is None else (match[1].lower() or sniff_media_type(content), content)


def sniff_media_type(content: bytes) -> str:
    """Name the type of an image from its first bytes; `application/octet-stream` when unknown."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "application/pdf" if content.startswith(b"%PDF-") else "application/octet-stream"


def content_of(blob: Blob, blobs: Mapping[str, bytes]) -> bytes:
    """Return the bytes of `blob`; raise UsageError where the turn does not carry them."""
    content = blobs.get(blob.sha256)
    if content is None:
        raise UsageError(f"the bytes of {blob.name or blob.media_type} are not in the turn")
    return content


def is_textual(media_type: str) -> bool:
    """Whether bytes of this type can simply be read as text."""
    bare = media_type.partition(";")[0].strip().lower()
    return (
        bare.startswith("text/")
        or bare.endswith(("+json", "+xml", "+yaml"))
        or bare
        in {
            "application/json",
            "application/xml",
            "application/yaml",
            "application/x-yaml",
            "application/toml",
            "application/javascript",
            "application/x-sh",
            "application/sql",
            "application/x-ndjson",
        }
    )


def document_text(part: BlobPart, blobs: Mapping[str, bytes]) -> str | None:
    """Return a document as text to send in its place, named and fenced off; None where none is.

    The extracted text comes first; else the bytes themselves where their type is text.
    """
    text = part.extracted_text or None
    if text is None and is_textual(part.blob.media_type):
        text = content_of(part.blob, blobs).decode("utf-8", "replace").removeprefix("\ufeff")
    if text is None:
        return None
    return f'<document name="{_bare_name(part.blob.name)}">\n{text}\n</document>'


def _bare_name(name: str) -> str:
    """Return a file name that cannot break out of the line or attribute it is put into."""
    return re.sub(r'["<>\x00-\x1f\x7f]+', "_", name) or "document"


def call_arguments(arguments: str) -> Object:
    """Return a call's arguments as an object, where a wire wants one; "" means none.

    What a model wrote wrongly is kept in one.
    """
    try:
        value: Json = parse_json(arguments or "{}")
    except ReplyMalformed:
        value = arguments
    return value if isinstance(value, dict) else {"arguments": value}


def sendable(messages: Iterable[Message], *, keeps_raw: bool = False) -> list[Message]:
    """Return messages ready for a wire: none empty, every tool call paired with its result.

    Thinking and sources are never sent as text, so a reply of nothing else is dropped; with
    `keeps_raw` a reply that still holds raw items stays, for wires that replay them.
    """
    kept = list(messages)
    parts = [part for message in kept for part in message.parts]
    results = {part.call_id for part in parts if isinstance(part, ToolResultPart)}
    calls = {part.call_id for part in parts if isinstance(part, ToolCallPart)}
    ready: list[Message] = []
    for message in kept:
        says = _said(message, calls & results)
        is_replayed = keeps_raw and message.role is Role.ASSISTANT and bool(message.raw_items)
        if says or is_replayed:
            ready.append(message if says == message.parts else replace(message, parts=says))
    return ready


def _said(message: Message, paired: AbstractSet[str]) -> tuple[Part, ...]:
    """Return the parts that go on a wire: neighbouring texts as one, none of them blank."""
    said: list[Part] = []
    for part in message.parts:
        last = said[-1] if said else None
        match part:
            case TextPart(text):
                if isinstance(last, TextPart):
                    said[-1] = TextPart(last.text + text)
                else:
                    said.append(part)
            case ToolCallPart(call_id, _, _) | ToolResultPart(call_id, _, _):
                if call_id in paired:
                    said.append(part)
            case BlobPart():
                said.append(part)
            case ThinkingPart() | SourcePart():
                pass  # thinking goes back as raw items or not at all; sources stand in the text
    return tuple(p for p in said if not isinstance(p, TextPart) or p.text.strip())


def merged(messages: Sequence[Message]) -> list[Message]:
    """Join neighbours of the same role into one message, for wires that want roles to alternate.

    Two messages of the user are set apart by a blank line; a reply that goes on where the one
    before it was cut is joined to it with nothing between.
    """
    joined: list[Message] = []
    for message in messages:
        if not joined or joined[-1].role is not message.role:
            joined.append(message)
            continue
        last = joined[-1]
        parts = last.parts
        if message.role is Role.USER and parts and isinstance(parts[-1], TextPart):
            parts = (*parts[:-1], TextPart(parts[-1].text + "\n\n"))
        joined[-1] = replace(
            last, parts=parts + message.parts, raw_items=last.raw_items + message.raw_items
        )
    return joined

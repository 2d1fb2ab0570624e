"""A chat as Markdown with YAML front matter: the shown path, for people and their note programs.

Speakers are headings of the second level, and only they: those inside a message go deeper, so that
no reply writes the next speaker's line, and an outline shows who said what.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping

from troth.domain.message import (
    BlobPart,
    Part,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.engine.chat import Chat
from troth.engine.exporting import SHOWN_IMAGES, Clean, facts, one_line, speaker, turns

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"( {0,3})(#{1,6})(?=\s|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*")
_LABEL = re.compile(r"[\[\]\\`<>!]")
SPEAKER_LEVEL = 2


def markdown(
    chat: Chat,
    clean: Clean,
    images: Mapping[str, bytes] | None = None,
    *,
    with_thinking: bool = False,
) -> str:
    """Return the shown path of a chat that is wholly loaded.

    `images` holds bytes by digest: they stand at the end, out of the words' way, where Markdown
    keeps the addresses that its text refers to. Images that are not in it are named.
    """
    images = images or {}
    lines = [*_front_matter(chat, clean)]
    for turn in turns(chat):
        lines += ["", f"## {speaker(turn, clean)}", "", f"*{', '.join(facts(turn))}*", ""]
        for part in turn.message.parts:
            if isinstance(part, BlobPart) and part.blob.sha256 in images:
                name = _LABEL.sub(" ", one_line(clean, part.blob.name)).strip() or "image"
                lines += [f"![{name}][{part.blob.sha256}]", ""]
            else:
                lines += _part(part, clean, with_thinking=with_thinking)
    kinds = {
        blob.sha256: blob.media_type
        for message in chat.path
        for blob in message.blobs
        if blob.media_type in SHOWN_IMAGES
    }
    for sha256, content in images.items():
        data = base64.b64encode(content).decode("ascii")
        lines += ["", f"[{sha256}]: data:{kinds[sha256]};base64,{data}"]
    return "\n".join(lines).rstrip() + "\n"


def _front_matter(chat: Chat, clean: Clean) -> Iterator[str]:
    conversation = chat.conversation
    models = dict.fromkeys(str(m.model) for m in chat.path if m.model is not None)
    yield "---"
    values: tuple[tuple[str, object], ...] = (
        ("title", one_line(clean, conversation.title)),
        ("chat", conversation.id),
        ("created", conversation.created_at.isoformat()),
        ("updated", conversation.updated_at.isoformat()),
        ("model", one_line(clean, str(conversation.model or ""))),
        ("models", [one_line(clean, model) for model in models]),
        ("messages", conversation.message_count),
        ("messages_shown", len(chat.path)),
        ("system_prompt", clean(conversation.system_prompt)),
    )
    for name, value in values:
        if value:
            yield f"{name}: {json.dumps(value, ensure_ascii=False)}"  # YAML takes JSON values
    yield "---"


def _part(part: Part, clean: Clean, *, with_thinking: bool) -> list[str]:
    match part:
        case TextPart(text):
            return [*_below_speaker(clean(text)), ""]
        case ThinkingPart(text) if with_thinking:
            return [*(f"> {line}" for line in clean(text).splitlines()), ""]
        case BlobPart(blob, _):
            name = one_line(clean, blob.name) or blob.sha256[:12]
            kind = one_line(clean, blob.media_type)
            return [f"[{name}: {kind}, {blob.size_bytes:,} bytes, {blob.sha256}]", ""]
        case SourcePart(url, title):
            return [f"- {one_line(clean, title)} <{one_line(clean, url)}>", ""]
        case ToolCallPart(_, name, arguments):
            return [f"*Tool {one_line(clean, name)}:*", "", *_fenced(clean(arguments)), ""]
        case ToolResultPart(_, name, text):
            return [f"*Answer of {one_line(clean, name)}:*", "", *_fenced(clean(text)), ""]
        case _:
            return []


def _below_speaker(text: str) -> Iterator[str]:
    """Yield the lines of a message, its headings below those that name who speaks."""
    fence = ""
    is_paragraph = False
    for line in text.split("\n"):
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        elif not fence:
            if is_paragraph and _UNDERLINE.fullmatch(line):
                yield ""  # else it makes a heading of the line above
            line = _HEADING.sub(_deeper, line, count=1)
        is_paragraph = not fence and bool(line.strip()) and mark is None
        yield line


def _deeper(heading: re.Match[str]) -> str:
    return heading[1] + "#" * min(6, len(heading[2]) + SPEAKER_LEVEL)


def _fenced(text: str) -> list[str]:
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return [ticks, text, ticks]

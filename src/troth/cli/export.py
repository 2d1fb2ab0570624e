"""`troth export`: one chat as Markdown for people, or as JSON that loses nothing."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import cast

from troth.cli.command import Arguments, Parser
from troth.cli.find import find_chat
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.message import BlobPart, Message, Role, SourcePart, TextPart, ThinkingPart
from troth.domain.model import Json
from troth.domain.verdict import Verdict
from troth.engine.chat import Chat
from troth.explain import left_out_words, verdict_words
from troth.settings import write_private
from troth.tui.safe import clean, clean_line

FORMAT = "troth-chat"
VERSION = 1


def configure(parser: Parser) -> None:
    parser.add_argument("chat", metavar="CHAT", help="id, a part of it, or the title")
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE, for you alone")
    parser.add_argument("--thinking", action="store_true", help="Markdown with thinking in it")
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        found = await find_chat(engine, arguments.text("chat"))
        chat = await engine.open_chat(found.id)
        await chat.load_rest()
        if arguments.text("format") == "json":
            text = json.dumps(await chat_document(chat), ensure_ascii=True, indent=1) + "\n"
        else:
            text = markdown(chat, with_thinking=arguments.flag("thinking"))
        target = arguments.text("output")
        if target:
            await asyncio.to_thread(write_private, Path(target), text.encode())
            console.note(f"{found.title or found.id} is written to {target}.")
        else:
            console.write(text)
            console.end_text()
    return ExitCode.OK


def markdown(chat: Chat, *, with_thinking: bool) -> str:
    """Return the shown path as Markdown with YAML front matter.

    Cleaned as the screen is: a file is opened in terminals, too.
    """
    return "\n".join(_markdown_lines(chat, with_thinking=with_thinking)).rstrip() + "\n"


def _markdown_lines(chat: Chat, *, with_thinking: bool) -> Iterator[str]:
    conversation = chat.conversation
    yield "---"
    for name, value in (
        ("title", clean_line(conversation.title)),
        ("chat", conversation.id),
        ("created", conversation.created_at.isoformat()),
        ("updated", conversation.updated_at.isoformat()),
        ("model", str(conversation.model or "")),
        ("system_prompt", conversation.system_prompt),
    ):
        if value:
            yield f"{name}: {json.dumps(value, ensure_ascii=False)}"  # YAML takes JSON strings
    yield "---"
    for message in chat.path:
        yield ""
        yield f"## {_heading(message)}"
        yield ""
        facts = _facts(message, chat.verdicts.get(message.id))
        if facts:
            yield f"*{facts}*"
            yield ""
        yield from _parts(message, with_thinking=with_thinking)


def _heading(message: Message) -> str:
    if message.role is Role.ASSISTANT:
        return clean_line(str(message.model or "assistant"))
    return "You" if message.role is Role.USER else "Tool"


def _facts(message: Message, verdict: Verdict | None) -> str:
    facts = [message.created_at.strftime("%Y-%m-%d %H:%M UTC")]
    if message.role is Role.ASSISTANT:
        facts.append(verdict_words(verdict.state if verdict else None).short)
        if message.finish is not None and message.is_partial:
            facts.append(f"not whole ({message.finish.value})")
        if words := left_out_words(message.left_out):
            facts.append(words)
    return ", ".join(facts)


def _parts(message: Message, *, with_thinking: bool) -> Iterator[str]:
    for part in message.parts:
        match part:
            case TextPart(text):
                yield clean(text)
            case ThinkingPart(text) if with_thinking:
                yield "\n".join(f"> {line}" for line in clean(text).splitlines())
            case BlobPart(blob, _):
                name = clean_line(blob.name) or blob.sha256[:12]
                yield f"[{name}: {blob.media_type}, {blob.size_bytes:,} bytes, {blob.sha256}]"
            case SourcePart(url, title):
                yield f"- {clean_line(title)} <{clean_line(url)}>"
            case _:
                continue
        yield ""


async def chat_document(chat: Chat) -> Json:
    """Return everything that the vault holds of a chat: all branches, bytes and verdicts.

    Bytes are base64; times ISO 8601 in UTC. No key is in it: none was ever stored with a reply.
    """
    messages = await chat.store.messages(chat.id)
    raw_items = await chat.store.raw_items([message.id for message in messages])
    rows: list[Json] = []
    blobs: dict[str, Json] = {}
    for message in messages:
        whole = dataclasses.replace(message, raw_items=raw_items.get(message.id, ()))
        row = cast("dict[str, Json]", to_json(whole))
        row["exchange"] = to_json(await chat.store.exchange(message.id))
        row["verdict"] = to_json(chat.verdicts.get(message.id))
        rows.append(row)
        for blob in message.blobs:
            blobs[blob.sha256] = to_json(await chat.store.blob(blob.sha256))
    return {
        "format": FORMAT,
        "version": VERSION,
        "conversation": to_json(chat.conversation),
        "messages": rows,
        "blobs": blobs,
    }


def to_json(value: object) -> Json:
    """Write any domain value as JSON; parts carry their class as `type`, bytes are base64."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = type(value).__name__
        row: dict[str, Json] = {"type": name} if name.endswith("Part") else {}
        for field in dataclasses.fields(value):
            row[field.name] = to_json(getattr(value, field.name))
        return row
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {key: to_json(inner) for key, inner in items}
    if isinstance(value, tuple | list | frozenset):
        return [to_json(inner) for inner in cast("tuple[object, ...]", value)]
    if isinstance(value, str):
        return str(value)  # an enumeration's member is its text
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(type(value).__name__)

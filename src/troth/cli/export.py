"""`troth export`: one chat or all of them, as Markdown or a page for people, or as whole JSON."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from troth.cli.command import Arguments, Parser
from troth.cli.find import find_chat
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.cli.writing import make_folder, write_file
from troth.domain.conversation import Conversation
from troth.domain.error import UsageError
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.engine.housekeeping import Labels
from troth.tui.safe import clean

_SUFFIXES = {"markdown": ".md", "json": ".troth.json", "html": ".html"}


def configure(parser: Parser) -> None:
    parser.add_argument("chat", nargs="?", metavar="CHAT", help="id, a part of it, or the title")
    parser.add_argument("--all", action="store_true", help="every chat, one file each, into DIR")
    parser.add_argument("--format", choices=tuple(_SUFFIXES), default="markdown")
    parser.add_argument("-o", "--output", metavar="FILE|DIR", help="write there, for you alone")
    parser.add_argument("--thinking", action="store_true", help="Markdown with thinking in it")
    parser.add_argument(
        "--no-exchanges",
        action="store_true",
        help="JSON without the bytes on the wire; it cannot be checked again then",
    )
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    wanted = arguments.text("chat")
    if arguments.flag("all") == bool(wanted):
        raise UsageError("name one chat, or say --all")
    target = arguments.text("output")
    if arguments.flag("all") and not target:
        raise UsageError("--all needs a folder: -o DIR")
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        if arguments.flag("all"):
            return await _export_all(engine, console, Path(target), arguments)
        found = await find_chat(engine, wanted)
        labels = (await engine.housekeeping.labels()).get(found.id, Labels())
        text = await _written(engine, found, labels, arguments)
        _note_size(console, found, text, arguments)
        if target:
            file = await asyncio.to_thread(_file_in, Path(target), found, arguments)
            await asyncio.to_thread(write_file, file, text.encode())
            console.note(f"{found.title or found.id} is written to {file}.")
        else:
            console.write(text)
            console.end_text()
    return ExitCode.OK


async def _export_all(engine: Engine, console: Console, folder: Path, arguments: Arguments) -> int:
    await asyncio.to_thread(make_folder, folder)
    chats = await engine.chats(is_archived=None)
    labels = await engine.housekeeping.labels()
    for number, conversation in enumerate(chats, 1):
        text = await _written(
            engine, conversation, labels.get(conversation.id, Labels()), arguments
        )
        _note_size(console, conversation, text, arguments)
        file = folder / _name_of(conversation, arguments)
        await asyncio.to_thread(write_file, file, text.encode("utf-8", "replace"))
        console.status(f"exporting: {number:,} of {len(chats):,}")
    counted = "1 chat is" if len(chats) == 1 else f"{len(chats):,} chats are"
    console.note(f"{counted} written to {folder}.")
    return ExitCode.OK


def _note_size(
    console: Console, conversation: Conversation, text: str, arguments: Arguments
) -> None:
    from troth.transfer.records import MAX_OWN_BYTES

    if arguments.text("format") == "json" and len(text) > MAX_OWN_BYTES:
        console.note(
            f"{conversation.title or conversation.id} is more than Troth takes in again"
            f" ({MAX_OWN_BYTES >> 20} MiB); --no-exchanges makes it smaller."
        )


async def _written(
    engine: Engine, conversation: Conversation, labels: Labels, arguments: Arguments
) -> str:
    chat = await engine.open_chat(conversation.id)
    try:
        await chat.load_rest()
        return await _text_of(chat, labels, arguments)
    finally:
        await engine.close_chat(chat)


async def _text_of(chat: Chat, labels: Labels, arguments: Arguments) -> str:
    form = arguments.text("format")
    if form == "json":
        from troth.engine.exporting import chat_document

        with_exchanges = not arguments.flag("no_exchanges")
        document = await chat_document(chat, labels, with_exchanges=with_exchanges)
        return json.dumps(document, ensure_ascii=True, indent=1) + "\n"  # one byte a character
    from troth.engine.exporting import shown_images

    images = await shown_images(chat)
    if form == "markdown":
        from troth.engine.export_markdown import markdown

        return markdown(chat, clean, images, with_thinking=arguments.flag("thinking"))
    from troth.engine.export_html import html_page

    return html_page(chat, clean, images)


def _file_in(target: Path, conversation: Conversation, arguments: Arguments) -> Path:
    """Return the file to write: `target`, or one inside it when it is a folder."""
    return target / _name_of(conversation, arguments) if target.is_dir() else target


def _name_of(conversation: Conversation, arguments: Arguments) -> str:
    from troth.engine.exporting import file_name

    return file_name(conversation, _SUFFIXES[arguments.text("format")])

"""`troth receipt`: one reply, or a whole chat, as files with which anyone can check it."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

from troth.cli.command import Arguments, Parser
from troth.cli.find import find_chat
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.cli.writing import write_file
from troth.domain.error import NotFound, UsageError
from troth.domain.message import Role
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.engine.export_markdown import markdown
from troth.engine.receipts import verify
from troth.explain import verdict_words
from troth.settings import typed_path
from troth.tui.safe import clean

_SHORTEST_PART = 6
_LAST = "last"


def configure(parser: Parser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "message", nargs="?", metavar="MESSAGE", help="id of a reply, the end of it, or `last`"
    )
    what.add_argument("--chat", metavar="CHAT", help="every reply of a chat, with its Markdown")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write to FILE, for you alone; with --chat, a new folder",
    )
    parser.add_argument("--html", metavar="FILE", help="also write a page that anyone can read")
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        if wanted := arguments.text("chat"):
            found = await find_chat(engine, wanted)
            chat = await engine.open_chat(found.id)
            return await _bundle(engine, chat, arguments.text("output"), console)
        chat, message_id = await find_reply(engine, arguments.text("message"))
        receipt = await engine.proofs.receipt(chat, message_id)
        if page := arguments.text("html"):
            await asyncio.to_thread(write_file, Path(page), page_of(receipt))
            console.note(f"The page is written to {page}.")
        if target := arguments.text("output"):
            await asyncio.to_thread(write_file, Path(target), receipt)
            console.note(f"The receipt is written to {target}. `troth verify {target}` checks it.")
        else:
            console.put(receipt.decode("utf-8"))
    return ExitCode.OK


async def find_reply(engine: Engine, text: str) -> tuple[Chat, str]:
    """Return the chat and id of a reply that was checked; `last` is the newest of all chats."""
    wanted = text.upper()
    if text == _LAST:
        wanted = ""
    elif len(wanted) < _SHORTEST_PART:
        raise UsageError(f"give at least {_SHORTEST_PART} letters of the reply's id")
    found = await engine.vault.checked_replies(wanted)
    if not found:
        raise NotFound("reply", text)
    if wanted and len(found) > 1:
        raise UsageError(f"more than one reply ends in {text!r}: give the whole id")
    conversation_id, message_id = found[0]
    chat = await engine.open_chat(conversation_id)
    await chat.load_rest()
    return chat, message_id


async def _bundle(engine: Engine, chat: Chat, output: str, console: Console) -> int:
    """Write a folder: the chat as Markdown, a receipt and a page for each checked reply."""
    await chat.load_rest()
    folder = await asyncio.to_thread(_make_folder, output or f"troth-{chat.id}")
    text = markdown(chat, clean)
    lines = [text.rstrip(), "", "## Receipts", ""]
    count = 0
    for message in chat.path:
        if message.role is not Role.ASSISTANT or message.id not in chat.verdicts:
            continue
        try:
            receipt = await engine.proofs.receipt(chat, message.id)
        except NotFound:
            continue  # an imported reply, or one whose bytes were not kept: nothing to prove
        name, page = f"{message.id}.receipt.json", f"{message.id}.html"
        await asyncio.to_thread(write_file, folder / name, receipt)
        await asyncio.to_thread(write_file, folder / page, page_of(receipt))
        when = f"{message.created_at:%Y-%m-%d %H:%M UTC}"
        found = verdict_words(chat.verdicts[message.id].state).short
        lines.append(f"- {when}, {message.model}, {found}: [the receipt]({name}), [a page]({page})")
        count += 1
    lines += ["", "`troth verify FILE` checks a receipt with no vault and no network.", ""]
    await asyncio.to_thread(write_file, folder / "chat.md", "\n".join(lines).encode())
    counted = "1 receipt" if count == 1 else f"{count} receipts"
    console.note(f"{counted} and the chat are written to {folder}.")
    return ExitCode.OK


def page_of(receipt: bytes) -> bytes:
    """Return a page on a receipt that was written just now, by what the user trusts."""
    from troth.cli.receipt_page import receipt_page
    from troth.cli.verify import proves

    checked = verify(receipt)
    is_proven = proves(checked, has_moment=False)
    return receipt_page(checked, is_proven=is_proven, at=datetime.now(UTC)).encode("utf-8")


def _make_folder(name: str) -> Path:
    folder = typed_path(name)
    try:
        os.makedirs(folder, 0o700)
    except FileExistsError as error:
        raise UsageError(f"{folder} is there already; nothing was written") from error
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}") from error
    return folder

"""`troth chats`: the chats in the vault, newest first."""

from __future__ import annotations

from datetime import datetime

from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.conversation import Conversation
from troth.domain.model import Json


def configure(parser: Parser) -> None:
    parser.add_argument("--archived", action="store_true", help="only the archived ones")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="at most N")
    add_json_flag(parser)
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        chats = await engine.chats(is_archived=arguments.flag("archived"))
        limit = arguments.number("limit")
        chats = chats[:limit] if limit > 0 else chats
        if console.is_json:
            console.json([chat_json(chat) for chat in chats])
        else:
            console.rows(
                (chat.id, local_time(chat.updated_at), str(chat.model or ""), chat.title)
                for chat in chats
            )
            if not chats:
                console.note("There are no chats yet.")
    return ExitCode.OK


def chat_json(chat: Conversation) -> Json:
    """Return a chat's row; times are ISO 8601 in UTC."""
    return {
        "id": chat.id,
        "title": chat.title,
        "model": str(chat.model) if chat.model else None,
        "created_at": chat.created_at.isoformat(),
        "updated_at": chat.updated_at.isoformat(),
        "messages": chat.message_count,
        "is_pinned": chat.is_pinned,
        "is_archived": chat.is_archived,
    }


def local_time(moment: datetime) -> str:
    """Return a moment for a person, in their time zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")

"""`troth chats`: the chats in the vault, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.conversation import Conversation
from troth.domain.error import UsageError
from troth.domain.model import Json
from troth.engine.engine import Engine
from troth.engine.housekeeping import Labels


def configure(parser: Parser) -> None:
    parser.add_argument("--archived", action="store_true", help="only the archived ones")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="at most N")
    parser.add_argument("--tag", default="", metavar="NAME", help="only those with this tag")
    parser.add_argument("--folder", default="", metavar="NAME", help="only those in this folder")
    parser.add_argument("--set-tag", default="", metavar="NAME", help="tag what is listed")
    parser.add_argument("--set-folder", default="", metavar="NAME", help="put it into a folder")
    parser.add_argument(
        "--keep-days", type=int, default=0, metavar="N",
        help="with --folder: delete its chats for good N days after their last message",
    )  # fmt: skip
    add_json_flag(parser)
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        chats = await engine.chats(is_archived=arguments.flag("archived"))
        labels = await engine.housekeeping.labels()
        chats = _chosen(chats, labels, arguments)
        await _organize(engine, chats, arguments)
        labels = await engine.housekeeping.labels()
        if console.is_json:
            console.json(
                [chat_json(chat) | _label_json(labels.get(chat.id, Labels())) for chat in chats]
            )
        else:
            console.rows(
                (chat.id, local_time(chat.updated_at), str(chat.model or ""), chat.title)
                for chat in chats
            )
            if not chats:
                console.note("There are no chats yet.")
    return ExitCode.OK


def _chosen(
    chats: list[Conversation], labels: Mapping[str, Labels], arguments: Arguments
) -> list[Conversation]:
    tag, folder, limit = (
        arguments.text("tag"),
        arguments.text("folder"),
        arguments.number("limit"),
    )
    if tag:
        chats = [chat for chat in chats if tag in labels.get(chat.id, Labels()).tags]
    if folder:
        chats = [chat for chat in chats if labels.get(chat.id, Labels()).folder == folder]
    return chats[:limit] if limit > 0 else chats


async def _organize(engine: Engine, chats: list[Conversation], arguments: Arguments) -> None:
    """Tag, move or set the time of what was listed."""
    ids = [chat.id for chat in chats]
    if name := arguments.text("set_tag"):
        await engine.vault.folders.tag(ids, name)
    if name := arguments.text("set_folder"):
        await engine.housekeeping.put(ids, name)
    if days := arguments.number("keep_days"):
        if not (folder := arguments.text("folder")):
            raise UsageError("--keep-days needs --folder")
        await engine.housekeeping.set_keep_days(folder, days)


def _label_json(labels: Labels) -> dict[str, Json]:
    return {"folder": labels.folder or None, "tags": list(labels.tags)}


def chat_json(chat: Conversation) -> dict[str, Json]:
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

"""`troth search`: words in all chats, newest first."""

from __future__ import annotations

from troth.cli.chats import local_time
from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.find import find_chat
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.conversation import SearchHit
from troth.domain.error import UsageError
from troth.domain.model import Json

_MARKS = str.maketrans({"\x02": None, "\x03": None})
"""The vault puts found words between these two."""

_SYNTAX = """\
what may stand in QUERY, besides words:
  "two words"   in this order        wo*           any beginning with it
  -word         without it           in:recipes    a chat, folder or tag
  is:verified   failed, unsigned, local, unchecked, imported, partial, pinned ...
  has:code      image, file, thinking, tool, source
  from:me       or model             model:opus    provider:anthropic
  after:2026    or 2026-11           before:2026-11-22
"""


def configure(parser: Parser) -> None:
    parser.epilog = f"{_SYNTAX}\n{parser.epilog}"
    parser.add_argument("query", nargs="+", metavar="QUERY", help='words, or "a phrase"')
    parser.add_argument("--chat", metavar="ID", help="only in this chat")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most N (50)")
    add_json_flag(parser)
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    query = " ".join(arguments.texts("query")).strip()
    limit = arguments.number("limit")
    if not query or limit < 1:
        raise UsageError("give at least one word, and a limit of one or more")
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        name = arguments.text("chat")
        chat_id = (await find_chat(engine, name)).id if name else None
        hits = await engine.search(query, limit=limit, conversation_id=chat_id)
        if console.is_json:
            console.json([_hit_json(hit) for hit in hits])
        else:
            console.rows(
                (
                    hit.conversation_id,
                    local_time(hit.created_at),
                    hit.title,
                    _where(hit),
                    hit.snippet.translate(_MARKS),
                )
                for hit in hits
            )
            if not hits:
                console.note("Nothing found.")
    return ExitCode.OK


def _where(hit: SearchHit) -> str:
    """Say where the words stand: in a chat's title, in what the user said, or in a reply."""
    if hit.message_id is None:
        return "title"
    return str(hit.model) if hit.model else "you" if hit.role == "user" else hit.role


def _hit_json(hit: SearchHit) -> Json:
    return {
        "chat": hit.conversation_id,
        "message": hit.message_id,
        "title": hit.title,
        "snippet": hit.snippet.translate(_MARKS),
        "role": hit.role,
        "model": str(hit.model) if hit.model else None,
        "created_at": hit.created_at.isoformat(),
        "verdict": hit.verdict_state or None,
    }

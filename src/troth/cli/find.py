"""Find a chat by what a person types: nothing (the newest), an id, a part of it, or its title."""

from __future__ import annotations

from troth.domain.conversation import Conversation
from troth.domain.error import NotFound, UsageError
from troth.engine.engine import Engine

_SHORTEST_PART = 4


async def find_chat(engine: Engine, text: str) -> Conversation:
    """Return one chat; raise NotFound for none, UsageError for several."""
    chats = await engine.chats(is_archived=None)
    if not text:
        if not chats:
            raise NotFound("chat", "newest")
        return max(chats, key=lambda chat: chat.updated_at)
    wanted = text.casefold()
    exact = [chat for chat in chats if chat.id.casefold() == wanted]
    titled = [chat for chat in chats if chat.title.casefold() == wanted]
    # Ids of one day begin alike: the end tells them apart as well.
    parts = [
        chat
        for chat in chats
        if len(wanted) >= _SHORTEST_PART
        and (chat.id.casefold().startswith(wanted) or chat.id.casefold().endswith(wanted))
    ]
    for found in (exact, parts, titled):
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{len(found)} chats fit {text!r}; `troth chats` shows whole ids")
    raise NotFound("chat", text)

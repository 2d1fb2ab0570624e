"""Looks up what the verification pane says about one reply."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from troth.domain.error import NotFound
from troth.engine.boundary import falls_short
from troth.tui.screens.verification_words import pane_words
from troth.tui.widgets.verification_lines import PaneWords

if TYPE_CHECKING:
    from troth.domain.exchange import Exchange
    from troth.domain.message import Message
    from troth.engine.chat import Chat
    from troth.engine.engine import Engine


async def words_about(engine: Engine, chat: Chat, message: Message) -> PaneWords:
    """Return everything that is known of a reply. Raises TrothError where it cannot be read."""
    try:
        exchange = await engine.proofs.exchange(chat, message.id)
    except NotFound:
        exchange = None
    return words_without_bytes(engine, chat, message, exchange)


def words_without_bytes(
    engine: Engine, chat: Chat, message: Message, exchange: Exchange | None = None
) -> PaneWords:
    """Return what is known of a reply without asking the vault for its bytes."""
    verdict = chat.verdicts.get(message.id)
    return pane_words(
        message,
        verdict,
        engine.proofs.meaning(message, verdict) if verdict else None,
        exchange,
        is_allowed=message.id in chat.allowed,
        is_short=verdict is not None and falls_short(verdict, chat.conversation.policy),
        now=datetime.now(UTC),
    )

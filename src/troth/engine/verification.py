"""When a reply is checked and what a chat's policy allows. The checks themselves are pure."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime

from troth.domain.error import NotFound
from troth.domain.message import Finish, Message
from troth.domain.model import Endpoint, ModelInfo
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.engine.chat import Chat


class Verification:
    """Judges replies and holds what a policy forbids."""

    def held_back(self, chat: Chat) -> Collection[str]:
        """Replies that failed verification: they stay out of what later models are given."""
        return {
            message_id
            for message_id, verdict in chat.verdicts.items()
            if verdict.state is State.FAILED
        }

    def enforce(self, chat: Chat, model: ModelInfo, endpoint: Endpoint) -> None:
        """Raise PolicyRefused where the chat's policy forbids this model."""

    async def judge(self, chat: Chat, message: Message, endpoint: Endpoint) -> Verdict:
        """Check a sealed reply from its stored bytes, and store what came out."""
        exchange = await chat.store.exchange(message.id)
        if exchange is None:
            raise NotFound("exchange", message.id)
        verdict = await asyncio.to_thread(_plain_verdict, message, endpoint, datetime.now(UTC))
        await chat.store.record_verdict(message.id, verdict)
        return verdict


def _plain_verdict(message: Message, endpoint: Endpoint, now: datetime) -> Verdict:
    """Say what is known of a reply that nothing signs."""
    complete = message.finish not in {Finish.CUT, Finish.STOPPED}
    end = Check(
        "reply-bytes",
        Outcome.NOT_COVERED if complete else Outcome.CANNOT_CHECK,
        "The whole reply arrived." if complete else "The reply did not arrive whole.",
    )
    if not complete:
        state = State.INCOMPLETE
    elif endpoint.is_own:
        state = State.LOCAL
    else:
        state = State.TLS_ONLY
    return Verdict(state, "none", (end,), now)

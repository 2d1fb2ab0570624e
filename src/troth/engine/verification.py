"""What a chat's policy allows, and who judges a reply.

Policies are enforced closed, before a byte leaves: what is not known to be allowed is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from troth.domain.error import PolicyRefused
from troth.domain.message import Message
from troth.domain.model import Endpoint, ModelInfo
from troth.domain.verdict import State, Verdict
from troth.engine.chat import Chat
from troth.transport import Transport
from troth.vault.vault import Vault

if TYPE_CHECKING:
    from troth.engine.judging import Judge

ANY, SIGNED_ONLY, ATTESTED_ONLY, DEVICE_ONLY = "any", "signed", "attested", "device"
POLICIES = (ANY, SIGNED_ONLY, ATTESTED_ONLY, DEVICE_ONLY)


class Verification:
    """Policies before a message leaves, verdicts after its reply came."""

    def __init__(self, transport: Transport, vault: Callable[[], Vault]) -> None:
        self._transport = transport
        self._vault = vault
        self._judge: Judge | None = None

    def held_back(self, chat: Chat) -> Collection[str]:
        """Replies that failed verification: they stay out of what later models are given."""
        return {
            message_id
            for message_id, verdict in chat.verdicts.items()
            if verdict.state is State.FAILED and message_id not in chat.allowed
        }

    async def enforce(self, chat: Chat, model: ModelInfo, endpoint: Endpoint) -> None:
        """Raise PolicyRefused where the chat's policy forbids this model."""
        policy = chat.conversation.policy
        if policy == ANY:
            return
        if policy == DEVICE_ONLY:
            if not endpoint.is_own:
                raise PolicyRefused(policy, "leaves_device")
            return
        trust = await self.judge().trust()
        if trust.expectation(endpoint.name, model.ref.model) is None:
            raise PolicyRefused(policy, "not_known_to_sign")

    async def check(self, chat: Chat, message: Message, endpoint: Endpoint) -> Verdict:
        """Check a sealed reply from its stored bytes, with evidence fetched now."""
        return await self.judge().judge(chat, message, endpoint)

    def judge(self) -> Judge:
        """Return the judge; the first call pays for its imports."""
        if self._judge is None:
            from troth.engine.judging import Judge
            from troth.verifiers.trust import Trust

            self._judge = Judge(self._transport, Trust(), self._vault)
        return self._judge

    def forget(self) -> None:
        """Drop what was learnt: another vault is coming."""
        self._judge = None

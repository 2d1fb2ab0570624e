"""What the verification pane and the commands ask about a reply that is already here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from troth.domain.error import ConfigError, NotFound
from troth.domain.exchange import Exchange, HttpRequest, HttpResponse
from troth.domain.message import Message
from troth.domain.model import Endpoint, ModelRef
from troth.domain.verdict import Outcome, State, Verdict
from troth.engine.boundary import Crossing, save_care
from troth.engine.chat import Chat
from troth.engine.verification import Verification
from troth.transport import is_loopback

if TYPE_CHECKING:
    from troth.engine.directory import ModelChoice
    from troth.engine.known_keys import KnownKey
    from troth.engine.picture_proofs import CheckedPicture
    from troth.engine.trusting import TrustFile
    from troth.verifiers.meaning import Seen
    from troth.verifiers.opengradient_standing import Standing
    from troth.verifiers.trust import PinnedKey


_SIGNER_KNOWN = frozenset(State) - {
    State.FAILED,
    State.UNSIGNED_EXPECTED,
    State.SIGNED_UNKNOWN_KEY,
    State.INCOMPLETE,
    State.CANNOT_CHECK,
}
"""States in which somebody that is trusted stands for who was at the other end."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a verdict means for a person, in sentences."""

    who_saw_what: tuple[Seen, ...]
    not_proven: tuple[str, ...]
    condition: str = ""
    """What `who_saw_what` hangs on, where the hardware was not proven."""


class Proofs:
    """Verdicts, bytes, receipts and trust of one engine."""

    def __init__(self, verification: Verification, endpoint_of: Callable[[str], Endpoint]) -> None:
        self._verification = verification
        self._endpoint_of = endpoint_of

    @property
    def trust_file(self) -> TrustFile:
        """The user's trust: pin, distrust, and where the file lies."""
        return self._verification.trust_file()

    async def signers(self, choices: Iterable[ModelChoice]) -> frozenset[ModelRef]:
        """Return those models whose replies are expected to be signed; none under a broken trust.

        The simulated enclave is none of them.
        """
        await asyncio.to_thread(self._verification.judge)  # its first call imports
        try:
            return frozenset(
                [
                    choice.info.ref
                    for choice in choices
                    if not choice.endpoint.options.get("simulated")
                    and await self._verification.signs(choice.info.ref, choice.endpoint)
                ]
            )
        except ConfigError:
            return frozenset()  # each reply will say what is wrong with the trust file

    async def picture(self, content: bytes) -> CheckedPicture:
        """Say where a picture came from, as far as its own bytes prove it. Contacts nobody.

        Raises ConfigError for a broken trust file.
        """
        from troth.engine.picture_proofs import verify_picture_file

        trust = await asyncio.to_thread(self.trust_file.load)
        return await asyncio.to_thread(verify_picture_file, content, trust=trust)

    async def check_again(self, chat: Chat, message_id: str) -> Verdict:
        """Check a reply from the bytes that are kept. Contacts nobody."""
        message = _find(chat, message_id)
        return await self._verification.judge().check_again(chat, message, self._endpoint(message))

    async def ask_registry(self, chat: Chat, message_id: str) -> Standing:
        """Ask the registry now about the enclave that signed a reply, and keep what it says.

        The verdict stays what it was when the reply came and tells this beside it. Raises NotFound
        where no enclave signed, UsageError where no registry is known, RegistryFailed.
        """
        from troth.verifiers.opengradient_standing import STANDING, enclave_of, write_standing

        message = _find(chat, message_id)
        exchange = await self.exchange(chat, message_id)
        tee_id = await asyncio.to_thread(enclave_of, exchange)  # reads the whole reply
        if not tee_id:
            raise NotFound("enclave that signed this message", message_id)
        endpoint, judge = self._endpoint(message), self._verification.judge()
        trust = await judge.trust(endpoint)
        standing = await self._verification.routes().standing(endpoint, trust, tee_id)
        found = {STANDING: (HttpRequest("GET", ""), write_standing(standing))}
        await judge.check_again(chat, message, endpoint, found)
        return standing

    async def exchange(self, chat: Chat, message_id: str) -> Exchange:
        """Return the bytes as sent and received; raise NotFound for what has none."""
        exchange = await chat.store.exchange(message_id)
        if exchange is None:
            raise NotFound("bytes of this message", message_id)
        return exchange

    async def evidence(self, chat: Chat, message_id: str) -> dict[str, HttpResponse]:
        """Return what was fetched to check a reply, by the name of the evidence."""
        return await chat.store.evidence(message_id)

    async def receipt(self, chat: Chat, message_id: str) -> bytes:
        """Return a receipt that a stranger can check."""
        from troth.engine.receipts import receipt_of

        message = _find(chat, message_id)
        endpoint = self._endpoint(message)
        trust = await self._verification.judge().trust(endpoint)
        return await receipt_of(chat, message, endpoint, trust)

    async def known_key(self, chat: Chat, message_id: str) -> KnownKey:
        """Return the key that signed a reply and what is known of it; raise NotFound for none."""
        from troth.engine.judging import facts_of
        from troth.engine.known_keys import known_key_of

        message, verdict = _find(chat, message_id), chat.verdicts.get(message_id)
        if verdict is None or not verdict.key_fingerprint:
            raise NotFound("signing key of this message", message_id)
        endpoint = self._endpoint(message)
        return await asyncio.to_thread(  # it reads the whole reply
            known_key_of,
            await self.exchange(chat, message_id),
            await self.evidence(chat, message_id),
            verdict,
            await self._verification.judge().trust(endpoint),
            self.trust_file.own(),
            facts_of(message, endpoint),
        )

    async def pin(self, key: KnownKey, name: str) -> tuple[PinnedKey, ...]:
        """Trust a key under a name, where its provider answers; return those that do so still."""
        from troth.engine.known_keys import pin_known

        return await pin_known(self.trust_file, key, name)

    async def know_code(self, key: KnownKey, name: str) -> None:
        """Know by a name what runs on the machine that holds a key."""
        from troth.engine.known_keys import know_code

        await know_code(self.trust_file, key, name)

    def meaning(self, message: Message, verdict: Verdict) -> Meaning:
        """Say who saw what on the way of a reply, and what its verdict does not prove."""
        from troth.engine.judging import facts_of
        from troth.verifiers.meaning import condition, not_proven, who_saw_what

        endpoint = self._endpoint(message)
        route = facts_of(message, endpoint).route
        if verdict.is_simulated:
            return Meaning(who_saw_what("none", "device"), not_proven(verdict))
        is_known = verdict.state in _SIGNER_KNOWN
        has_document = any(
            c.name == "hardware" and c.outcome is Outcome.PASSED for c in verdict.checks
        )
        scheme = verdict.scheme if is_known else "none"
        if scheme == "none" and route == "direct" and is_loopback(endpoint.base_url):
            route = "loopback"
        asked_registry = any(c.name == "registry" for c in verdict.checks)
        return Meaning(
            who_saw_what(scheme, route, asked_enclave=has_document, asked_registry=asked_registry),
            not_proven(verdict),
            condition(verdict) if is_known else "",
        )

    async def allow(self, chat: Chat, message_id: str, *, is_allowed: bool) -> None:
        """Let later models see a reply that failed verification, or no longer."""
        if is_allowed:
            chat.allowed.add(message_id)
        else:
            chat.allowed.discard(message_id)
        await save_care(chat)

    async def cross(self, chat: Chat, crossing: Crossing, *, sends: bool) -> None:
        """Let protected messages go to plain providers, or keep them from all of them."""
        (chat.released if sends else chat.withheld).update(crossing.message_ids)
        await save_care(chat)

    async def hold(self, chat: Chat, *, is_held: bool) -> None:
        """Show replies only once their verdict is in, or while they arrive, marked as pending."""
        if chat.is_held is not is_held:
            chat.is_held = is_held
            await save_care(chat)

    def _endpoint(self, message: Message) -> Endpoint:
        """Return where a reply came from; a provider that is gone since is a plain one."""
        name = message.model.provider if message.model else ""
        try:
            return self._endpoint_of(name)
        except NotFound:
            return Endpoint(name, "openai-chat", "")


def _find(chat: Chat, message_id: str) -> Message:
    message = chat.tree.get(message_id)
    if message is None:
        raise NotFound("message", message_id)
    return message

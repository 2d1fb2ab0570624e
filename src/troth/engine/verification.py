"""What a chat's policy allows, and who judges a reply.

Policies are enforced closed, before a byte leaves: what is not known to be allowed is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from troth.domain.error import ConfigError, PolicyRefused, UsageError
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.message import Message
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.engine.channel import Channel, PlainChannel, Trace
from troth.engine.chat import Chat
from troth.settings import Paths
from troth.transport import Transport
from troth.vault.vault import Vault

if TYPE_CHECKING:
    from troth.engine.attested import AttestedChannel, Machines
    from troth.engine.judging import Judge
    from troth.engine.opengradient.routes import Routes
    from troth.engine.payment import Payments
    from troth.engine.trusting import TrustFile
    from troth.verifiers.trust import Trust

ANY, SIGNED_ONLY, ATTESTED_ONLY, DEVICE_ONLY = "any", "signed", "attested", "device"
CHECKED_WIRE = "opengradient"
"""The wire whose gateways are checked before a prompt leaves for them."""
POLICIES = (ANY, SIGNED_ONLY, ATTESTED_ONLY, DEVICE_ONLY)


class Verification:
    """Policies before a message leaves, verdicts after its reply came."""

    def __init__(
        self,
        paths: Paths,
        transport: Transport,
        vault: Callable[[], Vault],
        wallet_key: Callable[[str], str | None],
    ) -> None:
        self._paths = paths
        self._transport = transport
        self._vault = vault
        self._judge: Judge | None = None
        self._trust_file: TrustFile | None = None
        self._routes: Routes | None = None
        self._machines: Machines | None = None
        self.wallet_key = wallet_key
        """Provider -> private key of the wallet that pays there."""

    @cached_property
    def payments(self) -> Payments:
        """What may be paid, and what was; loaded when a provider takes money."""
        from troth.engine.payment import Payments

        return Payments(self._vault)

    async def enforce(self, chat: Chat, model: ModelInfo, endpoint: Endpoint) -> None:
        """Raise PolicyRefused where the chat's policy forbids this model."""
        policy = chat.conversation.policy
        if policy == ANY:
            return
        if policy == DEVICE_ONLY:
            if not endpoint.runs(model.ref.model):
                raise PolicyRefused(policy, "leaves_device")
            return
        if endpoint.options.get("simulated"):
            raise PolicyRefused(policy, "simulated")
        if not await self.signs(model.ref, endpoint):
            # A channel alone is not enough, not even for "attested": its replies could be changed
            # in the vault or on their way out of it, and nobody could tell.
            reason = "signs_nothing" if _has_channel(endpoint) else "not_known_to_sign"
            raise PolicyRefused(policy, reason)

    async def is_plain(self, model: ModelInfo, endpoint: Endpoint) -> bool:
        """Whether nothing proves who reads what is sent there, and it is not the user's own."""
        is_known = endpoint.runs(model.ref.model) or _has_channel(endpoint)
        return not (is_known or await self.signs(model.ref, endpoint))

    async def signs(self, model: ModelRef, endpoint: Endpoint) -> bool:
        """Whether this model's replies are expected to be signed: pinned, learnt, or its wire's."""
        trust = await self.judge().trust(endpoint)
        expected = trust.expectation(endpoint.name, model.model)
        return expected is not None and not _has_channel(endpoint)

    async def check(
        self, chat: Chat, message: Message, endpoint: Endpoint, trace: Trace
    ) -> Verdict:
        """Check a sealed reply from its stored bytes, with evidence fetched now."""
        try:
            verdict = await self.judge().judge(chat, message, endpoint, trace)
        except ConfigError as error:
            # A trust file that cannot be read trusts nobody, and says so at each reply.
            detail = f"The trust file cannot be read, line {error.line}: {error.detail}"
            check = Check("trust-file", Outcome.CANNOT_CHECK, detail)
            return Verdict(State.CANNOT_CHECK, "unknown", (check,), datetime.now(UTC))
        if self._routes is not None and not verdict.is_verified:
            self._routes.doubt()
        return verdict

    def channel(self, endpoint: Endpoint, policy: str) -> Channel:
        """Return the way that a request to `endpoint` takes under a chat's policy."""
        if _has_channel(endpoint):
            return self._attested(endpoint, policy)
        if endpoint.wire != CHECKED_WIRE:
            return PlainChannel(self._transport)
        return self.routes().channel(endpoint, policy)

    async def ask(
        self, endpoint: Endpoint, request: HttpRequest, *, purpose: str, timeout_s: float
    ) -> HttpResponse:
        """Ask a provider what is no chat and may carry its key, by the way that prompts take.

        Raises NetworkError, and EnclaveRefused where a machine did not prove itself.
        """
        if not _has_channel(endpoint):
            return await self._transport.send(request, purpose=purpose, timeout_s=timeout_s)
        channel = self._attested(endpoint, ANY)
        return await channel.ask(request, purpose=purpose, timeout_s=timeout_s)

    def _attested(self, endpoint: Endpoint, policy: str) -> AttestedChannel:
        from troth.engine.attested import AttestedChannel, Machines
        from troth.verifiers.tinfoil_names import CHANNEL_SCHEMES

        if endpoint.options.get("channel") not in CHANNEL_SCHEMES:
            raise UsageError(f"channel of {endpoint.name} is tinfoil, or none")
        if self._machines is None:
            self._machines = Machines(self._transport, self._vault)
        trust = partial(self._trust_now, endpoint)
        return AttestedChannel(self._machines, endpoint, policy, trust)

    def routes(self) -> Routes:
        """Return the ways to OpenGradient's enclaves; the first call pays for their imports."""
        if self._routes is None:
            from troth.engine.opengradient.routes import Own, Routes

            own = Own(self._trust_now, self._vault, self.wallet_key, self.payments)
            self._routes = Routes(self._transport, own)
        return self._routes

    def _trust_now(self, endpoint: Endpoint) -> Trust:
        from troth.engine.judging import trust_for

        return trust_for(endpoint, self.trust_file().load())

    def judge(self) -> Judge:
        """Return the judge; the first call pays for its imports."""
        if self._judge is None:
            from troth.engine.judging import Judge

            load = self.trust_file().load
            self._judge = Judge(self._transport, load, self._vault, self.wallet_key)
        return self._judge

    def trust_file(self) -> TrustFile:
        """Return the user's trust file."""
        if self._trust_file is None:
            from troth.engine.trusting import TrustFile

            self._trust_file = TrustFile(self._paths)
        return self._trust_file

    def forget(self) -> None:
        """Drop what was learnt: another vault is coming."""
        self._judge = None
        self._machines = None


def _has_channel(endpoint: Endpoint) -> bool:
    """Whether nothing leaves for this provider before its machine proved what it is.

    What is set and not understood counts as set: a slip of the pen must not send unchecked.
    """
    return endpoint.options.get("channel", "none") != "none"

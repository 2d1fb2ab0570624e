"""What faces ask about enclaves apart from chatting: log in, pay, list them, simulate one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from troth.domain.error import UsageError
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.engine.directory import Directory
from troth.engine.endpoints import DEMO_PROVIDER
from troth.engine.local_models import LocalModels
from troth.engine.verification import CHECKED_WIRE, Verification
from troth.transport import Transport

if TYPE_CHECKING:
    from troth.engine.demo.demo import Demo
    from troth.engine.opengradient.approval import Approver
    from troth.engine.opengradient.login import Login
    from troth.engine.opengradient.registries import Listing
    from troth.engine.payment import Payments


LOGGED_IN = "browser-login"
"""Stands where a key would, for a provider that was logged in to."""


class Enclaves:
    """Logins, payments and registries of one engine."""

    def __init__(
        self,
        verification: Verification,
        directory: Directory,
        local: LocalModels,
        transport: Transport,
    ) -> None:
        self._verification = verification
        self._directory = directory
        self._local = local
        self._transport = transport
        self._demo: Demo | None = None

    @property
    def payments(self) -> Payments:
        """Who is asked before money moves: a face sets `ask`; nobody there means no."""
        return self._verification.payments

    def approver(self, provider: str, rpc: str = "") -> Approver:
        """Return who reads and sets what Permit2 may draw of a provider's wallet.

        `rpc` is an endpoint of Base, before the provider's own. Raises PaymentRefused.
        """
        from troth.engine.opengradient.approval import Approver

        key = self._verification.wallet_key(provider)
        return Approver(self._endpoint(provider), key, self._transport, rpc)

    async def listing(self, provider: str = "") -> Listing:
        """Read the registry of a provider, else the trust file's first; raise RegistryFailed."""
        endpoint = self._endpoint(provider) if provider else None
        trust = self._verification.trust_file().load()
        return await self._verification.routes().listing(endpoint, trust)

    async def log_in(
        self, provider: str, open_page: Callable[[str], None], *, app_url: str = ""
    ) -> Login:
        """Let the user log in with a browser; raise LoginFailed. The tokens go into the vault."""
        endpoint = self._endpoint(provider)
        login = await self._verification.routes().log_in(endpoint, open_page, app_url=app_url)
        # So that the lists show it as ready; the tokens themselves lie apart.
        await self._directory.set_key(provider, LOGGED_IN)
        return login

    async def take_login(self, provider: str, given: bytes, *, app_url: str = "") -> Login:
        """Keep a login that was copied from the page; raise LoginFailed."""
        endpoint = self._endpoint(provider)
        login = await self._verification.routes().take_login(endpoint, given, app_url=app_url)
        await self._directory.set_key(provider, LOGGED_IN)
        return login

    async def log_out(self, provider: str) -> None:
        await self._verification.routes().log_out(provider)
        await self._directory.remove_key(provider)

    # the simulated enclave

    async def start_demo(self, mode: str = "honest") -> ModelRef:
        """Start the simulated enclave; return the model to chat with, one for each mode.

        Raises LocalModelMissing where there is no model to answer, or UsageError.
        """
        from troth.engine.demo.enclave import MODES

        ref = ModelRef(DEMO_PROVIDER, mode)
        await self.reach(ref)
        self._directory.set_demo(
            tuple(
                ModelInfo(ModelRef(DEMO_PROVIDER, name), title=f"SIMULATED: {what}", is_local=True)
                for name, what in MODES.items()
            )
        )
        return ref

    async def reach(self, ref: ModelRef) -> Endpoint:
        """Return a provider's endpoint, with the simulated enclave running where it is that."""
        endpoint = self._directory.endpoint(ref.provider)
        if endpoint.name != DEMO_PROVIDER:
            return endpoint
        return await self.demo().reach(endpoint, ref.model)

    def demo(self) -> Demo:
        """Return the simulated enclave, which runs only once it was asked for."""
        if self._demo is None:
            from troth.engine.demo.demo import Demo

            self._demo = Demo(self._local, self._transport)
            self._local.closes_first(self._demo.close)
        return self._demo

    def _endpoint(self, provider: str) -> Endpoint:
        endpoint = self._directory.endpoint(provider)
        if endpoint.wire != CHECKED_WIRE:
            raise UsageError(
                f"{provider!r} is no provider of OpenGradient's: it has no registry and no wallet",
                step="`opengradient` is one, and so is what `troth providers add NAME --wire"
                " opengradient` adds.",
            )
        return endpoint

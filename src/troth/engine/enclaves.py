"""What faces ask about OpenGradient apart from chatting: log in, pay, list who there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from troth.domain.error import UsageError
from troth.domain.model import Endpoint
from troth.engine.payment import Payments
from troth.engine.verification import CHECKED_WIRE, Verification

if TYPE_CHECKING:
    from troth.engine.opengradient.login import Login
    from troth.engine.opengradient.registries import Listing


class Enclaves:
    """Logins, payments and registries of one engine."""

    def __init__(self, verification: Verification, endpoint_of: Callable[[str], Endpoint]) -> None:
        self._verification = verification
        self._endpoint_of = endpoint_of

    @property
    def payments(self) -> Payments:
        """Who is asked before money moves: a face sets `ask`; nobody there means no."""
        return self._verification.payments

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
        return await self._verification.routes().log_in(endpoint, open_page, app_url=app_url)

    async def log_out(self, provider: str) -> None:
        await self._verification.routes().log_out(provider)

    def _endpoint(self, provider: str) -> Endpoint:
        endpoint = self._endpoint_of(provider)
        if endpoint.wire != CHECKED_WIRE:
            raise UsageError(f"{provider} does not speak OpenGradient's wire")
        return endpoint

"""Which way a request to an OpenGradient provider takes; one value an engine.

| `options` of the endpoint | default | meaning |
|---|---|---|
| `route` | `direct` | `relay` (Oblivious HTTP) or `veil` (og-veil on loopback) |
| `registry` | | `RPC:ADDRESS`, or a list of them: endpoints that are to agree |
| `gateway` | | with `relay` and no registry: the gateway behind it, asked who it is |
| `pay_to` | | addresses that may be paid where no registry names one |
| `max_opg_reply`, `max_opg_session`, `max_opg_day` | 0.1, 1, 2 | caps of authorisations |
| `max_valid_s` | 3600 | the longest that an authorisation may hold, in seconds |
| `settlement` | `private` | `batch` or `individual` |
| `balance_rpc` | | endpoint of Base to ask for the wallet's balance |

Without a registry and a base URL the trust file's first registry is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from troth.domain.error import UsageError
from troth.domain.model import Endpoint
from troth.engine.channel import Channel
from troth.engine.opengradient.browser import APP_URL, LoginListener, listening
from troth.engine.opengradient.direct import DirectChannel, Way, Ways
from troth.engine.opengradient.gateways import Conditions, Gateways
from troth.engine.opengradient.login import Bundle, Login, Logins, login_of, parse_bundle
from troth.engine.opengradient.paying import Payer
from troth.engine.opengradient.picking import Picker
from troth.engine.opengradient.registries import Listing, Registries, source_of
from troth.engine.opengradient.relay import RelayChannel
from troth.engine.opengradient.veil import VeilChannel
from troth.engine.payment import Payments
from troth.transport import Transport
from troth.vault.vault import Vault
from troth.verifiers.opengradient_standing import Said, Standing
from troth.verifiers.trust import RegistrySource, Trust

LOGIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Own:
    """What is the user's own and what a route may need of it."""

    trust: Callable[[Endpoint], Trust]
    vault: Callable[[], Vault]
    wallet_key: Callable[[str], str | None]
    """Provider -> private key of the wallet that pays there."""
    payments: Payments


class Routes:
    """Makes the channels of OpenGradient providers."""

    def __init__(self, transport: Transport, own: Own) -> None:
        self._own = own
        gateways = Gateways(transport)
        self._registries = Registries(transport)
        self._ways = Ways(transport, gateways, Picker(self._registries, gateways))
        self._logins = Logins(transport, own.vault)

    def channel(self, endpoint: Endpoint, policy: str) -> Channel:
        """Return the way of one reply; raise UsageError for a route that is none."""
        trust = self._own.trust(endpoint)
        conditions = Conditions(endpoint.name, policy, trust)
        match endpoint.options.get("route", "direct"):
            case "direct":
                key = self._own.wallet_key(endpoint.name)
                payer = Payer(endpoint, key, self._own.payments, self._ways.transport)
                source = source_of(endpoint, trust)
                return DirectChannel(Way(endpoint, conditions, self._ways, source), payer)
            case "relay":
                source = self._named_registry(endpoint, trust)
                way = Way(endpoint, conditions, self._ways, source)
                return RelayChannel(way, self._logins)
            case "veil":
                source = self._named_registry(endpoint, trust)
                return VeilChannel(self._ways.transport, self._registries, source, endpoint.name)
            case _:
                raise UsageError("route is one of direct, relay and veil")

    def doubt(self) -> None:
        """Ask again who is there before the next prompt: a reply was not what it should be."""
        self._ways.gateways.forget()
        self._registries.forget()

    async def listing(self, endpoint: Endpoint | None, trust: Trust) -> Listing:
        """Read the registry of a provider, else the trust file's first, now."""
        source = source_of(endpoint, trust) if endpoint is not None else None
        if source is None:
            if not trust.registries:
                raise UsageError("the trust file names no registry")
            source = trust.registries[0]
        return await self._registries.read(source, is_fresh=True)

    async def standing(self, endpoint: Endpoint, trust: Trust, tee_id: str) -> Standing:
        """Ask now what the registry of a provider says of an enclave; raise UsageError for none."""
        source = await self._registry_of(endpoint, trust)
        if source is None:
            raise UsageError(f"{endpoint.name} names no registry that could be asked")
        standing = await self._registries.standing(source, tee_id)
        if standing.said is not Said.ALIVE:
            self.doubt()  # what is remembered of the registry would still send prompts there
        return standing

    async def _registry_of(self, endpoint: Endpoint, trust: Trust) -> RegistrySource | None:
        """Return what lists a provider's enclaves; the login tells, where nothing else does."""
        named = self._named_registry(endpoint, trust)
        match endpoint.options.get("route", "direct"):
            case "relay" if named is None and not endpoint.options.get("gateway"):
                return await self._logins.registry(endpoint.name) or source_of(endpoint, trust)
            case "veil" if named is None and trust.registries:
                return trust.registries[0]
            case _:
                return named or source_of(endpoint, trust)

    async def log_in(
        self,
        endpoint: Endpoint,
        open_page: Callable[[str], None],
        *,
        app_url: str = "",
        timeout_s: float = LOGIN_S,
    ) -> Login:
        """Let the user log in with the browser; `open_page` is given the URL to open.

        The tokens go into the vault. Raises LoginFailed.
        """
        listener: LoginListener
        async with listening(endpoint.name, app_url or APP_URL) as listener:
            open_page(listener.url)
            bundle = await listener.bundle(timeout_s)
        return await self._keep_login(endpoint, bundle, trusts_page=bool(app_url))

    async def take_login(self, endpoint: Endpoint, given: bytes, *, app_url: str = "") -> Login:
        """Keep a login as the page shows it to be copied; raise LoginFailed.

        For a browser on another computer. It carries no state: the user's own hand brings it.
        """
        bundle = parse_bundle(given, endpoint.name)
        return await self._keep_login(endpoint, bundle, trusts_page=bool(app_url))

    async def _keep_login(self, endpoint: Endpoint, bundle: Bundle, *, trusts_page: bool) -> Login:
        trust = self._own.trust(endpoint)
        own = self._named_registry(endpoint, trust)
        known = (own, *trust.registries) if own is not None else trust.registries
        login = login_of(bundle, endpoint.name, known, trusts_page=trusts_page)
        await self._logins.keep(endpoint.name, login)
        return login

    async def log_out(self, provider: str) -> None:
        await self._logins.forget(provider)

    @staticmethod
    def _named_registry(endpoint: Endpoint, trust: Trust) -> RegistrySource | None:
        return source_of(endpoint, trust) if endpoint.options.get("registry") else None

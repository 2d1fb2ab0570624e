"""Logins for relays: tokens in the vault, refreshed in time, never in a file, log or error.

The browser's part is in `browser`. Token refresh as Supabase has it: GoTrue, "POST
/token?grant_type=refresh_token" (read November 2026).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from troth.domain.error import LoginFailed, LoginMissing, NetworkError, ServerFailed
from troth.domain.exchange import HttpRequest
from troth.domain.model import Endpoint
from troth.engine.opengradient.registries import parse_registry
from troth.transport import Sight, Transport, is_loopback
from troth.vault.vault import Vault
from troth.verifiers.trust import RegistrySource

BUNDLE_TYPE = "opengradient-cli-auth"
_PREFIX = "login:"
_EARLY_S = 60
_TOKEN = r"^[\x21-\x7e]{1,8192}$"  # noqa: S105 - a pattern, no token


class _Border(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Config(_Border):
    """Where the account's services are, as the login page says."""

    chat_api_base_url: str
    supabase_url: str = ""
    supabase_anon_key: str = ""
    tee_registry_rpc_url: str | None = None
    tee_registry_address: str | None = None


class User(_Border):
    email: str | None = None


class Bundle(_Border):
    """What the login page posts."""

    type: str
    access_token: str = Field(pattern=_TOKEN)
    refresh_token: str = Field(default="", max_length=8192)
    expires_at: float | None = None
    state: str | None = None
    user: User | None = None
    config: Config


class _Refreshed(_Border):
    access_token: str = Field(pattern=_TOKEN)
    refresh_token: str | None = None
    expires_at: float | None = None
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """One account at a relay. Both tokens are secret."""

    access_token: str
    refresh_token: str
    expires_at: float
    """Unix seconds; 0 when it was not told."""
    relay_url: str
    registry: RegistrySource
    account: str = ""
    auth_url: str = ""
    auth_key: str = ""
    """Public by design: it names the project, not the user."""

    @property
    def is_due(self) -> bool:
        return bool(self.expires_at) and time.time() >= self.expires_at - _EARLY_S

    @property
    def is_over(self) -> bool:
        return bool(self.expires_at) and time.time() >= self.expires_at


def parse_bundle(body: bytes, provider: str) -> Bundle:
    """Read what the page posted; raise LoginFailed."""
    try:
        bundle = Bundle.model_validate_json(body)
    except ValidationError as error:
        # The library's text quotes what it was given: that is the token.
        raise LoginFailed(provider, "The page sent something that is no login.") from error
    if bundle.type != BUNDLE_TYPE:
        raise LoginFailed(provider, "The page sent something that is no login.")
    for url in (bundle.config.chat_api_base_url, bundle.config.supabase_url):
        if url and not url.startswith("https://") and not is_loopback(url):
            raise LoginFailed(provider, "The login names a service that is not encrypted.")
    return bundle


def login_of(
    bundle: Bundle, provider: str, known: tuple[RegistrySource, ...], *, trusts_page: bool
) -> Login:
    """Return the login that a bundle holds.

    The registry decides whose keys prompts are sealed to, so the page may not choose it: one that
    the trust file does not know is refused, unless the user named the page (`trusts_page`).
    """
    config = bundle.config
    registry = known[0] if known else None
    if config.tee_registry_rpc_url and config.tee_registry_address:
        place = f"{config.tee_registry_rpc_url}:{config.tee_registry_address}"
        named = parse_registry([place], f"{provider}'s registry")
        ours = next((one for one in known if one.address == named.address), None)
        if ours is None and not trusts_page:
            raise LoginFailed(
                provider, f"It names a registry that your trust file does not: {named.address}."
            )
        registry = ours or named
    if registry is None:
        raise LoginFailed(provider, "It names no registry, and neither does your trust file.")
    return Login(
        bundle.access_token,
        bundle.refresh_token,
        bundle.expires_at or 0.0,
        config.chat_api_base_url.rstrip("/"),
        registry,
        (bundle.user.email if bundle.user else "") or "",
        config.supabase_url.rstrip("/"),
        config.supabase_anon_key,
    )


class Logins:
    """The logins of one vault."""

    def __init__(self, transport: Transport, vault: Callable[[], Vault]) -> None:
        self._transport = transport
        self._vault = vault
        self._refreshing = asyncio.Lock()

    async def current(self, endpoint: Endpoint) -> Login:
        """Return a login whose token is good for a while; raise LoginMissing."""
        login = await self._load(endpoint.name)
        if not login.is_due:
            return login
        try:
            return await self.refreshed(endpoint, login)
        except (NetworkError, ServerFailed):
            if login.is_over:
                raise
            return login  # it is refreshed early: for a minute more the old token is good

    async def refreshed(self, endpoint: Endpoint, old: Login) -> Login:
        """Get a new token for one that ended; raise LoginMissing where the account says no."""
        async with self._refreshing:
            login = await self._load(endpoint.name)
            if login.access_token != old.access_token:
                return login  # another reply has just done it
            if not login.refresh_token or not login.auth_url:
                raise LoginMissing(endpoint.name)
            login = await self._refresh(endpoint.name, login)
            await self.keep(endpoint.name, login)
            return login

    async def keep(self, provider: str, login: Login) -> None:
        registry = login.registry
        value = {
            "access_token": login.access_token,
            "refresh_token": login.refresh_token,
            "expires_at": login.expires_at,
            "relay_url": login.relay_url,
            "registry": [registry.name, registry.chain_id, registry.address, *registry.rpc_urls],
            "account": login.account,
            "auth_url": login.auth_url,
            "auth_key": login.auth_key,
        }
        await self._vault().set_secret(_PREFIX + provider, json.dumps(value))

    async def forget(self, provider: str) -> None:
        await self._vault().delete_secret(_PREFIX + provider)

    async def registry(self, provider: str) -> RegistrySource | None:
        """Return the registry that a login named; None without a login."""
        try:
            return (await self._load(provider)).registry
        except LoginMissing:
            return None

    async def _load(self, provider: str) -> Login:
        kept = await self._vault().secret(_PREFIX + provider)
        if kept is None:
            raise LoginMissing(provider)
        value = json.loads(kept)
        name, chain_id, address, *urls = value.pop("registry")
        return Login(**value, registry=RegistrySource(name, chain_id, address, tuple(urls)))

    async def _refresh(self, provider: str, login: Login) -> Login:
        request = HttpRequest(
            "POST",
            f"{login.auth_url}/auth/v1/token?grant_type=refresh_token",
            (("Content-Type", "application/json"), ("apikey", login.auth_key)),
            json.dumps({"refresh_token": login.refresh_token}).encode(),
        )
        answer = await self._transport.send(
            request, purpose="login", timeout_s=15, limit_bytes=1 << 18, sight=Sight.ADDRESS
        )
        if answer.status in {400, 401, 403}:
            raise LoginMissing(provider)
        try:
            fresh = _Refreshed.model_validate_json(answer.body)
        except ValidationError as error:
            # The library's text quotes what it was given, and the login is still good.
            reason = "The account's server gave no new token; the login is kept."
            raise ServerFailed(reason, provider=provider, status=answer.status) from error
        expires_at = fresh.expires_at or (time.time() + fresh.expires_in if fresh.expires_in else 0)
        return replace(
            login,
            access_token=fresh.access_token,
            refresh_token=fresh.refresh_token or login.refresh_token,
            expires_at=expires_at,
        )

"""Which providers there are, whose key opens them, and which models they have.

Everything here answers from what is known offline; only `refresh` and `probe` ask anybody, and
only when the user does. A key is bound to the base URL that it was given for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from troth.domain.error import ConfigError, KeyMissing, NotFound, TrothError, UsageError
from troth.domain.exchange import HttpResponse
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.engine.endpoints import (
    DEMO_PROVIDER,
    LOCAL_PROVIDER,
    merge_endpoint,
    ollama_url,
    wants_login,
    with_table_options,
)
from troth.engine.model_asking import GATEWAY_WIRE, Ask, ask_described_models, ask_models
from troth.engine.model_codec import decode_models, encode_models
from troth.providers import catalogue
from troth.providers.registry import known_endpoints
from troth.settings import Settings
from troth.transport import Transport
from troth.vault.vault import Vault

if TYPE_CHECKING:
    from troth.local.probe import Probe

_LOCAL_ENDPOINT = Endpoint(
    LOCAL_PROVIDER, "openai-chat", "", title="this computer", needs_key=False, is_own=True
)
"""Stands in the list; its address is known once the model runs."""
_DEMO_ENDPOINT = Endpoint(
    DEMO_PROVIDER,
    "opengradient",
    "",
    title="simulated enclave",
    needs_key=False,
    is_own=True,
    options={"simulated": True},
)
"""What `troth demo` shows; its models are listed once it was asked for."""
_KEY_PREFIX = "key:"
_MODELS_PREFIX = "models:"
_ASKED = "models"
"""State row that names the providers whose list is remembered."""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """Where a provider's key comes from. The key itself is never part of it."""

    source: str
    """`vault` or `environment`."""
    variable: str
    """The environment variable; empty for the vault."""
    last4: str


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One row of the model list."""

    info: ModelInfo
    endpoint: Endpoint
    key: KeyStatus | None
    is_ready: bool
    """Whether a message could be sent now: a key is there, or none is needed and it was found."""

    @property
    def lack(self) -> str:
        """What a first message still wants: `key`, `login` or `server`; "" for nothing."""
        if self.is_ready:
            return ""
        if not self.endpoint.needs_key:
            return "server"
        return "login" if wants_login(self.endpoint) else "key"


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A model server that answered on this machine."""

    endpoint: Endpoint
    models: tuple[ModelInfo, ...]
    wants_key: bool = False


@dataclass(frozen=True, slots=True)
class _StoredKey:
    key: str
    base_url: str


class Directory:
    """Providers, keys and model lists of one engine."""

    def __init__(
        self,
        settings: Settings,
        vault: Vault,
        transport: Transport,
        environ: Mapping[str, str],
        ask: Ask,
    ) -> None:
        self._vault = vault
        self._transport = transport
        self._ask = ask
        self._environ = environ
        self._keys: dict[str, _StoredKey] = {}
        self._live: dict[str, tuple[ModelInfo, ...]] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._faults: dict[str, ConfigError] = {}
        self._named: frozenset[str] = frozenset()
        self._local: tuple[ModelInfo, ...] = ()
        self._demo: tuple[ModelInfo, ...] = ()
        self._config_models: dict[str, tuple[ModelInfo, ...]] = {}
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Take over changed settings."""
        known = {endpoint.name: endpoint for endpoint in known_endpoints()}
        merged = {LOCAL_PROVIDER: _LOCAL_ENDPOINT, DEMO_PROVIDER: _DEMO_ENDPOINT}
        merged |= {name: self._with_environment(endpoint) for name, endpoint in known.items()}
        self._faults = {}
        for name, custom in settings.providers.items():
            if custom.fault is not None:
                # What could not be read may be what keeps prompts away from the default server.
                self._faults[name] = custom.fault
                merged.pop(name, None)
            else:
                merged[name] = merge_endpoint(known.get(name), custom)
        self._endpoints = merged
        self._named = frozenset(settings.providers)
        self._config_models = {name: row.models for name, row in settings.providers.items()}

    async def load(self) -> None:
        """Read keys and remembered model lists from the vault."""
        for name in await self._vault.secret_names():
            if name.startswith(_KEY_PREFIX) and (stored := await self._vault.secret(name)):
                provider = name.removeprefix(_KEY_PREFIX)
                value = json.loads(stored)
                self._keys[provider] = _StoredKey(value["key"], value["base_url"])
        for provider in json.loads(await self._vault.state(_ASKED) or "[]"):
            if text := await self._vault.state(_MODELS_PREFIX + provider):
                self._live[provider] = decode_models(provider, text)

    def set_local(self, models: tuple[ModelInfo, ...]) -> None:
        """Take over which models are installed on this computer."""
        self._local = models

    def set_demo(self, models: tuple[ModelInfo, ...]) -> None:
        """Take the simulated enclave's ways to behave into the list."""
        self._demo = models

    def use_vault(self, vault: Vault) -> None:
        """Go on with another vault; call `load` next."""
        self._vault = vault
        self.forget()

    def forget(self) -> None:
        """Drop keys and everything else that came from the vault."""
        self._keys.clear()
        self._live.clear()

    # providers

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return all providers, those of the user first."""
        return tuple(self._endpoints.values())

    def endpoint(self, name: str) -> Endpoint:
        """Return one provider; raise NotFound, or ConfigError for one half understood."""
        if name in self._faults:
            raise self._faults[name]
        found = self._endpoints.get(name)
        if found is None:
            raise NotFound("provider", name, self._endpoints)
        return found

    def _with_environment(self, endpoint: Endpoint) -> Endpoint:
        """Follow `OPENAI_BASE_URL` and its like: whoever sets it also sets the key beside it."""
        for variable in endpoint.key_variables:
            stem = variable.removesuffix("_API_KEY")
            if stem != variable and (url := self._environ.get(f"{stem}_BASE_URL")):
                return replace(endpoint, base_url=url.rstrip("/"), is_own=False)
        if endpoint.name == "ollama" and (host := self._environ.get("OLLAMA_HOST")):
            return replace(endpoint, base_url=ollama_url(host))
        return endpoint

    # keys

    def key_status(self, provider: str) -> KeyStatus | None:
        """Return where the key comes from, or None when there is none for this base URL."""
        endpoint = self._endpoints.get(provider)
        stored = self._keys.get(provider)
        if stored and endpoint and stored.base_url == endpoint.base_url:
            return KeyStatus("vault", "", stored.key[-4:])
        for variable in endpoint.key_variables if endpoint else ():
            if value := self._environ.get(variable, "").strip():
                return KeyStatus("environment", variable, value[-4:])
        return None

    def stored_keys(self) -> tuple[str, ...]:
        """Return the providers that have a key in the vault."""
        return tuple(self._keys)

    def key_for(self, provider: str) -> str | None:
        """Return the key itself; raise KeyMissing where one is needed and there is none."""
        endpoint = self.endpoint(provider)
        status = self.key_status(provider)
        if status is None:
            if endpoint.needs_key:
                raise KeyMissing(provider, endpoint.key_variables)
            return None
        if status.source == "vault":
            return self._keys[provider].key
        return self._environ[status.variable].strip()

    async def set_key(self, provider: str, key: str) -> None:
        """Keep a key in the vault, bound to the provider's present base URL."""
        key = key.strip()
        if not key or not key.isascii() or any(c.isspace() for c in key):
            raise UsageError("a key is one word of plain characters")
        stored = _StoredKey(key, self.endpoint(provider).base_url)
        value = json.dumps({"key": stored.key, "base_url": stored.base_url})
        await self._vault.set_secret(_KEY_PREFIX + provider, value)
        self._keys[provider] = stored

    async def remove_key(self, provider: str) -> None:
        if self._keys.pop(provider, None) is None:
            raise NotFound("key", provider, self._keys)
        await self._vault.delete_secret(_KEY_PREFIX + provider)

    # models

    def models(self) -> list[ModelChoice]:
        """Return every model that is known offline, providers that are ready first."""
        choices = [
            choice for endpoint in self._endpoints.values() for choice in self._choices(endpoint)
        ]
        choices.sort(key=lambda choice: not choice.is_ready)
        return choices

    def _choices(self, endpoint: Endpoint) -> Iterable[ModelChoice]:
        key = self.key_status(endpoint.name)
        is_ready = key is not None or (not endpoint.needs_key and self._is_found(endpoint))
        for info in self.known_models(endpoint.name):
            yield ModelChoice(info, endpoint, key, is_ready)

    def _is_found(self, endpoint: Endpoint) -> bool:
        """Whether a server that wants no key was named, or has answered: many stand in a table."""
        return endpoint.is_own or endpoint.name in self._named or endpoint.name in self._live

    def known_models(self, provider: str) -> tuple[ModelInfo, ...]:
        """Return a provider's models: its live list if it was ever asked, else the snapshot."""
        if provider == LOCAL_PROVIDER:
            return self._local
        if provider == DEMO_PROVIDER:
            return self._demo
        config = self._config_models.get(provider, ())
        if self._serves_gateway(provider):
            config = (*config, *catalogue.models_of(GATEWAY_WIRE, as_provider=provider))
        return catalogue.merge(provider, live=self._live.get(provider, ()), config=config)

    def _serves_gateway(self, provider: str) -> bool:
        """Whether a provider is an OpenGradient gateway of the user's own: they list no models."""
        endpoint = self._endpoints.get(provider)
        is_gateway = endpoint is not None and endpoint.wire == GATEWAY_WIRE
        return is_gateway and provider != GATEWAY_WIRE

    def describe(self, ref: ModelRef) -> ModelInfo:
        """Return what is known of a model; an unknown id stays usable."""
        for info in self.known_models(ref.provider):
            if info.ref == ref:
                return info
        return catalogue.describe(ref, self._live.get(ref.provider, ()))

    def resolve(self, text: str) -> ModelRef:
        """Read `provider/model`, or a bare model id that only one ready provider has."""
        text = text.strip()
        ref = ModelRef.parse(text)
        if ref is not None and (ref.provider in self._endpoints or ref.provider in self._faults):
            self.endpoint(ref.provider)
            return ref
        matches = [choice for choice in self.models() if choice.info.ref.model == text]
        ready = [choice for choice in matches if choice.is_ready] or matches
        if len({choice.info.ref for choice in ready}) != 1:
            known = [str(choice.info.ref) for choice in self.models()]
            raise NotFound("model", text, [*known, *(name.split("/", 1)[1] for name in known)])
        return ready[0].info.ref

    async def refresh(self, provider: str) -> tuple[ModelInfo, ...]:
        """Ask a provider for its models, and remember the answer."""
        endpoint = self.endpoint(provider)
        models = await ask_described_models(self._ask, endpoint, self.key_for(provider))
        self._live[provider] = models
        await self._vault.set_state(_MODELS_PREFIX + provider, encode_models(models))
        await self._vault.set_state(_ASKED, json.dumps(sorted(self._live)))
        return self.known_models(provider)

    async def test_key(self, provider: str, key: str) -> tuple[ModelInfo, ...]:
        """Ask for the model list with a key that is not stored yet."""
        return await ask_models(self._ask, self.endpoint(provider), key)

    async def test_url(self, endpoint: Endpoint, key: str | None) -> tuple[ModelInfo, ...]:
        """Ask a server that is not configured yet for its models."""
        return await ask_models(self._ask, endpoint, key)

    # servers on this machine

    async def find_local_servers(self) -> list[FoundServer]:
        """Ask the well-known ports of this machine, all at once, 300 ms each."""
        from troth.local import probe

        asked = probe.probe_requests()
        answers = await asyncio.gather(*map(self._try, asked))
        known = {endpoint.name: endpoint for endpoint in known_endpoints()}
        return [
            FoundServer(with_table_options(found.endpoint, known), found.models, found.wants_key)
            for found in probe.recognize(
                [(ask, answer) for ask, answer in zip(asked, answers, strict=True) if answer]
            )
        ]

    async def _try(self, ask: Probe) -> HttpResponse | None:
        try:
            return await self._transport.send(
                ask.request, purpose="looking for local servers", timeout_s=0.3
            )
        except TrothError:
            return None  # nothing listens there: that is the usual answer

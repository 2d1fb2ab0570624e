"""Providers, their keys and their models, as faces and library users ask for them.

One object in front of what each part knows: the directory, config.toml, the embedded model, the
models chosen last. A key goes in here and never comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.engine.directory import Directory, FoundServer, KeyStatus, ModelChoice
from troth.engine.endpoints import erase_endpoint, write_endpoint
from troth.engine.local_models import LocalModels
from troth.engine.recent_models import RecentModels
from troth.settings import Paths, Settings

if TYPE_CHECKING:
    from troth.local.installer import InstallProgress
    from troth.local.shelf import InstalledModel


class Providers:
    """What can be talked to, and what opens it, of one engine."""

    def __init__(
        self,
        paths: Paths,
        settings: Callable[[], Settings],
        reload_settings: Callable[[], None],
        directory: Directory,
        local: LocalModels,
        recent_models: RecentModels,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._reload_settings = reload_settings
        self._directory = directory
        self._local = local
        self._recent_models = recent_models

    # models

    def default_model(self) -> ModelRef | None:
        """Return the model for new chats: config, last used, installed, else None."""
        if configured := ModelRef.parse(self._settings().default_model):
            return configured
        if self._recent_models.last is not None:
            return self._recent_models.last
        return next((info.ref for info in self._local.infos()), None)

    def models(self) -> list[ModelChoice]:
        """Return every model that is known offline, ready ones first."""
        return self._directory.models()

    def describe_model(self, ref: ModelRef) -> ModelInfo:
        """Return what is known of a model; an unknown id stays usable."""
        return self._directory.describe(ref)

    def resolve_model(self, text: str) -> ModelRef:
        """Read what a user typed for a model; raise NotFound."""
        return self._directory.resolve(text)

    async def refresh_models(self, provider: str) -> tuple[ModelInfo, ...]:
        """Ask a provider for its models, by the user's act only."""
        return await self._directory.refresh(provider)

    # providers

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return all providers, those of the user first."""
        return self._directory.endpoints()

    def endpoint(self, name: str) -> Endpoint:
        """Return one provider; raise NotFound, or ConfigError for one half understood."""
        return self._directory.endpoint(name)

    async def add_endpoint(self, endpoint: Endpoint) -> None:
        """Write a provider of the user's into config.toml; the file keeps its comments."""
        await write_endpoint(self._paths, endpoint)
        self._reload_settings()

    async def remove_endpoint(self, name: str) -> None:
        """Take a provider of the user's out of config.toml, and its key out of the vault."""
        await erase_endpoint(self._paths, name, self._settings())
        if name in self.stored_keys():
            await self.remove_key(name)
        self._reload_settings()

    async def test_url(self, endpoint: Endpoint, key: str | None = None) -> tuple[ModelInfo, ...]:
        """Try a server that is not configured yet."""
        return await self._directory.test_url(endpoint, key)

    async def find_local_servers(self) -> list[FoundServer]:
        """Look for model servers on this machine, by the user's act only."""
        return await self._directory.find_local_servers()

    # keys

    def key_status(self, provider: str) -> KeyStatus | None:
        """Return where a provider's key comes from, never the key."""
        return self._directory.key_status(provider)

    def stored_keys(self) -> tuple[str, ...]:
        """Return the providers that have a key in the vault."""
        return self._directory.stored_keys()

    async def test_key(self, provider: str, key: str) -> tuple[ModelInfo, ...]:
        """Try a key with the provider's free model list, without storing it."""
        return await self._directory.test_key(provider, key)

    async def set_key(self, provider: str, key: str) -> None:
        """Keep a key in the vault; raise UsageError for what cannot be one."""
        await self._directory.set_key(provider, key)

    async def remove_key(self, provider: str) -> None:
        """Take a key out of the vault; raise NotFound where there is none."""
        await self._directory.remove_key(provider)

    # the embedded model

    def local_models(self) -> tuple[InstalledModel, ...]:
        """Return the models that are installed on this computer."""
        return self._local.installed()

    async def install_local(self, on_progress: Callable[[InstallProgress], None]) -> InstalledModel:
        """Download the embedded model after the user's yes."""
        model = await self._local.install(on_progress)
        self._directory.set_local(self._local.infos())
        return model

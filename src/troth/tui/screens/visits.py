"""Other screens over the chat, and what comes back from them."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from troth.domain.conversation import SearchHit
from troth.domain.error import TrothError, UsageError
from troth.domain.model import ModelRef
from troth.engine.endpoints import wants_login
from troth.explain import QUIET_NOTICES, explain, notice_words
from troth.settings import editor_command, set_value
from troth.tui.choices import choice_problems
from troth.tui.editor import edit
from troth.tui.safe import clean
from troth.tui.screens.chat_settings import ChatSettings, SettingsScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.find import FindScreen
from troth.tui.screens.help import HelpScreen
from troth.tui.screens.login import LoginScreen
from troth.tui.screens.model_picker import ModelScreen, Picked
from troth.tui.screens.network import NetworkScreen
from troth.tui.screens.palette import PaletteScreen, ThemeScreen
from troth.tui.widgets.notice_bar import Words

if TYPE_CHECKING:
    from troth.tui.application import TrothApp
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.pictures import Pictures
    from troth.tui.screens.talking import Talking


class Visits:
    """Opens palette, models, search, settings, help, setup and the editor."""

    def __init__(
        self, app: TrothApp, screen: ChatScreen, talking: Talking, pictures: Pictures
    ) -> None:
        self._app = app
        self._screen = screen
        self._talking = talking
        self._pictures = pictures

    # -- models and keys

    async def pick_model(self, name: str = "") -> None:
        """Let the person choose a model; a full name is taken at once."""
        engine, chat = self._talking.engine, self._talking.chat
        if name:
            try:
                await self._use(Picked(engine.providers.resolve_model(name), needs_key=False))
            except TrothError:
                pass  # not one model's whole name: the list opens with it typed
            else:
                return
        current = chat.conversation.model if chat is not None else None
        self._screen.ask(
            ModelScreen(engine, current, name),
            lambda picked: self._screen.run_worker(self._use(picked)),
        )

    async def _use(self, picked: Picked) -> None:
        if picked.needs_key:
            self._ask_key(picked.ref)
        else:
            await self._talking.use_model(picked.ref)

    def _ask_key(self, ref: ModelRef) -> None:
        endpoint = self._talking.engine.providers.endpoint(ref.provider)
        if wants_login(endpoint):
            self._screen.run_worker(self.log_in(ref.provider, ref=ref), group="login")
            return
        self._screen.ask(
            TextDialog(f"Key for {endpoint.title or endpoint.name}", is_secret=True),
            lambda key: self._screen.run_worker(self._keep_key(ref, key)),
        )

    async def _keep_key(self, ref: ModelRef, key: str) -> None:
        """Try the key with the provider's free model list before it is kept."""
        engine = self._talking.engine
        self._screen.announce("Trying the key ...")
        try:
            if engine.providers.endpoint(
                ref.provider
            ).base_url:  # else there is no list to try it with
                await engine.providers.test_key(ref.provider, key.strip())
            await engine.providers.set_key(ref.provider, key)
        except TrothError as error:
            self._screen.say_error(error)
            return
        await self._talking.use_model(ref)

    # -- search, settings, help, palette, theme

    def find(self, words: str = "") -> None:
        """Search the history; the chosen hit is opened where it is."""
        self._app.push_screen(FindScreen(self._talking.engine, words), self._found)

    def _found(self, hit: SearchHit | None) -> None:
        if hit is not None:
            words = [piece.partition("\x03")[0] for piece in hit.snippet.split("\x02")[1:] if piece]
            opening = self._talking.open(
                hit.conversation_id, message_id=hit.message_id or "", words=words
            )
            self._screen.run_worker(opening)

    def settings(self) -> None:
        """Show the chat's own settings."""
        chat, engine = self._talking.chat, self._talking.engine
        if chat is None:
            return
        model = chat.conversation.model
        info = engine.providers.describe_model(model) if model is not None else None
        self._screen.ask(
            SettingsScreen(chat.conversation, engine.settings.personas, info, is_held=chat.is_held),
            lambda wanted: self._screen.run_worker(self._keep_settings(wanted)),
        )

    async def _keep_settings(self, wanted: ChatSettings) -> None:
        chat, engine = self._talking.chat, self._talking.engine
        if chat is None:
            return
        persona = engine.settings.personas.get(wanted.persona)
        is_new = wanted.persona != chat.conversation.persona
        await engine.update_chat(
            chat,
            system_prompt=wanted.system_prompt,
            persona=wanted.persona,
            params=wanted.params,
            policy=wanted.policy,
        )
        await engine.proofs.hold(chat, is_held=wanted.is_held)
        if persona is not None and is_new and (ref := ModelRef.parse(persona.model)):
            await self._talking.use_model(ref)
        await self._talking.measure()

    def help(self) -> None:
        self._app.push_screen(HelpScreen(self._app.keymap))

    def network(self) -> None:
        """Show every host that was contacted."""
        self._app.push_screen(NetworkScreen(self._app, self._talking.engine.ledger))

    def palette(self) -> None:
        """Offer every command that can be used now."""
        self._screen.ask(
            PaletteScreen(self._app.keymap, self._screen.facts()),
            self._screen.action_command,
        )

    async def pick_theme(self, name: str = "") -> None:
        """Walk the themes, each worn at once; the chosen one is kept in config.toml."""
        titles = self._app.looks.titles
        if name in titles:
            await self._keep_theme(name)
            return
        self._screen.ask(
            ThemeScreen(list(titles), self._app.theme, self._app.wear),
            lambda chosen: self._screen.run_worker(self._keep_theme(chosen)),
        )

    async def _keep_theme(self, name: str) -> None:
        self._app.looks.wear(self._app, name)
        engine = self._talking.engine
        try:
            await asyncio.to_thread(set_value, engine.paths, "theme", name)
        except TrothError as error:
            self._screen.say_error(error)
        else:
            engine.reload_settings()

    def set_up(self, way: str = "") -> None:
        """Offer the ways to a model again."""
        from troth.tui.screens.welcome import WelcomeScreen

        screen = WelcomeScreen(self._app, is_first_run=False, way=way)
        self._app.push_screen(screen, self._set_up_done)

    def _set_up_done(self, ref: ModelRef | None) -> None:
        if ref is not None:
            self._screen.run_worker(self._talking.use_model(ref))

    def vault(self) -> None:
        """Show the vault and what can be done about it."""
        engine = self._talking.engine
        if engine.vault.is_memory:
            self._screen.announce(
                "No vault is open: nothing of this session is kept. Start troth again to open one."
            )
            return
        from troth.tui.screens.vault_care import VaultCareScreen

        self._app.push_screen(VaultCareScreen(self._app, engine))

    def take_in(self, path: str = "") -> None:
        """Import chats of other programs."""
        from troth.tui.screens.import_chats import ImportScreen  # its readers are seldom needed

        self._app.push_screen(ImportScreen(self._app, self._talking.engine, path))

    async def demo(self, mode: str = "") -> None:
        """Let the simulated enclave answer, in a chat of its own; `mode` is how it cheats."""
        engine = self._talking.engine
        if not engine.providers.local_models():
            self.set_up("demo")  # it answers with the model on this computer: ask for that first
            return
        self._screen.announce("Starting the simulated enclave ...")
        try:
            ref = await engine.enclaves.start_demo(mode or "honest")
        except TrothError as error:
            self._screen.say_error(error)
            return
        chat = self._talking.chat
        if chat is None or chat.conversation.head_id is not None:
            await self._talking.new()
        await self._talking.use_model(ref)

    async def log_in(self, name: str = "", *, ref: ModelRef | None = None) -> None:
        """Log in to a provider with the browser; `ref` is the model to go on with."""
        engine = self._talking.engine
        try:
            endpoint = engine.providers.endpoint(name or "opengradient")
        except TrothError as error:
            self._screen.say_error(error)
            return
        if not await self._screen.ask_and_wait(LoginScreen(self._app, engine, endpoint)):
            return
        self._screen.announce(f"Logged in to {endpoint.title or endpoint.name}.")
        if ref is not None:
            await self._talking.use_model(ref)

    def say_problems(self) -> None:
        """Say once what is odd about the vault, and wrong in config.toml and the theme files."""
        engine = self._talking.engine
        notices = [notice_words(slug) for slug in engine.vault.notices if slug not in QUIET_NOTICES]
        if notices:
            self._screen.say(Words("Vault", "  ".join(notices), tone="warn"))
            return  # the settings can wait for the next start
        looks = self._app.looks
        problems = [*engine.problems, *looks.problems]
        problems += choice_problems(engine.paths, engine.settings, looks.titles)
        if problems:
            # One, so that it is seen whole on a small screen.
            more = f"And {len(problems) - 1} more: `troth doctor` names all."
            detail = explain(problems[0]).detail
            self._screen.say(Words("Settings", detail, more if problems[1:] else "", tone="warn"))

    # -- files and the editor

    async def attach(self, path: str = "") -> None:
        """Add a file or folder to the next message."""
        if path:
            await self._attach(path)
            return
        self._screen.ask(
            TextDialog("Attach a file or folder: its path"),
            lambda typed: self._screen.run_worker(self._attach(typed)),
        )

    async def _attach(self, typed: str) -> None:
        """Attach what a person typed, pasted or dropped: terminals quote a dropped path."""
        path = typed.strip()
        if len(path) > 1 and path[0] == path[-1] and path[0] in "'\"":
            path = path[1:-1]
        if re.match(r"[a-z][a-z0-9+.-]*://", path, re.IGNORECASE):
            self._screen.announce(
                "Only files on this computer can be attached: Troth fetches no address for you."
            )
            return
        count = len(self._talking.attached)
        await self._talking.attaching.attach(Path(path))
        if len(self._talking.attached) > count:
            said = self._screen.notice_words
            await self._pictures.tell_origin(self._talking.attached[-1].blob, said)

    def edit_outside(self) -> None:
        """Open the prompt in the person's own editor."""
        try:
            command = editor_command(self._talking.engine.settings.editor, os.environ)
        except UsageError as error:
            self._screen.say_error(error)
            return
        if not command:
            self._screen.announce("Set $EDITOR, or editor in config.toml, to write there.")
            return
        with self._app.suspend():  # an error that leaves it would leave the screen as it is
            try:
                text, said = edit(command, self._screen.prompt.text), ""
            except subprocess.CalledProcessError as error:
                text = None
                said = f"The editor ended with code {error.returncode}; the prompt is as it was."
            except OSError as error:
                text, said = None, f"The editor did not start: {error}"
        if text is None:
            self._screen.announce(said)
        else:
            self._screen.prompt.set_text(clean(text).rstrip("\n"))

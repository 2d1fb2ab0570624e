"""The Textual application: which screen stands, the engine's life, locking, leaving.

The engine is opened after the first paint, in the background; typing never waits for it. Whatever
ends the app (a key, SIGTERM, a terminal that went away), drafts and partial replies are sealed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from troth.tui.clipboard import SECRET_CLEARED_AFTER_S, Clipboard
from troth.tui.collecting import Collector
from troth.tui.first_look import look_file
from troth.tui.idle import Idle
from troth.tui.keys import Keymap, build_keymap
from troth.tui.look import LookBook
from troth.tui.shown_files import ShownFiles
from troth.tui.terminal_keys import learn_keys

if TYPE_CHECKING:
    from troth.domain.model import ModelRef
    from troth.engine.engine import Engine
    from troth.engine.payment import PaymentRequest
    from troth.tui.first_frame import Kind
    from troth.tui.screens.chat import ChatScreen
    from troth.vault.vault import Vault

_WARM_UP_DELAY_S = 0.06
"""After the first paint: long enough for keys that waited to be shown first."""

_LOCK_CHECK_S = 10.0
_NOBODY_TYPES_S = 4.0


class TrothApp(App[int]):
    """Screens come and go; the engine and the clipboard live here."""

    TITLE = "troth"
    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-narrow"),
        (60, "-normal"),
        (100, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (18, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True,
                tooltip="Leave Troth; drafts are kept", id="app.leave"),
        # From every screen: those over the chat have keys of their own.
        Binding("f12", "lock", "Lock", show=False, priority=True,
                tooltip="Close the vault and clear the screen", id="app.lock"),
    ]  # fmt: skip

    def __init__(
        self,
        kind: Kind,
        *,
        environ: Mapping[str, str] | None = None,
        chat_id: str = "",
        uses_keyring: bool = False,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        learn_keys()
        # Textual does not load a default screen's own style sheet (8.2.8): the app brings it.
        super().__init__(css_path=["app.tcss", f"screens/{kind}.tcss"])
        self.looks = LookBook(Path(look_file(self._environ)))
        self._kind: Kind = kind
        self._first_chat_id = chat_id
        self.engine: Engine | None = None
        self.keymap: Keymap = build_keymap({})
        self.first_model: ModelRef | None = None
        """What the first minute chose; the first chat begins with it."""
        self._warm = asyncio.Event()
        self._has_engine = asyncio.Event()
        self._uses_keyring = uses_keyring
        self._idle = Idle()
        self._collector = Collector()
        self.shown_files = ShownFiles()
        self._place: tuple[str, int, int] | None = None
        """What was read when the vault was locked: ids and numbers, no words."""
        self._screens_shown = 0
        self._early: list[events.Event] | None = []
        """Keys that came before anything had the focus; they are given once something has."""
        self._lock_timer_runs = False
        self._copies = Clipboard(self._write_raw, self.set_timer, self._environ)
        self.looks.dress(self)

    # -- starting

    def get_default_screen(self) -> Screen[object]:
        """Open with the screen that the first frame promised."""
        return self._screen_for(self._kind)

    def _screen_for(self, kind: Kind) -> Screen[object]:
        if kind == "unlock":
            from troth.tui.screens.unlock import UnlockScreen

            return cast("Screen[object]", UnlockScreen(self))
        if kind == "welcome":
            from troth.tui.screens.welcome import WelcomeScreen

            return cast("Screen[object]", WelcomeScreen(self))
        from troth.tui.screens.chat import ChatScreen

        return cast("Screen[object]", ChatScreen(self.keymap))

    async def _go_to(self, screen: Screen[object]) -> None:
        """Let `screen` stand alone; every screen that stood there before is taken down.

        Each gets a mode of its own: a base screen cannot be switched (Textual 8.2.8).
        """
        self._screens_shown += 1
        name, left = f"screen-{self._screens_shown}", self.current_mode
        base = self.screen_stack[0]
        self.add_mode(name, lambda: screen)  # pyright: ignore[reportUnknownMemberType]
        await self.switch_mode(name)
        if left.startswith("screen-"):
            await self.remove_mode(left)
        else:
            await base.remove_children()

    def on_ready(self) -> None:
        self._collector.begin()
        self.app_resume_signal.subscribe(self, self._draw_whole)  # pyright: ignore[reportUnknownMemberType]
        early, self._early = self._early or [], None
        for event in early:
            self.post_message(event)
        self.set_timer(_WARM_UP_DELAY_S, self._begin_warm_up)

    def _draw_whole(self, _: object) -> None:
        """After `fg` the terminal is as the shell left it; Textual draws what changed since."""
        self.refresh(layout=True)

    def _begin_warm_up(self) -> None:
        self.run_worker(self._warm_up(), name="warm up")

    async def _warm_up(self) -> None:
        """Import what the first message will need, without holding up a single key."""
        from troth.tui.warming import make_ready

        await asyncio.to_thread(make_ready)
        self._warm.set()
        if self._kind == "unlock":
            from troth.tui.screens.unlock import open_as_told

            await open_as_told(self.screen_stack[0], self._environ)
            return
        if self._uses_keyring and not await self._open_from_keyring():
            return
        if self.engine is None:
            await self.open_engine(None)
        if self._kind == "chat":
            await self._seat(cast("ChatScreen", self.screen_stack[0]))

    async def _open_from_keyring(self) -> bool:
        """Open the vault with the keychain's key; ask for the passphrase where that fails."""
        from troth.domain.error import TrothError
        from troth.tui.opening import open_vault

        try:
            vault = await open_vault(self.vault_dir, from_keyring=True)
        except TrothError:
            self._kind = "unlock"
            await self._go_to(self._screen_for("unlock"))
            return False
        await self.open_engine(vault)
        return True

    # -- the engine

    async def engine_ready(self) -> Engine:
        """Wait until there is an engine."""
        await self._has_engine.wait()
        assert self.engine is not None
        return self.engine

    async def wait_until_warm(self) -> None:
        await self._warm.wait()

    @property
    def vault_dir(self) -> Path:
        """Where the vault lies."""
        from troth.settings import find_paths

        return find_paths(self._environ).vault_dir

    async def open_engine(self, vault: Vault | None) -> Engine:
        """Open the engine over a vault, or over memory; an engine that is there goes on with it."""
        from troth.engine.engine import Engine

        if self.engine is not None and vault is not None:
            await self.engine.use_vault(vault)
        elif self.engine is None or self.engine.is_locked:
            if self.engine is not None:
                await self.engine.close()
            self.engine = await Engine.open(vault=vault, environ=self._environ)
            self.engine.enclaves.payments.ask = self._ask_payment
        self._has_engine.set()
        self.apply_settings()
        return self.engine

    def apply_settings(self) -> None:
        """Take over keys, theme and the idle lock from the settings."""
        if self.engine is None:
            return
        settings = self.engine.settings
        self.keymap = build_keymap(settings.keys, settings.send_key)
        self.set_keymap(self.keymap.changed)
        self.looks.load(self, settings.theme, self.engine.paths.themes_dir, mouse=settings.mouse)
        if not self._lock_timer_runs:
            self._lock_timer_runs = True
            self.set_interval(_LOCK_CHECK_S, self._look_round)

    def enter_chat(self) -> None:
        """Go from unlock or welcome into the chat.

        The app's own work: a worker of the screen that is left would be cancelled with it.
        """
        self.run_worker(self._enter_chat(), name="enter chat", group="go", exclusive=True)

    async def _enter_chat(self) -> None:
        from troth.tui.screens.chat import ChatScreen

        await self.engine_ready()
        screen = ChatScreen(self.keymap)
        await self._go_to(cast("Screen[object]", screen))
        await self._seat(screen)

    async def _seat(self, screen: ChatScreen) -> None:
        """Give the chat screen its engine, and show what was asked for."""
        from troth.tui.screens.desk import Desk
        from troth.tui.warming import warm_engine

        engine = await self.engine_ready()
        screen.keymap = self.keymap
        desk = Desk(self, screen, engine)
        await screen.take_desk(desk)
        if self._place is not None:
            desk.page.go_back(self._place)
            self._place = None
        if self._first_chat_id:
            wanted, self._first_chat_id = self._first_chat_id, ""
            await screen.open_chat(wanted)
        if self.first_model is not None:
            ref, self.first_model = self.first_model, None
            await desk.talking.use_model(ref)
        chat = desk.talking.chat
        model = chat.conversation.model if chat is not None else None
        self.run_worker(warm_engine(engine, model), name="warm engine")

    async def _ask_payment(self, request: PaymentRequest) -> bool:
        from troth.tui.screens.paying import ask_payment

        return await ask_payment(self, request)

    # -- locking and leaving

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self._idle.touch()
        if self._early is not None and isinstance(event, (events.Key, events.Paste)):
            self._early.append(event)
            return
        await super().on_event(event)

    def _look_round(self) -> None:
        """Do now and then what is done when nobody is there."""
        self._collector.look(is_idle=self._idle.seconds() > _NOBODY_TYPES_S)
        self._lock_when_idle()

    def _lock_when_idle(self) -> None:
        if self.engine is None or self.engine.vault.is_memory or self.engine.is_locked:
            return
        if self._idle.is_over(self.engine.settings.lock_after_minutes):
            self.lock()

    def stay_awake(self) -> None:
        """Something that the person began still runs: nobody has left."""
        self._idle.touch()

    def action_lock(self) -> None:
        self.lock()

    def lock(self) -> None:
        """Close the vault and show nothing of it any more; a reply that arrives goes on unseen."""
        self.run_worker(self._lock(), name="lock", group="go", exclusive=True)

    async def _lock(self) -> None:
        engine = self.engine
        if engine is None or engine.vault.is_memory or engine.is_locked:
            return
        await self.save_drafts()
        from troth.tui.screens.desk import Desk

        desk = getattr(self.screen_stack[0], "desk", None)
        self._place = desk.page.place() if isinstance(desk, Desk) else None
        self._kind = "unlock"
        await self._go_to(self._screen_for("unlock"))
        self.clear_notifications()
        self._forget_copies()
        self.shown_files.forget()
        await engine.lock()

    async def save_drafts(self) -> None:
        """Let the chat screen keep what is being typed."""
        for screen in self.screen_stack:
            if (save := getattr(screen, "save_draft_now", None)) is not None:
                await save()

    async def action_quit(self) -> None:
        """Leave: drafts first."""
        await self.save_drafts()
        self._forget_copies()
        self.exit(0)

    async def seal(self) -> None:
        """Close the engine: partial replies and drafts go into the vault. Safe to call twice."""
        self._collector.end()
        self.shown_files.forget()
        engine, self.engine = self.engine, None
        if engine is not None:
            await engine.close()

    def _handle_exception(self, error: Exception) -> None:
        """Leave after a fault of ours, in place of Textual's report with its local variables."""
        from troth.tui.crash import told

        self._return_code = 1
        if self._exception is None:  # what a test's pilot waits for
            self._exception = error
            if isinstance(told_of := getattr(self, "_exception_event", None), asyncio.Event):
                told_of.set()
        self._exit_renderables.append(told(error, self._environ))
        self._close_messages_no_wait()

    def wear(self, theme: str) -> None:
        """Put on a theme that is known."""
        self.theme = theme

    def ring_after(self, seconds: float) -> None:
        """Ring the terminal's bell for a reply that took `seconds`, where nobody waits for it.

        Not every terminal tells whether it has the focus: no key for as long says it, too.
        """
        wanted = self.engine.settings.bell_after_s if self.engine is not None else 0
        if 0 < wanted <= seconds and (not self.app_focus or self._idle.seconds() >= wanted):
            self.bell()

    # -- clipboard

    def copy_to_clipboard(self, text: str, *, clear_after_s: int = 0) -> None:
        """Send `text` to the terminal's clipboard; 0 seconds leaves it there."""
        self._clipboard = text
        self._copies.put(text, clear_after_s)

    def seconds_on_clipboard(self, *, is_secret: bool = False) -> int:
        """Return after how many seconds a copy is taken back; 0 is never."""
        wanted = 0 if self.engine is None else self.engine.settings.clear_clipboard_after_s
        return wanted or (SECRET_CLEARED_AFTER_S if is_secret else 0)

    def _forget_copies(self) -> None:
        self._clipboard = ""  # the field that asks for the passphrase could paste it
        self._copies.forget()

    def _write_raw(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)

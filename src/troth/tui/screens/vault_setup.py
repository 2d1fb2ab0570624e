"""Steps 2 and 3 of the first minute: the vault with its recovery words, or none; then done."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, Static

from troth.domain.error import TrothError
from troth.explain import explain
from troth.tui.keys import FooterItem
from troth.tui.safe import clean, clean_line
from troth.tui.screens.entries import short_path
from troth.tui.screens.vault_secrets import words_table
from troth.tui.screens.ways import first_model
from troth.tui.strength import refusal_words, strength_of
from troth.tui.widgets.field import Field
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.title_bar import TitleBar
from troth.tui.widgets.toggle import Toggle
from troth.vault.vault import Vault

if TYPE_CHECKING:
    from troth.tui.application import TrothApp
    from troth.tui.screens.ways import Found

Page = Literal["passphrase", "words", "done"]

_ABOUT = (
    "Troth keeps chats and API keys in one encrypted file on this computer:\n{path}\n\n"
    "A forgotten passphrase cannot be reset. You get twelve recovery words next."
)
_ABOUT_WORDS = (
    "Write these words on paper, in this order. They open the vault when the passphrase is "
    "forgotten, and they are shown only now."
)


class VaultScreen(Screen[None]):
    """Passphrase, recovery words, done. ctrl+n keeps nothing after the app is left."""

    CSS_PATH = "welcome.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "keep_nothing", "Keep nothing", show=False, priority=True,
                tooltip="No vault: everything is gone when you quit", id="vault.nothing"),
        Binding("tab", "app.focus_next", "Next field", show=False, priority=True,
                tooltip="Go to the next field", id="vault.next"),
        Binding("escape", "back", "Back", show=False, tooltip="Go back", id="vault.back"),
        Binding("enter", "go_on", "Continue", show=False, tooltip="Continue", id="vault.go_on"),
    ]  # fmt: skip

    def __init__(self, host: TrothApp, found: Found) -> None:
        super().__init__()
        self._host = host
        self._found = found
        self._page: Page = "passphrase"
        self._words: list[str] = []
        self._asked: tuple[int, int] = (0, 0)
        self._is_busy = False
        self._timer: Timer | None = None

    # -- what is seen

    def compose(self) -> ComposeResult:
        title = TitleBar()
        title.state = "step 2 of 3"
        yield title
        with VerticalScroll(id="middle", can_focus=False), Vertical(id="column"):
            yield Static("Your vault", markup=False, classes="question")
            about = _ABOUT.format(path=short_path(self._host.vault_dir / "vault.db"))
            yield Static(about, markup=False, id="about")
            with Horizontal(classes="field"):
                yield Static("Passphrase", markup=False, id="first-label")
                yield Field(password=True, compact=True, id="first")
            with Horizontal(classes="field"):
                yield Static("Again", markup=False, id="second-label")
                yield Field(password=True, compact=True, id="second")
            yield Static("Strength", markup=False, id="strength")
            yield Toggle(
                "Keep the key in the system keychain too: not asked each time", id="keyring"
            )
        yield Static("", markup=False, id="said")
        yield Static("", markup=False, id="progress")
        yield FooterBar(self._footer())

    def _footer(self) -> tuple[FooterItem, ...]:
        go_on = FooterItem("vault.go_on", "⏎", "begin" if self._page == "done" else "continue", 1)
        leave = FooterItem("app.leave", "^q", "quit", 3, is_right=True)
        if self._page != "passphrase":
            return (go_on, leave)
        return (
            go_on,
            FooterItem("vault.next", "tab", "next field", 4),
            FooterItem("vault.nothing", "^n", "keep nothing after I quit", 2),
            leave,
        )

    def on_mount(self) -> None:
        self.query_one("#first", Input).focus()
        if self._found.download is not None:
            self._timer = self.set_interval(0.2, self._show_progress)

    def _show_progress(self) -> None:
        # A line of its own: what is said of the passphrase must outlive the next tick.
        self.query_one("#progress", Static).update(
            clean_line(self._found.failure or self._found.progress)
        )
        if self._page == "done" and self._found.download and self._found.download.is_finished:
            self._show_done()

    def say(self, text: str) -> None:
        self.query_one("#said", Static).update(clean_line(text))

    # -- what is typed

    def on_input_changed(self, message: Input.Changed) -> None:
        if not self._is_busy and message.value:
            self.say("")
        if message.input.id == "first" and self._page == "passphrase":
            strength = strength_of(message.value)
            self.query_one("#strength", Static).update(f"Strength         {strength.words}")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        second = self.query_one("#second", Input)
        if message.input is not second and not second.value:
            refused = refusal_words(message.value) if self._page == "passphrase" else ""
            self.say(refused)
            if not refused:
                second.focus()
        else:
            self.action_go_on()

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        match message.command_id:
            case "vault.go_on":
                self.action_go_on()
            case "vault.nothing":
                self.action_keep_nothing()
            case "vault.next":
                self.focus_next()
            case _:
                self._host.exit(0)

    def action_back(self) -> None:
        if self._page == "passphrase" and not self._is_busy:
            self.dismiss(None)

    def action_go_on(self) -> None:
        """Take the next step, where this one is complete."""
        if self._is_busy:
            return
        if self._page == "passphrase":
            self._check_passphrase()
        elif self._page == "words":
            self._check_words()
        else:
            self._begin()

    def action_keep_nothing(self) -> None:
        """Go on in memory."""
        if self._page == "passphrase" and not self._is_busy:
            self._show_done()

    # -- passphrase and recovery words

    def _check_passphrase(self) -> None:
        first, second = (self.query_one(name, Input) for name in ("#first", "#second"))
        if refused := refusal_words(first.value):
            self.say(f"{refused} Or ^n, to keep nothing.")
            first.focus()
        elif first.value != second.value:
            self.say("The two are not the same.")
            second.focus()
        else:
            self._is_busy = True
            self.say("Making the vault ...")
            with_keyring = self.query_one("#keyring", Toggle).is_on
            self.run_worker(self._make(first.value, with_keyring=with_keyring), exclusive=True)

    async def _make(self, passphrase: str, *, with_keyring: bool) -> None:
        try:
            made = await Vault.create(self._host.vault_dir, passphrase, with_keyring=with_keyring)
        except TrothError as error:
            self._is_busy = False
            words = explain(error)
            self.say(f"{words.title} {words.detail} {words.next_step}")
            return
        await self._host.open_engine(made.vault)
        await self._keep_found()
        self._words = made.recovery_words.split()
        for name in ("#first", "#second"):
            self.query_one(name, Input).value = ""
        self._is_busy = False
        self._show_words(made.keyring_failure)

    async def _keep_found(self) -> None:
        """Put what step 1 found into the vault: keys, and the lists of models."""
        engine = await self._host.engine_ready()
        for provider, key in self._found.keys.items():
            await engine.providers.set_key(provider, key)
        for provider in self._found.providers:
            try:
                await engine.providers.refresh_models(provider)
            except TrothError:
                continue  # it answered a minute ago; the list can be asked for again with ^r

    def _show_words(self, keyring_failure: str) -> None:
        self._page = "words"
        count = len(self._words)
        first, second = sorted(secrets.SystemRandom().sample(range(count), 2))
        self._asked = (first, second)
        self.query_one(".question", Static).update("Your recovery words")
        self.query_one("#about", Static).update(
            _ABOUT_WORDS + "\n\n" + words_table(self._words) + "\n\nType two of them back:"
        )
        self.query_one("#strength", Static).update("")
        for name, at in (("#first", first), ("#second", second)):
            field = self.query_one(name, Input)
            field.password = False
            self.query_one(f"{name}-label", Static).update(f"Word {at + 1}")
        self.query_one("#keyring", Toggle).display = False
        self.query_one("#first", Input).focus()
        self.query_one(FooterBar).items = self._footer()
        self.say(f"The keychain did not take the key: {keyring_failure}" if keyring_failure else "")

    def _check_words(self) -> None:
        for name, at in zip(("#first", "#second"), self._asked, strict=True):
            field = self.query_one(name, Input)
            if field.value.strip().casefold() != self._words[at]:
                self.say(f"That is not word {at + 1}.")
                field.focus()
                return
        self._words = []
        self._show_done()

    # -- step 3

    def _show_done(self) -> None:
        self._page = "done"
        is_waiting = self._found.download is not None and not self._found.download.is_finished
        for node in self.query(".field, #keyring, #strength"):
            node.display = False
        self.query_one(TitleBar).state = "step 3 of 3"
        head = "One moment: the model is on its way" if is_waiting else "Ready"
        self.query_one(".question", Static).update(head)
        model = str(self._found.ref) if self._found.ref is not None else "none yet: ^o picks one"
        if self._found.is_demo:
            model = "SIMULATED: a made-up enclave that signs; it proves nothing"
        elif is_waiting:
            model = "SmolLM2 135M, on this computer"
        engine = self._host.engine
        is_memory = engine is None or engine.vault.is_memory
        where = "memory only, gone when you quit" if is_memory else short_path(self._host.vault_dir)
        text = (
            f"Model   {model}\nKept    {where}\n\n"
            "⏎   sends what you wrote        ^o  switches the model\n"
            "esc reads the chat with j, k    ^b  lists the chats\n"
            "/   offers commands             ^p  finds all of them"
        )
        self.query_one("#about", Static).update(clean(text))
        self.query_one(FooterBar).items = self._footer()
        self.set_focus(None)
        self.say("")

    def _begin(self) -> None:
        if self._found.download is not None and not self._found.download.is_finished:
            self.say("Still downloading ...")
            return
        self._is_busy = True
        self.run_worker(self._enter(), name="enter", exclusive=True)

    async def _enter(self) -> None:
        engine = await self._host.engine_ready()
        try:
            self._host.first_model = await first_model(engine, self._found)
        except TrothError:
            self._host.first_model = self._found.ref  # the download failed, and was told
        self._host.enter_chat()

"""Unlock: asks for the passphrase and shows nothing of what is behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from troth.tui.keys import FooterItem
from troth.tui.widgets.field import Field
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from troth.domain.error import TrothError
    from troth.engine.engine import Engine
    from troth.vault.vault import Vault


class UnlockHost(Protocol):
    """What the screen needs of the app."""

    @property
    def vault_dir(self) -> Path: ...
    def exit(self, result: int | None = None) -> None: ...
    async def wait_until_warm(self) -> None: ...
    async def open_engine(self, vault: Vault | None) -> Engine: ...
    def enter_chat(self) -> None: ...


class UnlockScreen(Screen[None]):
    """One field. ctrl+r asks for the recovery words instead, ctrl+g goes on without the vault."""

    CSS_PATH = "unlock.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "recovery", "Recovery words", show=False, priority=True,
                tooltip="Open with the twelve recovery words", id="unlock.recovery"),
        Binding("ctrl+g", "without", "Without the vault", show=False, priority=True,
                tooltip="Chat without the vault; nothing is kept", id="unlock.without"),
    ]  # fmt: skip

    def __init__(self, host: UnlockHost) -> None:
        super().__init__()
        self._host = host
        self._uses_words = False
        self._accepts_older = False
        self._accepts_damaged = False
        self._recovers_header = False
        self._is_opening = False

    def compose(self) -> ComposeResult:
        yield TitleBar()
        with Vertical(id="middle"), Vertical(id="box") as box:
            box.border_title = "Unlock"
            yield Static("Passphrase", markup=False, id="label")
            yield Field(password=True, compact=True, id="secret")
            yield Static("", markup=False, id="said")
        yield FooterBar(
            (
                FooterItem("unlock.open", "⏎", "open", 1),
                FooterItem("unlock.recovery", "^r", "recovery words", 3),
                FooterItem("unlock.without", "^g", "without the vault", 4),
                FooterItem("app.leave", "^q", "quit", 2, is_right=True),
            )
        )

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        match message.command_id:
            case "unlock.open":
                self._begin(self.query_one(Input).value)
            case "unlock.recovery":
                self.action_recovery()
            case "unlock.without":
                self.action_without()
            case _:
                self._host.exit(0)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self._begin(message.value)

    def _begin(self, secret: str) -> None:
        if secret and not self._is_opening:
            self._is_opening = True
            self._say("Opening ...")
            self.run_worker(self._open(secret), name="unlock")

    def action_recovery(self) -> None:
        """Switch between passphrase and recovery words."""
        self._uses_words = not self._uses_words
        field = self.query_one(Input)
        field.password = not self._uses_words
        field.value = ""
        words = "The twelve recovery words" if self._uses_words else "Passphrase"
        self.query_one("#label", Static).update(words)
        self._say("")

    def action_without(self) -> None:
        """Chat in memory: the vault stays shut, nothing is kept."""
        if not self._is_opening:
            self._is_opening = True
            self.run_worker(self._go_on(None), name="without")

    def open_with(self, passphrase: str) -> None:
        """Open with a passphrase that nobody typed: the environment led to it."""
        self._begin(passphrase)

    def try_keyring(self) -> None:
        """Open with the key in the system's keychain, where the vault has such a slot."""
        self.run_worker(self._open(None), name="keyring")

    async def _open(self, secret: str | None) -> None:
        from troth.domain.error import (
            HeaderDamaged,
            TrothError,
            VaultDamaged,
            VaultOlder,
            WrongPassphrase,
        )
        from troth.explain import explain
        from troth.tui.opening import open_vault
        from troth.vault.upkeep import has_header_copy, recover_header_copy

        try:
            if self._recovers_header:
                await recover_header_copy(self._host.vault_dir)
            vault = await open_vault(
                self._host.vault_dir,
                passphrase=None if self._uses_words else secret,
                recovery_words=secret if self._uses_words else None,
                from_keyring=secret is None,
                accept_older=self._accepts_older,
                accept_damaged=self._accepts_damaged,
            )
        except VaultOlder as error:
            self._accepts_older = True
            self._offer(error, "opens it all the same")
        except HeaderDamaged as error:
            has_copy = not self._recovers_header and has_header_copy(self._host.vault_dir)
            self._recovers_header = has_copy
            self._offer(error, "puts the whole copy of it in place" if has_copy else "")
        except VaultDamaged as error:
            is_first, self._accepts_damaged = not self._accepts_damaged, True
            self._offer(error, "opens it as it is, to save what is left" if is_first else "")
        except TrothError as error:
            words = explain(error)
            if secret is not None:
                self._say(f"{words.title}. {words.next_step}")
            if isinstance(error, WrongPassphrase):
                self.query_one(Input).value = ""  # the next one would be typed behind it, unseen
        else:
            await self._go_on(vault)
            return
        self._is_opening = False

    async def _go_on(self, vault: Vault | None) -> None:
        await self._host.wait_until_warm()
        self.query_one(Input).value = ""
        await self._host.open_engine(vault)
        self._host.enter_chat()

    def _offer(self, error: TrothError, what: str) -> None:
        """Say what is wrong and what Enter does about it now; the shell can do more."""
        from troth.explain import explain

        words = explain(error)
        next_step = f"Enter once more {what}." if what else words.next_step
        self._say(f"{words.title}. {next_step} `troth vault restore` brings back a backup.")

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(text)


async def open_as_told(screen: Screen[object], environ: Mapping[str, str]) -> None:
    """Open with the passphrase that the environment leads to: at the start, never after a lock."""
    from troth.domain.error import VaultLocked
    from troth.vault.given import given_passphrase

    try:
        given = await asyncio.to_thread(given_passphrase, environ)
    except VaultLocked:
        return  # it leads nowhere: the screen that stands there asks
    if given and isinstance(screen, UnlockScreen):
        screen.open_with(given)

"""The vault as a whole: what it is, how it opens, checking it, backing it up.

Whoever stands at an open screen may look and back up; to change what opens the vault, the
passphrase is asked for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.getters import query_one
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker

from troth.domain.error import TrothError, WrongPassphrase
from troth.engine.vault_care import VaultFacts, back_up, vault_facts
from troth.explain import explain
from troth.settings import typed_path
from troth.tui.keys import FooterItem
from troth.tui.safe import clean
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.import_words import bar_words
from troth.tui.screens.vault_secrets import NewPassphraseScreen, RecoveryWordsScreen
from troth.tui.screens.vault_words import (
    action_rows,
    backup_words,
    check_words,
    status_words,
    step_words,
)
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.row_list import RowList
from troth.tui.widgets.title_bar import TitleBar
from troth.vault.check import CheckProgress

if TYPE_CHECKING:
    from troth.engine.engine import Engine
    from troth.tui.application import TrothApp


class VaultCareScreen(Screen[None]):
    """Facts above, what can be done below; the last line tells how far something is."""

    CSS_PATH = "vault.tcss"
    AUTO_FOCUS = "RowList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", show=False, tooltip="Stop, or go back",
                id="care.back"),
        Binding("enter", "choose", "Do it", show=False, tooltip="Do what is under the cursor",
                id="care.choose"),
        Binding("down,j", "move(1)", "Down", show=False, tooltip="Move down", id="care.down"),
        Binding("up,k", "move(-1)", "Up", show=False, tooltip="Move up", id="care.up"),
        Binding("pagedown", "scroll(4)", "Facts down", show=False,
                tooltip="Scroll the facts down", id="care.scroll_down"),
        Binding("pageup", "scroll(-4)", "Facts up", show=False, tooltip="Scroll the facts up",
                id="care.scroll_up"),
    ]  # fmt: skip

    rows = query_one(RowList)

    def __init__(self, host: TrothApp, engine: Engine) -> None:
        super().__init__()
        self._host = host
        self._engine = engine
        self._facts: VaultFacts | None = None
        self._work: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        title = TitleBar()
        title.chat_title = "Vault"
        yield title
        with VerticalScroll(can_focus=False, id="facts"):
            yield Static("", markup=False, id="status")
        yield RowList(title_width=24)
        yield Static("", markup=False, id="said")
        yield FooterBar(self._footer(is_busy=False))

    def _footer(self, *, is_busy: bool) -> tuple[FooterItem, ...]:
        if is_busy:
            return (FooterItem("care.back", "esc", "stop", 1),)
        return (
            FooterItem("care.choose", "⏎", "do it", 1),
            FooterItem("care.move", "↑↓", "move", 3),
            FooterItem("care.scroll", "pgdn", "more", 4),
            FooterItem("care.back", "esc", "back", 2, is_right=True),
        )

    def on_mount(self) -> None:
        self.run_worker(self._refresh(), group="facts", exclusive=True)

    async def _refresh(self) -> None:
        try:
            facts = await vault_facts(self._engine.vault)
        except TrothError as error:
            self._say_error(error)
            return
        self._facts = facts
        words = status_words(facts, self._engine.settings.lock_after_minutes)
        self.query_one("#status", Static).update(words)
        self.rows.set_rows(action_rows(facts), cursor=self.rows.cursor)

    def say(self, words: str) -> None:
        """Show what was done, or how far it is."""
        self.query_one("#said", Static).update(clean(words))

    def _say_error(self, error: TrothError) -> None:
        said = explain(error)
        self.say(f"{said.title}. {said.detail} {said.next_step}")

    # -- keys

    def action_move(self, by: int) -> None:
        self.rows.move(by)

    def action_scroll(self, by: int) -> None:
        self.query_one("#facts").scroll_relative(y=by, animate=False)

    def action_choose(self) -> None:
        self.rows.choose()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        if self._is_busy:
            return
        match message.row.id:
            case "check":
                self._begin(self._check())
            case "backup":
                self._begin(self._back_up())
            case "passphrase":
                self._begin(self._change_passphrase())
            case "words":
                self._begin(self._renew_words())
            case "keyring-on":
                self._begin(self._use_keyring())
            case "keyring-off":
                self._begin(self._forget_keyring())
            case _:
                self._host.lock()

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        if message.command_id == "care.choose":
            self.action_choose()
        elif message.command_id == "care.back":
            self.action_back()

    @property
    def _is_busy(self) -> bool:
        return self._work is not None and not self._work.is_finished

    def action_back(self) -> None:
        """Stop what runs, else leave."""
        if self._is_busy and self._work is not None:
            self._work.cancel()
            self.say("Stopped.")
        else:
            self.dismiss(None)

    # -- work

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        self._work = self.run_worker(self._carry_out(work), group="work", exclusive=True)

    async def _carry_out(self, work: Coroutine[None, None, None]) -> None:
        """Do one thing, say what went wrong, and look at the vault again."""
        footer = self.query_one(FooterBar)
        footer.items = self._footer(is_busy=True)
        try:
            await work
        except WrongPassphrase as error:
            self.say(f"{explain(error).title}. Nothing was changed.")
        except TrothError as error:
            self._say_error(error)
        finally:
            footer.items = self._footer(is_busy=False)
        await self._refresh()

    async def _check(self) -> None:
        def show(progress: CheckProgress) -> None:
            self._host.stay_awake()
            self.say(bar_words("Reading", progress.done, step_words(progress.step)))

        self.say(bar_words("Reading", 0.0))
        self.say(check_words(await self._engine.vault.upkeep.check(show)))

    async def _back_up(self) -> None:
        last = self._facts.last_backup if self._facts is not None else None
        folder = str(Path(last.folder).parent) if last is not None else "~/troth-backups"
        dialog = TextDialog("Back up into which folder? Another disk is best", folder)
        typed = await self._host.push_screen_wait(dialog)
        if typed is None:
            return

        def show(done: float) -> None:
            self._host.stay_awake()
            self.say(bar_words("Copying", done, "then it is read back"))

        show(0.0)
        made = await back_up(self._engine.vault, _folder(typed), on_progress=show)
        self.say(backup_words(made))

    async def _asked(self) -> bool:
        """Ask for the passphrase; raise WrongPassphrase for another one, False for none."""
        dialog = TextDialog("The passphrase as it is now", is_secret=True)
        typed = await self._host.push_screen_wait(dialog)
        if typed is None:
            return False
        self.say("Trying it ...")
        if not await self._engine.vault.upkeep.is_passphrase(typed):
            raise WrongPassphrase(str(self._engine.vault.path))
        self.say("")
        return True

    async def _change_passphrase(self) -> None:
        if not await self._asked():
            return
        new = await self._host.push_screen_wait(NewPassphraseScreen())
        if new is None:
            return
        self.say("Changing it ...")
        await asyncio.shield(self._engine.vault.upkeep.change_passphrase(new))
        self.say("The passphrase is changed. Backups made before still open with the old one.")

    async def _renew_words(self) -> None:
        if not await self._asked():
            return
        self.say("Making new words ...")
        words = await self._engine.vault.upkeep.renew_recovery()
        self.say("The old recovery words open this vault no more.")
        await self._host.push_screen_wait(RecoveryWordsScreen(words.split()))

    async def _use_keyring(self) -> None:
        if not await self._asked():
            return
        self.say("Asking the keychain ...")
        await self._engine.vault.upkeep.add_keyring()
        self.say("This computer's keychain opens the vault from now on; the passphrase too.")

    async def _forget_keyring(self) -> None:
        await self._engine.vault.upkeep.remove_slot("keyring")
        self.say("Only the passphrase and the recovery words open the vault now.")


def _folder(typed: str) -> Path:
    return typed_path(typed.strip())

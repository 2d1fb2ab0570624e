"""Dialogs about what opens the vault: a new passphrase, new recovery words.

What is typed or shown here is secret: it goes nowhere but to the caller, and is never copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from troth.tui.screens.palette import CLOSE
from troth.tui.strength import refusal_words, strength_of
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.field import Field

_COLUMNS = 3


def words_table(words: Sequence[str]) -> str:
    """Write recovery words with their numbers, column by column."""
    rows = -(-len(words) // _COLUMNS)
    return "\n".join(
        "   ".join(f"{at + 1:>2} {words[at]:<10}" for at in range(row, len(words), rows))
        for row in range(rows)
    )


class NewPassphraseScreen(ModalScreen[str | None]):
    """Asks for a new passphrase twice; gives it back, or None."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog") as box:
            box.border_title = "New passphrase"
            box.keys = "tab next   ⏎ keep it   esc cancel"
            for name, label in (("first", "New"), ("second", "Again")):
                with Horizontal(classes="field"):
                    yield Static(label, markup=False, classes="name")
                    yield Field(password=True, compact=True, id=name)
            yield Static("", markup=False, classes="label", id="strength")
            yield Static("", markup=False, classes="wrong")

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        if message.input.id == "first":
            words = strength_of(message.value).words
            self.query_one("#strength", Static).update(f"Strength: {words}" if words else "")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        first, second = (self.query_one(name, Input) for name in ("#first", "#second"))
        if refused := refusal_words(first.value):
            self._say(refused)
            first.focus()
        elif message.input is first and not second.value:
            second.focus()
        elif first.value != second.value:
            self._say("The two are not the same.")
            second.focus()
        else:
            self.dismiss(first.value)

    def _say(self, words: str) -> None:
        self.query_one(".wrong", Static).update(words)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)


class RecoveryWordsScreen(ModalScreen[None]):
    """Shows new recovery words until the person says that they are on paper."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "done", "Done", show=False, tooltip="The words are on paper",
                id="words.done"),
    ]  # fmt: skip

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog") as box:
            box.border_title = "New recovery words"
            box.keys = "⏎ they are on paper"
            yield Static(
                "Write these words on paper, in this order. They open the vault when the "
                "passphrase is forgotten. The old words have ended, and these are shown only now."
                f"\n\n{words_table(self._words)}\n",
                markup=False,
                classes="label",
            )

    def action_done(self) -> None:
        self.dismiss(None)

"""The palette: every command by name, and the themes, which show while the cursor walks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.screen import ModalScreen

from troth.tui.commands import palette_matches
from troth.tui.keys import Keymap
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.picker import Picker
from troth.tui.widgets.row_list import Column, Row, RowList

CLOSE = Binding(
    "escape",
    "dismiss_none",
    "Close",
    show=False,
    tooltip="Close without choosing",
    id="dialog.close",
)


class PaletteScreen(ModalScreen[str | None]):
    """Gives back the id of the chosen command."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]
    picker = query_one(Picker)

    def __init__(self, keymap: Keymap, facts: Iterable[str]) -> None:
        super().__init__()
        self._keymap = keymap
        self._facts = frozenset(facts)

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide -tall") as box:
            box.border_title = "Commands"
            box.keys = "⏎ do it   ↑↓ move   esc close"
            yield Picker(
                placeholder="what to do",
                title_width=25,
                columns=(Column(12, 84), Column(11, 0, is_right_aligned=True)),
            )

    def on_mount(self) -> None:
        self._show("")

    def on_picker_typed(self, message: Picker.Typed) -> None:
        self._show(message.words)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        self.dismiss(message.row.id)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    def _show(self, words: str) -> None:
        self.picker.show(
            [
                Row(
                    command.id,
                    command.title,
                    command.help,
                    (f"/{command.slash}" if command.slash else "", self._keymap.every(command.id)),
                )
                for command in palette_matches(words, self._facts)
            ]
        )


class ThemeScreen(ModalScreen[str | None]):
    """Walks the themes; the one under the cursor is worn at once. Escape brings back the old."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]
    picker = query_one(Picker)

    def __init__(self, names: Sequence[str], worn: str, wear: Callable[[str], None]) -> None:
        super().__init__()
        self._names = names
        self._before = worn
        self._wear = wear

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog") as box:
            box.border_title = "Theme"
            box.keys = "⏎ keep it   ↑↓ try on   esc back to the old one"
            yield Picker(placeholder="name of a theme")

    def on_mount(self) -> None:
        self._show("", self._before)

    def on_picker_typed(self, message: Picker.Typed) -> None:
        self._show(message.words)

    def on_row_list_highlighted(self, message: RowList.Highlighted) -> None:
        if message.row is not None:
            self._wear(message.row.id)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        self.dismiss(message.row.id)

    def action_dismiss_none(self) -> None:
        self._wear(self._before)
        self.dismiss(None)

    def _show(self, words: str, current: str = "") -> None:
        fitting = [name for name in self._names if words.lower() in name.lower()]
        cursor = fitting.index(current) if current in fitting else 0
        self.picker.show([Row(name, name) for name in fitting], cursor=cursor)

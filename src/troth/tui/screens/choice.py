"""A short list to choose from, over whatever stands there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.getters import query_one
from textual.screen import ModalScreen

from troth.tui.commands import fuzzy_rank
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.picker import Picker
from troth.tui.widgets.row_list import Column, Row, RowList


class ChoiceScreen(ModalScreen[str | None]):
    """Gives back the id of the chosen row, or None."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]
    picker = query_one(Picker)

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        *,
        columns: tuple[Column, ...] = (),
        title_width: int = 0,
    ) -> None:
        super().__init__()
        self._title = title
        self._rows = rows
        self._columns = columns
        self._title_width = title_width

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog") as box:
            box.border_title = self._title
            box.keys = "⏎ choose   esc back"
            yield Picker(
                placeholder="type to filter",
                columns=self._columns,
                title_width=self._title_width,
            )

    def on_mount(self) -> None:
        self.picker.show(self._rows)

    def on_picker_typed(self, message: Picker.Typed) -> None:
        ranked = [(fuzzy_rank(message.words, row.title), row) for row in self._rows]
        fitting = [(rank, place) for place, (rank, _) in enumerate(ranked) if rank is not None]
        self.picker.show([self._rows[place] for _, place in sorted(fitting)])

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        self.dismiss(message.row.id)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

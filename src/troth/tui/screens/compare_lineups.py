"""Saved line-ups: take one, save these columns as one, rename and delete."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import getters
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.error import TrothError, UsageError
from troth.engine.comparison_lineups import (
    lineup,
    lineups,
    remove_lineup,
    rename_lineup,
    save_lineup,
)
from troth.engine.comparison_state import MIN_COLUMNS, ColumnSpec
from troth.explain import explain
from troth.tui.safe import clean_line
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from troth.engine.engine import Engine

_MOST_ROWS = 12


class LineUpsScreen(ModalScreen[tuple[ColumnSpec, ...] | None]):
    """Gives back the columns of the chosen line-up."""

    CSS_PATH = "dialog.tcss"
    app = getters.app(cast("type[App[object]]", App))
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("enter", "take", "Take", show=False, tooltip="Take these columns",
                id="lineups.take"),
        Binding("n", "save", "Save", show=False, tooltip="Save the chosen columns under a name",
                id="lineups.save"),
        Binding("r", "rename", "Rename", show=False, tooltip="Give it another name",
                id="lineups.rename"),
        Binding("d,delete", "delete", "Delete", show=False, tooltip="Forget this line-up",
                id="lineups.delete"),
        Binding("down,j", "move(1)", "Down", show=False, tooltip="Go down", id="lineups.down"),
        Binding("up,k", "move(-1)", "Up", show=False, tooltip="Go up", id="lineups.up"),
    ]  # fmt: skip
    rows = query_one(RowList)

    def __init__(self, engine: Engine, chosen: Sequence[ColumnSpec]) -> None:
        """`chosen` are the columns that `n` saves."""
        super().__init__()
        self._engine = engine
        self._chosen = tuple(chosen)

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide") as box:
            box.border_title = "Line-ups"
            box.keys = "⏎ take   n save these columns   r rename   d delete   esc back"
            yield RowList(empty_text="none yet: n saves the columns that are chosen")
            yield Static("", markup=False, classes="hint")

    def on_mount(self) -> None:
        self._draw()
        self.rows.focus()

    def _draw(self, current: str = "") -> None:
        names = lineups(self._engine)
        self.rows.styles.height = max(1, min(_MOST_ROWS, len(names)))
        cursor = names.index(current) if current in names else 0
        known = self._engine.settings.lineups
        self.rows.set_rows(
            [Row(name, name, ", ".join(known[name])) for name in names], cursor=cursor
        )

    def _hint(self, text: str) -> None:
        self.query_one(".hint", Static).update(clean_line(text))

    def action_move(self, by: int) -> None:
        self.rows.move(by)

    def action_take(self) -> None:
        self.rows.choose()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        try:
            self.dismiss(lineup(self._engine, message.row.id))
        except TrothError as error:
            words = explain(error)
            self._hint(f"{words.title} {words.detail}")

    def action_save(self) -> None:
        if len(self._chosen) < MIN_COLUMNS:
            self._hint(f"A line-up has at least {MIN_COLUMNS} columns: choose them first.")
            return

        def named(name: str | None) -> None:
            if name is not None:
                self._do(save_lineup(self._engine, name, self._chosen), name, f"Saved as {name}.")

        self.app.push_screen(TextDialog("Name of the line-up"), named)

    def action_rename(self) -> None:
        if (row := self.rows.current) is None:
            return

        def named(name: str | None) -> None:
            if name is not None:
                self._do(rename_lineup(self._engine, row.id, name), name, f"It is {name} now.")

        self.app.push_screen(TextDialog("New name", row.id), named)

    def action_delete(self) -> None:
        if (row := self.rows.current) is None:
            return
        named = ", ".join(self._engine.settings.lineups[row.id])

        def answered(answer: str | None) -> None:
            if answer is not None:
                self._do(remove_lineup(self._engine, row.id), "", f"{row.id} is gone.")

        self.app.push_screen(
            TextDialog(f"Delete {row.id}?", f"Forget these columns: {named}", is_question=True),
            answered,
        )

    def _do(self, work: Awaitable[None], current: str, done: str) -> None:
        async def carry_out() -> None:
            try:
                await work
            except UsageError as error:
                self._hint(f"{str(error)[:1].upper()}{str(error)[1:]}.")
            except TrothError as error:
                self._hint(explain(error).title)
            else:
                self._draw(current.strip())
                self._hint(done)

        self.run_worker(carry_out(), group="lineup")

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

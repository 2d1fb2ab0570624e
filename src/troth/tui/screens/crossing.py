"""The question before words that were protected so far reach a provider that proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.explain import crossing_words
from troth.tui.safe import clean
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from troth.engine.boundary import Crossing

Crosses = Literal["send", "without"]


_CHOICES: dict[str, Crosses] = {"send": "send", "without": "without"}


class CrossingScreen(ModalScreen[Crosses | None]):
    """Send, send without those, or cancel. Cancel stands first: a stray Enter sends nothing."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("enter", "choose", "Choose", show=False, tooltip="Choose", id="crossing.choose"),
        Binding("down,j", "move(1)", "Down", show=False, tooltip="Go down", id="crossing.down"),
        Binding("up,k", "move(-1)", "Up", show=False, tooltip="Go up", id="crossing.up"),
    ]  # fmt: skip

    def __init__(
        self, crossing: Crossing, provider: str, model: str, *, question_id: str = ""
    ) -> None:
        """`question_id` is the prompt that is to be asked, where it is one of them: without it
        there is nothing to send.
        """
        super().__init__()
        self._crossing = crossing
        self._others = [id for id in crossing.message_ids if id != question_id]
        self._provider = provider
        self._model = model

    def compose(self) -> ComposeResult:
        crossing = self._crossing
        words = crossing_words(crossing.attested, crossing.local)
        with DialogBox(classes="dialog") as box:
            box.border_title = "Before this is sent"
            box.keys = "⏎ choose   esc cancel"
            yield Static(
                clean(
                    f"{words}.\n\n{self._model} would be given them too, by way of "
                    f"{self._provider}, and nothing proves who reads there.\n"
                ),
                classes="label",
                markup=False,
            )
            rows = RowList()
            rows.styles.height = len(self._rows())
            yield rows

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.set_rows(self._rows())
        rows.focus()

    def _rows(self) -> list[Row]:
        count, others = len(self._crossing.message_ids), len(self._others)
        rows = [Row("", "Cancel: nothing leaves, the draft stays")]
        if others == count:
            rows.append(Row("without", f"Send without those {count}"))
        elif others:
            rows.append(Row("without", f"Send the question without the other {others}"))
        all_words = f"Send all, with those {count}" if others else "Send the question"
        return [*rows, Row("send", all_words)]

    def action_move(self, by: int) -> None:
        self.query_one(RowList).move(by)

    def action_choose(self) -> None:
        self.query_one(RowList).choose()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        chosen = message.row.id
        self.dismiss(_CHOICES.get(chosen))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

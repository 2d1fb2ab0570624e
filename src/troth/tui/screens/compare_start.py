"""Who is compared: two to eight columns out of all models, the same one twice where wished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from textual import getters
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.error import TrothError
from troth.engine.comparison_lineups import lineup, lineups, save_lineup
from troth.engine.comparison_state import MAX_COLUMNS, MIN_COLUMNS, ColumnSpec
from troth.engine.comparison_text import parse_spec, write_spec
from troth.explain import explain, lack_words
from troth.tui.commands import fuzzy_rank
from troth.tui.safe import clean_line
from troth.tui.screens.choice import ChoiceScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.entries import price_words
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.picker import Picker
from troth.tui.widgets.row_list import Column, Row, RowList

if TYPE_CHECKING:
    from troth.engine.directory import ModelChoice
    from troth.engine.engine import Engine

_SAVE = "\0save"
_MAX_ROWS = 400


class LineUp(NamedTuple):
    """What was chosen."""

    specs: tuple[ColumnSpec, ...]
    is_blind: bool


class StartScreen(ModalScreen[LineUp | None]):
    """Fuzzy list over all models. Enter adds a column, the same model again adds another."""

    CSS_PATH = "dialog.tcss"
    app = getters.app(cast("type[App[object]]", App))
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("ctrl+s", "begin", "Compare", show=False, priority=True,
                tooltip="Put the prompt to these columns", id="lineup.begin"),
        Binding("ctrl+b", "hide", "Blind", show=False, priority=True,
                tooltip="Hide the names until you have voted", id="lineup.blind"),
        Binding("ctrl+l", "lineups", "Line-ups", show=False, priority=True,
                tooltip="Take a saved line-up, or save this one", id="lineup.saved"),
        Binding("ctrl+x,delete", "drop", "Remove", show=False, priority=True,
                tooltip="Take the last column of this model away", id="lineup.drop"),
    ]  # fmt: skip
    picker = query_one(Picker)

    def __init__(
        self, engine: Engine, specs: Sequence[ColumnSpec], *, prompt: str, is_blind: bool = False
    ) -> None:
        super().__init__()
        self._engine = engine
        self._specs = list(specs)
        self._prompt = prompt
        self._is_blind = is_blind
        self._choices: list[ModelChoice] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide -tall") as box:
            box.border_title = "Compare"
            box.border_subtitle = "⏎ add   ^x remove   ^b blind   ^l line-ups   ^s start   esc"
            yield Static("", markup=False, classes="label", id="chosen")
            yield Picker(
                placeholder="name of a model; ?temperature=0.2 behind it sets parameters",
                columns=(Column(14, 40), Column(11, 56, is_right_aligned=True), Column(3)),
                empty_text="no model fits; provider/name is used as it is typed",
            )
            yield Static("", markup=False, classes="hint")

    def on_mount(self) -> None:
        self._choices = self._engine.models()
        self._draw()

    # -- drawing

    def _draw(self, cursor: int = 0) -> None:
        words = self.picker.field.value
        rows = self._rows(words)
        self.picker.show(rows, cursor=cursor, count=f"{len(self._specs)} of {MAX_COLUMNS}")
        names = "   ".join(f"{at} {spec.title}" for at, spec in enumerate(self._specs, 1))
        blind = "   names hidden" if self._is_blind else ""
        lines = [f"For: {clean_line(self._prompt)[:200]}", f"{clean_line(names) or 'No column'}"]
        self.query_one("#chosen", Static).update(f"{lines[0]}\n{lines[1]}{blind}\n")
        need = MIN_COLUMNS - len(self._specs)
        self._hint(f"{need} more to begin." if need > 0 else "^s puts the prompt to all of them.")

    def _hint(self, text: str) -> None:
        self.query_one(".hint", Static).update(clean_line(text))

    def _rows(self, words: str) -> list[Row]:
        name, question, _ = words.partition("?")
        counts = Counter(write_spec(spec).partition("?")[0] for spec in self._specs)
        ranked: list[tuple[tuple[int, int, int], Row]] = []
        for place, choice in enumerate(self._choices):
            ref = choice.info.ref
            rank = fuzzy_rank(name, f"{ref.model} {ref.provider} {choice.endpoint.title}")
            if rank is None:
                continue
            count = counts[str(ref)]
            state = lack_words(choice.lack) or price_words(choice.info)
            cells = (choice.endpoint.title or ref.provider, state, f"×{count}" if count else "")
            mark = "✓" if count else ""
            order = (rank, 0 if choice.is_ready else 1, place)
            ranked.append(
                (order, Row(str(ref), ref.model, cells=cells, mark=mark, tone="good" * bool(count)))
            )
        ranked.sort(key=lambda pair: pair[0])
        rows = [row for _, row in ranked[:_MAX_ROWS]]
        listed = {row.id for row in rows}
        if "/" in name and name.strip() not in listed:
            rows.append(Row(words.strip(), words.strip(), cells=("as typed",)))
        elif question:
            rows = [row._replace(note=f"with {words.partition('?')[2]}") for row in rows]
        return rows

    # -- choosing

    def on_picker_typed(self, message: Picker.Typed) -> None:
        message.stop()
        self._draw()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        if len(self._specs) >= MAX_COLUMNS:
            self._hint(f"{MAX_COLUMNS} columns are the most.")
            return
        settings = self.picker.field.value.partition("?")[2]
        text = message.row.id
        if settings and "?" not in text:
            text = f"{text}?{settings}"
        try:
            self._specs.append(parse_spec(text, self._engine.resolve_model))
        except TrothError as error:
            words = explain(error)
            self._hint(f"{words.title} {words.detail}")
            return
        if "as typed" in message.row.cells:
            self.picker.field.value = ""  # draws by itself
        self._draw(self.picker.row_list.cursor)

    def action_drop(self) -> None:
        """Take away the last column of the model under the cursor, else the last of all."""
        row = self.picker.row_list.current
        for place in range(len(self._specs) - 1, -1, -1):
            if row is not None and str(self._specs[place].model) == row.id:
                del self._specs[place]
                break
        else:
            del self._specs[-1:]
        self._draw(self.picker.row_list.cursor)

    def action_hide(self) -> None:
        self._is_blind = not self._is_blind
        self._draw(self.picker.row_list.cursor)

    def action_begin(self) -> None:
        if len(self._specs) < MIN_COLUMNS:
            self._draw(self.picker.row_list.cursor)
            return
        self.dismiss(LineUp(tuple(self._specs), self._is_blind))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    # -- line-ups

    def action_lineups(self) -> None:
        """Offer the saved line-ups, and to save this one."""
        rows = [
            Row(name, name, ", ".join(self._engine.settings.lineups[name]))
            for name in lineups(self._engine)
        ]
        if len(self._specs) >= MIN_COLUMNS:
            rows.append(Row(_SAVE, "Save these columns under a name"))
        if not rows:
            self._hint("No line-up is saved yet: choose columns first.")
            return
        self.app.push_screen(ChoiceScreen("Line-ups", rows), self._lineup_chosen)

    def _lineup_chosen(self, name: str | None) -> None:
        if name is None:
            return
        if name == _SAVE:
            self.app.push_screen(TextDialog("Name of the line-up"), self._name_given)
            return
        try:
            self._specs = list(lineup(self._engine, name))
        except TrothError as error:
            self._hint(explain(error).title)
            return
        self._draw()

    def _name_given(self, name: str | None) -> None:
        if name is not None:
            self.run_worker(self._save(name), group="save")

    async def _save(self, name: str) -> None:
        try:
            await save_lineup(self._engine, name, self._specs)
        except TrothError as error:
            self._hint(explain(error).title)
        else:
            self._hint(f"Saved as {name}.")

"""Who is compared: two to eight columns out of all models, the same one twice where wished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import getters
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.error import TrothError
from troth.engine.comparison_state import MAX_COLUMNS, MIN_COLUMNS, Blind, ColumnSpec, LineUp
from troth.engine.comparison_text import parse_spec, write_spec
from troth.explain import explain, lack_words
from troth.tui.commands import fuzzy_rank, model_rank
from troth.tui.safe import clean_line
from troth.tui.screens.compare_lineups import LineUpsScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.entries import price_words
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.picker import Picker
from troth.tui.widgets.row_list import Column, Row, RowList

if TYPE_CHECKING:
    from troth.engine.directory import ModelChoice
    from troth.engine.engine import Engine

_MAX_ROWS = 400


_BLINDNESS = (
    (None, "names in sight"),
    (Blind(), "names hidden: you vote first"),
    (Blind(pads_latency=True), "names hidden, and answers shown only when all are there"),
)
"""What ctrl+b walks through."""


class StartScreen(ModalScreen[LineUp | None]):
    """Fuzzy list over all models. Enter adds a column, the same model again adds another."""

    CSS_PATH = "dialog.tcss"
    app = getters.app(cast("type[App[object]]", App))
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("ctrl+s", "begin", "Compare", show=False, priority=True,
                tooltip="Put the prompt to these columns", id="lineup.begin"),
        Binding("ctrl+b", "hide", "Blind", show=False, priority=True,
                tooltip="Hide the names until you have voted; once more: the speed, too",
                id="lineup.blind"),
        Binding("ctrl+r", "refresh_list", "Ask the provider", show=False, priority=True,
                tooltip="Ask this model's provider for its list", id="lineup.refresh"),
        Binding("ctrl+e", "prompt_set", "Prompt set", show=False, priority=True,
                tooltip="Name the set of prompts that this one belongs to, for ratings by set",
                id="lineup.set"),
        Binding("ctrl+l", "lineups", "Line-ups", show=False, priority=True,
                tooltip="Take a saved line-up, or save this one", id="lineup.saved"),
        Binding("ctrl+x,delete", "drop", "Remove", show=False, priority=True,
                tooltip="Take the last column of this model away", id="lineup.drop"),
    ]  # fmt: skip
    picker = query_one(Picker)

    def __init__(
        self,
        engine: Engine,
        specs: Sequence[ColumnSpec],
        *,
        prompt: str,
        blind: Blind | None = None,
        prompt_set: str = "",
    ) -> None:
        super().__init__()
        self._engine = engine
        self._specs = list(specs)
        self._prompt = prompt
        self._blindness = next(
            (at for at, (known, _) in enumerate(_BLINDNESS) if known == blind), 0
        )
        self._prompt_set = prompt_set
        self._choices: list[ModelChoice] = []

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide -tall") as box:
            box.border_title = "Compare"
            box.keys = "⏎ add  ^x remove  ^b blind  ^l line-ups  ^s start  esc back"
            yield Static("", markup=False, classes="label", id="chosen")
            yield Picker(
                placeholder="name of a model; ?temperature=0.2 behind it sets parameters",
                columns=(Column(14, 40), Column(11, 56, is_right_aligned=True), Column(3)),
                empty_text="no model fits; provider/name is used as it is typed",
            )
            yield Static("", markup=False, classes="hint")

    def on_mount(self) -> None:
        self._choices = self._engine.providers.models()
        self._draw()

    # -- drawing

    def _draw(self, cursor: int = 0) -> None:
        words = self.picker.field.value
        rows = self._rows(words)
        self.picker.show(rows, cursor=cursor, count=f"{len(self._specs)} of {MAX_COLUMNS}")
        names = "   ".join(f"{at} {spec.title}" for at, spec in enumerate(self._specs, 1))
        how = _BLINDNESS[self._blindness][1]
        of_set = f"   set: {clean_line(self._prompt_set)}" if self._prompt_set else ""
        lines = [
            f"Prompt   {clean_line(self._prompt)[:200]}",
            f"Columns  {clean_line(names) or 'none yet: Enter adds the one under the cursor'}",
            f"Blind    {how}{of_set}",
        ]
        self.query_one("#chosen", Static).update("\n".join(lines) + "\n")
        need = MIN_COLUMNS - len(self._specs)
        more = "^r asks the provider for its models   ^e names a prompt set"
        now = f"{need} more to begin." if need > 0 else "^s puts the prompt to all of them."
        self._hint(f"{now}   {more}")

    def _hint(self, text: str) -> None:
        self.query_one(".hint", Static).update(clean_line(text))

    def _rows(self, words: str) -> list[Row]:
        name, question, _ = words.partition("?")
        counts = Counter(write_spec(spec).partition("?")[0] for spec in self._specs)
        ranked: list[tuple[tuple[int, int, int], Row]] = []
        for place, choice in enumerate(self._choices):
            ref = choice.info.ref
            rank = model_rank(name, ref, choice.endpoint.title)
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
        rows += self._unlisted_rows(name)
        if "/" in name and name.strip() not in listed:
            rows.append(Row(words.strip(), words.strip(), cells=("as typed",)))
        elif question:
            rows = [row._replace(note=f"with {words.partition('?')[2]}") for row in rows]
        return rows

    def _unlisted_rows(self, words: str) -> list[Row]:
        """Offer to ask the providers whose models nobody knows yet."""
        known = {choice.endpoint.name for choice in self._choices}
        return [
            Row(endpoint.name, endpoint.title or endpoint.name, "Enter asks for its models")
            for endpoint in self._engine.providers.endpoints()
            if endpoint.name not in known and endpoint.name != "local"
            if not endpoint.needs_key
            or self._engine.providers.key_status(endpoint.name) is not None
            if fuzzy_rank(words, f"{endpoint.name} {endpoint.title}") is not None
        ]

    # -- choosing

    def on_picker_typed(self, message: Picker.Typed) -> None:
        message.stop()
        self._draw()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        if "/" not in message.row.id:
            self.run_worker(self._refresh(message.row.id), group="refresh", exclusive=True)
            return
        if len(self._specs) >= MAX_COLUMNS:
            self._hint(f"{MAX_COLUMNS} columns are the most.")
            return
        settings = self.picker.field.value.partition("?")[2]
        text = message.row.id
        if settings and "?" not in text:
            text = f"{text}?{settings}"
        try:
            self._specs.append(parse_spec(text, self._engine.providers.resolve_model))
        except TrothError as error:
            words = explain(error)
            self._hint(f"{words.title} {words.detail}")
            return
        if "as typed" in message.row.cells:
            self.picker.field.value = ""  # draws by itself
        self.picker.field.action_select_all()  # the next name takes the place of this one
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
        self._blindness = (self._blindness + 1) % len(_BLINDNESS)
        self._draw(self.picker.row_list.cursor)

    def action_prompt_set(self) -> None:
        """Ask for the set's name; `-` takes it away."""

        def named(name: str | None) -> None:
            if name is not None:
                self._prompt_set = "" if name.strip() == "-" else name.strip()
                self._draw(self.picker.row_list.cursor)

        title = "Name of the prompt set (- for none); `troth ratings --set` counts it alone"
        self.app.push_screen(TextDialog(title, self._prompt_set), named)

    def action_refresh_list(self) -> None:
        """Ask the provider of the model under the cursor: by this act only, never by itself."""
        row = self.picker.row_list.current
        if row is not None:
            provider = row.id.partition("/")[0]
            self.run_worker(self._refresh(provider), group="refresh", exclusive=True)

    async def _refresh(self, provider: str) -> None:
        self._hint(f"Asking {provider} for its models ...")
        try:
            models = await self._engine.providers.refresh_models(provider)
        except TrothError as error:
            words = explain(error)
            self._hint(f"{words.title} {words.next_step}")
            return
        self._choices = self._engine.providers.models()
        self._draw()
        self._hint(f"{provider}: {len(models)} models.")

    def action_begin(self) -> None:
        if len(self._specs) < MIN_COLUMNS:
            self._draw(self.picker.row_list.cursor)
            return
        blind = _BLINDNESS[self._blindness][0]
        self.dismiss(LineUp(tuple(self._specs), blind, self._prompt_set))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    # -- line-ups

    def action_lineups(self) -> None:
        """Offer the saved line-ups, and to save this one."""

        def taken(specs: Sequence[ColumnSpec] | None) -> None:
            if specs is not None:
                self._specs = list(specs)
                self._draw()

        self.app.push_screen(LineUpsScreen(self._engine, self._specs), taken)

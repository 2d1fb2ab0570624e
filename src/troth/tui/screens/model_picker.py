"""Who answers next: every model of every provider, with what it can read, costs and proves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.error import TrothError
from troth.domain.model import ModelRef
from troth.explain import explain, lack_sentence, lack_words, signing_sentence
from troth.tui.commands import fuzzy_rank, model_rank
from troth.tui.safe import clean_line
from troth.tui.screens.entries import model_name, model_sentence, price_words, written_count
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.picker import Picker
from troth.tui.widgets.row_list import Column, Row, RowList

if TYPE_CHECKING:
    from troth.engine.directory import ModelChoice
    from troth.engine.engine import Engine

MAX_ROWS = 400
"""More are found by typing; nobody walks further."""


class Picked(NamedTuple):
    """The chosen model, and whether its provider still needs a key or a login."""

    ref: ModelRef
    needs_key: bool


class ModelScreen(ModalScreen[Picked | None]):
    """Fuzzy list over all providers. Enter applies from the next message on."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("ctrl+r", "refresh_list", "Ask the provider", show=False, priority=True,
                tooltip="Ask this model's provider for its list", id="models.refresh"),
    ]  # fmt: skip
    picker = query_one(Picker)

    def __init__(self, engine: Engine, current: ModelRef | None, words: str = "") -> None:
        super().__init__()
        self._engine = engine
        self._current = current
        self._words = words
        self._choices: list[ModelChoice] = []
        self._signers: frozenset[ModelRef] | None = None
        """The models that sign; None until the trust file was read."""
        self._providers = {endpoint.name for endpoint in engine.providers.endpoints()}

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide -tall -told") as box:
            box.border_title = "Model"
            box.keys = "⏎ use it  ^r ask its provider  esc close"
            yield Picker(
                placeholder='a model, a provider, or "signs"',
                words=self._words,
                columns=(
                    Column(20, 40, least_width=9),
                    Column(5, 68),
                    Column(6, 56, is_right_aligned=True),
                    Column(12, 0, is_right_aligned=True),
                ),
                empty_text="no model fits; provider/name is used as it is typed",
            )
            yield Static("", markup=False, classes="hint")

    def on_mount(self) -> None:
        self._choices = self._engine.providers.models()
        self._show(self._words)
        self.run_worker(self._learn_signers())

    async def _learn_signers(self) -> None:
        """Mark the models that sign: the rows stand at once, the trust file is read after."""
        self._signers = await self._engine.proofs.signers(self._choices)
        current = self.picker.row_list.current
        self._show(self.picker.field.value, at=current)
        self._hint(current.id if current is not None else "")

    def on_picker_typed(self, message: Picker.Typed) -> None:
        self._show(message.words)

    def on_row_list_highlighted(self, message: RowList.Highlighted) -> None:
        self._hint(message.row.id if message.row is not None else "")

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        ref = ModelRef.parse(message.row.id)
        if ref is None:
            self.run_worker(self._refresh(message.row.id), exclusive=True)
        else:
            choice = self._choice(message.row.id)
            self.dismiss(Picked(ref, choice is not None and choice.lack in {"key", "login"}))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    def action_refresh_list(self) -> None:
        """Ask the provider of the model under the cursor: by this act only, never by itself."""
        row = self.picker.row_list.current
        if row is not None:
            self.run_worker(self._refresh(row.id.partition("/")[0]), exclusive=True)

    async def _refresh(self, provider: str) -> None:
        hint = self.query_one(".hint", Static)
        hint.update(f"Asking {clean_line(provider)} for its models ...")
        try:
            models = await self._engine.providers.refresh_models(provider)
        except TrothError as error:
            words = explain(error)
            hint.update(clean_line(f"{words.title} {words.next_step}"))
            return
        self._choices = self._engine.providers.models()
        self._show(self.picker.field.value)
        await self._learn_signers()
        hint.update(f"{clean_line(provider)}: {len(models)} models.")

    def _choice(self, name: str) -> ModelChoice | None:
        return next((known for known in self._choices if str(known.info.ref) == name), None)

    def _show(self, words: str, *, at: Row | None = None) -> None:
        """Show what fits; the cursor stays on the row `at` where that is still there."""
        rows = _rows(self._choices, words, self._current, self._signers or ())
        unlisted = self._unlisted_rows(words)
        models = len(rows) + sum("/" in row.id for row in unlisted)
        shown = [*rows[:MAX_ROWS], *unlisted]
        if not words.strip():
            shown = _grouped(shown, [str(ref) for ref in self._recent()])
        ids = [row.id for row in shown]
        cursor = ids.index(at.id) if at is not None and at.id in ids else 0
        self.picker.show(shown, cursor=cursor, count=_count_words(models))

    def _recent(self) -> list[ModelRef]:
        """Return the current model and those that were chosen before it."""
        current = () if self._current is None else (self._current,)
        return list(dict.fromkeys((*current, *self._engine.recent_models.refs)))

    def _unlisted_rows(self, words: str) -> list[Row]:
        """Offer what no list holds: models in use, one typed out, providers not asked yet."""
        listed = {str(choice.info.ref) for choice in self._choices}
        rows: list[Row] = []
        used = [(ref, "in use" if ref == self._current else "used") for ref in self._recent()]
        for ref, word in ((ModelRef.parse(words.strip()), "as typed"), *used):
            if ref is None or fuzzy_rank(words, str(ref)) is None:
                continue
            if str(ref) not in listed and ref.provider in self._providers:
                listed.add(str(ref))
                rows.append(Row(str(ref), ref.model, cells=(ref.provider, "", "", word)))
        known = {choice.endpoint.name for choice in self._choices}
        for endpoint in self._engine.providers.endpoints():
            is_ready = (
                not endpoint.needs_key
                or self._engine.providers.key_status(endpoint.name) is not None
            )
            if endpoint.name in known or not is_ready or not endpoint.base_url:
                continue  # without an address there is nobody to ask
            if fuzzy_rank(words, f"{endpoint.name} {endpoint.title}") is not None:
                row = Row(
                    endpoint.name, endpoint.title or endpoint.name, "Enter asks for its models"
                )
                rows.append(row)
        return rows

    def _hint(self, name: str) -> None:
        choice = self._choice(name)
        if choice is None:
            self.query_one(".hint", Static).update("")
            return
        text = model_sentence(choice.info)
        if choice.lack:
            text += f" {lack_sentence(choice.lack, choice.endpoint.title or choice.endpoint.name)}"
        if self._signers is not None and not choice.endpoint.options.get("simulated"):
            signs = choice.info.ref in self._signers
            is_own = choice.endpoint.runs(choice.info.ref.model)
            text += f" {signing_sentence(signs=signs, is_own=is_own)}"
        self.query_one(".hint", Static).update(clean_line(text))


def _rows(
    choices: Sequence[ModelChoice],
    words: str,
    current: ModelRef | None,
    signers: Collection[ModelRef],
) -> list[Row]:
    """Rank the choices; without words the current model stands first, then those that are ready.

    "signs" finds those whose replies are signed.
    """
    ranked: list[tuple[tuple[int, int, int], Row]] = []
    for place, choice in enumerate(choices):
        ref = choice.info.ref
        signs = "signs" if ref in signers else ""
        rank = model_rank(words, ref, f"{choice.endpoint.title} {signs}")
        if rank is None:
            continue
        is_current = ref == current
        key = (rank, 0 if is_current else 1 if choice.is_ready else 2, place)
        ranked.append((key, _row(choice, signs, is_current=is_current)))
    ranked.sort(key=lambda pair: pair[0])
    return [row for _, row in ranked]


def _grouped(rows: Sequence[Row], recent: Sequence[str]) -> list[Row]:
    """Put the rows that were used last before all others, under a heading, where there are two."""
    by_id = {row.id: row for row in rows}
    used = [by_id[name] for name in recent if name in by_id]
    if len(used) < 2:
        return list(rows)
    others = [row for row in rows if row not in used]
    heading = Row("", "RECENT", is_heading=True), Row("", "ALL", is_heading=True)
    return [heading[0], *used, heading[1], *others]


def _count_words(models: int) -> str:
    return "1 model" if models == 1 else f"{models:,} models"


def _row(choice: ModelChoice, signs: str, *, is_current: bool) -> Row:
    info = choice.info
    context = written_count(info.context_tokens) if info.context_tokens else ""
    is_local = choice.endpoint.runs(info.ref.model)
    last = lack_words(choice.lack) or ("local" if is_local else price_words(info))
    return Row(
        str(info.ref),
        model_name(info.ref),
        cells=(choice.endpoint.title or choice.endpoint.name, signs, context, last),
        mark="▸" if is_current else "",
        tone="good" if is_current else "",
    )

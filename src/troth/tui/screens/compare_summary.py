"""What every column took, over all turns: a table, sparklines and bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len, set_cell_size
from textual import getters
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.engine.comparison import Comparison
from troth.engine.comparison_turns import Metrics, Summary
from troth.explain import explain_failure, verdict_words
from troth.tui.clipboard import words_after_copy
from troth.tui.safe import clean_line
from troth.tui.screens.compare_words import newest_turn
from troth.tui.screens.entries import written_cost
from troth.tui.widgets.compare_plot import bar, sparkline
from troth.tui.widgets.dialog_box import DialogBox

if TYPE_CHECKING:
    from troth.engine.comparison import Column

_REFRESH_S = 1.0
_NAME_CELLS, _BAR_CELLS = 24, 30


class SummaryScreen(ModalScreen[None]):
    """Reads the comparison once a second while it is open; c copies the table."""

    CSS_PATH = "dialog.tcss"
    app = getters.app(cast("type[App[object]]", App))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,s,q", "close_summary", "Close", show=False, tooltip="Back to the columns",
                id="summary.close"),
        Binding("j,down", "scroll(2)", "Down", show=False, tooltip="Scroll", id="summary.down"),
        Binding("k,up", "scroll(-2)", "Up", show=False, tooltip="Scroll", id="summary.up"),
        Binding("c", "copy", "Copy", show=False, tooltip="Copy as tab-separated values",
                id="summary.copy"),
    ]  # fmt: skip
    CSS = "SummaryScreen .dialog { width: 118; } SummaryScreen .table { width: auto; }"

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison = comparison

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -high") as box:
            box.border_title = "Summary"
            box.keys = "c copy   j k scroll   esc back"
            with VerticalScroll(can_focus=False):
                yield Static("", markup=False, classes="table")
            yield Static("", markup=False, classes="wrong")

    def on_mount(self) -> None:
        self._draw()
        self.set_interval(_REFRESH_S, self._draw)

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        room = max(40, min(118, self.size.width) - 8)
        self.query_one(".table", Static).update(summary_text(self._comparison, room))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_copy(self) -> None:
        """Copy one line per column and turn: what a spreadsheet takes."""
        text = "\n".join("\t".join(row) for row in metric_rows(self._comparison))
        self.app.copy_to_clipboard(text)
        words = words_after_copy("The table", text).partition(";")[0]
        self.query_one(".wrong", Static).update(f"{words}.")

    def action_close_summary(self) -> None:
        self.dismiss(None)


def summary_text(comparison: Comparison, room: int) -> str:
    """Write the whole summary for a width in cells: narrow ones get less columns."""
    turn = newest_turn(comparison)
    columns = comparison.voting.order(turn)  # as they stand on the screen
    rows = [comparison.summary(column) for column in columns]
    names = [clean_line(comparison.voting.heading(column, turn)) for column in columns]
    blocks = [
        _table(names, rows, room),
        "Tokens per second, turn by turn\n"
        + "\n".join(
            f" {_name(name)} {sparkline(row.tokens_per_s_by_turn)}  {_number(row.tokens_per_s)}"
            for name, row in zip(names, rows, strict=True)
        ),
        _bars("Seconds to the whole answer (median)", names, [r.total_ms for r in rows], _seconds),
        _bars("Seconds to the first token (median)", names, [r.first_token_ms for r in rows],
              _seconds),
        _bars("Cost of all turns (an estimate)", names, [r.cost_usd for r in rows], _cost),
        _verdicts(names, rows),
        _failures(comparison, columns),
    ]  # fmt: skip
    return "\n\n".join(block for block in blocks if block)


def _table(names: Sequence[str], rows: Sequence[Summary], room: int) -> str:
    cells: list[tuple[str, Callable[[Summary], str]]] = [
        ("turns", lambda row: str(row.turns)),
        ("failed", lambda row: str(row.failed) if row.failed else "-"),
        ("first", lambda row: _seconds(row.first_token_ms)),
        ("total", lambda row: _seconds(row.total_ms)),
        ("tok/s", lambda row: _number(row.tokens_per_s)),
        ("in", lambda row: _number(row.input_tokens)),
        ("out", lambda row: _number(row.output_tokens)),
        ("cost", lambda row: _cost(row.cost_usd)),
        ("thinking", lambda row: _number(row.thinking_tokens)),
    ]
    kept = cells[: max(3, (room - _NAME_CELLS - 5) // 10)]
    head = f" #  {_name('model')}" + "".join(f"{name:>10}" for name, _ in kept)
    lines = [
        f" {at}  {_name(name)}" + "".join(f"{write(row):>10}" for _, write in kept)
        for at, (name, row) in enumerate(zip(names, rows, strict=True), 1)
    ]
    return "\n".join([head, *lines])


def _bars(
    title: str,
    names: Sequence[str],
    values: Sequence[float | None],
    write: Callable[[float | None], str],
) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    lines = [
        f" {_name(name)} {bar(value, max(known), _BAR_CELLS)} {write(value)}"
        for name, value in zip(names, values, strict=True)
    ]
    return "\n".join([title, *lines])


def _verdicts(names: Sequence[str], rows: Sequence[Summary]) -> str:
    lines: list[str] = []
    for name, row in zip(names, rows, strict=True):
        words = ", ".join(f"{count} {_verdict(state)}" for state, count in row.verdicts)
        lines.append(f" {_name(name)} {words or 'nothing checked'}")
    return "\n".join(["What was checked", *lines])


def _verdict(state: str) -> str:
    from troth.domain.verdict import State

    words = verdict_words(State(state))
    return f"{words.glyph} {words.short}"


def _failures(comparison: Comparison, columns: Sequence[Column]) -> str:
    lines: list[str] = []
    for at, column in enumerate(columns, 1):
        failure = comparison.metrics(column).failure
        if failure is not None:
            words = explain_failure(failure, "columns")
            lines.append(f" {at}  {clean_line(words.title)}. {clean_line(words.next_step)}")
    return "\n".join(["Why an answer is missing", *lines]) if lines else ""


def metric_rows(comparison: Comparison) -> list[list[str]]:
    """Return one row per column and turn, under a heading."""
    rows = [
        ["column", "model", "turn", "first_token_ms", "total_ms", "tokens_per_s", "input_tokens",
         "output_tokens", "thinking_tokens", "cost_usd", "finish", "verdict"]
    ]  # fmt: skip
    for at, column in enumerate(comparison.voting.order(newest_turn(comparison)), 1):
        for turn in range(len(comparison.answers(column))):
            metrics = comparison.metrics(column, turn)
            rows.append([str(at), clean_line(column.spec.name), str(turn + 1), *_raw(metrics)])
    return rows


def _raw(metrics: Metrics) -> list[str]:
    numbers = (
        metrics.first_token_ms, metrics.total_ms, metrics.tokens_per_s, metrics.input_tokens,
        metrics.output_tokens, metrics.thinking_tokens, metrics.cost_usd,
    )  # fmt: skip
    written = ["" if value is None else f"{value:.6g}" for value in numbers]
    finish = metrics.finish.value if metrics.finish else ""
    return [*written, finish, metrics.verdict.state.value if metrics.verdict else ""]


def _name(name: str) -> str:
    if cell_len(name) > _NAME_CELLS:
        return set_cell_size(name, _NAME_CELLS - 1) + "…"
    return set_cell_size(name, _NAME_CELLS)


def _seconds(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.2f} s"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _cost(dollars: float | None) -> str:
    return "-" if dollars is None else written_cost(dollars)

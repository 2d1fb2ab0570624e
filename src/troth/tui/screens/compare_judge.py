"""A model as judge or editor of a turn's answers: its prompt is seen, and can be changed, first.

What a judge says stands beside the votes of people, and is never counted among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import getters
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from troth.domain.error import TrothError, UsageError
from troth.domain.model import ModelRef
from troth.engine.comparison import Comparison
from troth.engine.comparison_judging import (
    MERGES,
    JudgePrompt,
    PairJudgement,
    judge_turn,
    judgements_of,
    merge_turn,
    position_bias,
)
from troth.engine.comparison_state import Choice
from troth.explain import explain, explain_failure
from troth.tui.safe import clean, clean_line
from troth.tui.screens.compare_crossing import Border
from troth.tui.screens.compare_words import lack_in_columns
from troth.tui.screens.model_picker import ModelScreen, Picked
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox

if TYPE_CHECKING:
    from troth.tui.application import TrothApp

_WORDS = {Choice.LEFT: "the first", Choice.RIGHT: "the second", Choice.TIE: "neither",
          Choice.BOTH_BAD: "both bad", None: "no verdict"}  # fmt: skip
_KINDS = {"fuse": "fuse into one answer", "claims": "table of claims", "checklist": "checklist"}


class _AskingScreen(ModalScreen[str | None]):
    """A prompt that can be edited, a model that can be chosen, and what it said.

    Gives back the id of a chat that is to be opened, or None.
    """

    CSS_PATH = "dialog.tcss"
    app = getters.app(cast("type[App[object]]", App))
    CSS = """
    .dialog TextArea, .dialog TextArea:focus { height: 40%; }
    .dialog VerticalScroll { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("ctrl+s", "ask", "Ask", show=False, priority=True, tooltip="Ask the model now",
                id="asking.ask"),
        Binding("ctrl+o", "model", "Model", show=False, priority=True,
                tooltip="Choose who is asked", id="asking.model"),
        Binding("ctrl+k", "kind", "Other prompt", show=False, priority=True,
                tooltip="Take another of the prompts", id="asking.kind"),
        Binding("ctrl+g", "go", "Open", show=False, priority=True,
                tooltip="Open the chat that holds what it wrote", id="asking.go"),
        Binding("pageup", "scroll(-10)", "Up", show=False, priority=True,
                tooltip="Scroll what it said up", id="asking.up"),
        Binding("pagedown", "scroll(10)", "Down", show=False, priority=True,
                tooltip="Scroll what it said down", id="asking.down"),
    ]  # fmt: skip
    heading = ""
    about = ""
    keys = "^s ask   ^o model   esc back"
    prompts: ClassVar[Sequence[tuple[str, str]]] = ()

    def __init__(self, app: TrothApp, comparison: Comparison, turn: int) -> None:
        super().__init__()
        assert app.engine is not None
        self.troth = app
        self.engine = app.engine
        self.comparison = comparison
        self.turn = turn
        self.model = self._first_model()
        self._kind = 0
        self.chat_id = ""
        """The chat that holds what the model wrote, once there is one."""

    def _first_model(self) -> ModelRef | None:
        """Begin with the usual model, unless it would read its own answer."""
        usual = self.engine.providers.default_model()
        return None if usual in self._own_models() and self._is_judge() else usual

    def _is_judge(self) -> bool:
        return False

    def _own_models(self) -> set[ModelRef]:
        return {column.spec.model for column in self.comparison.columns}

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide -high") as box:
            box.border_title = f"{self.heading}, turn {self.turn + 1}"
            box.keys = self.keys
            yield Static("", markup=False, classes="label", id="who")
            yield TextArea(self.prompts[0][1], soft_wrap=True, tab_behavior="focus")
            with VerticalScroll(can_focus=False):
                yield Static("", markup=False, id="said")

    async def on_mount(self) -> None:
        self._draw_who()
        await self.show_earlier()

    async def show_earlier(self) -> None:
        """Show what was said before."""

    def _draw_who(self) -> None:
        name = clean_line(str(self.model)) if self.model is not None else "nobody yet: ^o chooses"
        lines = [f"Asked: {name}"]
        if len(self.prompts) > 1:
            lines.append(f"Makes: {_KINDS[self.prompts[self._kind][0]]}")
        is_blind = self.comparison.voting.is_blind
        if self._is_judge() and self.model in self._own_models() and not is_blind:
            lines.append("It wrote one of these answers itself: models tend to like their own.")
        lines.append(self.about)
        self.query_one("#who", Static).update("\n".join(lines) + "\n")

    def say(self, text: str) -> None:
        """Show words under the prompt."""
        self.query_one("#said", Static).update(clean(text))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_model(self) -> None:
        def picked(answer: Picked | None) -> None:
            if answer is not None and answer.needs_key:
                self.say(lack_in_columns(self.engine.providers.endpoint(answer.ref.provider)))
            elif answer is not None:
                self.model = answer.ref
                self._draw_who()

        self.app.push_screen(ModelScreen(self.engine, self.model), picked)

    def action_kind(self) -> None:
        self._kind = (self._kind + 1) % len(self.prompts)
        self.query_one(TextArea).load_text(self.prompts[self._kind][1])
        self._draw_who()

    def action_ask(self) -> None:
        self.run_worker(self._ask(), group="ask", exclusive=True)

    def action_go(self) -> None:
        if self.chat_id:
            self.dismiss(self.chat_id)

    async def _ask(self) -> None:
        if self.model is None:
            self.say("Choose a model first: ctrl+o.")
            return
        asked = [(column.chat, self.model) for column in self.comparison.columns]
        try:
            if not await Border(self.troth, self.engine).may_ask(self.comparison, asked):
                self.say("Nothing was sent.")
                return
            self.say("Asking ...")
            await self.ask(self.model, self.query_one(TextArea).text)
        except UsageError as error:
            self.say(f"{str(error)[:1].upper()}{str(error)[1:]}.")
        except TrothError as error:
            words = explain(error)
            self.say(f"{words.title} {words.detail}\n{words.next_step}")

    async def ask(self, model: ModelRef, prompt: str) -> None:
        """Put the prompt to the model, and show what it says."""
        raise NotImplementedError

    def action_dismiss_none(self) -> None:
        self.dismiss(None)


class JudgeScreen(_AskingScreen):
    """Pairs are judged in both orders, without names; never mixed with human votes."""

    heading = "Let a model judge"
    about = (
        "It sees no names, and every pair in both orders. What it says is kept beside your votes "
        "and never counted among them."
    )
    prompts = (("judge", JudgePrompt().written_out),)

    def _is_judge(self) -> bool:
        return True

    async def show_earlier(self) -> None:
        ids = {column.id for column in self.comparison.columns}
        found = [
            one
            for one in await judgements_of(self.comparison)
            if one.turn == self.turn and ids & {one.left, one.right}
        ]
        if found:
            self.say(self._words(found))

    async def ask(self, model: ModelRef, prompt: str) -> None:
        count = 0

        def answered() -> None:
            nonlocal count
            count += 1
            self.say(f"Asking ... {count} answers so far, two for each pair.")

        found = await judge_turn(
            self.engine,
            self.comparison,
            self.turn,
            model,
            prompt=JudgePrompt(prompt),
            on_answer=answered,
        )
        self.say(self._words(found))

    def _names(self, one: PairJudgement) -> tuple[str, str]:
        voting = self.comparison.voting
        if not voting.is_blind:
            return clean_line(one.left_name), clean_line(one.right_name)
        columns = {column.id: column for column in self.comparison.columns}
        left, right = (
            voting.letter(columns[id], self.turn) if id in columns else "a column that was removed"
            for id in (one.left, one.right)
        )
        return left, right

    def _words(self, found: Sequence[PairJudgement]) -> str:
        lines: list[str] = []
        for judge in dict.fromkeys(one.judge for one in found):
            own = [one for one in found if one.judge == judge]
            lines += [clean_line(judge), *self._tally(own), ""]
            for one in own:
                left, right = self._names(one)
                prefers = {Choice.LEFT: left, Choice.RIGHT: right}.get(one.choice or Choice.TIE)
                verdict = f"prefers {prefers}" if prefers else f"says: {_WORDS[one.choice]}"
                swayed = " (changed its mind with the order: a tie)" if one.is_swayed else ""
                lines += [f"{left} against {right}: {verdict}{swayed}", *_reasons(one), ""]
        return "\n".join(lines)

    def _tally(self, found: Sequence[PairJudgement]) -> list[str]:
        """Sum up who was preferred, and how much the order mattered."""
        wins: dict[str, int] = {}
        for one in found:
            for name, choice in zip(self._names(one), (Choice.LEFT, Choice.RIGHT), strict=True):
                wins[name] = wins.get(name, 0) + (one.choice is choice)
        order = sorted(wins.items(), key=lambda pair: -pair[1])
        bias = position_bias(found)
        told = ", ".join(f"{name} {count}" for name, count in order)
        return [
            f"  Preferred: {told}, of {len(found)} pairs.",
            f"  Position bias: {bias.swayed} of {bias.pairs} verdicts changed with the order; "
            f"{bias.preferred_first} for whatever stood first, {bias.preferred_second} for the "
            "second.",
        ]


def _reasons(one: PairJudgement) -> list[str]:
    found: list[str] = []
    for number, reason in enumerate(one.reasons, 1):
        text = " ".join(reason.split()) or "It said nothing."
        found.append(f"  order {number}: {text}")
    return found


class MergeScreen(_AskingScreen):
    """One text out of all answers, in a chat of its own."""

    heading = "Merge the answers"
    about = "It reads all answers of this turn without names, and writes into a chat of its own."
    keys = "^s ask   ^k other kind   ^o model   ^g open its chat   esc back"
    prompts = tuple(MERGES.items())

    async def ask(self, model: ModelRef, prompt: str) -> None:
        chat, reply = await merge_turn(self.engine, self.comparison, self.turn, model, prompt)
        self.chat_id = chat.id
        async for _ in reply.batches():
            self.say(reply.text or "Asking ...")
        message = reply.message
        if message is not None and message.failure is not None:
            words = explain_failure(message.failure)
            self.say(f"{words.title} {words.detail}\n{words.next_step}")
            return
        self.say(f"{reply.text}\n\nKept as a chat of its own: ctrl+g opens it.")

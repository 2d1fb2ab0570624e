"""A model as judge or editor of a turn's answers: its prompt is seen, and can be changed, first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import getters
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from troth.domain.error import TrothError
from troth.domain.model import ModelRef
from troth.engine.comparison import Comparison
from troth.engine.comparison_judging import (
    JUDGE_PROMPT,
    MERGES,
    JudgePrompt,
    PairJudgement,
    judge_turn,
    judgements_of,
    merge_turn,
    position_bias,
)
from troth.engine.comparison_state import Choice
from troth.engine.engine import Engine
from troth.explain import explain, explain_failure
from troth.tui.safe import clean, clean_line
from troth.tui.screens.model_picker import ModelScreen, Picked
from troth.tui.screens.palette import CLOSE

_WORDS = {Choice.LEFT: "the first", Choice.RIGHT: "the second", Choice.TIE: "neither",
          Choice.BOTH_BAD: "both bad", None: "no verdict"}  # fmt: skip


class _AskingScreen(ModalScreen[str | None]):
    """A prompt that can be edited, a model that can be chosen, and what it said."""

    CSS_PATH = "dialog.tcss"
    app = getters.app(cast("type[App[object]]", App))
    CSS = """
    .dialog TextArea, .dialog TextArea:focus { height: 12; }
    .dialog VerticalScroll { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("ctrl+s", "ask", "Ask", show=False, priority=True, tooltip="Ask the model now",
                id="asking.ask"),
        Binding("ctrl+o", "model", "Model", show=False, priority=True,
                tooltip="Choose who is asked", id="asking.model"),
        Binding("ctrl+k", "kind", "Other prompt", show=False, priority=True,
                tooltip="Take another of the prompts", id="asking.kind"),
    ]  # fmt: skip
    heading = ""
    prompts: ClassVar[Sequence[tuple[str, str]]] = ()

    def __init__(self, engine: Engine, comparison: Comparison, turn: int) -> None:
        super().__init__()
        self.engine = engine
        self.comparison = comparison
        self.turn = turn
        self.model: ModelRef | None = engine.default_model()
        self._kind = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide -high") as box:
            box.border_title = f"{self.heading}, turn {self.turn + 1}"
            more = "   ^k other prompt" if len(self.prompts) > 1 else ""
            box.border_subtitle = f"^s ask   ^o model{more}   esc back"
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
        kind = f"   {self.prompts[self._kind][0]}" if len(self.prompts) > 1 else ""
        self.query_one("#who", Static).update(f"Asked is {name}{kind}")

    def say(self, text: str) -> None:
        """Show words under the prompt."""
        self.query_one("#said", Static).update(clean(text))

    def action_model(self) -> None:
        def picked(answer: Picked | None) -> None:
            if answer is not None:
                self.model = answer.ref
                self._draw_who()

        self.app.push_screen(ModelScreen(self.engine, self.model), picked)

    def action_kind(self) -> None:
        self._kind = (self._kind + 1) % len(self.prompts)
        self.query_one(TextArea).load_text(self.prompts[self._kind][1])
        self._draw_who()

    def action_ask(self) -> None:
        self.run_worker(self._ask(), group="ask", exclusive=True)

    async def _ask(self) -> None:
        if self.model is None:
            self.say("Choose a model first: ctrl+o.")
            return
        self.say("Asking ...")
        try:
            await self.ask(self.model, self.query_one(TextArea).text)
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
    prompts = (("judge", JUDGE_PROMPT),)

    async def show_earlier(self) -> None:
        found = [one for one in await judgements_of(self.comparison) if one.turn == self.turn]
        if found:
            self.say(self._words(found))

    async def ask(self, model: ModelRef, prompt: str) -> None:
        found = await judge_turn(
            self.engine, self.comparison, self.turn, model, prompt=JudgePrompt(prompt)
        )
        self.say(self._words(found))

    def _words(self, found: Sequence[PairJudgement]) -> str:
        is_blind = self.comparison.voting.is_blind
        lines: list[str] = []
        for one in found:
            left, right = one.left_name, one.right_name
            if is_blind:
                left, right = (
                    self.comparison.voting.letter(self.comparison.column(id), self.turn)
                    for id in (one.left, one.right)
                )
            prefers = {Choice.LEFT: left, Choice.RIGHT: right}.get(one.choice or Choice.TIE)
            verdict = f"prefers {prefers}" if prefers else f"says: {_WORDS[one.choice]}"
            swayed = " (changed its mind with the order: counts as a tie)" if one.is_swayed else ""
            lines += [
                f"{left} against {right}: {clean_line(one.judge)} {verdict}{swayed}",
                f"   {one.reasons[0].strip()}\n",
            ]
        bias = position_bias(found)
        lines.append(
            f"Position: {bias.swayed} of {bias.pairs} verdicts changed with the order; "
            f"{bias.preferred_first} went to the first place both times, "
            f"{bias.preferred_second} to the second."
        )
        return "\n".join(lines)


class MergeScreen(_AskingScreen):
    """One text out of all answers, in a chat of its own."""

    heading = "Merge the answers"
    prompts = tuple(MERGES.items())

    async def ask(self, model: ModelRef, prompt: str) -> None:
        chat, reply = await merge_turn(self.engine, self.comparison, self.turn, model, prompt)
        async for _ in reply.batches():
            self.say(reply.text or "Asking ...")
        message = reply.message
        if message is not None and message.failure is not None:
            words = explain_failure(message.failure)
            self.say(f"{words.title} {words.detail}\n{words.next_step}")
            return
        self.say(f"{reply.text}\n\nKept as a chat of its own: {chat.conversation.title}")

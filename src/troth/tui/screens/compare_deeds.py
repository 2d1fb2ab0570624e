"""What is done with one column, or with the answers of all, from the comparison screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from troth.domain.error import TrothError, UsageError
from troth.domain.message import Message
from troth.domain.model import ModelRef
from troth.engine.comparison_export import exported
from troth.engine.comparison_state import ColumnSpec
from troth.tui.clipboard import words_after_copy
from troth.tui.safe import clean
from troth.tui.screens.choice import ChoiceScreen
from troth.tui.screens.compare_board import CompareBoard
from troth.tui.screens.compare_crossing import Border
from troth.tui.screens.compare_words import answer_text, head_at, lack_in_columns, newest_turn
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.model_picker import ModelScreen, Picked
from troth.tui.screens.saving import save_words
from troth.tui.widgets.row_list import Row

if TYPE_CHECKING:
    from troth.engine.comparison import Column


class Deeds:
    """The actions of one comparison screen."""

    def __init__(self, screen: CompareBoard) -> None:
        self._screen = screen

    async def attempt(self, work: Awaitable[None]) -> None:
        """Wait for something; say what is wrong where it cannot be done."""
        screen = self._screen
        try:
            await work
        except UsageError as error:
            screen.announce(f"{str(error)[:1].upper()}{str(error)[1:]}.")
        except TrothError as error:
            screen.say_error(error)
        if screen.is_attached:
            screen.redraw_soon()

    def _hidden_words(self) -> str:
        return f"Names are hidden: {self._key('reveal')} shows them first."

    def _key(self, name: str) -> str:
        return self._screen.troth.keymap.first(f"compare.{name}")

    async def may_ask(self, *columns: Column) -> bool:
        """Whether these columns may be asked: the user decides about what would cross a border."""
        screen = self._screen
        asked = [(column.chat, column.spec.model) for column in columns]
        border = Border(screen.troth, screen.engine)
        if await border.may_ask(screen.comparison, asked):
            return True
        screen.announce("Nothing was sent.")
        return False

    async def _may_begin(self, spec: ColumnSpec) -> bool:
        """Whether a model may be asked all turns afresh."""
        screen, comparison = self._screen, self._screen.comparison
        border = Border(screen.troth, screen.engine)
        if await border.may_start(comparison.chat, [spec], from_message=comparison.base_id):
            return True
        screen.announce("Nothing was sent.")
        return False

    # -- one column

    async def ask_again(self) -> None:
        """Put this column's last turn to it again."""
        screen, column = self._screen, self._screen.column
        if await self.may_ask(column):
            await screen.comparison.retry(column)

    def stop_all(self) -> None:
        """Stop every answer that arrives."""
        self._screen.comparison.stop()

    async def keep(self) -> None:
        """Let the chat go on from this answer, and go back to it."""
        await self._screen.comparison.keep(self._screen.column)
        self._screen.dismiss(None)

    async def go_on(self) -> None:
        """Let a cut answer go on; a column that waits takes its next turn instead."""
        screen, column = self._screen, self._screen.column
        message = self._reply(column)
        column.refuse_running()
        if not await self.may_ask(column):
            return
        if message is not None and message.is_partial and message.text:
            await screen.comparison.continue_reply(column)
        elif column.waiting:
            await screen.comparison.resume(column)
        else:
            state = "is whole" if message is not None and message.text else "has no words"
            raise UsageError(f"this answer {state}; {self._key('again')} asks for another")

    async def remove(self) -> None:
        """Take the column away."""
        await self._screen.comparison.remove(self._screen.column)
        await self._screen.rebuild()

    def add(self) -> None:
        """Ask for a model, and let it catch up in a column of its own."""
        if self._screen.comparison.voting.is_blind:
            self._screen.announce(self._hidden_words())
            return
        self._pick(None, self._add)

    async def _add(self, spec: ColumnSpec) -> None:
        screen = self._screen
        if not await self._may_begin(spec):
            return
        column = await screen.comparison.add(spec)
        screen.current = screen.comparison.columns.index(column)
        await screen.rebuild()

    def swap(self) -> None:
        """Ask for another model, and whether it takes all turns afresh."""
        screen, column = self._screen, self._screen.column
        if screen.comparison.voting.is_blind:
            screen.announce(self._hidden_words())
            return

        def chosen(spec: ColumnSpec) -> None:
            rows = [
                Row("again", "Ask it all turns afresh"),
                Row("on", "Let it go on from the next turn"),
            ]

            def how(answer: str | None) -> None:
                if answer is not None:
                    work = self._swap(column, spec, asks_again=answer == "again")
                    screen.run_worker(self.attempt(work), group="deed")

            screen.troth.push_screen(ChoiceScreen("The new model", rows), how)

        self._pick(column.spec.model, chosen)

    async def _swap(self, column: Column, spec: ColumnSpec, *, asks_again: bool) -> None:
        if asks_again and not await self._may_begin(spec):
            return
        await self._screen.comparison.swap(column, spec.model, asks_again=asks_again)

    def _pick(
        self, current: ModelRef | None, then: Callable[[ColumnSpec], Awaitable[None] | None]
    ) -> None:
        screen = self._screen

        def picked(answer: Picked | None) -> None:
            if answer is None:
                return
            if answer.needs_key:
                screen.announce(
                    lack_in_columns(screen.engine.providers.endpoint(answer.ref.provider))
                )
                return
            work = then(ColumnSpec(answer.ref))
            if work is not None:
                screen.run_worker(self.attempt(work), group="deed")

        screen.troth.push_screen(ModelScreen(screen.engine, current), picked)

    # -- reading

    def _reply(self, column: Column) -> Message | None:
        answers = self._screen.comparison.answers(column)
        return answers[-1].replies[-1] if answers and answers[-1].replies else None

    def copy(self) -> None:
        """Copy the newest answer of this place."""
        screen = self._screen
        text = clean(answer_text(screen.comparison, screen.current))
        if not text:
            screen.announce("There is nothing to copy yet.")
            return
        screen.troth.copy_to_clipboard(text)
        screen.announce(
            words_after_copy("The answer", text).replace("s saves", f"{self._key('save')} writes")
        )

    def save(self) -> None:
        """Write all columns to a file: the name's ending says how."""
        screen = self._screen
        if screen.comparison.voting.is_blind:
            screen.announce(self._hidden_words())
            return

        async def write(path: str) -> None:
            screen.announce(await save_words(path, exported(screen.comparison, path)))

        def chosen(path: str | None) -> None:
            if path is not None:
                screen.run_worker(write(path), group="save")

        title = "Write the comparison: .md to read, .csv or .jsonl for a program"
        screen.troth.push_screen(TextDialog(title, "comparison.md"), chosen)

    def verify(self) -> None:
        """Show what is proven of this column's answer."""
        screen, column = self._screen, self._screen.column
        if screen.comparison.voting.is_blind:
            screen.announce(self._hidden_words())
            return
        message = self._reply(column)
        if message is None:
            screen.announce("There is no answer to check yet.")
            return
        from troth.tui.screens.compare_proof import ProofScreen

        screen.troth.push_screen(
            ProofScreen(
                screen.troth, screen.engine, screen.comparison.chat, message, screen.redraw_soon
            )
        )

    def differ(self) -> None:
        """Show where this answer and the next one differ, word by word."""
        from troth.tui.screens.compare_diff import DiffScreen

        comparison = self._screen.comparison
        count = len(comparison.columns)
        titles = [head_at(comparison, place).title for place in range(count)]
        texts = [clean(answer_text(comparison, place)) for place in range(count)]
        left = self._screen.current
        self._screen.troth.push_screen(DiffScreen(titles, texts, left, (left + 1) % count))

    def summary(self) -> None:
        """Show the table of all that was measured."""
        from troth.tui.screens.compare_summary import SummaryScreen

        if self._screen.comparison.voting.is_blind:
            self._screen.announce(self._hidden_words())
            return
        self._screen.troth.push_screen(SummaryScreen(self._screen.comparison))

    # -- judge, merge, ratings

    def judge(self) -> None:
        """Let a model compare the answers of the newest turn."""
        from troth.tui.screens.compare_judge import JudgeScreen

        screen = self._screen
        turn = newest_turn(screen.comparison)
        screen.troth.push_screen(JudgeScreen(screen.troth, screen.comparison, turn))

    def merge(self) -> None:
        """Let a model make one text of the newest turn's answers."""
        from troth.tui.screens.compare_judge import MergeScreen

        screen = self._screen

        def left(chat_id: str | None) -> None:
            if chat_id:
                screen.dismiss(chat_id)

        turn = newest_turn(screen.comparison)
        screen.troth.push_screen(MergeScreen(screen.troth, screen.comparison, turn), left)

    def ratings(self) -> None:
        """Show how all models fare in all votes."""
        from troth.tui.screens.compare_ratings import RatingsScreen

        self._screen.troth.push_screen(RatingsScreen(self._screen.engine))

    def all_keys(self) -> None:
        """Show every key, those of this screen first."""
        from troth.tui.screens.help import HelpScreen

        self._screen.troth.push_screen(HelpScreen(self._screen.troth.keymap, "compare"))

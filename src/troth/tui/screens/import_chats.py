"""Taking in chats of other programs: choose a file, look inside, take it in, take it back.

Nothing is written before the look was seen. The screen may be left at any time: what has come in
by then are whole chats, and the same file goes on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.getters import query_one
from textual.screen import Screen
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from troth.domain.error import TrothError
from troth.engine.import_values import ImportPreview, ImportProgress
from troth.engine.importing import imports, preview_import, run_import, undo_import
from troth.explain import explain
from troth.settings import typed_path
from troth.tui.keys import FooterItem
from troth.tui.safe import clean, clean_line
from troth.tui.screens import import_words as words
from troth.tui.screens.choice import ChoiceScreen
from troth.tui.screens.path_rows import PathEntry, matching_entries, path_rows, plain_path
from troth.tui.widgets.field import Field
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.row_list import Column, RowList
from troth.tui.widgets.title_bar import TitleBar
from troth.vault.intake import Withdrawn

if TYPE_CHECKING:
    from troth.engine.engine import Engine
    from troth.tui.application import TrothApp

_TOLD_EVERY = 20
"""Chats between two tellings of how far it is."""

Stage = Literal["choose", "look", "preview", "import", "undo", "done"]


class ImportScreen(Screen[None]):
    """One field and one list; what they hold follows the stage."""

    CSS_PATH = "import.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, tooltip="Stop, or go back",
                id="import.back"),
        Binding("enter", "go_on", "Go on", show=False, tooltip="Take the next step",
                id="import.go_on"),
        Binding("tab", "complete", "Complete", show=False, priority=True,
                tooltip="Complete the path with the row under the cursor", id="import.complete"),
        Binding("down,ctrl+n,j", "move(1)", "Down", show=False, tooltip="Move down",
                id="import.down"),
        Binding("up,ctrl+p,k", "move(-1)", "Up", show=False, tooltip="Move up", id="import.up"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="One page down",
                id="import.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="One page up",
                id="import.page_up"),
        Binding("u", "undo", "Take back", show=False, tooltip="Take this import back",
                id="import.undo"),
        Binding("ctrl+l", "earlier", "Earlier imports", show=False, priority=True,
                tooltip="List the imports that can be taken back", id="import.earlier"),
    ]  # fmt: skip

    field = query_one(Input)
    rows = query_one(RowList)

    def __init__(self, host: TrothApp, engine: Engine, path: str = "") -> None:
        """`path` is looked at at once; "" asks for it."""
        super().__init__()
        self._host = host
        self._engine = engine
        self._path = path
        self._stage: Stage = "choose"
        self._entries: Sequence[PathEntry] = ()
        self._preview: ImportPreview | None = None
        self._batch_id = ""
        self._earlier: frozenset[str] = frozenset()
        """Imports that were there before this one."""
        self._went = Withdrawn()
        """What a taking back has deleted so far."""
        self._work: Worker[None] | None = None
        self._shown = ""

    def compose(self) -> ComposeResult:
        title = TitleBar()
        title.chat_title = "Import chats"
        title.state = "kept until you quit" if self._engine.vault.is_memory else ""
        yield title
        yield Static(words.SOURCES, markup=False, id="about")
        with Horizontal(id="path"):
            yield Static(" ❯ ", markup=False, classes="sign")
            yield Field(self._path or _first_folder(), placeholder="path of the export",
                        compact=True, select_on_focus=False)  # fmt: skip
        yield RowList(
            columns=(Column(14, 52, is_right_aligned=True), Column(9, 0, is_right_aligned=True)),
            empty_text="no export lies there: zip, json, html, db or sqlite",
        )
        yield Static("", markup=False, id="said")
        yield FooterBar(self._footer())

    def on_mount(self) -> None:
        self.rows.can_focus = False
        self.rows.add_class("-active")
        if self._path:
            self._begin(self._look(typed_path(plain_path(self._path))))
        else:
            self._complete(self.field.value)

    # -- what is seen

    def _footer(self) -> tuple[FooterItem, ...]:
        back = FooterItem("import.back", "esc", "back", 1, is_right=True)
        match self._stage:
            case "choose":
                return (
                    FooterItem("import.go_on", "⏎", "look inside", 0),
                    FooterItem("import.complete", "tab", "complete", 2),
                    FooterItem("import.earlier", "^l", "earlier imports", 3),
                    back,
                )
            case "preview" if self._preview is not None and self._preview.new_messages:
                return (FooterItem("import.go_on", "⏎", "take it in", 0), back)
            case "done" if self._batch_id:
                undo = FooterItem("import.undo", "u", "take it back", 2)
                return (FooterItem("import.go_on", "⏎", "close", 0), undo)
            case "look" | "import" | "undo":
                return (back._replace(text="stop", is_right=False),)
            case "preview" | "done":
                return (back._replace(is_right=False),)

    def _enter(self, stage: Stage, about: str) -> None:
        """Stand at another stage, with these words above."""
        self._stage = stage
        self.query_one("#about", Static).update(clean(about))
        self.query_one("#path").display = stage == "choose"
        self.rows.display = stage in {"choose", "preview"}
        self.say("")
        self.query_one(FooterBar).items = self._footer()
        if stage == "choose":
            self.field.focus()
        else:
            self.set_focus(None)

    def say(self, text: str) -> None:
        """Show one line above the footer: how far it is, or what went wrong."""
        if text != self._shown:
            self._shown = text
            self.query_one("#said", Static).update(clean_line(text))

    def _say_error(self, error: TrothError) -> None:
        said = explain(error)
        self.say(f"{said.title}. {said.detail} {said.next_step}")

    # -- choosing

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self.say("")
        self._complete(message.value)

    def _complete(self, typed: str) -> None:
        self.run_worker(self._show_entries(plain_path(typed)), group="paths", exclusive=True)

    async def _show_entries(self, typed: str) -> None:
        entries = await asyncio.to_thread(matching_entries, typed)
        if self._stage == "choose":
            self._entries = entries
            self.rows.set_rows(path_rows(entries, datetime.now().astimezone()))

    def _entry(self) -> PathEntry | None:
        row = self.rows.current
        return self._entries[int(row.id)] if row is not None and self._entries else None

    def action_complete(self) -> None:
        """Put the row under the cursor into the field."""
        entry = self._entry() if self._stage == "choose" else None
        if entry is not None and not entry.is_this_folder:
            self.field.value = entry.typed
            self.field.action_end()

    def action_move(self, by: int) -> None:
        self.rows.move(by)

    def action_page(self, by: int) -> None:
        self.rows.move_page(by)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_go_on()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        if self._stage == "choose":
            self._take_entry()

    def _take_entry(self) -> None:
        entry = self._entry()
        if entry is None:
            self.say("There is no such file. Type the path of the export, or paste it.")
        elif entry.is_folder:
            self.action_complete()
        else:
            self._begin(self._look(entry.path))

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        getattr(self, f"action_{message.command_id.removeprefix('import.')}")()

    # -- looking and taking in

    def action_go_on(self) -> None:
        """Take the step that the stage offers."""
        match self._stage:
            case "choose":
                self._take_entry()
            case "preview" if self._preview is not None and self._preview.new_messages:
                self._begin(self._import(self._preview))
            case "done":
                self.dismiss(None)
            case _:
                return

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        self._work = self.run_worker(self._carry_out(work), group="work", exclusive=True)

    async def _carry_out(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except TrothError as error:
            if self._stage == "undo":
                await self._show_undo_cut()
            self._say_error(error)

    async def _look(self, path: Path) -> None:
        self._enter("look", f"Looking into {path}\nNothing is written yet.")
        try:
            preview = await preview_import(
                self._engine, [path], on_progress=lambda p: self._progressed("Looking", p)
            )
        except TrothError as error:
            self._enter("choose", words.SOURCES)
            self._say_error(error)
            return
        self._earlier = frozenset(known.batch_id for known in await imports(self._engine))
        self._preview = preview
        self._enter("preview", words.preview_words(preview))
        self.rows.set_rows(words.preview_rows(preview.chats, datetime.now().astimezone()))

    async def _import(self, preview: ImportPreview) -> None:
        self._enter("import", "Taking the chats in, each one whole or not at all.")
        try:
            report = await run_import(
                self._engine, preview, lambda p: self._progressed("Taking in", p)
            )
        except TrothError as error:
            await self._show_cut()
            self._say_error(error)
            return
        self._batch_id = report.batch_id or ""
        self._enter("done", words.report_words(report))

    def _progressed(self, verb: str, progress: ImportProgress) -> None:
        self._host.stay_awake()
        if progress.chats % _TOLD_EVERY == 1:  # each telling is a layout of the screen
            self.say(words.progress_words(verb, progress))

    async def _show_cut(self) -> None:
        """Say what had come in when an import was stopped."""
        known = await imports(self._engine)
        cut = next((record for record in known if record.batch_id not in self._earlier), None)
        if cut is None:
            self._enter("done", "Stopped. Nothing had come in yet.")
            return
        self._batch_id = cut.batch_id
        self._enter(
            "done",
            f"Stopped. {words.counted(cut.chats, 'chat')} with "
            f"{words.counted(cut.messages, 'message')} had come in and are whole. Import the same "
            "file again to go on, or take them back.",
        )

    # -- back

    def action_back(self) -> None:
        """Stop what runs; else one stage back, and from the first one out."""
        work = self._work
        if self._stage in {"look", "import", "undo"} and work is not None:
            work.cancel()
            self.run_worker(self._stopped(work, self._stage), group="stopped")
        elif self._stage == "preview":
            self._enter("choose", words.SOURCES)
            self._complete(self.field.value)
        else:
            self.dismiss(None)

    async def _stopped(self, work: Worker[None], stage: Stage) -> None:
        with suppress(WorkerCancelled, WorkerFailed):
            await work.wait()
        if self._stage != stage:  # it had come to its end by then
            return
        if stage == "import":
            await self._carry_out(self._show_cut())
        elif stage == "undo":
            await self._carry_out(self._show_undo_cut())
        else:
            self._enter("choose", words.SOURCES)
            self._complete(self.field.value)

    def action_undo(self) -> None:
        """Take back what this import brought in."""
        if self._stage == "done" and self._batch_id:
            self._begin(self._undo(self._batch_id))

    async def _undo(self, batch_id: str) -> None:
        self._enter("undo", "Taking it back: what came in is deleted for good.")
        self._batch_id, self._went = batch_id, Withdrawn()
        undone = await undo_import(self._engine, batch_id, self._undone)
        self._batch_id = ""
        self._enter("done", words.undone_words(undone))

    def _undone(self, went: Withdrawn, total: int) -> None:
        self._host.stay_awake()
        self._went = went
        self.say(words.undo_progress_words(went, total))

    async def _show_undo_cut(self) -> None:
        """Say what was taken back when that was stopped: all of it, if it was the last slice."""
        left = any(known.batch_id == self._batch_id for known in await imports(self._engine))
        if not left:
            self._batch_id = ""
        told = words.undo_stopped_words if left else words.undone_words
        self._enter("done", told(self._went))

    def action_earlier(self) -> None:
        """List the imports of the past; the chosen one is taken back after a yes."""
        if self._stage == "choose":
            self._begin(self._choose_earlier())

    async def _choose_earlier(self) -> None:
        known = await imports(self._engine)
        if not known:
            self.say("Nothing was imported yet.")
            return
        rows = [words.record_row(record) for record in known]
        chosen = await self._host.push_screen_wait(
            ChoiceScreen("Take which import back?", rows, columns=(Column(30, 50),))
        )
        if chosen is not None:
            await self._undo(chosen)


def _first_folder() -> str:
    """Where browsers put what was exported; else the home folder."""
    return "~/Downloads/" if Path("~/Downloads").expanduser().is_dir() else "~/"

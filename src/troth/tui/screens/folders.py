"""The folders: what each holds, how long it keeps its chats, and taking one away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.error import TrothError, UsageError
from troth.explain import explain
from troth.tui.safe import clean_line
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.import_words import counted
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.row_list import Column, Row, RowList

if TYPE_CHECKING:
    from troth.engine.engine import Engine
    from troth.tui.application import TrothApp


class FoldersScreen(ModalScreen[str | None]):
    """Gives back the name of the folder to show, or None."""

    CSS_PATH = "dialog.tcss"
    AUTO_FOCUS = "RowList"
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("enter", "choose", "Show", show=False, tooltip="Show the folder's chats",
                id="folders.choose"),
        Binding("down,j", "move(1)", "Down", show=False, tooltip="Move down", id="folders.down"),
        Binding("up,k", "move(-1)", "Up", show=False, tooltip="Move up", id="folders.up"),
        Binding("r", "keep", "How long", show=False, tooltip="Say how long it keeps its chats",
                id="folders.keep"),
        Binding("d,delete", "remove", "Remove", show=False,
                tooltip="Remove the folder; its chats stay", id="folders.remove"),
    ]  # fmt: skip

    rows = query_one(RowList)

    def __init__(self, host: TrothApp, engine: Engine) -> None:
        super().__init__()
        self._host = host
        self._engine = engine

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog") as box:
            box.border_title = "Folders"
            box.keys = "⏎ show  r how long  d remove  esc close"
            yield RowList(
                columns=(Column(9, 0, is_right_aligned=True), Column(16, 44)),
                empty_text="no folders yet: m in the list of chats makes one, or /folder NAME",
            )
            yield Static("", markup=False, classes="wrong")

    async def on_mount(self) -> None:
        await self._show()

    async def _show(self) -> None:
        folders = await self._engine.housekeeping.folders()
        self.rows.set_rows(
            [
                Row(
                    folder.name,
                    folder.name,
                    cells=(counted(folder.conversations, "chat"), _kept(folder.keep_days)),
                )
                for folder in folders
            ],
            cursor=self.rows.cursor,
        )

    def _say(self, words: str) -> None:
        self.query_one(".wrong", Static).update(clean_line(words))

    def _folder(self) -> str:
        row = self.rows.current
        return row.id if row is not None else ""

    def action_move(self, by: int) -> None:
        self.rows.move(by)

    def action_choose(self) -> None:
        self.rows.choose()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        self.dismiss(message.row.id)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    def action_remove(self) -> None:
        """Remove the folder under the cursor; its chats stay, in none."""
        if name := self._folder():
            self.run_worker(self._remove(name), exclusive=True)

    async def _remove(self, name: str) -> None:
        await self._engine.housekeeping.remove_folder(name)
        self._say(f"The folder {name} is gone; its chats are in none.")
        await self._show()

    def action_keep(self) -> None:
        """Ask how long the folder keeps its chats."""
        if name := self._folder():
            self.run_worker(self._keep(name), exclusive=True)

    async def _keep(self, name: str) -> None:
        title = f"Keep chats of {name} for how many days? 0 for ever"
        typed = await self._host.push_screen_wait(TextDialog(title))
        if typed is None:
            return
        try:
            days = _days(typed)
            if days is not None and not await self._agreed(name, days):
                return
            await self._engine.housekeeping.set_keep_days(name, days)
            if days is not None:
                await self._engine.housekeeping.tidy(datetime.now(UTC))
        except TrothError as error:
            self._say(f"{explain(error).title}. {explain(error).detail}")
            return
        self._say("")
        await self._show()

    async def _agreed(self, name: str, days: int) -> bool:
        """Ask first where chats would be gone at once, for good."""
        labels = await self._engine.housekeeping.labels()
        oldest = datetime.now(UTC) - timedelta(days=days)
        doomed = [
            chat
            for chat in await self._engine.chats(is_archived=None)
            if chat.updated_at < oldest and not chat.is_pinned
            if chat.id in labels and labels[chat.id].folder == name
        ]
        if not doomed:
            return True
        question = (
            f"{counted(len(doomed), 'chat')} of {name} are older than that and would be deleted "
            "now, for good: this cannot be undone. Pinned chats stay."
        )
        dialog = TextDialog("Delete them?", question, is_question=True)
        return await self._host.push_screen_wait(dialog) is not None


def _kept(days: int | None) -> str:
    return "kept for ever" if days is None else f"kept {counted(days, 'day')}"


def _days(typed: str) -> int | None:
    """Read a number of days; None for "never". Raises UsageError."""
    word = typed.strip().lower().removesuffix("days").removesuffix("day").strip()
    if word in {"0", "never", "-"}:
        return None
    if not word.isdigit() or int(word) > 36_500:
        raise UsageError("days are a whole number, such as 30; 0 keeps chats for ever")
    return int(word)

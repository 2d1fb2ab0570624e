"""The chats as a list: the sidebar, its filter, what is selected in it, and folders."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from troth.domain.conversation import Conversation
from troth.domain.error import VaultLocked
from troth.tui.screens.chat_deeds import ChatDeeds
from troth.tui.screens.folders import FoldersScreen
from troth.tui.widgets.sidebar import Sidebar

if TYPE_CHECKING:
    from troth.tui.application import TrothApp
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.talking import Talking


class Listing:
    """Shows the list of chats. What is done to chats in it is `deeds`."""

    def __init__(self, app: TrothApp, screen: ChatScreen, talking: Talking) -> None:
        self._app = app
        self._screen = screen
        self._talking = talking
        self._sidebar: Sidebar | None = None
        self.deeds = ChatDeeds(screen, talking, self._targets)
        self._is_stale = True

    def _targets(self, *, from_list: bool) -> list[str]:
        """Return the chats that a deed is for: the open one, or those of the list."""
        if from_list:
            return self._sidebar.targets() if self._sidebar is not None else []
        chat = self._talking.chat
        return [chat.id] if chat is not None else []

    @property
    def is_open(self) -> bool:
        return self._sidebar is not None and self._screen.has_class("-sidebar")

    # -- the sidebar

    async def toggle(self) -> None:
        """Show the list and go there; hide it when it has the focus already."""
        if self._sidebar is None:
            self._sidebar = Sidebar()
            await self._screen.mount(self._sidebar, before=0)
        if self.is_open and self._sidebar.has_focus_within:
            self.hide()
            return
        self._screen.add_class("-sidebar")
        self._sidebar.take_focus()  # first: the same key again, while a long list is read, hides it
        await self.refresh()
        self._screen.draw_frame()

    def hide(self) -> None:
        """Hide the list and go back to the prompt."""
        self._screen.remove_class("-sidebar")
        self._screen.leave_reading()

    def leave(self) -> None:
        """Go back to the prompt; on a narrow screen the list goes away too."""
        if self._screen.has_class("-narrow"):
            self._screen.remove_class("-sidebar")
        self._screen.leave_reading()

    def focus_filter(self) -> None:
        if self._sidebar is not None:
            self._sidebar.focus_filter()

    def mark_stale(self) -> None:
        """Chats changed: read them again, at once where they are seen."""
        was_stale, self._is_stale = self._is_stale, True
        if self.is_open and not was_stale:  # a hundred changes in a row are one look
            self._screen.run_worker(self.refresh(), group="chats")

    def follow(self, conversation_id: str) -> None:
        """Point to the chat that was opened."""
        if self._sidebar is not None:
            self._sidebar.stand_on(conversation_id)

    async def refresh(self) -> None:
        """Read the list from the vault and show it."""
        if self._sidebar is None:
            return
        self._is_stale = False
        is_archive = self._sidebar.is_archive
        try:
            chats = await self._talking.engine.chats(is_archived=is_archive)
            labels = await self._talking.engine.housekeeping.labels()
        except VaultLocked:
            return  # it was locked meanwhile: this list goes with its screen
        self._sidebar.labels = {chat_id: label.words for chat_id, label in labels.items()}
        self._show(chats, is_archive=is_archive)

    def _show(self, chats: list[Conversation], *, is_archive: bool) -> None:
        if self._sidebar is None:
            return
        chat = self._talking.chat
        arriving = (
            frozenset({chat.id}) if chat is not None and chat.is_replying else frozenset[str]()
        )
        self._sidebar.show_chats(
            chats,
            datetime.now().astimezone(),
            current_id=chat.id if chat is not None else "",
            arriving=arriving,
            is_archive=is_archive,
        )

    async def toggle_archive(self) -> None:
        """Switch between the list and the archive."""
        if self._sidebar is not None:
            self._sidebar.is_archive = not self._sidebar.is_archive
            await self.refresh()

    def open_selected(self) -> None:
        if self._sidebar is not None:
            self._sidebar.chat_list.choose()

    def move(self, by: int) -> None:
        """Move the list's cursor."""
        if self._sidebar is not None:
            self._sidebar.chat_list.move(by)

    def move_to_end(self, step: int) -> None:
        """Move the list's cursor to its first or its last chat."""
        if self._sidebar is not None:
            self._sidebar.chat_list.move_to_end(step)

    def step_back(self) -> None:
        """Let go of what is selected, then of the filter, then of the list."""
        if self._sidebar is not None and not self._sidebar.step_back():
            self.leave()

    async def step(self, by: int) -> None:
        """Open the chat above or below in the list."""
        chats = await self._talking.engine.chats()
        ids = [chat.id for chat in chats]
        chat = self._talking.chat
        at = ids.index(chat.id) + by if chat is not None and chat.id in ids else 0
        if 0 <= at < len(ids):
            await self._talking.open(ids[at])

    # -- several chats, and folders

    def pick(self) -> None:
        """Select the chat under the cursor, too."""
        if self._sidebar is not None:
            self._sidebar.pick()

    def pick_all(self) -> None:
        """Select all that are shown, or none."""
        if self._sidebar is not None:
            self._sidebar.pick_all()

    async def folders(self) -> None:
        """List the folders; the chosen one's chats are shown."""
        chosen = await self._screen.ask_and_wait(FoldersScreen(self._app, self._talking.engine))
        if chosen is None:
            return
        if not self.is_open:
            await self.toggle()
        assert self._sidebar is not None
        self._sidebar.filter_by(f"folder:{chosen}")
        self._sidebar.take_focus()

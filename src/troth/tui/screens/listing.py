"""The chats as a list: sidebar, rename, pin, archive, delete with undo, the next one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING

from troth.domain.conversation import Conversation
from troth.domain.error import TrothError
from troth.tui.screens.dialogs import TextDialog
from troth.tui.widgets.sidebar import Sidebar

if TYPE_CHECKING:
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.talking import Talking


class Listing:
    """What is done to chats as a whole, from the sidebar or to the one that is open."""

    def __init__(self, screen: ChatScreen, talking: Talking) -> None:
        self._screen = screen
        self._talking = talking
        self._sidebar: Sidebar | None = None
        self._deleted: list[str] = []
        self._is_stale = True

    @property
    def is_open(self) -> bool:
        return self._sidebar is not None and self._screen.has_class("-sidebar")

    @property
    def has_trash(self) -> bool:
        return bool(self._deleted)

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
        await self.refresh()
        self._sidebar.take_focus()
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
        self._is_stale = True
        if self.is_open:
            self._screen.run_worker(self.refresh(), group="chats", exclusive=True)

    async def refresh(self) -> None:
        """Read the list from the vault and show it."""
        if self._sidebar is None:
            return
        self._is_stale = False
        is_archive = self._sidebar.is_archive
        chats = await self._talking.engine.chats(is_archived=is_archive)
        labels = await self._talking.engine.housekeeping.labels()
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

    async def step(self, by: int) -> None:
        """Open the chat above or below in the list."""
        chats = await self._talking.engine.chats()
        ids = [chat.id for chat in chats]
        chat = self._talking.chat
        at = ids.index(chat.id) + by if chat is not None and chat.id in ids else 0
        if 0 <= at < len(ids):
            await self._talking.open(ids[at])

    # -- one chat

    def _target(self, *, from_list: bool) -> str:
        if from_list and self._sidebar is not None:
            return self._sidebar.selected_id
        return self._talking.chat.id if self._talking.chat is not None else ""

    async def _find(self, conversation_id: str) -> Conversation | None:
        chat = self._talking.chat
        if chat is not None and chat.id == conversation_id:
            return chat.conversation
        chats = await self._talking.engine.chats(is_archived=None)
        return next((known for known in chats if known.id == conversation_id), None)

    async def rename(self, *, from_list: bool = False, title: str = "") -> None:
        """Give a chat a name: the one that was typed, or ask for it."""
        found = await self._find(self._target(from_list=from_list))
        if found is None:
            return
        if title:
            await self._change(found.id, title=title)
            return
        self._screen.ask(
            TextDialog("Rename chat", found.title),
            lambda text: self._screen.run_worker(self._change(found.id, title=text)),
        )

    async def _change(self, conversation_id: str, *, title: str) -> None:
        try:
            await self._talking.engine.update_chat(conversation_id, title=title)
        except TrothError as error:
            self._screen.say_error(error)

    async def pin(self, *, from_list: bool = False) -> None:
        """Pin a chat, or let it go."""
        if (found := await self._find(self._target(from_list=from_list))) is not None:
            await self._talking.engine.update_chat(found.id, is_pinned=not found.is_pinned)

    async def archive(self, *, from_list: bool = False) -> None:
        """Put a chat into the archive, or take it out."""
        if (found := await self._find(self._target(from_list=from_list))) is None:
            return
        await self._talking.engine.update_chat(found.id, is_archived=not found.is_archived)
        if not found.is_archived and not from_list:
            await self._talking.new()

    async def tag(self, name: str = "") -> None:
        """Give the open chat a tag, or take it away; ask for it where none was typed."""
        await self._label("Tag", name, self._tag)

    async def put(self, name: str = "") -> None:
        """Put the open chat into a folder; `-` takes it out."""
        await self._label("Folder (- for none)", name, self._put)

    async def _label(
        self, question: str, name: str, act: Callable[[str, str], Coroutine[None, None, None]]
    ) -> None:
        found = await self._find(self._target(from_list=False))
        if found is None:
            return
        if name:
            await act(found.id, name)
            return
        self._screen.ask(
            TextDialog(question),
            lambda typed: self._screen.run_worker(act(found.id, typed)),
        )

    async def _tag(self, conversation_id: str, name: str) -> None:
        try:
            has_it = await self._talking.engine.housekeeping.toggle_tag([conversation_id], name)
        except TrothError as error:
            self._screen.say_error(error)
            return
        verb = "Tagged" if has_it else "No longer tagged"
        self._screen.announce(f"{verb} {name}. tag:{name} in the list or in: in find shows it.")

    async def _put(self, conversation_id: str, name: str) -> None:
        folder = "" if name == "-" else name
        try:
            await self._talking.engine.housekeeping.put([conversation_id], folder)
        except TrothError as error:
            self._screen.say_error(error)
            return
        self._screen.announce(f"In the folder {name}." if folder else "In no folder.")

    async def delete(self, *, from_list: bool = False) -> None:
        """Delete a chat; undo brings it back."""
        found = await self._find(self._target(from_list=from_list))
        if found is None:
            return
        self._deleted.append(found.id)
        try:
            await self._talking.engine.delete_chat(found.id)
        except TrothError as error:
            self._deleted.pop()
            self._screen.say_error(error)
            return
        self._screen.announce("Deleted. /undelete brings it back.")

    async def undelete(self) -> None:
        """Bring the last deleted chat back and open it."""
        if not self._deleted:
            return
        conversation_id = self._deleted.pop()
        try:
            await self._talking.engine.undelete_chat(conversation_id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        await self._talking.open(conversation_id)

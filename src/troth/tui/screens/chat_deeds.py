"""What is done to chats as a whole: name, pin, archive, put in order, delete and bring back.

From the list it is done to all that are selected, else to the open chat.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Protocol

from troth.domain.conversation import Conversation
from troth.tui.safe import clean_line
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.import_words import counted

if TYPE_CHECKING:
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.talking import Talking


class Targets(Protocol):
    """Says which chats are meant."""

    def __call__(self, *, from_list: bool) -> list[str]: ...


Act = Callable[[Sequence[str], str], Coroutine[None, None, None]]


class ChatDeeds:
    """Commands on chats. An error of the vault is said by the screen that carried them out."""

    def __init__(self, screen: ChatScreen, talking: Talking, targets: Targets) -> None:
        self._screen = screen
        self._talking = talking
        self._targets = targets
        self._deleted: list[list[str]] = []
        """What each delete took, for undoing."""

    @property
    def has_trash(self) -> bool:
        return bool(self._deleted)

    async def _found(self, *, from_list: bool) -> list[Conversation]:
        ids = self._targets(from_list=from_list)
        chat = self._talking.chat
        if chat is not None and ids == [chat.id]:
            return [chat.conversation]
        wanted = set(ids)
        return [
            known
            for known in await self._talking.engine.chats(is_archived=None)
            if known.id in wanted
        ]

    async def rename(self, *, from_list: bool = False, title: str = "") -> None:
        """Give a chat a name: the one that was typed, or ask for it."""
        found = await self._found(from_list=from_list)
        if len(found) > 1:
            self._screen.announce("Only one chat at a time can be given a name.")
        elif title and found:
            await self._talking.engine.update_chat(found[0].id, title=title)
        elif found:
            typed = await self._screen.ask_and_wait(TextDialog("Rename chat", found[0].title))
            if typed is not None:
                await self._talking.engine.update_chat(found[0].id, title=typed)

    async def pin(self, *, from_list: bool = False) -> None:
        """Pin chats, or let them go where all are pinned."""
        found = await self._found(from_list=from_list)
        is_pinned = not all(chat.is_pinned for chat in found)
        for chat in found:
            await self._talking.engine.update_chat(chat.id, is_pinned=is_pinned)
        self._tell(found, "Pinned" if is_pinned else "No longer pinned")

    async def archive(self, *, from_list: bool = False) -> None:
        """Put chats into the archive, or take them out where all are in it."""
        found = await self._found(from_list=from_list)
        is_archived = not all(chat.is_archived for chat in found)
        for chat in found:
            await self._talking.engine.update_chat(chat.id, is_archived=is_archived)
        self._tell(found, "Archived" if is_archived else "Back from the archive")
        if is_archived and not from_list:
            await self._talking.new()

    def _tell(self, found: Sequence[Conversation], what: str) -> None:
        if len(found) > 1:
            self._screen.announce(f"{what}: {counted(len(found), 'chat')}.")

    async def tag(self, name: str = "", *, from_list: bool = False) -> None:
        """Give chats a tag, or take it away; ask for it where none was typed."""
        await self._label("Tag", name, self._tag, from_list=from_list)

    async def put(self, name: str = "", *, from_list: bool = False) -> None:
        """Put chats into a folder; `-` takes them out."""
        await self._label("Folder (- for none)", name, self._put, from_list=from_list)

    async def _label(self, question: str, name: str, act: Act, *, from_list: bool) -> None:
        ids = self._targets(from_list=from_list)
        if not ids:
            return
        of = "" if len(ids) == 1 else f" of {counted(len(ids), 'chat')}"
        typed: str | None = name
        if not name:
            typed = await self._screen.ask_and_wait(TextDialog(f"{question}{of}"))
        if typed is not None:
            await act(ids, typed.strip())

    async def _tag(self, ids: Sequence[str], name: str) -> None:
        name = name.removeprefix("#")
        has_it = await self._talking.engine.housekeeping.toggle_tag(ids, name)
        verb = "Tagged" if has_it else "No longer tagged"
        shown = clean_line(name)
        self._screen.announce(f"{verb} {shown}. tag:{shown} in the list or in: in find shows it.")

    async def _put(self, ids: Sequence[str], name: str) -> None:
        folder = "" if name == "-" else name
        await self._talking.engine.housekeeping.put(ids, folder)
        shown = clean_line(folder)
        self._screen.announce(
            f"In the folder {shown}. /folders shows it." if folder else "In no folder."
        )

    async def delete(self, *, from_list: bool = False) -> None:
        """Delete chats; undo brings them back."""
        taken: list[str] = []
        self._deleted.append(taken)
        try:
            for chat_id in self._targets(from_list=from_list):
                await self._talking.engine.delete_chat(chat_id)
                taken.append(chat_id)
        finally:
            if not taken:
                self._deleted.pop()
        if taken:
            what = "" if len(taken) == 1 else f" {counted(len(taken), 'chat')}"
            back = "it" if len(taken) == 1 else "them"
            self._screen.announce(f"Deleted{what}. /undelete brings {back} back.")

    async def undelete(self) -> None:
        """Bring back what the last delete took; a single chat is opened."""
        if not self._deleted:
            return
        taken = self._deleted.pop()
        for chat_id in taken:
            await self._talking.engine.undelete_chat(chat_id)
        if len(taken) == 1:
            await self._talking.open(taken[0])
        else:
            self._screen.announce(f"{counted(len(taken), 'chat')} are back.")

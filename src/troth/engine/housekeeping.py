"""Keeping chats in order: folders, tags, how long chats are kept, what others wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from troth.engine.elsewhere import Elsewhere
from troth.engine.feed import Feed, ListChanged
from troth.vault.vault import Vault

if TYPE_CHECKING:
    from troth.vault.organize import Folder

TRASH_DAYS = 30
"""How long a deleted chat can be brought back."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The folder and the tags of one chat."""

    folder: str = ""
    tags: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """As a filter is typed: `folder:home tag:rope`."""
        folder = [f"folder:{self.folder}"] if self.folder else []
        return " ".join([*folder, *(f"tag:{tag}" for tag in self.tags)])


class Housekeeping:
    """Looks after the chats of whichever vault is open. A vault in memory needs little of it."""

    def __init__(self, vault: Callable[[], Vault], feed: Feed, elsewhere: Elsewhere) -> None:
        self._vault = vault
        self._feed = feed
        self._elsewhere = elsewhere

    def list_changed(self, removed: Sequence[str] = ()) -> None:
        """Tell the listeners that many chats changed at once; those in `removed` are gone."""
        for chat_id in removed:
            self._elsewhere.gone(chat_id)
        self._feed.tell(ListChanged())

    async def labels(self) -> dict[str, Labels]:
        """Return folder and tags of each chat that has any."""
        folders = await self._vault().folders.of_chats()
        tags = await self._vault().folders.tags()
        return {
            chat_id: Labels(folders.get(chat_id, ""), tags.get(chat_id, ()))
            for chat_id in folders.keys() | tags.keys()
        }

    async def toggle_tag(self, chat_ids: Sequence[str], name: str) -> bool:
        """Tag chats, or take the tag away where all have it; return whether they have it now."""
        name = name.strip().removeprefix("#")
        tags = await self._vault().folders.tags()
        had = all(name in tags.get(chat_id, ()) for chat_id in chat_ids)
        if had:
            await self._vault().folders.untag(chat_ids, name)
        else:
            await self._vault().folders.tag(chat_ids, name)
        self._feed.tell(ListChanged())
        return not had

    async def put(self, chat_ids: Sequence[str], folder: str) -> None:
        """Put chats into a folder, made if new; "" takes them out of theirs."""
        await self._vault().folders.put(chat_ids, folder.strip() or None)
        self._feed.tell(ListChanged())

    async def set_keep_days(self, folder: str, days: int | None) -> None:
        """Say how long a folder keeps its chats after their last message; None is for ever."""
        await self._vault().folders.set_keep_days(folder, days)
        self._feed.tell(ListChanged())

    async def folders(self) -> list[Folder]:
        """Return all folders by name, with how many chats each holds and how long it keeps them."""
        return await self._vault().folders.listed()

    async def remove_folder(self, name: str) -> None:
        """Remove a folder; its chats stay, without one."""
        await self._vault().folders.remove(name)
        self._feed.tell(ListChanged())

    async def tidy(self, now: datetime) -> int:
        """Delete for good what is past its folder's time or long in the trash; return how many."""
        vault = self._vault()
        if vault.is_read_only:
            return 0
        count = await vault.folders.purge_expired(now)
        count += await vault.empty_trash(now - timedelta(days=TRASH_DAYS))
        if count:
            self._feed.tell(ListChanged())
        return count

    async def look_elsewhere(self) -> None:
        """Tell the listeners when another process has written to the vault. Cheap."""
        await self._elsewhere.look()

"""Keeping chats in order: folders, tags, how long chats are kept, what others wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from troth.engine.clock import ClockWatch
from troth.engine.elsewhere import Elsewhere
from troth.engine.feed import Feed, ListChanged
from troth.vault.vault import Vault

if TYPE_CHECKING:
    from troth.vault.organize import Folder

_CLOCK = "clock"
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
        self.clock_leap: timedelta | None = None
        """How far the clock stood ahead at the last `tidy`, which held back for that."""

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
        """Delete for good what is past its folder's time or long in the trash; return how many.

        Nothing goes while the clock has leapt ahead and that is not believed yet: `clock_leap`.
        """
        vault = self._vault()
        if vault.is_read_only:
            return 0
        self.clock_leap = await self._look_at_clock(vault, now)
        if self.clock_leap is not None:
            return 0
        count = await vault.folders.purge_expired(now)
        count += await vault.empty_trash(now - timedelta(days=TRASH_DAYS))
        if count:
            self._feed.tell(ListChanged())
        return count

    async def _look_at_clock(self, vault: Vault, now: datetime) -> timedelta | None:
        """Return how far the clock is ahead of the vault, where that is not believed."""
        kept = await vault.state(_CLOCK)
        if kept is not None:
            before = ClockWatch.parse(kept)
        else:  # a vault from before clocks were watched: its chats tell when it was last used
            chats = await vault.conversations(is_archived=None)
            before = ClockWatch(max((chat.updated_at for chat in chats), default=now))
        after = before.look(now)
        await vault.set_state(_CLOCK, after.encoded())
        return after.leap

    async def look_elsewhere(self) -> None:
        """Tell the listeners when another process has written to the vault. Cheap."""
        await self._elsewhere.look()

"""The door to folders, tags and retention: `Vault.folders`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from troth.vault import organize
from troth.vault.opening import Opened
from troth.vault.organize import Folder
from troth.vault.purging import purge_expired
from troth.vault.rows import to_microseconds
from troth.vault.store import checkpoint, written


class Folders:
    """Puts chats in order; every method takes many chats at once."""

    def __init__(self, opened: Opened) -> None:
        self._writer = opened.writer
        self._reader = opened.reader

    async def listed(self) -> list[Folder]:
        """Return all folders by name, with how many chats each holds."""
        return await self._reader.run(organize.folders)

    async def put(self, conversation_ids: Sequence[str], name: str | None) -> None:
        """Put chats into a folder, made if new; None takes them out. Raises NotFound."""
        await self._writer.run(written(organize.set_folder), conversation_ids, name)

    async def remove(self, name: str) -> None:
        """Remove a folder; its chats stay."""
        await self._writer.run(written(organize.remove_folder), name)

    async def set_keep_days(self, name: str, days: int | None) -> None:
        await self._writer.run(written(organize.set_keep_days), name, days)

    async def of_chats(self) -> dict[str, str]:
        """Return the folder of each chat that is in one."""
        return await self._reader.run(organize.folder_of)

    async def tag(self, conversation_ids: Sequence[str], name: str) -> None:
        await self._writer.run(written(organize.add_tag), conversation_ids, name)

    async def untag(self, conversation_ids: Sequence[str], name: str) -> None:
        await self._writer.run(written(organize.remove_tag), conversation_ids, name)

    async def tags(self) -> dict[str, tuple[str, ...]]:
        """Return the tags of each chat that has any."""
        return await self._reader.run(organize.tags_of)

    async def purge_expired(self, now: datetime, *, keep_days: int | None = None) -> int:
        """Delete for good what is past its time, out of the log as well; return how many chats.

        Their words leave the search index soon after, while the vault is idle.
        """
        moment, count = to_microseconds(now), 0
        while some := await self._writer.run(written(purge_expired), moment, keep_days):
            count += some
        if count:
            await self._writer.run(checkpoint)
        return count

"""Where a finished reply goes: into its store, or sealed beside the vault while that is locked.

A reply counts as kept only once it is on disk. While the vault is locked nobody can read it, not
even this process once it has let go of it; whoever unlocks next finds it in its chat.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from troth.domain.error import VaultError, VaultLocked
from troth.engine.chat import Chat
from troth.vault.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

    from troth.vault.inbox import Inbox, Parcel


class Keeper:
    """Keeps the replies of one engine."""

    def __init__(self) -> None:
        self._inbox: Inbox | None = None
        self._is_open = asyncio.Event()
        self._is_open.set()
        self.unlocks = 0
        """How often the vault was opened again."""
        self.is_leaving = False
        """Whether the engine closes: nobody waits for an unlock any more."""

    def hold(self, inbox: Inbox | None) -> None:
        """Seal what ends from now on into `inbox`."""
        self._inbox = inbox
        self._is_open.clear()

    def release(self) -> None:
        """Go on with the store: it is open again."""
        self._inbox = None
        self.unlocks += 1
        self._is_open.set()

    def give_up(self) -> None:
        """Let nobody wait for an unlock any more: the engine closes."""
        self.is_leaving = True
        self._is_open.set()

    async def reopened(self, unlocks: int = -1) -> bool:
        """Wait until the vault is open; False when it will not be.

        With `unlocks`, as it was before, also False where it was open all the time.
        """
        if self._is_open.is_set() and unlocks == self.unlocks:
            return False
        await self._is_open.wait()
        return not self.is_leaving

    async def keep(self, chat: Chat, parcel: Parcel) -> None:
        """Store a reply, or seal it and wait for the unlock, which stores it.

        Raises VaultError when neither can be done.
        """
        if chat.store.is_memory:
            await _append(chat.store, parcel)
            return
        while True:
            unlocks = self.unlocks
            try:
                if self._inbox is None:
                    await _append(chat.store, parcel)
                else:
                    await self._seal(chat, parcel)
            except VaultLocked:
                if self._inbox is None and self.unlocks == unlocks:
                    raise  # not our lock: somebody closed the store
            else:
                return

    async def _seal(self, chat: Chat, parcel: Parcel) -> None:
        assert self._inbox is not None
        failure: VaultError | None = None
        sealed: Path | None = None
        try:
            sealed = await asyncio.to_thread(self._inbox.put, parcel)
        except VaultError as error:
            failure = error  # the disk is full, say: memory is the next best place
        if not await self.reopened():
            if failure is not None:
                raise failure
            return
        # The unlock has taken the sealed file in, unless there is none or a rekey came between.
        if not await chat.store.has_message(parcel.message.id):
            await _append(chat.store, parcel)
            if sealed is not None:  # to the key of before: nobody will ever open it
                await asyncio.to_thread(sealed.unlink, missing_ok=True)


async def _append(store: Vault, parcel: Parcel) -> None:
    await store.append(
        parcel.message,
        exchange=parcel.exchange,
        blobs=parcel.blobs,
        makes_head=parcel.makes_head,
    )

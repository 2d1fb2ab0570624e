"""What another process writes to the vault meanwhile: `troth ask -c` while the app is open.

Asking is cheap (SQLite's `data_version`, tens of microseconds in the vault's own thread), so that
it can be done every few seconds and before each message. Open chats are read again and their
handles brought up to date, so that what is said next follows what was said elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from troth.domain.error import VaultLocked
from troth.engine.boundary import load_care
from troth.engine.chat import Chat
from troth.engine.feed import ChatGrew, ChatRemoved, Feed, ListChanged
from troth.vault.vault import Vault

NEWEST = 200
"""So many messages of a chat that is not wholly loaded are read again."""


class Elsewhere:
    """Watches the vault that is open for the changes of others."""

    def __init__(
        self,
        vault: Callable[[], Vault],
        opened: Callable[[], Mapping[str, Chat]],
        forget: Callable[[str], object],
        feed: Feed,
    ) -> None:
        self._vault = vault
        self._opened = opened
        self._forget = forget
        self._feed = feed
        self._seen: tuple[Vault, int] | None = None
        self._stale: set[str] = set()
        """Open chats that are still to be read again: a reply was arriving in them."""

    async def look(self) -> None:
        """Tell `ListChanged` when others have written, and `ChatGrew` for each open chat that has
        become another. Does nothing while the vault is locked."""
        vault = self._vault()
        if vault.is_memory:
            return
        with suppress(VaultLocked):
            number = await vault.changes_elsewhere()
            known, self._seen = self._seen, (vault, number)
            if known is not None and known[0] is vault and known[1] != number:
                self._stale.update(self._opened())
                self._feed.tell(ListChanged())
            for chat_id in tuple(self._stale):
                await self._read_again(vault, chat_id)

    def gone(self, chat_id: str) -> None:
        """Let go of a chat that is not in the vault any more."""
        self._forget(chat_id)
        self._feed.tell(ChatRemoved(chat_id))

    async def _read_again(self, vault: Vault, chat_id: str) -> None:
        chat = self._opened().get(chat_id)
        if chat is not None and chat.is_replying:
            return  # the next look will do
        self._stale.discard(chat_id)
        if chat is None or not chat.is_stored or chat.store is not vault:
            return
        before = chat.conversation
        stored = await vault.conversation(chat_id)
        if stored is None:
            self.gone(chat_id)
            return
        if chat.is_whole:
            messages = await vault.messages(chat_id)
        else:
            messages = await vault.newest_messages(chat_id, stored.head_id, NEWEST)
        verdicts = await vault.verdicts(chat_id)
        if chat.is_replying or chat.conversation is not before:
            self._stale.add(chat_id)  # we have changed it ourselves meanwhile
            return
        has_grown = any(message.id not in chat.tree for message in messages)
        is_judged = any(chat.verdicts.get(id) != verdict for id, verdict in verdicts.items())
        is_same = (stored.head_id, stored.title) == (before.head_id, before.title)
        if is_same and not (has_grown or is_judged):
            return
        for message in messages:
            chat.tree.add(message)
        chat.verdicts.update(verdicts)
        chat.conversation = stored
        await load_care(chat)
        self._feed.tell(ChatGrew(chat_id))

"""The vault: everything that Troth keeps, behind one asynchronous door.

All writing happens in one thread, reading in others, so that nothing here ever stops a screen and
a search never holds up a reply. What an await returned from is on disk. Errors are the `VaultError`
classes; nothing of SQLite gets out.

Making, search, folders, import and upkeep are imported when they are first used: half of the
vault's code, which the first message must not wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from troth.domain.conversation import Conversation, SearchHit, Surroundings
from troth.domain.exchange import Exchange, HttpRequest, HttpResponse
from troth.domain.message import Message, RawItem
from troth.domain.verdict import Verdict
from troth.vault import blobs, conversations, exchanges, keepsakes, messages, opening, verdicts
from troth.vault.kdf import DEFAULT_MEMORY_KIB, Cost, public_half
from troth.vault.opening import Opened, Terms
from troth.vault.places import INBOX
from troth.vault.rows import to_microseconds
from troth.vault.status import VaultStatus, vault_status
from troth.vault.store import data_version, written

if TYPE_CHECKING:
    from troth.vault.folders import Folders
    from troth.vault.inbox import Inbox
    from troth.vault.intake import Intake
    from troth.vault.search import Order
    from troth.vault.upkeep import Upkeep

__all__ = ["CreatedVault", "Vault", "VaultStatus", "vault_status"]


@dataclass(frozen=True, slots=True)
class CreatedVault:
    """A new vault and the only copy of its recovery words."""

    vault: Vault
    recovery_words: str
    keyring_failure: str = ""
    """Why there is no keyring slot although one was asked for; the vault is whole without it."""


class Vault:
    """An open vault. Make one with `create`, `open` or `in_memory`; `close` it at the end."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._writer = opened.writer
        self._reader = opened.reader
        self._searcher = opened.searcher

    @classmethod
    async def create(
        cls,
        directory: Path,
        passphrase: str,
        *,
        memory_kib: int = DEFAULT_MEMORY_KIB,
        with_keyring: bool = False,
    ) -> CreatedVault:
        """Make a vault in `directory`.

        Raises VaultExists where one is already, UsageError for an empty passphrase.
        """
        from troth.vault import making

        made = await asyncio.to_thread(
            making.create,
            directory,
            passphrase,
            Cost(memory_kib=memory_kib),
            with_keyring=with_keyring,
        )
        vault = cls(opening.lanes(made.access))
        await vault._start()
        return CreatedVault(vault, made.recovery_words, made.keyring_failure)

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        passphrase: str | None = None,
        recovery_words: str | None = None,
        from_keyring: bool = False,
        accept_older: bool = False,
        accept_damaged: bool = False,
        is_read_only: bool = False,
    ) -> Vault:
        """Open the vault in `directory` with exactly one of the three secrets.

        Raises WrongPassphrase, WrongRecoveryWords, KeyringFailed; VaultMissing, HeaderDamaged,
        VaultDamaged, VaultNewer, VaultBusy, VaultReadOnly; and VaultOlder when the vault is behind
        where it was last seen here. After the user was told, `accept_older` opens it all the same,
        and `accept_damaged` one that another program has damaged, so that the rest can be saved.
        `is_read_only` is for media that cannot be written.
        """
        access = await asyncio.to_thread(
            opening.unlock_directory,
            directory,
            passphrase=passphrase,
            recovery_words=recovery_words,
            from_keyring=from_keyring,
            terms=Terms(accept_older, accept_damaged, is_read_only),
        )
        vault = cls(opening.lanes(access))
        await vault._start()
        return vault

    @classmethod
    async def in_memory(cls) -> Vault:
        """Return a vault that is gone when it is closed."""
        vault = cls(opening.lanes_in_memory())
        await vault._start()
        return vault

    async def _start(self) -> None:
        access = self._opened.access
        try:
            await self._writer.run(lambda _: None)
            if not access.terms.is_read_only:
                await self._take_in_what_waits(access)
        except BaseException:
            await self.close()
            raise

    async def _take_in_what_waits(self, access: opening.Access) -> None:
        """Store the replies that ended while the vault was locked."""
        if access.path is None or not (access.path.parent / INBOX).is_dir():
            return
        from troth.vault.inbox import take_in

        if (await self._writer.run(take_in)).unreadable:
            access.notices.append("inbox-unreadable")

    @property
    def is_memory(self) -> bool:
        return self._opened.access.path is None

    @property
    def is_read_only(self) -> bool:
        """Whether every write raises VaultReadOnly."""
        return self._opened.access.terms.is_read_only

    @property
    def path(self) -> Path | None:
        """The folder of the vault."""
        path = self._opened.access.path
        return None if path is None else path.parent

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should hear about the vault as it was opened: slugs."""
        return tuple(self._opened.access.notices)

    @cached_property
    def folders(self) -> Folders:
        """Folders, tags and how long chats are kept."""
        from troth.vault.folders import Folders

        return Folders(self._opened)

    @cached_property
    def intake(self) -> Intake:
        """Whole chats in, and taking them back."""
        from troth.vault.intake import Intake

        return Intake(self._opened)

    @cached_property
    def upkeep(self) -> Upkeep:
        """Checks, slots and backups."""
        from troth.vault.upkeep import Upkeep

        return Upkeep(self._opened)

    def inbox(self) -> Inbox | None:
        """Return where replies go once this vault is locked; None where nothing can be written."""
        access = self._opened.access
        if access.path is None or access.terms.is_read_only:
            return None
        from troth.vault.inbox import Inbox

        folder = access.path.parent / INBOX
        return Inbox(folder, access.vault_id, public_half(access.keys.inbox))

    async def close(self) -> None:
        """Finish what was begun, empty the log into the database, and forget the keys."""
        for lane in (self._searcher, self._reader, self._writer):
            await lane.close()

    # chats

    async def add_conversation(self, conversation: Conversation) -> None:
        """Store a new chat. Raises UsageError for a known id or an incognito chat."""
        await self._writer.run(written(conversations.add), conversation)

    async def update_conversation(self, conversation: Conversation) -> None:
        """Store title, settings, flags and head of a known chat. Raises NotFound."""
        await self._writer.run(written(conversations.update), conversation)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return one chat; None when it is unknown or in the trash."""
        return await self._reader.run(conversations.one, conversation_id)

    async def conversations(
        self, *, is_archived: bool | None = False, limit: int | None = None
    ) -> list[Conversation]:
        """Return chats, pinned first, then newest updated; None means archived or not."""
        return await self._reader.run(conversations.listed, is_archived, limit)

    async def trash(self, conversation_id: str) -> None:
        await self._writer.run(written(conversations.trash), conversation_id, _now())

    async def restore(self, conversation_id: str) -> None:
        """Take a chat back out of the trash."""
        await self._writer.run(written(conversations.restore), conversation_id)

    async def empty_trash(self, older_than: datetime) -> int:
        """Delete for good what was trashed before; return how many chats."""
        from troth.vault.purging import empty_trash

        moment, count = to_microseconds(older_than), 0
        while some := await self._writer.run(written(empty_trash), moment):
            count += some
        return count

    # messages

    async def append(
        self,
        message: Message,
        *,
        exchange: Exchange | None = None,
        blobs: Mapping[str, bytes] | None = None,
        makes_head: bool = True,
    ) -> None:
        """Store a message with all that belongs to it in one transaction; it is on disk after.

        `blobs` maps SHA-256 (hex) to bytes. Raises NotFound for an unknown chat or parent,
        UsageError for a known id or bytes under a wrong digest.
        """
        await self._writer.run(
            written(messages.append), message, exchange, blobs or {}, makes_head=makes_head
        )

    async def has_message(self, message_id: str) -> bool:
        return await self._reader.run(messages.is_stored, message_id)

    async def newest_messages(
        self, conversation_id: str, head_id: str | None, limit: int
    ) -> list[Message]:
        """Return the last `limit` messages on the path to `head_id`, oldest first, no raw items.

        Raises VaultDamaged when one is not as it was written.
        """
        return await self._reader.run(messages.newest_on_path, conversation_id, head_id, limit)

    async def messages(self, conversation_id: str) -> list[Message]:
        """Return the whole tree, parents before children, no raw items. Raises VaultDamaged."""
        return await self._reader.run(messages.whole_tree, conversation_id)

    async def raw_items(self, message_ids: Sequence[str]) -> dict[str, tuple[RawItem, ...]]:
        """Return the raw items of those messages that have any."""
        return await self._reader.run(messages.raw_items, message_ids)

    async def exchange(self, message_id: str) -> Exchange | None:
        return await self._reader.run(exchanges.load, message_id)

    async def blob(self, sha256: str) -> bytes | None:
        return await self._reader.run(blobs.load, sha256)

    # verdicts

    async def record_verdict(
        self,
        message_id: str,
        verdict: Verdict,
        evidence: Mapping[str, tuple[HttpRequest, HttpResponse]] | None = None,
    ) -> None:
        """Add a verdict with its evidence; older ones stay."""
        await self._writer.run(written(verdicts.record), message_id, verdict, evidence or {})

    async def verdicts(self, conversation_id: str) -> dict[str, Verdict]:
        """Return the newest verdict of each message that has one."""
        return await self._reader.run(verdicts.newest, conversation_id)

    async def checked_replies(self, ending: str = "", *, limit: int = 2) -> list[tuple[str, str]]:
        """Return (chat, message) of checked replies whose id ends so, the newest first."""
        return await self._reader.run(verdicts.checked, ending, limit)

    async def evidence(self, message_id: str) -> dict[str, HttpResponse]:
        """Return the newest answer under each name."""
        return await self._reader.run(verdicts.evidence, message_id)

    # small things

    async def draft(self, conversation_id: str) -> str:
        """Return what was typed and not sent; "" is the draft of a chat that is not there yet."""
        return await self._reader.run(keepsakes.draft, conversation_id)

    async def save_draft(self, conversation_id: str, text: str) -> None:
        await self._writer.run(written(keepsakes.save_draft), conversation_id, text)

    async def queue(self, conversation_id: str) -> str:
        """Return the messages that wait in a chat, as they were saved; "" for none."""
        return await self._reader.run(keepsakes.state, blobs.QUEUE_PREFIX + conversation_id) or ""

    async def save_queue(
        self, conversation_id: str, value: str, contents: Mapping[str, bytes]
    ) -> None:
        """Keep what waits in a chat, with the attachments that it names; "" removes it."""
        await self._writer.run(written(keepsakes.save_queue), conversation_id, value, contents)

    async def secret(self, name: str) -> str | None:
        return await self._reader.run(keepsakes.secret, name)

    async def set_secret(self, name: str, value: str) -> None:
        await self._writer.run(written(keepsakes.set_secret), name, value)

    async def delete_secret(self, name: str) -> None:
        await self._writer.run(written(keepsakes.delete_secret), name)

    async def secret_names(self) -> list[str]:
        return await self._reader.run(keepsakes.secret_names)

    async def state(self, key: str) -> str | None:
        return await self._reader.run(keepsakes.state, key)

    async def states(self, prefix: str) -> dict[str, str]:
        """Return all state whose name begins with `prefix`, by full name."""
        return await self._reader.run(keepsakes.states, prefix)

    async def set_state(self, key: str, value: str) -> None:
        await self._writer.run(written(keepsakes.set_state), key, value)

    async def count_up(self, key: str, amount: int, most: int) -> bool:
        """Add to a number kept as state, in one step for all programs that hold this vault.

        Returns False, with nothing done, where it would pass `most`.
        """
        return await self._writer.run(written(keepsakes.count_up), key, amount, most)

    async def changes_elsewhere(self) -> int:
        """Return a number that changes whenever another process has written to the vault. Cheap."""
        return await self._writer.run(data_version)

    async def search(
        self,
        query: str,
        *,
        limit: int = 50,
        conversation_id: str | None = None,
        order: Order = "newest",
    ) -> list[SearchHit]:
        """Return hits, titles first; cancelling the caller interrupts the query."""
        from troth.vault.search import search

        return await self._searcher.run_cancellable(search, query, limit, conversation_id, order)

    async def surroundings(self, query: str, hit: SearchHit) -> Surroundings:
        """Return a hit of `query` with its neighbours. Raises NotFound where it is gone."""
        from troth.vault.search import surroundings

        return await self._reader.run(surroundings, query, hit.conversation_id, hit.message_id)


def _now() -> int:
    return to_microseconds(datetime.now(UTC))

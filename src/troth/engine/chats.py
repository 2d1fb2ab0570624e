"""The list of chats and what is done to one as a whole: open, rename, pin, delete, search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict, Unpack

from troth.domain.conversation import Conversation, SearchHit
from troth.domain.error import NotFound, UsageError
from troth.domain.message import Message
from troth.domain.model import ModelRef, Params
from troth.engine.boundary import load_care
from troth.engine.chat import Chat
from troth.engine.elsewhere import Elsewhere
from troth.engine.feed import ChatChanged, ChatRemoved, Feed
from troth.engine.ids import new_ulid
from troth.engine.waiting import load_queue
from troth.settings import Settings
from troth.vault.vault import Vault


class ChatChanges(TypedDict, total=False):
    """What may be changed about a chat; absent keys stay as they are."""

    title: str
    is_pinned: bool
    is_archived: bool
    system_prompt: str
    persona: str
    params: Params
    model: ModelRef | None
    policy: str


class Chats:
    """Chats of one engine. Open ones are kept, so that all who open a chat hold the same handle."""

    def __init__(
        self, vault: Callable[[], Vault], settings: Callable[[], Settings], feed: Feed
    ) -> None:
        self._vault = vault
        self._settings = settings
        self._feed = feed
        self._open: dict[str, Chat] = {}
        self._incognito: Vault | None = None
        self.elsewhere = Elsewhere(
            vault, lambda: self._open, lambda chat_id: self._open.pop(chat_id, None), feed
        )
        """What other processes write to these chats."""

    async def all(self, *, is_archived: bool | None = False) -> list[Conversation]:
        """Return the chat list: pinned first, then the newest. Incognito chats stand on top."""
        hidden = [
            chat.conversation for chat in self._open.values() if chat.conversation.is_incognito
        ]
        return hidden + await self._vault().conversations(is_archived=is_archived)

    async def new(
        self, *, model: ModelRef | None, persona: str = "", is_incognito: bool = False
    ) -> Chat:
        """Begin a chat. Nothing is stored before its first message."""
        settings = self._settings()
        chosen = settings.personas.get(persona or settings.persona)
        if persona and chosen is None:
            raise NotFound("persona", persona, settings.personas)
        system_prompt = chosen.system_prompt if chosen else settings.system_prompt
        if chosen and chosen.model and model is None:
            model = ModelRef.parse(chosen.model)
        now = datetime.now(UTC)
        conversation = Conversation(
            id=new_ulid(),
            title="",
            created_at=now,
            updated_at=now,
            model=model,
            system_prompt=system_prompt,
            persona=chosen.name if chosen else "",
            params=chosen.params if chosen else settings.params,
            is_incognito=is_incognito,
        )
        store = await self._memory() if is_incognito else self._vault()
        chat = Chat(conversation, store, is_stored=False)
        self._open[chat.id] = chat
        return chat

    async def open(self, conversation_id: str, *, newest: int = 200) -> Chat:
        """Open a chat with its newest messages; `Chat.load_rest` brings the others."""
        if chat := self._open.get(conversation_id):
            return chat
        await self.elsewhere.look()  # what others write from here on is noticed
        vault = self._vault()
        conversation = await vault.conversation(conversation_id)
        if conversation is None:
            raise NotFound("chat", conversation_id)
        chat = Chat(conversation, vault, is_stored=True)
        messages = await vault.newest_messages(conversation_id, conversation.head_id, newest)
        for message in messages:
            chat.tree.add(message)
        chat.is_whole = len(messages) == conversation.message_count
        chat.draft = await vault.draft(conversation_id)
        chat.verdicts = await vault.verdicts(conversation_id)
        await load_care(chat)
        await load_queue(chat)
        return self._open.setdefault(conversation_id, chat)

    def opened(self, conversation_id: str) -> Chat | None:
        return self._open.get(conversation_id)

    async def close(self, chat: Chat) -> None:
        """Forget an open chat; an incognito one is gone for good. A running reply keeps it."""
        if chat.is_replying:
            return
        self._open.pop(chat.id, None)
        if chat.conversation.is_incognito and chat.is_stored:
            await chat.store.trash(chat.id)
            await chat.store.empty_trash(datetime.now(UTC))

    async def update(self, which: Chat | str, **changes: Unpack[ChatChanges]) -> Conversation:
        """Change a chat's settings; a chat that is not stored yet keeps them until it is."""
        chat = self._open.get(which) if isinstance(which, str) else which
        if chat is None:
            conversation = await self._vault().conversation(str(which))
            if conversation is None:
                raise NotFound("chat", str(which))
        else:
            conversation = chat.conversation
        if "title" in changes:
            if not changes["title"].strip():
                raise UsageError("a title needs at least one word")
            conversation = replace(conversation, is_titled=True)
        conversation = replace(conversation, **changes)
        await self.save(chat, conversation)
        return conversation

    async def save(self, chat: Chat | None, conversation: Conversation) -> None:
        """Store a conversation's row and tell who listens. A column has no row of its own."""
        if chat is not None and chat.board is not None:
            chat.conversation = conversation
            self._feed.tell(ChatChanged(conversation.id))
            return
        store = chat.store if chat else self._vault()
        if chat is not None:
            chat.conversation = conversation
        if chat is None or chat.is_stored:
            await store.update_conversation(conversation)
        self._feed.tell(ChatChanged(conversation.id))

    async def select_head(self, chat: Chat, head_id: str) -> None:
        """Show and send the path that ends in `head_id` from now on."""
        await chat.load_rest()
        if head_id not in chat.tree:
            raise NotFound("message", head_id)
        await self.save(chat, replace(chat.conversation, head_id=head_id))

    async def delete(self, conversation_id: str) -> None:
        """Put a chat into the trash; `undelete` brings it back."""
        chat = self._open.get(conversation_id)
        for part in (chat, *chat.columns) if chat else ():
            if part.reply:
                part.reply.stop()
                await part.reply.wait()
        self._open.pop(conversation_id, None)
        if chat is None or chat.is_stored:
            await (chat.store if chat else self._vault()).trash(conversation_id)
        self._feed.tell(ChatRemoved(conversation_id))

    async def undelete(self, conversation_id: str) -> None:
        await self._vault().restore(conversation_id)
        self._feed.tell(ChatChanged(conversation_id))

    async def save_draft(self, chat: Chat, text: str) -> None:
        """Keep what is being typed. The draft of a chat without a row lies under the empty id."""
        chat.draft = text
        if chat.store.is_read_only:
            return  # it stays with the open chat
        await chat.store.save_draft(chat.id if chat.is_stored else "", text)

    async def search(
        self, query: str, *, limit: int = 50, conversation_id: str | None = None
    ) -> list[SearchHit]:
        return await self._vault().search(query, limit=limit, conversation_id=conversation_id)

    def forget(self) -> None:
        """Drop what is open because the vault locks.

        Chats that are being answered stay, and incognito ones, which exist nowhere else.
        """
        self._open = {
            id: chat
            for id, chat in self._open.items()
            if chat.is_replying or (chat.conversation.is_incognito and chat.is_stored)
        }

    def use_vault(self, vault: Vault) -> None:
        """Let the chats that stayed open go on in the vault that was opened again."""
        for chat in self._open.values():
            if not chat.conversation.is_incognito:
                for part in (chat, *chat.columns):
                    part.store = vault

    async def fork(self, chat: Chat, message_id: str) -> Chat:
        """Begin a new chat whose history is the path to `message_id`, bytes and verdicts too."""
        await chat.load_rest()
        path = chat.tree.path(message_id)
        if not path:
            raise NotFound("message", message_id)
        new = await self.new(model=chat.conversation.model)
        now = datetime.now(UTC)
        new.conversation = replace(
            chat.conversation,
            id=new.id,
            title=chat.conversation.title,
            created_at=now,
            updated_at=now,
            head_id=None,
            message_count=0,
            is_pinned=False,
            is_archived=False,
        )
        new.store = chat.store
        await new.store.add_conversation(new.conversation)
        new.is_stored = True
        parent_id: str | None = None
        for message in path:
            parent_id = await self._copy(chat, new, message, parent_id)
        stored = await new.store.conversation(new.id)
        new.conversation = stored or new.conversation
        self._feed.tell(ChatChanged(new.id))
        return new

    async def _copy(self, chat: Chat, new: Chat, message: Message, parent_id: str | None) -> str:
        raw_items = await chat.store.raw_items([message.id])
        copy = replace(
            message,
            id=new_ulid(),
            conversation_id=new.id,
            parent_id=parent_id,
            raw_items=raw_items.get(message.id, ()),
        )
        await new.store.append(copy, exchange=await chat.store.exchange(message.id))
        if verdict := chat.verdicts.get(message.id):
            await new.store.record_verdict(copy.id, verdict)
            new.verdicts[copy.id] = verdict
        new.tree.add(copy)
        return copy.id

    async def close_all(self) -> None:
        self._open.clear()
        if self._incognito is not None:
            await self._incognito.close()
            self._incognito = None

    async def _memory(self) -> Vault:
        if self._incognito is None:
            self._incognito = await Vault.in_memory()
        return self._incognito

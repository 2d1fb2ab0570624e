"""Talking: what a message would carry, sending it, and every way to ask again.

The user's message is in the vault before a byte leaves; the source of an edit or a second try is
never changed, a sibling is added.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from troth.domain.error import NotFound, TrothError, UsageError, VaultError, VaultLocked
from troth.domain.event import Notice, ReplyEnded, VerdictReady
from troth.domain.exchange import Exchange
from troth.domain.message import BlobPart, Finish, Message, Part, Role, TextPart
from troth.domain.model import Endpoint, ModelRef
from troth.engine.assembly import Assembly
from troth.engine.attach import read_attachment
from troth.engine.attach_folder import FolderTaken, read_folder
from troth.engine.channel import Trace
from troth.engine.chat import Chat, PromptHistory, Queued, title_from
from troth.engine.chats import Chats
from troth.engine.feed import ChatChanged, Feed, ReplyBegan
from troth.engine.ids import new_ulid
from troth.engine.keeping import Keeper
from troth.engine.prepare import Preparation, failed_message, user_message
from troth.engine.reply import Reply
from troth.engine.run import ReplyRun, Seal
from troth.engine.verification import Verification
from troth.engine.waiting import Waiting, refuse_empty
from troth.transport import Transport

if TYPE_CHECKING:
    from troth.vault.inbox import Inbox

GOES_ON = frozenset({Finish.STOP, Finish.LENGTH, Finish.TOOL_CALLS, Finish.OTHER, Finish.REFUSED})
"""After these what waits goes on; after a stop, a cut or a failure it waits for the user."""


class Talk:
    """Sends messages of one engine and owns the replies while they arrive."""

    def __init__(
        self,
        preparation: Preparation,
        chats: Chats,
        transport: Transport,
        feed: Feed,
        verification: Verification,
    ) -> None:
        self._preparation = preparation
        self._chats = chats
        self._transport = transport
        self._feed = feed
        self._verification = verification
        self._running: dict[Reply, asyncio.Task[None]] = {}
        self.blobs: dict[str, bytes] = {}
        """Bytes of attachments that no stored message refers to yet."""
        self.prompts = PromptHistory()
        self.waiting = Waiting(self._send_waiting, feed, self.blobs)
        self._keeper = Keeper()

    async def attach(self, path: Path) -> BlobPart:
        """Read a file into a part of the next message; raises NotFound or UsageError."""
        part, content = await read_attachment(path)
        self.blobs[part.blob.sha256] = content
        return part

    async def attach_folder(self, path: Path) -> FolderTaken:
        """Read a folder's text files into such parts; raises as `attach` does."""
        taken, contents = await asyncio.to_thread(read_folder, path)
        self.blobs |= contents
        return taken

    async def send(
        self,
        chat: Chat,
        parts: Sequence[Part],
        model: ModelRef | None = None,
        *,
        message_id: str = "",
    ) -> Reply:
        """Store the message and ask for a reply.

        Raises KeyMissing, LocalModelMissing, PolicyRefused or UsageError before anything is
        stored, so that the draft stays where it is.
        """
        self._refuse_second(chat)
        refuse_empty(parts)
        await self._chats.elsewhere.look()
        await self._preparation.check(chat, model)
        message = await self.ask_only(chat, parts, message_id=message_id)
        reply = await self._answer(chat, message.id, model)
        if chat.board is None and not chat.conversation.is_incognito:
            prompt = "".join(part.text for part in parts if isinstance(part, TextPart))
            await self.prompts.remember(chat.store, prompt)
        return reply

    async def regenerate(self, chat: Chat, message_id: str, model: ModelRef | None = None) -> Reply:
        """Ask again for the reply `message_id`; the new one becomes its sibling."""
        self._refuse_second(chat)
        await self._preparation.check(chat, model)
        await chat.load_rest()
        message = _known(chat, message_id)
        if message.role is Role.USER:
            return await self._answer(chat, message.id, model)
        if message.parent_id is None:
            raise UsageError("nothing was asked before this reply")
        return await self._answer(chat, message.parent_id, model)

    async def continue_reply(self, chat: Chat, message_id: str) -> Reply:
        """Let the model go on where a reply was cut; the rest becomes its child."""
        self._refuse_second(chat)
        message = _known(chat, message_id)
        if message.role is not Role.ASSISTANT or not message.text:
            raise UsageError("only a reply that has some text can be continued")
        await self._preparation.check(chat, None)
        await chat.load_rest()
        return await self._answer(chat, message.id, None, continues=True)

    async def ask_only(self, chat: Chat, parts: Sequence[Part], *, message_id: str = "") -> Message:
        """Store the user's message, and leave the answers to the columns of the chat."""
        self._refuse_second(chat)
        refuse_empty(parts)
        await chat.load_rest()
        message = user_message(chat, parts, chat.conversation.head_id, message_id=message_id)
        await self._store_user_message(chat, message)
        return message

    async def edit_and_resend(
        self, chat: Chat, message_id: str, parts: Sequence[Part], model: ModelRef | None = None
    ) -> Reply:
        """Send another wording of the user's message `message_id` as its sibling."""
        self._refuse_second(chat)
        old = _known(chat, message_id)
        if old.role is not Role.USER:
            raise UsageError("only your own messages can be edited")
        await self._preparation.check(chat, model)
        await chat.load_rest()
        message = user_message(chat, parts, old.parent_id)
        await self._store_user_message(chat, message)
        return await self._answer(chat, message.id, model)

    # inside

    def hold(self, inbox: Inbox | None) -> None:
        """Seal replies that end from now on into `inbox`: the vault is locked."""
        self._keeper.hold(inbox)

    def release(self) -> None:
        """Go on with what waited: the vault is open again."""
        self._keeper.release()

    async def stop_all(self) -> None:
        """Stop and seal every running reply, also while the vault is locked."""
        self._keeper.give_up()
        self.waiting.leave()
        for reply in list(self._running):
            reply.stop()
        if self._running:
            await asyncio.wait(self._running.values())
        await self.waiting.close()

    @staticmethod
    def _refuse_second(chat: Chat) -> None:
        if chat.is_replying:
            raise UsageError("a reply is still arriving; stop it or let the message wait")

    async def _store_user_message(self, chat: Chat, message: Message) -> None:
        blobs = {
            blob.sha256: self.blobs[blob.sha256]
            for blob in message.blobs
            if blob.sha256 in self.blobs
        }
        conversation = chat.conversation
        if not conversation.is_titled and not conversation.title:
            conversation = replace(conversation, title=title_from(message.parts))
        if not chat.is_stored:
            await chat.store.add_conversation(conversation)
            await chat.store.save_draft("", "")
            chat.is_stored = True
            chat.conversation = conversation
        elif conversation is not chat.conversation:
            await self._chats.save(chat, conversation)
        await chat.store.append(message, blobs=blobs, makes_head=chat.board is None)
        self._added(chat, message)

    def _added(self, chat: Chat, message: Message) -> None:
        chat.tree.add(message)
        chat.conversation = replace(chat.conversation, head_id=message.id)
        for holder in (chat, chat.board) if chat.board else (chat,):
            holder.conversation = replace(
                holder.conversation,
                updated_at=message.created_at,
                message_count=holder.conversation.message_count + 1,
            )
        self._feed.tell(ChatChanged(chat.id))

    async def _answer(
        self, chat: Chat, parent_id: str, model: ModelRef | None, *, continues: bool = False
    ) -> Reply:
        info, endpoint = self._preparation.target(chat, model)
        if info.ref != chat.conversation.model:
            await self._chats.update(chat, model=info.ref)
        # Shown from here on, and still there if this is the last thing that happens.
        await self._chats.select_head(chat, parent_id)
        reply = Reply(new_ulid(), chat.id, info.ref)
        chat.reply = reply
        task = asyncio.create_task(
            self._run(chat, reply, parent_id, endpoint, continues=continues),
            name=f"reply {reply.id}",
        )
        self._running[reply] = task
        task.add_done_callback(lambda _: self._running.pop(reply, None))
        self._feed.tell(ReplyBegan(chat.id, reply))
        return reply

    async def _run(
        self, chat: Chat, reply: Reply, parent_id: str, endpoint: Endpoint, *, continues: bool
    ) -> None:
        seal = self._sealer(chat, reply)
        try:
            job = await self._preparation.job(chat, reply, parent_id, continues=continues)
            await ReplyRun(job, self._transport, seal).run()
            await self._judge_when_open(chat, reply, endpoint, job.channel.trace())
        except TrothError as error:
            if reply.message is None:
                message = failed_message(chat, reply, parent_id, error)
                await seal(message, None, Assembly())
                reply.publish([ReplyEnded(message)])
            else:
                reply.publish([Notice("not_judged", error.kind)])
        finally:
            reply.close()
        if reply.message and reply.message.finish in GOES_ON:
            await self.waiting.go_on(chat)

    def _sealer(self, chat: Chat, reply: Reply) -> Seal:
        async def seal(message: Message, exchange: Exchange | None, assembly: Assembly) -> None:
            from troth.vault.inbox import Parcel  # now there is time: the reply has come

            reply.has_exchange = exchange is not None
            try:
                await self._keeper.keep(
                    chat,
                    Parcel(message, exchange, assembly.blobs, makes_head=chat.board is None),
                )
            except VaultError as error:
                # The disk is full, say: the reply stays on the screen and can be copied.
                reply.publish([Notice("not_saved", error.kind)])
            self._added(chat, message)

        return seal

    async def _judge_when_open(
        self, chat: Chat, reply: Reply, endpoint: Endpoint, trace: Trace
    ) -> None:
        """Judge a reply; where the vault locks meanwhile, once it is open again."""
        while True:
            unlocks = self._keeper.unlocks
            try:
                await self._judge(chat, reply, endpoint, trace)
            except VaultLocked:
                if not await self._keeper.reopened(unlocks):
                    raise
            else:
                return

    async def _judge(self, chat: Chat, reply: Reply, endpoint: Endpoint, trace: Trace) -> None:
        assert reply.message is not None
        if reply.message.finish is Finish.FAILED or not reply.has_exchange:
            return
        verdict = await self._verification.check(chat, reply.message, endpoint, trace)
        chat.verdicts[reply.id] = verdict
        reply.publish([VerdictReady(reply.id, verdict)])

    async def _send_waiting(self, chat: Chat, queued: Queued) -> Reply:
        return await self.send(chat, queued.parts, message_id=queued.id)


def _known(chat: Chat, message_id: str) -> Message:
    message = chat.tree.get(message_id)
    if message is None:
        raise NotFound("message", message_id)
    return message

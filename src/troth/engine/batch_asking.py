"""Asking for one row of a batch: a chat of its own in memory, gone when its reply is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

from troth.domain.error import TrothError
from troth.domain.exchange import Exchange
from troth.domain.message import Finish, Message, Role, TextPart
from troth.domain.verdict import Verdict
from troth.engine.batch_row import Task
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.engine.ids import new_ulid
from troth.engine.prepare import failed_message, user_message
from troth.engine.reply import Reply


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """A sealed reply with its bytes and verdict."""

    message: Message
    exchange: Exchange | None
    verdict: Verdict | None
    receipt: bytes | None


async def ask(engine: Engine, task: Task, running: set[Reply], *, with_receipt: bool) -> RowAnswer:
    """Send one task and wait until its reply is judged. `running` holds the reply meanwhile."""
    chat = await engine.new_chat(model=task.spec.model, is_incognito=True)
    try:
        await engine.update_chat(
            chat, system_prompt=task.system, persona="", params=task.spec.params
        )
        await _put_history(chat, task)
        try:
            reply = await engine.send(chat, task.prompt.text)
        except TrothError as error:
            nobody = Reply(new_ulid(), chat.id, task.spec.model)
            return RowAnswer(failed_message(chat, nobody, "", error), None, None, None)
        running.add(reply)
        try:
            await reply.closed()
        finally:
            running.discard(reply)
        assert reply.message is not None
        exchange = await chat.store.exchange(reply.id)
        receipt = None
        if with_receipt and exchange is not None and reply.verdict is not None:
            receipt = await engine.proofs.receipt(chat, reply.id)
        return RowAnswer(reply.message, exchange, reply.verdict, receipt)
    finally:
        await engine.close_chat(chat)


async def _put_history(chat: Chat, task: Task) -> None:
    """Store what was said before the question, where a row brings it along."""
    earlier = task.prompt.messages[:-1]
    if not earlier:
        return
    await chat.store.add_conversation(chat.conversation)
    chat.is_stored = True
    for role, text in earlier:
        message = user_message(chat, (TextPart(text),), chat.conversation.head_id)
        if role is Role.ASSISTANT:
            message = replace(message, role=role, finish=Finish.STOP, is_imported=True)
        await chat.store.append(message)
        chat.tree.add(message)
        chat.conversation = replace(chat.conversation, head_id=message.id)

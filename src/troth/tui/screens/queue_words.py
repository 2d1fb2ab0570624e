"""What the queue bar says: the waiting messages, and why the first one does not go by itself."""

from __future__ import annotations

from troth.domain.message import BlobPart
from troth.engine.chat import Chat, Queued
from troth.engine.talk import GOES_ON
from troth.explain import explain_failure


def queued_words(queued: Queued) -> str:
    """Return one waiting message in a line: its words, and the names of what goes with it."""
    names = [part.blob.name for part in queued.parts if isinstance(part, BlobPart)]
    return " ".join(filter(None, (queued.text, *(f"[{name}]" for name in names))))


def waiting_note(chat: Chat) -> str:
    """Return why the first message waits; "" while it only waits for its turn."""
    reply = chat.reply
    if not chat.queue or chat.is_replying or (reply is not None and reply.is_judging):
        return ""
    first = chat.queue[0]
    if first.failure is not None:
        words = explain_failure(first.failure)
        reason = words.detail if first.failure.kind == "usage" else words.title
        return f"Not sent: {reason.rstrip('.')}."
    if first.is_kept:
        return "Kept from last time."
    if reply is not None and reply.message is not None and reply.message.finish not in GOES_ON:
        return "Waits for you: the reply did not end."
    return ""

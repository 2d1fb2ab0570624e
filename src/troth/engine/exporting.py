"""Giving chats away: as Markdown, as JSON that loses nothing, as a page that opens anywhere.

What is written for people is cleaned as the screen is, for a file is opened in terminals and
browsers too; the cleaner is the face's own, so that there is only one. JSON is left as it is.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from troth.domain.conversation import Conversation
from troth.domain.message import Message, Role
from troth.domain.model import Json
from troth.domain.verdict import Verdict
from troth.engine.chat import Chat
from troth.engine.comparison_export import stored_comparison
from troth.engine.housekeeping import Labels
from troth.explain import left_out_words, verdict_words
from troth.transfer.own_json import FORMAT, VERSION, to_json

Clean = Callable[[str], str]
"""Takes out of foreign text what steers a terminal or hides from a reader; keeps line breaks."""

SHOWN_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Formats that browsers and note programs show, and that run nothing."""
_NAME_CHARACTERS = 60
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


async def shown_images(chat: Chat) -> dict[str, bytes]:
    """Return the images of the shown path by digest, as far as they are here."""
    images: dict[str, bytes] = {}
    for blob in (blob for message in chat.path for blob in message.blobs):
        if blob.media_type in SHOWN_IMAGES and blob.sha256 not in images:
            content = await chat.store.blob(blob.sha256)
            if content is not None:
                images[blob.sha256] = content
    return images


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the shown path with what stands beside it."""

    message: Message
    verdict: Verdict | None
    place: int
    """Which variant it is, from 1."""
    variants: int


def turns(chat: Chat) -> Iterator[Turn]:
    """Yield the shown path of a chat that is wholly loaded."""
    for message in chat.path:
        index, ids = chat.variants(message.id)
        yield Turn(message, chat.verdicts.get(message.id), index + 1, len(ids))


def one_line(clean: Clean, text: str) -> str:
    """Clean foreign text for a place that has one line."""
    return " ".join(clean(text).split())


def speaker(turn: Turn, clean: Clean) -> str:
    """Return who said it: `You`, or the model."""
    if turn.message.role is Role.ASSISTANT:
        return one_line(clean, str(turn.message.model or "assistant"))
    return "You" if turn.message.role is Role.USER else "Tool"


def facts(turn: Turn) -> list[str]:
    """Return what is known of a message: when, what was proven, what is not whole."""
    message = turn.message
    found = [message.created_at.strftime("%Y-%m-%d %H:%M UTC")]
    if message.role is Role.ASSISTANT:
        found.append(verdict_words(turn.verdict.state if turn.verdict else None).short)
        if turn.verdict is not None and turn.verdict.is_simulated:
            found.append("SIMULATED")
        if message.finish is not None and message.is_partial:
            found.append(f"not whole ({message.finish.value})")
    if turn.variants > 1:
        found.append(f"variant {turn.place} of {turn.variants}")
    if words := left_out_words(message.left_out):
        found.append(words)
    return found


async def chat_document(
    chat: Chat, labels: Labels | None = None, *, with_exchanges: bool = True
) -> Json:
    """Return everything that the vault holds of a chat: all branches, bytes, labels and verdicts.

    Bytes are base64; times ISO 8601 in UTC. No key is in it: none was ever stored with a reply.
    Without exchanges the bytes on the wire are left out, and with them the means to check again.
    """
    messages = await chat.store.messages(chat.id)
    raw_items = await chat.store.raw_items([message.id for message in messages])
    rows: list[Json] = []
    blobs: dict[str, Json] = {}
    for message in messages:
        whole = dataclasses.replace(message, raw_items=raw_items.get(message.id, ()))
        row = cast("dict[str, Json]", to_json(whole))
        row["verdict"] = to_json(chat.verdicts.get(message.id))
        if with_exchanges:
            row["exchange"] = to_json(await chat.store.exchange(message.id))
            row["evidence"] = to_json(await chat.store.evidence(message.id))
        rows.append(row)
        for blob in message.blobs:
            if blob.sha256 not in blobs:
                blobs[blob.sha256] = to_json(await chat.store.blob(blob.sha256))
    document: dict[str, Json] = {
        "format": FORMAT,
        "version": VERSION,
        "conversation": to_json(chat.conversation),
        "messages": rows,
        "blobs": blobs,
    }
    if labels is not None:
        document |= {"folder": labels.folder, "tags": list(labels.tags)}
    return document | await stored_comparison(chat)


def file_name(conversation: Conversation, suffix: str) -> str:
    """Return a name for a chat's file that every file system takes; different for each chat."""
    plain = unicodedata.normalize("NFKC", conversation.title)
    words = re.sub(r"[^\w]+", "-", plain).strip("-_")[:_NAME_CHARACTERS].strip("-_")
    if not words or _RESERVED.match(words):
        words = f"chat-{words}".rstrip("-")
    return f"{words}-{re.sub(r'[^0-9A-Za-z]', '', conversation.id)[-8:].lower()}{suffix}"

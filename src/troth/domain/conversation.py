"""A conversation: a tree of messages with one path chosen through it, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from troth.domain.message import Message
from troth.domain.model import ModelRef, Params


@dataclass(frozen=True, slots=True)
class Conversation:
    """One row of the chat list, and all settings of the chat.

    `head_id` is the leaf whose path to the root is shown and sent. `is_titled` is True once the
    user has named it; until then the title is the first words of their first message.
    """

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    head_id: str | None = None
    message_count: int = 0
    model: ModelRef | None = None
    system_prompt: str = ""
    persona: str = ""
    params: Params = field(default_factory=Params)
    policy: str = "any"
    is_titled: bool = False
    is_pinned: bool = False
    is_archived: bool = False
    is_incognito: bool = False


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One found message (or a title hit: `message_id` is None), newest first unless ranked."""

    conversation_id: str
    message_id: str | None
    title: str
    snippet: str
    """Text round the hit; matched words lie between U+0002 and U+0003."""
    role: str
    model: ModelRef | None
    created_at: datetime
    verdict_state: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A found message between the one that it answers and the first that answers it."""

    message: Message
    excerpt: str
    """Its text round the hit on one line, matched words marked as in `SearchHit.snippet`."""
    before: Message | None = None
    after: Message | None = None
    verdict_states: Mapping[str, str] = field(default_factory=dict[str, str])
    """By message id; none for what nobody has judged."""

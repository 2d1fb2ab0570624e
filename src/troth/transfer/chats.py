"""What every reader of an export yields: whole chats, and what it had to skip."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from troth.domain.conversation import Conversation
from troth.domain.exchange import Exchange, HttpResponse
from troth.domain.message import Message
from troth.domain.verdict import Verdict


class Kind(StrEnum):
    """Whose export it is; the words of `troth import --from`."""

    CHATGPT = "chatgpt"
    CLAUDE = "claude"
    GEMINI = "gemini"
    LLM = "llm"
    OTERM = "oterm"
    ELIA = "elia"
    TROTH = "troth"


ReadBytes = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class ReadChat:
    """One chat of an export, as it would stand in the vault.

    Ids are derived from the ids of the source, so that reading the same chat twice gives the same.
    `messages` stand parents first. `conversation.head_id` is one of them, or None without any.
    """

    kind: Kind
    conversation: Conversation
    messages: tuple[Message, ...]
    blobs: Mapping[str, ReadBytes] = field(default_factory=lambda: MappingProxyType({}))
    """How to read the bytes behind each SHA-256 that a message names. May raise ImportRefused."""
    exchanges: Mapping[str, Exchange] = field(default_factory=lambda: MappingProxyType({}))
    evidence: Mapping[str, Mapping[str, HttpResponse]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    claims: Mapping[str, Verdict] = field(default_factory=lambda: MappingProxyType({}))
    """What the file says was verified. A file can say anything: a claim is not a verdict."""
    comparison: str = ""
    """Columns of a comparison as JSON, for the engine to read; nothing of it is checked here."""
    folder: str = ""
    tags: tuple[str, ...] = ()
    broken_messages: int = 0
    missing_files: int = 0


class Reason(StrEnum):
    """Why something of an export was skipped."""

    NOT_JSON = "not-json"
    NOT_UTF8 = "not-utf-8"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"
    CUT = "cut"
    FOREIGN = "foreign"
    """Well-formed, but no chat of this kind."""
    EMPTY = "empty"
    DAMAGED = "damaged"
    """A database page or an archive member that cannot be read."""
    OTHER_ACTIVITY = "other-activity"
    """A Takeout record that is not a conversation with Gemini."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that is not taken in. `place` is for people: `conversations.json, record 17`."""

    place: str
    reason: Reason
    count: int = 1


Reading = Generator[ReadChat | Skipped, None, None]


@dataclass(frozen=True, slots=True)
class Setting:
    """What readers may not find out for themselves.

    `now` bounds what dates are believed; `file_time` dates what bears no date of its own.
    """

    now: datetime
    file_time: datetime

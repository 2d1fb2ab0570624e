"""What is said in a conversation: messages made of neutral parts, beside the untouched raw items.

Neutral parts are what every model can be given; raw items are what one provider wants back
byte for byte. Neither is ever edited: an edit is a sibling message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from troth.domain.error import Failure
from troth.domain.model import ModelRef, Params
from troth.domain.usage import Timing, Usage


class Role(StrEnum):
    """Who speaks. Instructions are a property of the conversation, not a message."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Finish(StrEnum):
    """Why a reply ended, in words that are the same for every wire."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    REFUSED = "refused"
    """The model or a filter of the provider declined; the text may say why."""
    PAUSED = "paused"
    """The provider wants the turn sent again to go on (Anthropic `pause_turn`)."""
    STOPPED = "stopped"
    """The user stopped it; what had come is kept."""
    CUT = "cut"
    """The stream ended without its wire's own end mark, or failed after text had come."""
    FAILED = "failed"
    """Nothing came; `Message.failure` says why."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Blob:
    """A reference to bytes kept apart from the message (images, documents)."""

    sha256: str
    """Lower-case hex of the bytes."""
    media_type: str
    size_bytes: int
    name: str = ""

    @property
    def is_image(self) -> bool:
        return self.media_type.startswith("image/")


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """A model's reasoning as shown to people. Never sent to another vendor as text."""

    text: str


@dataclass(frozen=True, slots=True)
class BlobPart:
    """An image or a document. `extracted_text` stands in for models that cannot read the type: None
    where nobody has looked for any, "" where there is none."""

    blob: Blob
    extracted_text: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    call_id: str
    name: str
    arguments: str
    """JSON text as the model wrote it; "" means no arguments."""


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    call_id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class SourcePart:
    """A citation or search result that came with a reply."""

    url: str
    title: str = ""


Part = TextPart | ThinkingPart | BlobPart | ToolCallPart | ToolResultPart | SourcePart


@dataclass(frozen=True, slots=True)
class RawItem:
    """One item of a reply exactly as its wire wrote it, tagged with where it may go back to.

    `payload` is UTF-8 JSON. `kind` is the wire's own word (`content_block`, `reasoning`, ...).
    """

    provider: str
    model: str
    wire: str
    kind: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of the history that the next model cannot take, counted and named."""

    kind: str
    """One of `image`, `document`, `pdf_as_text`, `pdf_without_text`, `thinking`, `tool_call`,
    `tool_result`, `failed_reply`, `parameter`."""
    count: int
    reason: str
    """A slug that `explain` turns into words: `no_image_input`, `other_vendor`, `unpaired`, ..."""
    name: str = ""
    """Which one, where that helps (a parameter's name)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One node of a conversation's tree. Immutable once in the vault."""

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    created_at: datetime
    """Aware, UTC. Never used for ordering."""
    parts: tuple[Part, ...]
    model: ModelRef | None = None
    params: Params = field(default_factory=Params)
    usage: Usage | None = None
    timing: Timing | None = None
    finish: Finish | None = None
    failure: Failure | None = None
    left_out: tuple[LeftOut, ...] = ()
    raw_items: tuple[RawItem, ...] = ()
    cost_usd: float | None = None
    """An estimate from catalogue prices at the time; None when unknown."""
    is_imported: bool = False

    @property
    def text(self) -> str:
        """The message's own words: text parts joined, nothing else."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def thinking(self) -> str:
        return "\n\n".join(part.text for part in self.parts if isinstance(part, ThinkingPart))

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return tuple(part.blob for part in self.parts if isinstance(part, BlobPart))

    @property
    def is_partial(self) -> bool:
        """Whether the reply can be continued: it was stopped, cut, or ran out of tokens."""
        return self.finish in {Finish.STOPPED, Finish.CUT, Finish.LENGTH, Finish.PAUSED}

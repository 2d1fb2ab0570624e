"""What happens while a reply arrives: the one vocabulary between wires, engine and faces.

Decoders give the first group; the engine adds the second.
"""

from __future__ import annotations

from dataclasses import dataclass

from troth.domain.error import Failure
from troth.domain.message import Finish, Message, RawItem, SourcePart
from troth.domain.usage import Usage
from troth.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The provider answered; `model` is the id that it claims to run ("" when it does not say)."""

    model: str = ""
    response_id: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. `index` tells calls apart; id and name may come once or each time."""

    index: int
    call_id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class BlobArrived:
    """A whole image or file that the model made; `is_preview` marks a partial rendering."""

    content: bytes
    media_type: str
    name: str = ""
    is_preview: bool = False


@dataclass(frozen=True, slots=True)
class LinkArrived:
    """An image or file that the model made, as a link that must be fetched at once."""

    url: str
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class SourceFound:
    source: SourcePart


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Usage so far; a later one replaces an earlier one field by field where it says more."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class RawItemDone:
    """An item that its provider may want back byte for byte."""

    item: RawItem


@dataclass(frozen=True, slots=True)
class Finished:
    """The model's own end. `detail` is the wire's word for it.

    It is "" for a refusal that the model itself put into words: the reply says all there is to say.
    """

    finish: Finish
    detail: str = ""


WireEvent = (
    ReplyStarted
    | TextDelta
    | ThinkingDelta
    | ToolCallDelta
    | BlobArrived
    | LinkArrived
    | SourceFound
    | UsageReported
    | RawItemDone
    | Finished
)


@dataclass(frozen=True, slots=True)
class RequestSent:
    """The request left this machine; `attempt` counts from 1."""

    attempt: int


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """Nothing has come yet and the provider asked to wait; the next try is in `delay_s`."""

    attempt: int
    delay_s: float
    failure: Failure


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know that does not end the reply (`parameter_dropped`, ...)."""

    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The reply is sealed and in the vault. The last event but for verdicts."""

    message: Message


@dataclass(frozen=True, slots=True)
class VerdictReady:
    message_id: str
    verdict: Verdict


ReplyEvent = WireEvent | RequestSent | RetryScheduled | Notice | ReplyEnded | VerdictReady

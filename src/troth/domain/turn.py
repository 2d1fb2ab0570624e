"""What one request is made of, before any wire has encoded it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from troth.domain.message import Message
from troth.domain.model import Params


@dataclass(frozen=True, slots=True)
class Turn:
    """The history to send, oldest first, already cut down to what the model can take.

    `blobs` maps the sha256 of every BlobPart in `messages` to its bytes. `continues_reply` is True
    when the last message is a partial assistant reply that the model should go on with.
    """

    messages: tuple[Message, ...]
    system_prompt: str = ""
    params: Params = field(default_factory=Params)
    blobs: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    continues_reply: bool = False

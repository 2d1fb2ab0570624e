"""The door for wire formats: pure functions from a turn to bytes, and from bytes to events.

A new wire is one new file and one row in `registry`. Nothing here or below does I/O.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from troth.domain.event import WireEvent
from troth.domain.exchange import HttpRequest
from troth.domain.message import RawItem
from troth.domain.model import Endpoint, ModelInfo, ModelRef
from troth.domain.turn import Turn


class Decoder(Protocol):
    """Turns the bytes of one answer into events, the same for every way of cutting the bytes."""

    def feed(self, received: bytes) -> list[WireEvent]:
        """Take the next bytes; raise ProviderError for an error event (also after text)."""
        ...

    def close(self) -> list[WireEvent]:
        """Take the end of the body; raise ReplyCut when the wire's own end mark never came.

        An empty 200 raises ReplyMalformed.
        """
        ...


class Provider(Protocol):
    """One wire format."""

    @property
    def wire(self) -> str: ...

    def encode(
        self, turn: Turn, model: ModelInfo, endpoint: Endpoint, key: str | None
    ) -> HttpRequest:
        """Build the streaming request. The same turn gives the same body bytes, always."""
        ...

    def decoder(self, endpoint: Endpoint, model: ModelRef, content_type: str) -> Decoder:
        """Return a decoder for one answer; JSON bodies of servers that do not stream work too."""
        ...

    def replays(self, item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
        """Whether `item` may go back, untouched, to this model at this endpoint."""
        ...

    def carries(self, media_type: str, endpoint: Endpoint) -> bool:
        """Whether this wire has a form for such bytes, whatever the model reads."""
        ...

    def list_models(self, endpoint: Endpoint, key: str | None) -> HttpRequest: ...

    def parse_models(self, body: bytes, endpoint: Endpoint) -> tuple[ModelInfo, ...]:
        """Read the provider's model list; raise ReplyMalformed when it is none."""
        ...


@runtime_checkable
class CutsContext(Protocol):
    """A wire whose server drops the beginning of a prompt that is too long, and says nothing."""

    def context_limit(self, model: ModelInfo, endpoint: Endpoint) -> int:
        """Return how many tokens it keeps of what it is sent."""
        ...


@runtime_checkable
class DescribesModels(Protocol):
    """A wire whose model list says little: what a model can do is asked for apart."""

    def description_request(
        self, endpoint: Endpoint, key: str | None, model: ModelRef
    ) -> HttpRequest: ...

    def parse_description(self, body: bytes, listed: ModelInfo) -> ModelInfo:
        """Return what the list and the description say together; raise ReplyMalformed."""
        ...

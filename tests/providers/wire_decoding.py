"""Feeding recorded answers to decoders in every way of cutting them, for the wires' tests."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troth.domain.error import ProviderError
from troth.domain.event import (
    BlobArrived,
    Finished,
    LinkArrived,
    RawItemDone,
    ReplyStarted,
    SourceFound,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
    WireEvent,
)
from troth.domain.message import Message, RawItem
from troth.domain.usage import Usage
from troth.engine.assembly import Assembly
from troth.providers.base import Decoder

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "wires"


@dataclass
class Decoded:
    """What came of one answer: events, and the error that ended it, if one did."""

    events: list[WireEvent]
    error: ProviderError | None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decoded):
            return NotImplemented
        return self.events == other.events and _facts(self.error) == _facts(other.error)

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, TextDelta))

    @property
    def thinking(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, ThinkingDelta))

    @property
    def finish(self) -> str:
        """The finish, "" where there is none; two would be a fault of the decoder."""
        found = [e.finish.value for e in self.events if isinstance(e, Finished)]
        assert len(found) <= 1
        return found[0] if found else ""

    @property
    def detail(self) -> str:
        return next((e.detail for e in self.events if isinstance(e, Finished)), "")

    @property
    def usage(self) -> Usage:
        assembly = Assembly()
        for event in self.events:
            if isinstance(event, UsageReported):
                assembly.add(event)
        return assembly.usage or Usage()

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """Id, name and arguments of each tool call."""
        found: dict[int, list[str]] = {}
        for e in self.events:
            if isinstance(e, ToolCallDelta):
                call = found.setdefault(e.index, ["", "", ""])
                call[0] = e.call_id or call[0]
                call[1] = e.name or call[1]
                call[2] += e.arguments
        return [(call[0], call[1], call[2]) for _, call in sorted(found.items())]

    @property
    def sources(self) -> list[str]:
        return [e.source.url for e in self.events if isinstance(e, SourceFound)]

    @property
    def blobs(self) -> list[BlobArrived]:
        return [e for e in self.events if isinstance(e, BlobArrived)]

    @property
    def links(self) -> list[str]:
        return [e.url for e in self.events if isinstance(e, LinkArrived)]

    @property
    def raw_items(self) -> tuple[RawItem, ...]:
        return tuple(e.item for e in self.events if isinstance(e, RawItemDone))

    @property
    def models(self) -> list[str]:
        return [e.model for e in self.events if isinstance(e, ReplyStarted)]

    def reply(self, message: Message) -> Message:
        """Return `message` with all that came, put together as the engine does."""
        from dataclasses import replace

        assembly = Assembly()
        for event in self.events:
            assembly.add(event)
        return replace(
            message,
            parts=assembly.parts(),
            raw_items=tuple(assembly.raw_items),
            finish=assembly.finish,
        )


def decode(decoder: Decoder, pieces: Iterator[bytes] | list[bytes]) -> Decoded:
    """Feed the pieces; an error ends it, and what came before it stays."""
    events: list[WireEvent] = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        events += decoder.close()
    except ProviderError as error:
        return Decoded(events, error)
    return Decoded(events, None)


def decode_all_ways(make: Callable[[], Decoder], body: bytes, *, cuts: int = 5) -> Decoded:
    """Feed whole, byte by byte and in random cuts; fail unless all give the same."""
    whole = decode(make(), [body])
    by_byte = decode(make(), [body[i : i + 1] for i in range(len(body))])
    assert by_byte == whole
    for seed in range(cuts):
        assert decode(make(), list(random_cuts(body, seed))) == whole
    return whole


def random_cuts(body: bytes, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    position = 0
    while position < len(body):
        size = rng.choice((1, 2, 3, 7, 40, 200, 3000))
        yield body[position : position + size]
        position += size


def sse_values(body: bytes) -> list[Any]:
    """Extract the JSON of each data line in the most trivial way there is."""
    lines = body.decode().replace("\r\n", "\n").split("\n")
    found = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [json.loads(data) for data in found if data.startswith("{")]


@dataclass
class Vector:
    """A file of our own: `key: value` lines, a blank line, then the bytes of an answer."""

    name: str
    header: dict[str, str]
    body: bytes

    @property
    def expected(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.header["expect"])
        return value

    def check(self, decoded: Decoded) -> None:
        """Compare each thing that `expect` names; what it does not name may be anything."""
        actual = {
            "text": decoded.text,
            "thinking": decoded.thinking,
            "finish": decoded.finish,
            "detail": decoded.detail,
            "error": decoded.error.kind if decoded.error else "",
            "error_detail": decoded.error.detail if decoded.error else "",
            "code": decoded.error.code if decoded.error else "",
            "calls": [list(call) for call in decoded.calls],
            "sources": decoded.sources,
            "links": decoded.links,
            "blobs": [[b.media_type, len(b.content), b.is_preview] for b in decoded.blobs],
            "models": decoded.models,
            "raw_kinds": [item.kind for item in decoded.raw_items],
            "usage": [
                decoded.usage.input,
                decoded.usage.output,
                decoded.usage.cached,
                decoded.usage.thinking,
            ],
        }
        assert {key: actual[key] for key in self.expected} == self.expected


def vectors(folder: str) -> list[Vector]:
    """Read the vectors of one wire."""
    found: list[Vector] = []
    for path in sorted((VECTORS / folder).glob("*.vector")):
        head, _, body = path.read_bytes().partition(b"\n\n")
        lines = [line for line in head.decode().splitlines() if not line.startswith("#")]
        header = dict(line.split(": ", 1) for line in lines)
        found.append(Vector(path.stem, header, body))
    assert found, f"no vectors in {folder}"
    return found


def _facts(error: ProviderError | None) -> object:
    return None if error is None else (type(error), error.facts())

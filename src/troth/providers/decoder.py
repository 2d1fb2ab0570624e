"""The frame round a wire's reader: bytes in, events out, the same for every way of cutting.

A `Reader` knows one wire's JSON and nothing of bytes. This file knows framing, errors and the end
of a body and nothing of any wire.
"""

from __future__ import annotations

from typing import Protocol

from troth.domain.error import ProviderError, ReplyCut, ReplyMalformed
from troth.domain.event import (
    Finished,
    ReplyStarted,
    SourceFound,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    WireEvent,
)
from troth.domain.message import SourcePart
from troth.domain.model import Json
from troth.providers.errors import error_in_stream
from troth.providers.framing import BodyShape, ReplyBody, ServerEvent
from troth.providers.wirejson import (
    Object,
    SurrogateJoiner,
    as_object,
    mend_surrogates,
    parse_json,
)


class Reader(Protocol):
    """What one wire makes of whole JSON values. It may raise ProviderError anywhere."""

    @property
    def is_finished(self) -> bool:
        """Whether the wire's own end mark has come."""
        ...

    def take_event(self, value: Object) -> list[WireEvent]:
        """Take one event of a stream; `type` is filled in from the event's name where absent."""
        ...

    def take_document(self, value: Json) -> list[WireEvent]:
        """Take a whole answer of a server that did not stream."""
        ...

    def finish(self) -> list[WireEvent]:
        """Take the end of the body, after the end mark."""
        ...


class Body(Protocol):
    """What cuts the bytes into events: `framing.ReplyBody`, or `framing.LineBody` for NDJSON."""

    @property
    def shape(self) -> BodyShape: ...

    @property
    def strays(self) -> list[bytes]: ...

    def feed(self, received: bytes) -> list[ServerEvent]: ...

    def close(self) -> list[ServerEvent]: ...


class ReplyDecoder:
    """A `base.Decoder` made of a reader.

    Where an error follows text in the same bytes, `feed` gives the text and the next call raises:
    an error must not cost what came before it.
    """

    __slots__ = ("_body", "_failure", "_joiners", "_model", "_provider", "_reader", "_words")

    def __init__(
        self, reader: Reader, *, provider: str, model: str, body: Body | None = None
    ) -> None:
        self._reader = reader
        self._provider = provider
        self._model = model
        self._body: Body = body or ReplyBody()
        self._failure: ProviderError | None = None
        self._joiners: dict[object, SurrogateJoiner] = {}
        self._words = ""
        """The last data that was no JSON: perhaps the only reason that a server gives."""

    def feed(self, received: bytes) -> list[WireEvent]:
        if self._failure is not None:
            raise self._failure
        events: list[WireEvent] = []
        try:
            for event in self._body.feed(received):
                value = self._parse(event)
                if value is not None:
                    self._extend(events, self._reader.take_event(value))
        except ProviderError as error:
            self._failure = self._signed(error)
            if not events:
                raise
        return events

    def close(self) -> list[WireEvent]:
        if self._failure is not None:
            raise self._failure
        events: list[WireEvent] = []
        try:
            rest = self._body.close()
            if self._body.shape is BodyShape.DOCUMENT:
                self._extend(events, self._reader.take_document(parse_json(rest[0].data)))
            else:
                for event in rest:
                    self._take_last(event, events)
            if not self._reader.is_finished:
                raise self._cut()
            self._extend(events, self._reader.finish())
        except ProviderError as error:
            self._failure = self._signed(error)
            raise
        return events

    def _parse(self, event: ServerEvent) -> Object | None:
        data = event.data
        if not data.startswith(("{", "[")):
            bare = data.strip()
            if not bare.startswith(("{", "[")):
                self._words = bare or self._words
                return None
            data = bare
        if data.startswith("[DONE]"):
            return {"type": "[DONE]"}
        value = as_object(parse_json(data))
        if event.event and "type" not in value:
            value = {**value, "type": event.event}
        return value

    def _take_last(self, event: ServerEvent, events: list[WireEvent]) -> None:
        """Take an event that the end of the body closed: half an event is a cut, not nonsense."""
        try:
            value = self._parse(event)
        except ReplyMalformed as error:
            if self._reader.is_finished:
                return
            raise self._cut() from error
        if value is not None:
            self._extend(events, self._reader.take_event(value))

    def _cut(self) -> ProviderError:
        """Return the error of a body without an end mark, with the reason where one was written."""
        stray = b"\n".join(self._body.strays).decode("utf-8", "replace").strip()
        stray = stray.removeprefix("error:").strip()  # a field name of older llama.cpp servers
        if stray.startswith("{"):
            try:
                return error_in_stream(
                    parse_json(stray), provider=self._provider, model=self._model
                )
            except ReplyMalformed:
                pass  # half an error is no reason: the reply is simply cut
        return ReplyCut(mend_surrogates(self._words or stray)[:500], code="no_end_mark")

    def _signed(self, error: ProviderError) -> ProviderError:
        error.provider = error.provider or self._provider
        error.model = error.model or self._model
        return error

    def _extend(self, events: list[WireEvent], new: list[WireEvent]) -> None:
        """Add events with every text in them made valid Unicode."""
        for event in new:
            match event:
                case TextDelta(text):
                    whole = self._joined(TextDelta, text)
                    if whole:
                        events.append(event if whole is text else TextDelta(whole))
                case ThinkingDelta(text):
                    whole = self._joined(ThinkingDelta, text)
                    if whole:
                        events.append(event if whole is text else ThinkingDelta(whole))
                case ToolCallDelta(index, call_id, name, arguments):
                    whole = self._joined(index, arguments)
                    events.append(
                        ToolCallDelta(index, mend_surrogates(call_id), mend_surrogates(name), whole)
                    )
                case SourceFound(SourcePart(url, title)):
                    source = SourcePart(mend_surrogates(url), mend_surrogates(title))
                    events.append(SourceFound(source))
                case ReplyStarted(model, response_id):
                    events.append(
                        ReplyStarted(mend_surrogates(model), mend_surrogates(response_id))
                    )
                case Finished(finish, detail):
                    self._flush(events)
                    events.append(Finished(finish, mend_surrogates(detail)))
                case _:
                    events.append(event)

    def _joined(self, key: object, text: str) -> str:
        joiner = self._joiners.get(key)
        if joiner is None:
            joiner = self._joiners[key] = SurrogateJoiner()
        return joiner.feed(text)

    def _flush(self, events: list[WireEvent]) -> None:
        for key, joiner in self._joiners.items():
            rest = joiner.close()
            if rest and key is TextDelta:
                events.append(TextDelta(rest))
            elif rest and key is ThinkingDelta:
                events.append(ThinkingDelta(rest))

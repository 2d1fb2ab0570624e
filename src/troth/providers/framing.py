"""Cut a body into the events or lines that its wire is made of; never looks inside them.

Pure and incremental: any way of cutting the same bytes gives the same events. Lines end at LF,
CR and CRLF only, never at what Python calls a line (U+2028 and U+0085 stand inside JSON strings).
Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, sections 9.2.5-9.2.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from troth.domain.error import ReplyMalformed

LINE_LIMIT_BYTES = 256 << 20
"""A line longer than this ends the reply. A 4K image in base64 is about 40 MB."""

_BOM = b"\xef\xbb\xbf"
_STRAY_LIMIT_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of an event stream. `event` is "" where the stream names none."""

    event: str
    data: str
    """The data lines joined by LF. Bytes that are no UTF-8 became U+FFFD."""
    id: str = ""


class LineSplitter:
    """Cuts bytes into lines at LF, CR or CRLF, which may themselves be cut; strips one BOM."""

    __slots__ = ("_after_cr", "_at_start", "_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, received: bytes) -> list[bytes]:
        """Return the lines that are now whole, without their ends."""
        if not received:
            return []
        if self._after_cr and received.startswith(b"\n"):
            received = received[1:]
        self._after_cr = False
        if b"\r" in received:
            self._after_cr = received.endswith(b"\r")
            received = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = received.split(b"\n")
        rest = lines.pop()
        if lines and self._pieces:
            self._pieces.append(lines[0])
            lines[0] = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
        if rest:
            self._keep(rest)
        return self._without_bom(lines) if self._at_start and lines else lines

    def close(self) -> list[bytes]:
        """Return the last line where no line end came after it."""
        if not self._pieces:
            return []
        line = b"".join(self._pieces)
        self._pieces.clear()
        return self._without_bom([line]) if self._at_start else [line]

    def _keep(self, rest: bytes) -> None:
        self._pieces.append(rest)
        self._size += len(rest)
        if self._size > LINE_LIMIT_BYTES:
            raise ReplyMalformed("a line of the reply has no end", code="line_too_long")

    def _without_bom(self, lines: list[bytes]) -> list[bytes]:
        self._at_start = False
        lines[0] = lines[0].removeprefix(_BOM)
        return lines


class EventStream:
    """Event-stream framing.

    Differs from the specification in two things, on purpose. A last event with no blank line after
    it is given out at `close` (several providers end that way), not thrown away. And where one line
    of data ends a JSON object and the next begins one, or says `[DONE]`, they are two events: small
    servers forget the blank line, and no JSON text goes on that way.
    """

    __slots__ = ("_data", "_event", "_id", "_lines", "has_fields", "strays")

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._data: list[bytes] = []
        self._event = b""
        self._id = b""
        self.has_fields = False
        """Whether any line was a comment or a field: otherwise this is no event stream at all."""
        self.strays: list[bytes] = []
        """Lines that are neither: some proxies write a bare JSON error into a broken stream."""

    def feed(self, received: bytes) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        for line in self._lines.feed(received):
            if line.startswith(b"data:"):
                self.has_fields = True
                data = line[6:] if line.startswith(b" ", 5) else line[5:]
                if self._data and data.startswith((b"{", b"[DONE]")):
                    self._split(events)
                self._data.append(data)
            elif line:
                self._take_field(line)
            elif self._data or self._event:
                self._dispatch(events)
        return events

    def close(self) -> list[ServerEvent]:
        """Take the end of the body: what stands in the buffer is the last event."""
        events: list[ServerEvent] = []
        for line in self._lines.close():
            if line:
                self._take_field(line)
        self._dispatch(events)
        return events

    def _take_field(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._event = value
            case b"id":
                if b"\0" not in value:
                    self._id = value
            case b"retry":
                pass  # a reconnection time; a reply is never reconnected to
            case b"" if colon:
                pass  # a comment: keepalives of OpenRouter, DeepSeek and llama.cpp
            case _:
                if sum(map(len, self.strays)) + len(line) <= _STRAY_LIMIT_BYTES:
                    self.strays.append(line)
                return
        self.has_fields = True

    def _split(self, events: list[ServerEvent]) -> None:
        """End the event before the line that comes, where it is whole."""
        if self._data[-1].rstrip().endswith(b"}"):
            self._dispatch(events)

    def _dispatch(self, events: list[ServerEvent]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append(
                ServerEvent(
                    self._event.decode("utf-8", "replace") if self._event else "",
                    data.decode("utf-8", "replace"),
                    self._id.decode("utf-8", "replace") if self._id else "",
                )
            )
            self._data.clear()
        self._event = b""


class BodyShape(StrEnum):
    """What a body looks like from its first bytes, whatever its content type claims."""

    UNKNOWN = "unknown"
    """Nothing but white space has come yet."""
    EVENTS = "events"
    DOCUMENT = "document"
    """One JSON text: the server does not stream, or it is an error."""
    MARKUP = "markup"
    """HTML or XML: a proxy, a captive portal or a wrong URL answered."""


class ReplyBody:
    """Frames the body of an answer that should be an event stream but may be one JSON document.

    The shape is read from the first byte that is no white space: no field of an event stream
    begins with `{`, `[` or `<`. A document is given out at `close` as one event with no name.
    """

    __slots__ = ("_document", "_events", "_has_blank", "_head", "_size", "shape")

    def __init__(self) -> None:
        self.shape = BodyShape.UNKNOWN
        self._head = b""
        """The first bytes while they may still be part of a byte order mark."""
        self._has_blank = False
        self._events = EventStream()
        self._document: list[bytes] = []
        self._size = 0

    def feed(self, received: bytes) -> list[ServerEvent]:
        if self.shape is BodyShape.UNKNOWN:
            received = self._sniff(received)
        return self._take(received) if received else []

    def _take(self, received: bytes) -> list[ServerEvent]:
        if self.shape is BodyShape.EVENTS:
            return self._events.feed(received)
        self._size += len(received)
        if self._size > LINE_LIMIT_BYTES:
            raise ReplyMalformed("the reply has no end", code="body_too_long")
        self._document.append(received)
        return []

    def close(self) -> list[ServerEvent]:
        """Return what is left.

        Raises ReplyMalformed for an empty body, for markup, and for bytes that are no event stream.
        """
        match self.shape:
            case BodyShape.UNKNOWN:
                raise ReplyMalformed("the reply is empty", code="empty")
            case BodyShape.MARKUP:
                raise ReplyMalformed(title_of_markup(b"".join(self._document)), code="markup")
            case BodyShape.DOCUMENT:
                text = b"".join(self._document).decode("utf-8", "replace")
                self._document.clear()
                return [ServerEvent("", text)]
            case BodyShape.EVENTS:
                events = self._events.close()
                if not self._events.has_fields:
                    words = b"\n".join(self._events.strays).decode("utf-8", "replace")
                    raise ReplyMalformed(words[:500], code="not_an_event_stream")
                return events

    @property
    def strays(self) -> list[bytes]:
        """Lines of an event stream that are no fields of it."""
        return self._events.strays

    def _sniff(self, received: bytes) -> bytes:
        """Settle the shape where these bytes can; return what is to be read now."""
        head = self._head + received
        if not self._has_blank and _BOM.startswith(head):
            self._head = head
            return b""
        bare = (head if self._has_blank else head.removeprefix(_BOM)).lstrip(b" \t\r\n")
        self._head = b""
        self._has_blank = True
        if not bare:
            return b""
        first = bare[:1]
        if first in b"{[":
            self.shape = BodyShape.DOCUMENT
        elif first == b"<":
            self.shape = BodyShape.MARKUP
        else:
            self.shape = BodyShape.EVENTS
        return bare


class LineBody:
    """NDJSON framing: one JSON text a line; blank lines are skipped; the last needs no line end."""

    __slots__ = ("_lines", "shape", "strays")

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self.shape = BodyShape.UNKNOWN
        self.strays: list[bytes] = []

    def feed(self, received: bytes) -> list[ServerEvent]:
        return self._events(self._lines.feed(received))

    def close(self) -> list[ServerEvent]:
        """Return the last line; raise ReplyMalformed for an empty body and for markup."""
        events = self._events(self._lines.close())
        if self.shape is BodyShape.UNKNOWN:
            raise ReplyMalformed("the reply is empty", code="empty")
        if self.shape is BodyShape.MARKUP:
            raise ReplyMalformed(title_of_markup(b"\n".join(self.strays)), code="markup")
        return events

    def _events(self, lines: list[bytes]) -> list[ServerEvent]:
        bare = [line for line in lines if line and not line.isspace()]
        if bare and self.shape is BodyShape.UNKNOWN:
            is_markup = bare[0].lstrip().startswith(b"<")
            self.shape = BodyShape.MARKUP if is_markup else BodyShape.EVENTS
        if self.shape is BodyShape.MARKUP:
            self.strays += bare[: max(0, 100 - len(self.strays))]
            return []
        return [ServerEvent("", line.decode("utf-8", "replace")) for line in bare]


def title_of_markup(body: bytes) -> str:
    """Return the title of an HTML page, or its first words: what a person needs to place it."""
    text = body[:20_000].decode("utf-8", "replace")
    lower = text.lower()
    start = lower.find("<title")
    if start >= 0:
        start = lower.find(">", start) + 1
        end = lower.find("</title", start)
        if start and end > start:
            return " ".join(text[start:end].split())[:200]
    words: list[str] = []
    for piece in text.split("<"):
        words += piece.partition(">")[2].split()
    return " ".join(words)[:200]

"""Read Gemini answers: event streams, whole documents, and lists of chunks (no `alt=sse`).

Each chunk is a whole `GenerateContentResponse`; usage is cumulative and the body simply ends.
Source: https://ai.google.dev/api/generate-content and the types of the SDK `google-genai` 3.4,
read November 2026. Unknown parts and fields are passed over.
"""

from __future__ import annotations

from troth.domain.error import ContentRefused, ProviderError
from troth.domain.event import (
    BlobArrived,
    Finished,
    LinkArrived,
    ReplyStarted,
    SourceFound,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
    WireEvent,
)
from troth.domain.message import Finish, SourcePart
from troth.domain.model import Json
from troth.domain.usage import Usage
from troth.providers.errors import error_in_stream
from troth.providers.gemini_arguments import StreamedCall
from troth.providers.parts import bytes_of_base64, sniff_media_type
from troth.providers.replay import raw_items
from troth.providers.wirejson import Object, as_count, as_list, as_object, as_text, dump_json

WIRE = "gemini"
PART = "part"
"""The kind of this wire's raw items: one part of a reply's content."""

OWN_ID = "troth-call-"
"""Begins the ids that we give to calls of models that give none."""

_FINISHES = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "CONTINUATION": Finish.LENGTH,
    "SAFETY": Finish.REFUSED,
    "RECITATION": Finish.REFUSED,
    "BLOCKLIST": Finish.REFUSED,
    "PROHIBITED_CONTENT": Finish.REFUSED,
    "SPII": Finish.REFUSED,
    "IMAGE_SAFETY": Finish.REFUSED,
    "IMAGE_PROHIBITED_CONTENT": Finish.REFUSED,
    "IMAGE_RECITATION": Finish.REFUSED,
    "ESCALATION": Finish.REFUSED,
    "MODEL_ARMOR": Finish.REFUSED,
    "PUP_LIMITED_DISABLED": Finish.REFUSED,
}
"""All others end as OTHER, with their own name as the detail."""


class GeminiReader:
    """A `decoder.Reader` for one answer."""

    def __init__(self, *, provider: str, model: str) -> None:
        self._provider = provider
        self._model = model
        self._has_started = False
        self._response_id = ""
        self._finish_reason = ""
        self._is_whole = False
        """Whether one document said everything: older models give it no finish reason."""
        self._finish_message = ""
        self._usage: Usage | None = None
        self._calls = 0
        self._streamed: StreamedCall | None = None
        self._sources: set[str] = set()
        self._parts: list[tuple[Object, list[str]]] = []
        """The reply's parts as they may go back, and the text that came for each after its first:
        plain text is joined, signed parts are left alone."""
        self._has_signature = False

    @property
    def is_finished(self) -> bool:
        return bool(self._finish_reason) or self._is_whole

    def take_event(self, value: Object) -> list[WireEvent]:
        if value.get("error"):
            raise self._error(value)
        candidates = as_list(value.get("candidates"))
        if not candidates:
            self._raise_if_blocked(as_object(value.get("promptFeedback")))
        events = [] if self._has_started else self._start(value)
        for candidate in map(as_object, candidates):
            if not candidate.get("index"):
                self._take_candidate(candidate, events)
        usage = value.get("usageMetadata")
        if usage:
            self._report(as_object(usage), events)
        return events

    def take_document(self, value: Json) -> list[WireEvent]:
        chunks = value if isinstance(value, list) else [value]
        self._is_whole = not isinstance(value, list)
        events: list[WireEvent] = []
        for chunk in map(as_object, chunks):
            if not {"candidates", "promptFeedback", "usageMetadata"} & chunk.keys():
                raise self._error(chunk)
            events += self.take_event(chunk)
        return events

    def finish(self) -> list[WireEvent]:
        events = self._end_call()
        finish = _FINISHES.get(self._finish_reason, Finish.OTHER)
        if finish is Finish.STOP and self._calls:
            finish = Finish.TOOL_CALLS
        detail = self._finish_reason
        if self._finish_message and finish not in {Finish.STOP, Finish.TOOL_CALLS}:
            detail = f"{detail}: {self._finish_message}"
        return [*events, *self._raw_items(), Finished(finish, detail)]

    def _error(self, value: Json) -> ProviderError:
        return error_in_stream(value, provider=self._provider, model=self._model)

    def _raise_if_blocked(self, feedback: Object) -> None:
        """A refused prompt has no candidates at all, and the status is 200."""
        reason = as_text(feedback.get("blockReason"))
        if reason:
            words = as_text(feedback.get("blockReasonMessage"))
            raise ContentRefused(
                words or reason,
                provider=self._provider,
                model=self._model,
                status=200,
                code=reason,
            )

    def _start(self, value: Object) -> list[WireEvent]:
        self._has_started = True
        self._response_id = as_text(value.get("responseId"))
        return [ReplyStarted(as_text(value.get("modelVersion")), self._response_id)]

    def _take_candidate(self, candidate: Object, events: list[WireEvent]) -> None:
        for part in as_list(as_object(candidate.get("content")).get("parts")):
            events += self._take_part(as_object(part))
        reason = candidate.get("finishReason")
        if reason and isinstance(reason, str) and reason != "FINISH_REASON_UNSPECIFIED":
            self._finish_reason = reason
            self._finish_message = as_text(candidate.get("finishMessage"))
        for key in ("groundingMetadata", "citationMetadata", "urlContextMetadata"):
            metadata = candidate.get(key)
            if metadata:
                events += self._sources_in(as_object(metadata))

    def _take_part(self, part: Object) -> list[WireEvent]:
        is_thought = part.get("thought") is True
        call = part.get("functionCall")
        if isinstance(call, dict):
            return self._take_call(part, call)
        self._keep(part)
        text = part.get("text")
        if text and isinstance(text, str):
            return [ThinkingDelta(text) if is_thought else TextDelta(text)]
        data = as_object(part.get("inlineData"))
        if data:
            content = bytes_of_base64(as_text(data.get("data")))
            if content:
                media_type = as_text(data.get("mimeType")) or sniff_media_type(content)
                # Image models think in pictures: those are drafts, not the reply.
                return [BlobArrived(content, media_type, is_preview=is_thought)]
        file = as_object(part.get("fileData"))
        url = as_text(file.get("fileUri"))
        return [LinkArrived(url, as_text(file.get("mimeType")))] if url else []

    def _take_call(self, part: Object, call: Object) -> list[WireEvent]:
        """Take a call that comes whole, or one piece of a call that Vertex streams."""
        if self._streamed is not None and not call.get("name"):
            self._streamed.extend(as_list(call.get("partialArgs")))
            return [] if call.get("willContinue") else self._end_call()
        events = self._end_call()
        if call.get("willContinue") or call.get("partialArgs"):
            self._streamed = StreamedCall(part, call)
            self._streamed.extend(as_list(call.get("partialArgs")))
            return events if call.get("willContinue") else events + self._end_call()
        return [*events, *self._whole_call(part, call)]

    def _end_call(self) -> list[WireEvent]:
        if self._streamed is None:
            return []
        part, call = self._streamed.whole()
        self._streamed = None
        return self._whole_call(part, call)

    def _whole_call(self, part: Object, call: Object) -> list[WireEvent]:
        self._keep(part)
        index = self._calls
        self._calls += 1
        return [
            ToolCallDelta(
                index,
                as_text(call.get("id")) or f"{OWN_ID}{self._response_id}-{index}",
                as_text(call.get("name")),
                dump_json(as_object(call.get("args"))).decode(),
            )
        ]

    def _keep(self, part: Object) -> None:
        """Keep a part for sending back; text that carries no signature grows into one part."""
        self._has_signature = self._has_signature or bool(part.get("thoughtSignature"))
        if part.keys() <= {"text", "thought"}:
            last, more = self._parts[-1] if self._parts else ({}, [])
            if last.keys() == part.keys() and last.get("thought") == part.get("thought"):
                more.append(as_text(part.get("text")))
                return
            if not part.get("text"):
                return  # the empty end of a stream
        self._parts.append((part, []))

    def _sources_in(self, metadata: Object) -> list[WireEvent]:
        """Return links that are new, from whichever of the three metadata objects this is."""
        found: list[tuple[str, str]] = []
        for chunk in map(as_object, as_list(metadata.get("groundingChunks"))):
            for page in (as_object(chunk.get(key)) for key in ("web", "retrievedContext", "maps")):
                found.append((as_text(page.get("uri")), as_text(page.get("title"))))
        citations = metadata.get("citations") or metadata.get("citationSources")
        for citation in map(as_object, as_list(citations)):
            found.append((as_text(citation.get("uri")), as_text(citation.get("title"))))
        for page in map(as_object, as_list(metadata.get("urlMetadata"))):
            found.append((as_text(page.get("retrievedUrl")), ""))
        events: list[WireEvent] = []
        for url, title in found:
            if url.startswith(("http://", "https://")) and url not in self._sources:
                self._sources.add(url)
                events.append(SourceFound(SourcePart(url, title)))
        return events

    def _report(self, counts: Object, events: list[WireEvent]) -> None:
        """Report usage where it changed. Thoughts and tool results are counted apart here."""
        thoughts = as_count(counts.get("thoughtsTokenCount"))
        usage = Usage(
            _sum(
                as_count(counts.get("promptTokenCount")),
                as_count(counts.get("toolUsePromptTokenCount")),
            ),
            _sum(as_count(counts.get("candidatesTokenCount")), thoughts),
            as_count(counts.get("cachedContentTokenCount")),
            thoughts,
        )
        if usage != self._usage:
            self._usage = usage
            events.append(UsageReported(usage))

    def _raw_items(self) -> list[WireEvent]:
        """Return all parts where one carries a signature; without one, plain parts say the same."""
        if not self._has_signature:
            return []
        wholes: list[Object] = [
            {**part, "text": as_text(part.get("text")) + "".join(more)} if more else part
            for part, more in self._parts
        ]
        return raw_items([(PART, part) for part in wholes], self._provider, self._model, WIRE)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)

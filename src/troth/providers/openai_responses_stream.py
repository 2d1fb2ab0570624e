"""Read OpenAI Responses answers: streams and whole documents, of OpenAI and those who copy it.

Source: the types of the SDK `openai` 3.54 (`types/responses`), read November 2026, and recordings
of OpenAI, Azure, xAI and DeepSeek. About 60 kinds of events exist: unknown ones are passed over.
"""

from __future__ import annotations

from troth.domain.error import ProviderError
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
from troth.providers.parts import bytes_of_base64, parse_data_url, sniff_media_type
from troth.providers.replay import raw_items
from troth.providers.wirejson import Object, as_count, as_list, as_object, as_text

WIRE = "openai-responses"

REPLAYED_ITEMS = frozenset({
    "custom_tool_call", "file_search_call", "function_call", "message", "reasoning",
    "web_search_call",
})  # fmt: skip
"""Output items that go back as they came. Others hold images, files or a machine's state."""

CALL_ARGUMENTS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items that are calls of the client's own tools, and where their arguments stand."""

_ENDS = {
    "response.completed": "completed",
    "response.done": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
"""Events that end a reply, and the status that each means. `response.done` is a gateway's word."""

_INCOMPLETE = {"max_output_tokens": Finish.LENGTH, "content_filter": Finish.REFUSED}


class ResponsesReader:
    """A `decoder.Reader` for one answer."""

    def __init__(self, *, provider: str, model: str) -> None:
        self._provider = provider
        self._model = model
        self._has_started = False
        self._is_finished = False
        self._is_refused = False
        self._places: dict[str, int] = {}
        """Output index of each item by its id, for servers that name items only (llama.cpp)."""
        self._spoken: set[tuple[int, int | None, str]] = set()
        """Output and content index of what came in deltas, so that `done` is not read twice."""
        self._calls: dict[int, int] = {}
        """Index of each tool call by its output index."""
        self._done: dict[int, Object] = {}
        self._sources: set[str] = set()

    @property
    def is_finished(self) -> bool:
        return self._is_finished

    def take_event(self, value: Object) -> list[WireEvent]:
        match value.get("type"):
            case "response.output_text.delta":
                return self._say(value, "text", TextDelta)
            case "response.refusal.delta":
                self._is_refused = True
                return self._say(value, "refusal", TextDelta)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return self._say(value, "thinking", ThinkingDelta)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                return self._extend_call(value)
            case "response.output_text.done":
                return self._say_whole(value, "text", TextDelta)
            case "response.refusal.done":
                self._is_refused = True
                return self._say_whole(value, "refusal", TextDelta)
            case "response.reasoning_summary_text.done" | "response.reasoning_text.done":
                return self._say_whole(value, "thinking", ThinkingDelta)
            case "response.output_item.added":
                item = as_object(value.get("item"))
                place = self._place(value, item)
                # Perplexity runs its own tools: their calls come whole, results in their place.
                return [] if item.get("status") == "completed" else self._open_item(place, item)
            case "response.output_item.done":
                item = as_object(value.get("item"))
                return self._end_item(self._place(value, item), item)
            case "response.reasoning_summary_part.added":
                return self._break_summary(value)
            case "response.output_text.annotation.added":
                return self._sources_in([value.get("annotation")])
            case "response.image_generation_call.partial_image":
                return self._image(value, value.get("partial_image_b64"), is_preview=True)
            case "response.created" | "response.in_progress" | "response.queued":
                return self._start(as_object(value.get("response")))
            case str() as kind if kind in _ENDS:
                return self._end(as_object(value.get("response")), kind, value.get("error"))
            case "error":
                raise self._error(value)
            case str() as kind if kind.startswith("response."):
                return []  # what is yet to be invented, or tells of a server's own tool
            case _ if value.get("error"):
                raise self._error(value)
            case _:
                return []

    def take_document(self, value: Json) -> list[WireEvent]:
        response = as_object(value)
        if "output" not in response:
            raise self._error(value)
        return self._start(response) + self._end(response, "", None)

    def finish(self) -> list[WireEvent]:
        return []

    def _error(self, value: Json) -> ProviderError:
        return error_in_stream(value, provider=self._provider, model=self._model)

    def _start(self, response: Object) -> list[WireEvent]:
        if self._has_started:
            return []
        self._has_started = True
        return [ReplyStarted(as_text(response.get("model")), as_text(response.get("id")))]

    def _place(self, value: Object, item: Object | None = None) -> int:
        """Return the output index that an event belongs to."""
        index = as_count(value.get("output_index"))
        name = as_text(value.get("item_id")) or as_text((item or {}).get("id"))
        if index is not None:
            self._places.setdefault(name, index)  # its deltas may be named only
            return index
        if not name:
            return len(self._done)  # the item that is open now
        return self._places.setdefault(name, len(self._places))

    def _say(
        self, value: Object, kind: str, event: type[TextDelta] | type[ThinkingDelta]
    ) -> list[WireEvent]:
        text = as_text(value.get("delta"))
        if not text:
            return []
        self._spoken.add((self._place(value), _part_index(value), kind))
        return [event(text)]

    def _say_whole(
        self, value: Object, kind: str, event: type[TextDelta] | type[ThinkingDelta]
    ) -> list[WireEvent]:
        """Take the end of a text, which holds all of it: news where no delta of it came."""
        text = as_text(value.get("refusal" if kind == "refusal" else "text"))
        place = (self._place(value), _part_index(value), kind)
        if not text or place in self._spoken:
            return []
        self._spoken.add(place)
        return [event(text)]

    def _break_summary(self, value: Object) -> list[WireEvent]:
        """Set the parts of a summary apart: each is a paragraph with a title of its own."""
        return [ThinkingDelta("\n\n")] if as_count(value.get("summary_index")) else []

    def _open_item(self, index: int, item: Object) -> list[WireEvent]:
        if as_text(item.get("type")) not in CALL_ARGUMENTS or index in self._calls:
            return []
        call = self._calls[index] = len(self._calls)
        return [ToolCallDelta(call, as_text(item.get("call_id")), as_text(item.get("name")))]

    def _extend_call(self, value: Object) -> list[WireEvent]:
        index, piece = self._place(value), as_text(value.get("delta"))
        if index not in self._calls or not piece:
            return []  # arguments of a tool that the server runs itself
        self._spoken.add((index, None, "call"))
        return [ToolCallDelta(self._calls[index], arguments=piece)]

    def _end_item(self, index: int, item: Object) -> list[WireEvent]:
        """Take a whole item: what of it came in deltas is not read again."""
        self._done[index] = item
        match item.get("type"):
            case "message":
                return self._message(index, as_list(item.get("content")))
            case "reasoning":
                return self._reasoning(index, item)
            case "function_call" | "custom_tool_call" as kind:
                events = self._open_item(index, item)
                arguments = as_text(item.get(CALL_ARGUMENTS[kind]))
                if arguments and (index, None, "call") not in self._spoken:
                    events.append(ToolCallDelta(self._calls[index], arguments=arguments))
                return events
            case "search_results":
                return self._sources_in(as_list(item.get("results")))
            case "web_search_call":
                return self._sources_in(as_list(as_object(item.get("action")).get("sources")))
            case "image_generation_call":
                return self._image(item, item.get("result"), is_preview=False)
            case "code_interpreter_call":
                return self._outputs(as_list(item.get("outputs")))
            case _:
                return []

    def _message(self, index: int, content: list[Json]) -> list[WireEvent]:
        events: list[WireEvent] = []
        for number, part in enumerate(map(as_object, content)):
            kind = "refusal" if part.get("type") == "refusal" else "text"
            text = as_text(part.get(kind))
            self._is_refused = self._is_refused or kind == "refusal"
            if text and (index, number, kind) not in self._spoken:
                events.append(TextDelta(text))
            events += self._sources_in(as_list(part.get("annotations")))
        return events

    def _reasoning(self, index: int, item: Object) -> list[WireEvent]:
        """Give the thinking of a server that sent no deltas of it."""
        if any(spoken[0] == index for spoken in self._spoken):
            return []
        parts = as_list(item.get("summary")) or as_list(item.get("content"))
        texts = [text for part in parts if (text := as_text(as_object(part).get("text")))]
        return [ThinkingDelta("\n\n".join(texts))] if texts else []

    def _image(self, item: Object, encoded: Json, *, is_preview: bool) -> list[WireEvent]:
        content = bytes_of_base64(as_text(encoded))
        if not content:
            return []
        kind = as_text(item.get("output_format"))
        media_type = sniff_media_type(content)
        if media_type == "application/octet-stream" and kind:
            media_type = {"svg": "image/svg+xml"}.get(kind, f"image/{kind}")
        return [BlobArrived(content, media_type, is_preview=is_preview)]

    def _outputs(self, outputs: list[Json]) -> list[WireEvent]:
        """Take the images that the code interpreter drew."""
        events: list[WireEvent] = []
        for output in map(as_object, outputs):
            url = as_text(output.get("url"))
            if output.get("type") != "image" or not url:
                continue
            held = parse_data_url(url)
            events.append(BlobArrived(held[1], held[0]) if held else LinkArrived(url))
        return events

    def _sources_in(self, items: list[Json]) -> list[WireEvent]:
        events: list[WireEvent] = []
        for item in map(as_object, items):
            url = as_text(item.get("url"))
            if url.startswith(("http://", "https://")) and url not in self._sources:
                self._sources.add(url)
                events.append(SourceFound(SourcePart(url, as_text(item.get("title")))))
        return events

    def _end(self, response: Object, kind: str, error: Json) -> list[WireEvent]:
        """Take the whole response; small servers leave its status to the event's name."""
        if self._is_finished:
            return []
        events = self._start(response)
        for index, item in enumerate(map(as_object, as_list(response.get("output")))):
            if index not in self._done:
                events += self._end_item(index, item)
        events += _usage(as_object(response.get("usage")))
        status = as_text(response.get("status")) or _ENDS.get(kind, "")
        error = response.get("error") or error
        if status == "failed" or error:
            raise self._error(error or {"code": "failed"})
        self._is_finished = True
        reason = as_text(as_object(response.get("incomplete_details")).get("reason"))
        if self._is_refused:
            finish = Finish.REFUSED
        elif status == "incomplete":
            finish = _INCOMPLETE.get(reason, Finish.OTHER)
        elif status == "completed":
            finish = Finish.TOOL_CALLS if self._calls else Finish.STOP
        else:
            finish = Finish.OTHER
        detail = "" if finish is Finish.REFUSED and not reason else reason or status
        return [*events, *self._raw_items(), Finished(finish, detail)]

    def _raw_items(self) -> list[WireEvent]:
        """Return the items for sending back, in order, where plain parts would lose something.

        All or nothing: reasoning is refused without the very item that followed it.
        """
        items = [self._done[index] for index in sorted(self._done)]
        if all(item.get("type") == "message" and not item.get("phase") for item in items):
            return []
        kinds = [as_text(item.get("type")) for item in items]
        if not REPLAYED_ITEMS.issuperset(kinds):
            return []
        return raw_items(list(zip(kinds, items, strict=True)), self._provider, self._model, WIRE)


def _part_index(value: Object) -> int:
    """Return which part of its item an event belongs to."""
    index = as_count(value.get("content_index"))
    return (as_count(value.get("summary_index")) if index is None else index) or 0


def _usage(usage: Object) -> list[WireEvent]:
    if not usage:
        return []
    return [
        UsageReported(
            Usage(
                input=as_count(usage.get("input_tokens")),
                output=as_count(usage.get("output_tokens")),
                cached=as_count(as_object(usage.get("input_tokens_details")).get("cached_tokens")),
                thinking=as_count(
                    as_object(usage.get("output_tokens_details")).get("reasoning_tokens")
                ),
            )
        )
    ]

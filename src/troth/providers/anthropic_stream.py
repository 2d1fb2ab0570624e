"""Read Anthropic Messages answers: streams and whole documents.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming and the types of the SDK
`anthropic` 2.12, read November 2026. Unknown events, blocks and fields are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from troth.domain.error import ReplyMalformed
from troth.domain.event import (
    Finished,
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
from troth.providers.replay import raw_items
from troth.providers.wirejson import (
    Object,
    as_count,
    as_list,
    as_object,
    as_text,
    dump_json,
    parse_json,
)

WIRE = "anthropic"

REPLAYED_BLOCKS = frozenset({
    "bash_code_execution_tool_result", "code_execution_tool_result", "compaction",
    "container_upload", "redacted_thinking", "server_tool_use", "text",
    "text_editor_code_execution_tool_result", "thinking", "tool_search_tool_result", "tool_use",
    "web_fetch_tool_result", "web_search_tool_result",
})  # fmt: skip
"""Blocks that a request may hold (SDK `ContentBlockParam`); others are for reading only."""

_FINISHES = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "pause_turn": Finish.PAUSED,
    "compaction": Finish.PAUSED,
    "refusal": Finish.REFUSED,
}


@dataclass(slots=True)
class _Block:
    """A content block while it grows, as the wire would have written it whole."""

    value: Object
    call_index: int = -1
    """Counts tool calls over the whole reply; -1 for other blocks."""
    text: list[str] = field(default_factory=list[str])
    """Text, thinking or compaction, whichever the block is of."""
    arguments: list[str] = field(default_factory=list[str])
    is_known: bool = True
    """False once a delta came that we could not put into `value`."""

    def whole(self) -> Object | None:
        """Return the block as it stands in a request; None where it cannot go back."""
        kind = as_text(self.value.get("type"))
        if not self.is_known or kind not in REPLAYED_BLOCKS:
            return None
        value = dict(self.value)
        if self.text:
            key = {"thinking": "thinking", "compaction": "content"}.get(kind, "text")
            value[key] = as_text(value.get(key)) + "".join(self.text)
        arguments = "".join(self.arguments)
        if arguments.strip():
            try:
                value["input"] = parse_json(arguments)
            except ReplyMalformed:
                return None
        if kind == "thinking" and not as_text(value.get("signature")):
            return None
        return value


class AnthropicReader:
    """A `decoder.Reader` for one answer."""

    def __init__(self, *, provider: str, model: str) -> None:
        self._provider = provider
        self._model = model
        self._response_id = ""
        self._has_started = False
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._thought: _Block | None = None
        """The block whose thinking came last, None once something was said after it."""
        self._sources: set[str] = set()
        self._counts: Object = {}
        self._stop_reason = ""
        self._stop_details: Object = {}
        self._is_finished = False

    @property
    def is_finished(self) -> bool:
        return self._is_finished

    def take_event(self, value: Object) -> list[WireEvent]:
        match value.get("type"):
            case "content_block_delta":
                return self._add_delta(value)
            case "content_block_start":
                index = as_count(value.get("index"))
                return self._open_block(
                    len(self._blocks) if index is None else index,
                    as_object(value.get("content_block")),
                )
            case "message_start":
                return self._start(as_object(value.get("message")))
            case "message_delta":
                return self._end_turn(value)
            case "message_stop":
                return self._stop()
            case "error":
                raise error_in_stream(value, provider=self._provider, model=self._model)
            case _ if "error" in value:
                raise error_in_stream(value, provider=self._provider, model=self._model)
            case _:
                return []  # ping, content_block_stop, and what is yet to be invented

    def take_document(self, value: Json) -> list[WireEvent]:
        message = as_object(value)
        if as_text(message.get("type")) == "error" or "content" not in message:
            raise error_in_stream(value, provider=self._provider, model=self._model)
        events = self._start(message)
        events += self._end_turn({"delta": message, "usage": message.get("usage")})
        return events + self._stop()

    def finish(self) -> list[WireEvent]:
        return []

    def _start(self, message: Object) -> list[WireEvent]:
        """Begin; once more where a proxy spliced a second attempt into the stream.

        What had been read of the first attempt stays in the reply, but it is the second that the
        model will remember, so only its blocks are kept for sending back.
        """
        response_id = as_text(message.get("id"))
        if self._has_started and response_id == self._response_id:
            return []
        self._has_started = True
        self._response_id = response_id
        self._blocks.clear()
        usage = dict(as_object(message.get("usage")))
        usage.pop("output_tokens", None)  # a placeholder: the true count comes with the end
        events = [ReplyStarted(as_text(message.get("model")), response_id), *self._report(usage)]
        # A turn that code of the server goes on with begins with what that code asked for.
        for index, block in enumerate(as_list(message.get("content"))):
            events += self._open_block(index, as_object(block))
        self._stop_reason = as_text(message.get("stop_reason"))
        return events

    def _open_block(self, index: int, value: Object) -> list[WireEvent]:
        block = self._blocks[index] = _Block(value)
        match value.get("type"):
            case "text":
                events = self._sources_in(as_list(value.get("citations")))
                return [*events, *self._say(as_text(value.get("text")))]
            case "thinking":
                return self._think(block, as_text(value.get("thinking")))
            case "tool_use":
                block.call_index = self._calls
                self._calls += 1
                given = as_object(value.get("input"))
                arguments = dump_json(given).decode() if given else ""
                return [
                    ToolCallDelta(
                        block.call_index,
                        as_text(value.get("id")),
                        as_text(value.get("name")),
                        arguments,
                    )
                ]
            case "web_search_tool_result":
                return self._sources_in(as_list(value.get("content")))
            case "web_fetch_tool_result":
                page = as_object(value.get("content"))
                title = as_text(as_object(page.get("content")).get("title"))
                return self._sources_in([{"url": page.get("url"), "title": title}])
            case "fallback":
                model = as_text(as_object(value.get("to")).get("model"))
                return [ReplyStarted(model, self._response_id)] if model else []
            case _:
                return []

    def _add_delta(self, value: Object) -> list[WireEvent]:
        delta = as_object(value.get("delta"))
        index = value.get("index")
        block = self._blocks.get(index) if isinstance(index, int) else None
        if block is None:
            # A proxy that opens no blocks: the words count more than the form.
            block = self._blocks.setdefault(-1, _Block({}, is_known=False))
        match delta.get("type"):
            case "text_delta":
                text = as_text(delta.get("text"))
                block.text.append(text)
                return self._say(text)
            case "thinking_delta":
                text = as_text(delta.get("thinking"))
                block.text.append(text)
                return self._think(block, text)
            case "input_json_delta":
                piece = as_text(delta.get("partial_json"))
                block.arguments.append(piece)
                is_call = block.call_index >= 0 and piece
                return [ToolCallDelta(block.call_index, arguments=piece)] if is_call else []
            case "signature_delta":
                block.value = {**block.value, "signature": delta.get("signature")}
                return []
            case "citations_delta":
                citation = delta.get("citation")
                block.value = {
                    **block.value,
                    "citations": [*as_list(block.value.get("citations")), citation],
                }
                return self._sources_in([citation])
            case "compaction_delta":
                block.text.append(as_text(delta.get("content")))
                return []
            case _:
                block.is_known = False
                return []

    def _say(self, text: str) -> list[WireEvent]:
        if not text:
            return []
        self._thought = None
        return [TextDelta(text)]

    def _think(self, block: _Block, text: str) -> list[WireEvent]:
        """Give thinking; what is thought after a search is a paragraph of its own."""
        if not text:
            return []
        is_next = self._thought is not None and self._thought is not block
        self._thought = block
        return [ThinkingDelta(f"\n\n{text}" if is_next else text)]

    def _sources_in(self, items: list[Json]) -> list[WireEvent]:
        """Return links that are new: search results and citations name the same page often."""
        events: list[WireEvent] = []
        for item in map(as_object, items):
            url = as_text(item.get("url")) or as_text(item.get("source"))
            if url.startswith(("http://", "https://")) and url not in self._sources:
                self._sources.add(url)
                events.append(SourceFound(SourcePart(url, as_text(item.get("title")))))
        return events

    def _end_turn(self, value: Object) -> list[WireEvent]:
        delta = as_object(value.get("delta"))
        self._stop_reason = as_text(delta.get("stop_reason")) or self._stop_reason
        self._stop_details = as_object(delta.get("stop_details")) or self._stop_details
        return self._report(as_object(value.get("usage")))

    def _report(self, usage: Object) -> list[WireEvent]:
        """Report the usage so far; counts are cumulative, and a delta may leave some out."""
        if not usage:
            return []
        self._counts.update({key: count for key, count in usage.items() if count is not None})
        known = self._counts
        cached = as_count(known.get("cache_read_input_tokens"))
        read = [
            as_count(known.get("input_tokens")),
            as_count(known.get("cache_creation_input_tokens")),
            cached,
        ]
        details = as_object(known.get("output_tokens_details"))
        return [
            UsageReported(
                Usage(
                    input=None if read[0] is None else sum(count or 0 for count in read),
                    output=as_count(known.get("output_tokens")),
                    cached=cached,
                    thinking=as_count(details.get("thinking_tokens")),
                )
            )
        ]

    def _stop(self) -> list[WireEvent]:
        if self._is_finished:
            return []
        self._is_finished = True
        detail = self._stop_reason
        reason = as_text(self._stop_details.get("explanation")) or as_text(
            self._stop_details.get("category")
        )
        finish = _FINISHES.get(self._stop_reason, Finish.OTHER)
        return [
            *self._raw_items(),
            Finished(finish, f"{detail}: {reason}" if detail and reason else detail),
        ]

    def _raw_items(self) -> list[WireEvent]:
        """Return the blocks for sending back, in order, where plain parts would lose something.

        All or nothing: a block that cannot go back makes those behind it unusable.
        """
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        if all(block.value.get("type") == "text" for block in blocks):
            return []
        wholes: list[tuple[str, Object]] = []
        for block in blocks:
            whole = block.whole()
            if whole is None:
                return []
            wholes.append((as_text(whole.get("type")), whole))
        return raw_items(wholes, self._provider, self._model, WIRE)

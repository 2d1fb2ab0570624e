"""What the chunks of the Chat Completions wire mean, in the dialects of all who speak it.

A reply is whole when a finish reason or `[DONE]` has come; both are optional somewhere. Only
choice 0 is read: this client never asks for more, and a server that sends more is ignored there.
Sources: recorded traffic of 18 vendors, their SDKs and API pages, read November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator

from troth.domain.error import ReplyMalformed, ServerFailed
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
from troth.domain.message import Finish, RawItem, SourcePart
from troth.domain.model import Json, ModelRef
from troth.domain.usage import Usage
from troth.providers.chat_usage import usage_of
from troth.providers.errors import error_in_stream
from troth.providers.parts import bytes_of_base64, parse_data_url, sniff_media_type
from troth.providers.reasoning_details import ReasoningDetails
from troth.providers.think_tags import ThinkTags
from troth.providers.wirejson import Object, as_count, as_list, as_object, as_text, dump_json

WIRE = "openai-chat"

FINISHES = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "eos_token": Finish.STOP,
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "complete": Finish.STOP,
    "completed": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "max_output_tokens": Finish.LENGTH,
    "model_length": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "tool_call": Finish.TOOL_CALLS,
    "tool_use": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.REFUSED,
    "refusal": Finish.REFUSED,
    "sensitive": Finish.REFUSED,
    "safety": Finish.REFUSED,
    "insufficient_system_resource": Finish.CUT,
    "network_error": Finish.CUT,
    "abort": Finish.CUT,
}
"""The second half are words of Mistral, Together, Z.ai, DeepSeek, vLLM and of proxies."""

_THINKING_KEYS = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
"""DeepSeek, GLM, xAI, Kimi; Groq, Ollama, OpenRouter; GitHub; some proxies. Never added up."""


class ChatReader:
    """Reads the values of one reply.

    `keeps_reasoning` says that the provider wants `reasoning_content` back, `has_think_tags` that
    its text may begin with thinking between tags.
    """

    __slots__ = (
        "_calls", "_details", "_finish", "_has_declined", "_is_done", "_keeps_reasoning", "_model",
        "_pieces", "_reasoning", "_seen", "_slots", "_so_far", "_sources", "_started", "_tags",
        "_usage", "_wire_finish", "has_content",
    )  # fmt: skip

    def __init__(
        self, model: ModelRef, *, keeps_reasoning: bool = False, has_think_tags: bool = False
    ) -> None:
        self._model = model
        self._keeps_reasoning = keeps_reasoning
        self._tags = ThinkTags() if has_think_tags else None
        self._started = False
        self._is_done = False
        self._finish: Finish | None = None
        self._wire_finish = ""
        self._has_declined = False
        """Whether the model said no in words of its own."""
        self._usage: Usage | None = None
        self._calls: dict[int, str] = {}
        self._slots: dict[int, int] = {}
        self._details = ReasoningDetails()
        self._reasoning: list[str] = []
        self._seen: set[str | int] = set()
        self._sources: Json = None
        self._pieces: list[str] = []
        self._so_far: str | None = ""
        """The text that whole messages beside the deltas have told; None once there is none."""
        self.has_content = False

    @property
    def is_finished(self) -> bool:
        return self._is_done or self._finish is not None

    def take_event(self, value: Object) -> list[WireEvent]:
        if self._is_done:
            return []
        if value.get("type") == "[DONE]":
            return self.finish()
        choices = value.get("choices")
        choice = _choice_0(choices)
        self._raise_error(value, choice, has_choices=isinstance(choices, list))
        events: list[WireEvent] = []
        if not self._started:
            self._start(value, choice, events)
        if choice:
            self._take_delta(self._delta_of(choice), choice, events)
            reason = choice.get("finish_reason")
            if reason and isinstance(reason, str):
                self._take_finish(reason, choice)
        self._take_extras(value, choice, events)
        return events

    def take_document(self, value: Json) -> list[WireEvent]:
        """Take a whole `chat.completion`: the same fields, `message` in the place of `delta`."""
        document = as_object(value[0] if isinstance(value, list) and value else value)
        events = self.take_event(document)
        if not self._started:
            raise ReplyMalformed("the answer holds no reply", code="no_choices")
        return [*events, *self.finish()]

    def finish(self) -> list[WireEvent]:
        """Take the end mark, or the end of the body after a finish reason."""
        if self._is_done:
            return []
        if self._finish is None and not self.has_content:
            raise ReplyMalformed("the reply ended before it began", code="empty")
        self._is_done = True
        events = [] if self._tags is None else self._tags.close()
        events += (RawItemDone(item) for item in self._raw_items())
        detail = "" if self._has_declined else self._wire_finish
        events.append(Finished(self._finish or Finish.OTHER, detail))
        return events

    def _raise_error(self, value: Object, choice: Object, *, has_choices: bool) -> None:
        payload: Json = None
        if value.get("error"):
            payload = value
        elif choice.get("error"):
            payload = choice.get("error")
        elif as_object(value.get("base_resp")).get("status_code"):
            payload = value.get("base_resp")  # MiniMax
        elif not has_choices and (
            "error" in (value.get("type"), value.get("object"))
            or "detail" in value
            or ("message" in value and "usage" not in value)
        ):
            payload = value
        if payload is not None:
            raise error_in_stream(payload, provider=self._model.provider, model=self._model.model)
        if choice.get("finish_reason") == "error":
            raise ServerFailed(
                as_text(choice.get("native_finish_reason")), status=200, code="error"
            )

    def _start(self, value: Object, choice: Object, events: list[WireEvent]) -> None:
        """Azure opens with a chunk that has neither model nor choices: nothing started there."""
        model, response_id = as_text(value.get("model")), as_text(value.get("id"))
        if choice or model or response_id:
            self._started = True
            events.append(ReplyStarted(model, response_id))

    def _delta_of(self, choice: Object) -> Object:
        """Return what is new in a choice.

        Perplexity sends a delta and the whole message so far. Its deltas lose spaces (recorded):
        where both have come from the start, the message is the truth.
        """
        delta, message = choice.get("delta"), choice.get("message")
        if not isinstance(delta, dict):
            return self._news_of(as_object(message))
        if self._so_far is None or not isinstance(message, dict):
            if delta.get("content"):
                self._so_far = None
            return delta
        whole = as_text(message.get("content"))
        new = whole.removeprefix(self._so_far)
        if not whole.startswith(self._so_far) or (delta.get("content") and not new):
            self._so_far = None
            return delta
        self._so_far = whole
        return {**delta, "content": new}

    def _news_of(self, message: Object) -> Object:
        """Return what of a whole message has not come in deltas (MiniMax ends with all of it)."""
        if not self._pieces and not self._calls:
            return message
        so_far, whole = "".join(self._pieces), as_text(message.get("content"))
        return {
            "content": whole[len(so_far) :] if whole.startswith(so_far) else "",
            "images": message.get("images"),
            "annotations": message.get("annotations"),
        }

    def _take_delta(self, delta: Object, choice: Object, events: list[WireEvent]) -> None:
        for key in _THINKING_KEYS:
            thinking = delta.get(key)
            if thinking and isinstance(thinking, str):
                self.has_content = True
                events.append(ThinkingDelta(thinking))
                if self._keeps_reasoning:
                    self._reasoning.append(thinking)
                break
        else:
            thinking = None
        if details := delta.get("reasoning_details"):
            shown = self._details.add(details)
            if shown and not thinking:
                self.has_content = True
                events.append(ThinkingDelta(shown))
        content = delta.get("content")
        if content is None and not delta:
            content = choice.get("text")
        if content:
            if isinstance(content, str):
                self.has_content = True
                self._pieces.append(content)
                if self._tags is None:
                    events.append(TextDelta(content))
                else:
                    events += self._tags.feed(content)
            else:
                self._take_content_list(as_list(content), events)
        if len(delta) > 1 or (delta and "content" not in delta):
            self._take_rarer(delta, events)

    def _take_rarer(self, delta: Object, events: list[WireEvent]) -> None:
        """Take what few deltas have: refusals, tool calls, images, citations."""
        if refusal := as_text(delta.get("refusal")):
            self.has_content = True
            self._finish, self._has_declined = Finish.REFUSED, True
            events.append(TextDelta(refusal))
        if calls := delta.get("tool_calls"):
            for position, call in enumerate(as_list(calls)):
                self._take_call(as_object(call), position, events)
        elif function := delta.get("function_call"):
            self._take_call({"function": function}, 0, events)
        self._take_images(delta, events)
        if annotations := delta.get("annotations"):
            for annotation in as_list(annotations):
                self._take_source(annotation, events)
        if tools := delta.get("executed_tools"):
            for tool in as_list(tools):
                found = as_object(as_object(tool).get("search_results"))
                for source in as_list(found.get("results")):
                    self._take_source(source, events)

    def _take_content_list(self, content: list[Json], events: list[WireEvent]) -> None:
        """Mistral writes content as a list when it holds thinking; others when it holds images."""
        for item in content:
            part = as_object(item)
            kind = part.get("type")
            if isinstance(item, str) or kind in {"text", "output_text", "refusal"}:
                text = item if isinstance(item, str) else as_text(part.get("text"))
                if text:
                    self.has_content = True
                    events.append(TextDelta(text))
            elif kind in {"thinking", "reasoning"}:
                thinking = "".join(
                    _texts_in(part.get("thinking") or part.get("text") or part.get("summary"))
                )
                if thinking:
                    events.append(ThinkingDelta(thinking))
            elif kind in {"image_url", "image", "output_image"}:
                self._take_image(item, events)

    def _take_call(self, call: Object, position: int, events: list[WireEvent]) -> None:
        """Tell calls apart by `index`, and by `id` where a server gives all the same index."""
        index = as_count(call.get("index"))
        index = position if index is None else index
        call_id = as_text(call.get("id"))
        function = as_object(call.get("function"))
        name, arguments = as_text(function.get("name")), function.get("arguments")
        slot = self._slots.get(index)
        is_other = bool(call_id and name) and self._calls.get(slot or 0) not in {None, "", call_id}
        if slot is None or is_other:
            slot = len(self._calls) if slot is not None or index in self._calls else index
            self._slots[index] = slot
            self._calls[slot] = call_id
        elif call_id:
            self._calls[slot] = call_id
        self.has_content = True
        if isinstance(arguments, dict):
            arguments = dump_json(arguments).decode()
        events.append(ToolCallDelta(slot, call_id, name, as_text(arguments)))

    def _take_images(self, value: Object, events: list[WireEvent]) -> None:
        """Take images beside the text, and those beside the choices (OpenGradient's last frame)."""
        for image in as_list(value.get("images")):
            self._take_image(image, events)

    def _take_image(self, image: Json, events: list[WireEvent]) -> None:
        """OpenRouter and OpenGradient send `images` whole, some twice (delta and last message)."""
        part = as_object(image)
        nested = as_object(part.get("image_url"))
        url = as_text(image) or as_text(nested.get("url")) or as_text(part.get("url"))
        url = url or as_text(part.get("image_url")) or as_text(part.get("b64_json"))
        if not url or hash(url) in self._seen:
            return
        self._seen.add(hash(url))
        if url.startswith(("https://", "http://")):
            self.has_content = True
            events.append(LinkArrived(url, as_text(part.get("media_type"))))
            return
        parsed = parse_data_url(url)
        if parsed is None and (content := bytes_of_base64(url)):
            parsed = (as_text(part.get("media_type")) or sniff_media_type(content), content)
        if parsed is not None and parsed[1]:
            self.has_content = True
            events.append(BlobArrived(parsed[1], _media_type(parsed[1], parsed[0])))

    def _take_finish(self, reason: str, choice: Object) -> None:
        if self._finish is None:
            self._finish = FINISHES.get(reason.lower(), Finish.OTHER)
        native = as_text(choice.get("native_finish_reason"))
        self._wire_finish = f"{reason} ({native})" if native and native != reason else reason

    def _take_extras(self, value: Object, choice: Object, events: list[WireEvent]) -> None:
        self._take_images(value, events)
        usage = usage_of(value, choice)
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(UsageReported(usage))
        for key in ("search_results", "citations", "web_search"):
            sources = value.get(key)
            if sources and isinstance(sources, list):
                if sources != self._sources:
                    self._sources = sources
                    for source in sources:
                        self._take_source(source, events)
                break

    def _take_source(self, source: Json, events: list[WireEvent]) -> None:
        found = as_object(source)
        found = as_object(found.get("url_citation")) or found
        url = as_text(source) or as_text(found.get("url")) or as_text(found.get("link"))
        if url and url not in self._seen:
            self._seen.add(url)
            events.append(SourceFound(SourcePart(url, as_text(found.get("title")))))

    def _raw_items(self) -> Iterator[RawItem]:
        provider, model = self._model.provider, self._model.model
        if payload := self._details.payload():
            yield RawItem(provider, model, WIRE, "reasoning_details", payload)
        if self._reasoning:
            payload = dump_json(["".join(self._reasoning)])
            yield RawItem(provider, model, WIRE, "reasoning_content", payload)


def _media_type(content: bytes, claimed: str) -> str:
    """Believe the bytes: OpenGradient calls every image a JPEG, and others refuse a false name."""
    seen = sniff_media_type(content)
    return claimed if seen == "application/octet-stream" else seen


def _choice_0(choices: Json) -> Object:
    for choice in as_list(choices):
        found = as_object(choice)
        index = found.get("index")
        if not index or as_count(index) == 0:
            return found
    return {}


def _texts_in(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in as_list(value):
        yield item if isinstance(item, str) else as_text(as_object(item).get("text"))

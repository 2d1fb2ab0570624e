"""From a decoder's events to the parts of a message. Pure; the same events give the same parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from troth.domain.error import ContentRefused, ProviderError, ReplyEmpty, TokensSpent
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
from troth.domain.message import (
    Blob,
    BlobPart,
    Finish,
    Part,
    RawItem,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from troth.domain.model import ModelRef
from troth.domain.usage import Usage

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


def describe_blob(content: bytes, media_type: str, name: str = "") -> Blob:
    """Return the reference under which these bytes are kept."""
    digest = hashlib.sha256(content).hexdigest()
    name = name or f"{digest[:8]}.{_EXTENSIONS.get(media_type, 'bin')}"
    return Blob(digest, media_type, len(content), name)


@dataclass(slots=True)
class _ToolCall:
    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


_Run = tuple[type[TextPart | ThinkingPart], list[str]] | Part
"""Text or thinking that is still growing, or a part that came whole."""


@dataclass(slots=True)
class Assembly:
    """What has come of a reply so far."""

    claimed_model: str = ""
    finish: Finish | None = None
    finish_detail: str = ""
    usage: Usage | None = None
    raw_items: list[RawItem] = field(default_factory=list[RawItem])
    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    links: list[LinkArrived] = field(default_factory=list[LinkArrived])
    _runs: list[_Run] = field(default_factory=list[_Run])
    _sources: dict[str, SourcePart] = field(default_factory=dict[str, SourcePart])
    _calls: dict[int, _ToolCall] = field(default_factory=dict[int, _ToolCall])

    @property
    def has_content(self) -> bool:
        """Whether anything worth keeping has come."""
        return bool(self._runs or self._calls or self.links)

    @property
    def has_answer(self) -> bool:
        """Whether anything but thinking has come."""
        is_answer = (not isinstance(run, tuple) or run[0] is TextPart for run in self._runs)
        return bool(self._calls or self.links) or any(is_answer)

    def shortfall(self, model: ModelRef) -> ProviderError | None:
        """Return what is wrong with a reply that came to its own end; None for an answer."""
        detail = self.finish_detail
        error: ProviderError | None = None
        match self.finish:
            case Finish.REFUSED if detail or not self.has_answer:
                error = ContentRefused(detail, provider=model.provider, model=model.model)
            case Finish.LENGTH if not self.has_answer:
                error = TokensSpent(detail, provider=model.provider, model=model.model)
            case Finish.STOP | Finish.OTHER | None if not self.has_answer:
                detail = "" if self.finish is Finish.STOP else detail
                error = ReplyEmpty(detail, provider=model.provider, model=model.model)
            case _:
                pass  # an answer, or an end that says enough: cut, paused, tools asked for
        return error

    def add(self, event: WireEvent) -> None:
        """Take one event."""
        match event:
            case TextDelta(text):
                self._extend(TextPart, text)
            case ThinkingDelta(text):
                self._extend(ThinkingPart, text)
            case ToolCallDelta(index, call_id, name, arguments):
                call = self._calls.setdefault(index, _ToolCall())
                call.call_id = call_id or call.call_id
                call.name = name or call.name
                call.arguments.append(arguments)
            case BlobArrived(content, media_type, name, is_preview):
                if not is_preview:
                    self.add_blob(content, media_type, name)
            case LinkArrived():
                self.links.append(event)
            case SourceFound(source):
                self._sources.setdefault(source.url, source)
            case UsageReported(usage):
                self.usage = merge_usage(self.usage, usage)
            case RawItemDone(item):
                self.raw_items.append(item)
            case ReplyStarted(model, _):
                self.claimed_model = model or self.claimed_model
            case Finished(finish, detail):
                self.finish, self.finish_detail = finish, detail

    def add_blob(self, content: bytes, media_type: str, name: str = "") -> None:
        """Keep bytes that the model made."""
        blob = describe_blob(content, media_type, name)
        self.blobs[blob.sha256] = content
        self._runs.append(BlobPart(blob))

    def parts(self) -> tuple[Part, ...]:
        """Return the parts in the order in which they came; sources stand last."""
        parts: list[Part] = []
        for run in self._runs:
            if isinstance(run, tuple):
                kind, pieces = run
                parts.append(kind("".join(pieces)))
            else:
                parts.append(run)
        parts += [
            ToolCallPart(call.call_id, call.name, "".join(call.arguments))
            for _, call in sorted(self._calls.items())
        ]
        parts += self._sources.values()
        return tuple(parts)

    def _extend(self, kind: type[TextPart | ThinkingPart], text: str) -> None:
        if not text:
            return
        last = self._runs[-1] if self._runs else None
        if isinstance(last, tuple) and last[0] is kind:
            last[1].append(text)
        else:
            self._runs.append((kind, [text]))


def merge_usage(old: Usage | None, new: Usage) -> Usage:
    """Let a later report win field by field, where it says anything."""
    if old is None:
        return new
    return Usage(
        input=old.input if new.input is None else new.input,
        output=old.output if new.output is None else new.output,
        cached=old.cached if new.cached is None else new.cached,
        thinking=old.thinking if new.thinking is None else new.thinking,
    )

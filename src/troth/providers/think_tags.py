"""Tell thinking from text where a server leaves both in one string, between `<think>` tags.

Servers without a reasoning parser do so (LM Studio, older llama.cpp, Perplexity's reasoning
models). Only tags at the very beginning of a reply count: further on they are what it talks about.
"""

from __future__ import annotations

from troth.domain.event import TextDelta, ThinkingDelta, WireEvent

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkTags:
    """Takes text in pieces and gives thinking and text. Holds back what may be part of a tag."""

    __slots__ = ("_held", "_is_inside", "_is_past", "_trims")

    def __init__(self) -> None:
        self._held: str = ""
        self._is_inside = False
        self._is_past = False
        self._trims = False

    def feed(self, text: str) -> list[WireEvent]:
        if self._is_past:
            return self._text(text)
        text, self._held = self._held + text, ""
        if not self._is_inside:
            bare = text.lstrip()
            if bare.startswith(_OPEN):
                self._is_inside = True
                text = bare.removeprefix(_OPEN)
            elif _OPEN.startswith(bare):
                self._held = text
                return []
            else:
                self._is_past = True
                return self._text(text)
        return self._thinking(text)

    def close(self) -> list[WireEvent]:
        """Give out what was held back: no tag came of it."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [ThinkingDelta(held)] if self._is_inside else [TextDelta(held)]

    def _thinking(self, text: str) -> list[WireEvent]:
        thinking, tag, rest = text.partition(_CLOSE)
        if not tag:
            kept = _possible_tag(thinking)
            thinking, self._held = (
                thinking[: len(thinking) - kept],
                thinking[len(thinking) - kept :],
            )
            return [ThinkingDelta(thinking)] if thinking else []
        self._is_inside, self._is_past, self._trims = False, True, True
        events: list[WireEvent] = [ThinkingDelta(thinking)] if thinking else []
        return events + self._text(rest)

    def _text(self, text: str) -> list[WireEvent]:
        """The blank lines between the thinking and the text belong to neither."""
        if self._trims:
            text = text.lstrip()
            self._trims = not text
        return [TextDelta(text)] if text else []


def _possible_tag(text: str) -> int:
    """Return how many characters at the end may be the beginning of the closing tag."""
    longest = min(len(text), len(_CLOSE) - 1)
    return next((size for size in range(longest, 0, -1) if _CLOSE.startswith(text[-size:])), 0)

"""Thinking between tags at the beginning of a reply is told from the text, in any pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.turns import endpoint
from providers.wire_decoding import decode_all_ways
from troth.domain.event import TextDelta, ThinkingDelta
from troth.domain.model import ModelRef
from troth.providers.openai_chat import ChatProvider
from troth.providers.think_tags import ThinkTags


def told(*pieces: str) -> tuple[str, str]:
    tags = ThinkTags()
    events = [event for piece in pieces for event in tags.feed(piece)] + tags.close()
    thinking = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    return thinking, "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize(
    ("reply", "thinking", "text"),
    [
        ("<think>2+2</think>\n\n4", "2+2", "4"),
        ("\n<think>\n2+2\n</think>4\n\n5", "\n2+2\n", "4\n\n5"),
        ("4 <think>not this</think>", "", "4 <think>not this</think>"),
        ("<think>never closed", "never closed", ""),
        ("<think></think>4", "", "4"),
        ("<thi", "", "<thi"),
        ("<thinking>4", "", "<thinking>4"),
        ("<think>a </thin b</think>4", "a </thin b", "4"),
        ("  plain", "", "  plain"),
        ("", "", ""),
    ],
)
def test_tags_at_the_beginning_count_however_they_are_cut(
    reply: str, thinking: str, text: str
) -> None:
    assert told(reply) == (thinking, text)
    assert told(*reply) == (thinking, text)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "think", ">", "a", "\n", "</"])))
def test_any_cut_tells_the_same(pieces: list[str]) -> None:
    assert told(*pieces) == told("".join(pieces))


@pytest.mark.parametrize("is_on", [True, False])
def test_the_endpoint_says_whether_tags_count(is_on: bool) -> None:
    deltas = ["<thi", "nk>Hm</th", "ink>\n", "Hi"]
    chunks = [{"choices": [{"index": 0, "delta": {"content": delta}}]} for delta in deltas]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    where = endpoint("openai-chat", think_tags=is_on)
    heard = decode_all_ways(
        lambda: ChatProvider().decoder(where, ModelRef("p", "m"), ""), body.encode()
    )
    expected = ("Hm", "Hi") if is_on else ("", "<think>Hm</think>\nHi")
    assert (heard.thinking, heard.text) == expected

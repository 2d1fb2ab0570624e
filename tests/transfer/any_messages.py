"""Messages of every kind that the domain can hold, for tests of what must lose none of it."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from troth.domain.error import Failure
from troth.domain.message import (
    Blob,
    BlobPart,
    Finish,
    LeftOut,
    Message,
    RawItem,
    Role,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import ModelRef, Params
from troth.domain.usage import Timing, Usage

words = st.text(max_size=20)
any_times = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))
any_parts = st.one_of(
    st.builds(TextPart, words),
    st.builds(ThinkingPart, words),
    st.builds(
        BlobPart,
        st.builds(Blob, words, words, st.integers(0, 9), words),
        st.none() | words,
    ),
    st.builds(ToolCallPart, words, words, words),
    st.builds(ToolResultPart, words, words, words),
    st.builds(SourcePart, words, words),
)
omissions = st.builds(LeftOut, words, st.integers(0, 9), words, words)
numbers = st.none() | st.integers(0, 1 << 40)
decimals = st.none() | st.floats(0, 1e6)
any_messages = st.builds(
    Message,
    id=st.text("0123456789ABCDEF", min_size=1, max_size=26),
    conversation_id=words,
    parent_id=st.none() | words,
    role=st.sampled_from(Role),
    created_at=any_times,
    parts=st.lists(any_parts, max_size=4).map(tuple),
    model=st.none() | st.builds(ModelRef, words, words),
    params=st.builds(Params, decimals, decimals, numbers, st.none() | words),
    usage=st.none() | st.builds(Usage, numbers, numbers, numbers, numbers),
    timing=st.none() | st.builds(Timing, st.floats(0, 1e9), decimals),
    finish=st.none() | st.sampled_from(Finish),
    failure=st.none() | st.builds(Failure, words, st.dictionaries(words, words, max_size=3)),
    left_out=st.lists(omissions, max_size=2).map(tuple),
    raw_items=st.lists(
        st.builds(RawItem, words, words, words, words, st.binary(max_size=20)), max_size=2
    ).map(tuple),
    cost_usd=decimals,
    is_imported=st.booleans(),
)  # fmt: skip

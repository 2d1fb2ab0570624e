"""Short ways to write a conversation, and JSON that no vendor would send, for the wires' tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from hypothesis import strategies as st

from troth.domain.message import Message, Part, Role, TextPart

_NUMBERS = count()


def message(role: Role, *parts: Part | str, **fields: Any) -> Message:
    """Return a message with an id of its own; strings are texts."""
    return Message(
        id=f"m{next(_NUMBERS)}",
        conversation_id="c",
        parent_id=None,
        role=role,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        parts=tuple(TextPart(part) if isinstance(part, str) else part for part in parts),
        **fields,
    )


def user(*parts: Part | str, **fields: Any) -> Message:
    return message(Role.USER, *parts, **fields)


def assistant(*parts: Part | str, **fields: Any) -> Message:
    return message(Role.ASSISTANT, *parts, **fields)


def tool(*parts: Part | str, **fields: Any) -> Message:
    return message(Role.TOOL, *parts, **fields)


def odd_json(names: Sequence[str], words: Sequence[str]) -> st.SearchStrategy[Any]:
    """Return any JSON that uses a wire's own names and words in places that nobody expects."""
    leaves = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(), max_size=8)
        | st.sampled_from(words)
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=5)
        ),
        max_leaves=12,
    )


def as_stream(values: Sequence[Any]) -> bytes:
    return "".join(f"data: {json.dumps(value)}\n\n" for value in values).encode()

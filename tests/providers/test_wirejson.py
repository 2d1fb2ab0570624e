"""What one reading of JSON promises to the next writing of it."""

from __future__ import annotations

import pytest

from troth.domain.error import ReplyMalformed
from troth.providers.wirejson import dump_json, parse_json


def test_whatever_is_read_can_be_written_again() -> None:
    read = parse_json('{"far": 1e999, "near": -0.5, "none": NaN, "more": [-Infinity, 12]}')
    assert isinstance(read, dict)
    assert dump_json(read) == b'{"far":"1e999","near":-0.5,"none":null,"more":[null,12]}'


@pytest.mark.parametrize(
    "text", ["", "{", "<html>", "[" * 200_000], ids=["empty", "cut", "a page", "nested too deep"]
)
def test_what_is_no_json_is_named(text: str) -> None:
    with pytest.raises(ReplyMalformed):
        parse_json(text)

"""Cutting JSON into records: the same whatever the cuts, and going on after a bad one."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.transfer import records
from troth.transfer.chats import Reason
from troth.transfer.records import MAX_DEPTH, MAX_RECORD_VALUES, Record, read_records

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(st.text(), values, max_size=5)


class Dribble(io.RawIOBase):
    """Gives out bytes in pieces of one size."""

    def __init__(self, content: bytes, size: int) -> None:
        self._left = io.BytesIO(content)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._left.read(self._size)


def read(content: bytes, **more: int) -> list[Record]:
    return list(read_records(io.BytesIO(content), **more))


@given(st.lists(documents, max_size=5), st.integers(1, 40), st.booleans(), st.booleans())
def test_an_array_comes_back_whole_in_any_cuts(
    rows: list[dict[str, object]], size: int, ascii_only: bool, indented: bool
) -> None:
    written = json.dumps(rows, ensure_ascii=ascii_only, indent=1 if indented else None)
    content = written.encode("utf-8", "surrogatepass")
    found = list(read_records(Dribble(content, size)))
    assert [record.value for record in found] == rows
    assert [record.number for record in found] == list(range(1, len(rows) + 1))


@given(st.lists(documents, min_size=1, max_size=4))
def test_lines_and_single_documents_come_back_too(rows: list[dict[str, object]]) -> None:
    lines = "\n".join(json.dumps(row) for row in rows)
    assert [record.value for record in read(lines.encode())] == rows


@given(st.binary(max_size=400), st.integers(1, 30))
def test_no_bytes_whatever_break_it(content: bytes, size: int) -> None:
    for record in read_records(Dribble(content, size)):
        assert record.fault is not None or record.value is not None


def test_a_broken_record_is_skipped_and_the_next_one_read() -> None:
    found = read(b'[{"a": 1}, {"b": oops}, {"c": "\\ud83d"}, {"d": 1e400}, {"e": 2}]')
    assert [r.fault for r in found] == [None, Reason.NOT_JSON, None, None, None]
    assert found[-1].value == {"e": 2}


def test_a_record_that_is_too_deep_is_skipped() -> None:
    deep = b"[" * 20_000 + b"]" * 20_000
    found = read(b'[{"a": %b}, {"b": 1}]' % deep)
    assert [r.fault for r in found] == [Reason.TOO_DEEP, None]
    fine = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert read(b'[{"a": %b}]' % fine)[0].fault is None


def test_a_cut_record_is_told() -> None:
    assert [r.fault for r in read(b'[{"a": 1}, {"b": "half')] == [None, Reason.CUT]


def test_brackets_and_quotes_inside_strings_mean_nothing() -> None:
    row = {"a": '}]{["\\', "b": ["]"], "c": "\\\\"}
    assert [r.value for r in read(json.dumps([row, row]).encode())] == [row, row]


def test_a_huge_string_is_skipped_without_being_held(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        """64 MB of one string, and then a small record."""

        def __init__(self) -> None:
            self._left = 64 << 20
            self._pieces = [b'[{"a": "', b'"}, {"b": 1}]']

        def read(self, size: int = -1) -> bytes:
            if len(self._pieces) == 2:
                return self._pieces.pop(0)
            if self._left > 0:
                self._left -= size
                return b"x" * size
            return self._pieces.pop(0) if self._pieces else b""

    monkeypatch.setattr(records, "CHUNK_BYTES", 128 << 10)
    tracemalloc.start()
    found = list(read_records(Endless(), max_bytes=4 << 20))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [r.fault for r in found] == [Reason.TOO_LARGE, None]
    assert found[1].value == {"b": 1}
    assert peak < 24 << 20


@pytest.mark.parametrize("value", [b"[],", b'"k":{},', b"[" * 40 + b"]" * 40 + b",", b"0,"])
def test_a_small_file_of_endless_values_is_not_parsed(value: bytes) -> None:
    """Parsed, three bytes of such a file would take a hundred of memory."""
    count = MAX_RECORD_VALUES // (1 + value.count(b"[") + value.count(b"{")) + 1
    inner = value * count
    record = b'{"a":{' + inner + b'"z":0}}' if b":" in value else b'{"a":[' + inner + b"0]}"
    found = list(read_records(io.BytesIO(b"[" + record + b',{"b":1}]')))
    assert [(one.value, one.fault) for one in found] == [(None, Reason.TOO_LARGE), ({"b": 1}, None)]


@pytest.mark.parametrize(("length", "is_read"), [(300, True), (3_000, False)])
def test_a_chat_of_ours_may_be_larger_than_others(length: int, is_read: bool) -> None:
    """Its bytes on the wire hold every image once for each time that it was sent."""
    ours = json.dumps({"format": "troth-chat", "version": 1, "blob": "A" * length}, indent=1)
    others = json.dumps({"mapping": {}, "blob": "A" * length})
    stream = io.BytesIO(f"{ours}\n{others}".encode())
    found = list(read_records(stream, max_bytes=100, max_own_bytes=1_000))
    faults = [None if is_read else Reason.TOO_LARGE, Reason.TOO_LARGE]
    assert [record.fault for record in found] == faults

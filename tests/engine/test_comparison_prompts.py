"""Prompts files of all sorts: what can be used is used, what cannot is named by its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from troth.domain.error import NotFound, UsageError
from troth.domain.message import Role
from troth.engine.batch_prompts import BrokenRow, Prompt, PromptFile, open_prompts


def written(folder: Path, content: str | bytes, name: str = "p.jsonl") -> PromptFile:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_prompts(path)


def prompts(file: PromptFile) -> list[Prompt]:
    return [row for row in file.rows() if isinstance(row, Prompt)]


def broken(file: PromptFile) -> list[int]:
    return [row.line for row in file.rows() if isinstance(row, BrokenRow)]


def test_json_lines_are_texts_objects_or_histories(tmp_path: Path) -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]
    lines = ["bare", {"id": "x", "prompt": "named", "topic": "t"}, {"id": 7, "messages": history}]
    file = written(tmp_path, "\n\n".join(json.dumps(line) for line in lines))
    bare, named, long = prompts(file)
    assert (bare.id, bare.text, bare.line) == ("1", "bare", 1)
    assert (named.id, named.meta) == ("x", {"topic": "t"})
    assert (long.id, long.system, long.text) == ("7", "Be brief.", "two")
    assert [role for role, _ in long.messages] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert broken(file) == []


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt": "cut',
        "[1, 2]",
        '{"id": "a"}',
        '{"prompt": "  "}',
        '{"prompt": 5}',
        '{"prompt": "x", "id": true}',
        '{"prompt": "x", "id": ""}',
        '{"prompt": "x", "system": 1}',
        '{"messages": "no"}',
        '{"messages": []}',
        '{"messages": [{"role": "user"}]}',
        '{"messages": [{"role": "tool", "content": "x"}]}',
        '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}',
        "[" * 100_000,
        "NaN nonsense",
    ],
)
def test_a_broken_line_is_named_and_the_others_are_used(tmp_path: Path, line: str) -> None:
    file = written(tmp_path, f'"first"\n{line}\n"third"\n')
    assert [prompt.text for prompt in prompts(file)] == ["first", "third"]
    assert broken(file) == [2]


def test_a_repeated_id_is_broken_where_it_stands_again(tmp_path: Path) -> None:
    file = written(
        tmp_path, '{"id":"a","prompt":"1"}\n{"id":"b","prompt":"2"}\n{"id":"a","prompt":"3"}'
    )
    assert broken(file) == [3]
    (row,) = [row for row in file.rows() if isinstance(row, BrokenRow)]
    assert "line 1" in row.reason


def test_csv_with_quotes_commas_and_line_breaks_in_cells(tmp_path: Path) -> None:
    content = 'id,prompt,topic\r\n1,"two\nlines, ""quoted""",maths\r\n2,plain,\r\n'
    file = written(tmp_path, content, "p.csv")
    first, second = prompts(file)
    assert first.text == 'two\nlines, "quoted"'
    assert (first.meta, second.meta) == ({"topic": "maths"}, {})


def test_csv_rows_with_too_many_cells_are_named(tmp_path: Path) -> None:
    file = written(tmp_path, "id,prompt\n1,a\n2,b,c\n3,\n4,d\n", "p.csv")
    assert [prompt.id for prompt in prompts(file)] == ["1", "4"]
    assert broken(file) == [3, 4]


def test_csv_without_a_prompt_column_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "a,b\n1,2\n", "p.csv")
    with pytest.raises(UsageError):
        list(file.rows())


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_every_unicode_encoding_is_read(tmp_path: Path, encoding: str, suffix: str) -> None:
    words = "Grüße, 世界, and much more plain text"
    text = f'prompt\n"{words}"\n' if suffix == "csv" else json.dumps(words, ensure_ascii=False)
    file = written(tmp_path, text.encode(encoding), f"p.{suffix}")
    assert [prompt.text for prompt in prompts(file)] == [words]


def test_what_is_no_unicode_is_read_as_latin_1_and_says_so(tmp_path: Path) -> None:
    file = written(tmp_path, '"Grüße"\n'.encode("latin-1"))
    assert file.encoding == "cp1252"
    assert prompts(file)[0].text == "Grüße"


def test_a_half_utf_16_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        written(tmp_path, '"hello"'.encode("utf-16")[:-1])


def test_a_line_separator_inside_a_text_is_no_line_end(tmp_path: Path) -> None:
    file = written(tmp_path, '"one\u2028still one\x85"\n"two"\r\n')
    assert [prompt.text for prompt in prompts(file)] == ["one\u2028still one\x85", "two"]


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_prompts(tmp_path / "none.jsonl")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_tables_of_any_spreadsheet_are_read(tmp_path: Path, mark: str, encoding: str) -> None:
    rows = [["id", "Prompt", "topic"], ["a", '"one; two, three"', "x"], ["", "vier äöü", ""]]
    content = "\r\n".join(mark.join(row) for row in rows) + "\r\n"
    file = written(tmp_path, content.encode(encoding), "p.csv")
    first, second = prompts(file)
    assert (first.id, first.text, first.meta) == ("a", "one; two, three", {"topic": "x"})
    assert second.text == "vier äöü"
    assert broken(file) == []

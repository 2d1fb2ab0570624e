"""Reading a file of prompts, row by row: JSON lines or CSV, in whatever encoding it came.

A row that cannot be used is named by its line and skipped by the caller, or ends the run; it is
never guessed at. Memory stays the same for any number of rows, but for the set of ids.

JSON lines: a string, or an object with `prompt` (or `text`, `question`) or `messages`, and `id`,
`system`. CSV, parted by comma, semicolon or tab: a head row with the same names. Other fields
travel along as `meta`.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import cast

from troth.domain.error import NotFound, UsageError
from troth.domain.message import Role
from troth.domain.model import Json

_PROMPT_NAMES = ("prompt", "text", "question")
_OWN_NAMES = frozenset({*_PROMPT_NAMES, "messages", "id", "system"})
_CSV_MARKS = ",;\t"
"""What parts the cells: spreadsheets write a semicolon where the comma is the decimal point."""
_LINE_LIMIT = 16 << 20
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Prompt:
    """One row: what is asked, as (role, text) from the oldest to the user's last words."""

    id: str
    line: int
    messages: tuple[tuple[Role, str], ...]
    system: str | None = None
    """None: the system prompt of the run."""
    meta: dict[str, Json] = field(default_factory=dict[str, Json])

    @property
    def text(self) -> str:
        """The user's last words."""
        return self.messages[-1][1]


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot be used, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A file of prompts that was looked through once."""

    path: Path
    encoding: str
    """Python's name for it; `cp1252` when it is not Unicode at all."""
    sha256: str
    size_bytes: int
    is_csv: bool

    def rows(self) -> Iterator[Prompt | BrokenRow]:
        """Yield every row, good or broken, in order. A repeated id makes a row broken."""
        seen: dict[bytes, int] = {}
        for row in self._csv_rows() if self.is_csv else self._json_rows():
            if isinstance(row, Prompt):
                mark = sha256(row.id.encode("utf-8", "surrogatepass")).digest()[:12]
                if mark in seen:
                    row = BrokenRow(row.line, f"its id is that of line {seen[mark]}")
                else:
                    seen[mark] = row.line
            yield row

    def _json_rows(self) -> Iterator[Prompt | BrokenRow]:
        with self._open(newline="\n") as file:
            number = 0
            while line := file.readline(_LINE_LIMIT):
                number += 1
                if not line.endswith("\n") and len(line) >= _LINE_LIMIT:
                    while rest := file.readline(_LINE_LIMIT):
                        if rest.endswith("\n"):
                            break
                    yield BrokenRow(number, "it is longer than 16 million characters")
                elif line.strip():
                    yield _from_json(line, number)

    def _csv_rows(self) -> Iterator[Prompt | BrokenRow]:
        csv.field_size_limit(_LINE_LIMIT)
        with self._open(newline="") as file:
            first = file.readline(_LINE_LIMIT)
            mark = max(_CSV_MARKS, key=lambda mark: _has_prompts(first.split(mark)))
            file.seek(0)
            reader = csv.reader(file, strict=True, delimiter=mark)
            nothing: list[str] = []
            try:
                head = [_name(name) for name in next(reader, nothing)]
            except csv.Error as error:
                raise UsageError(f"line 1 of {self.path.name} is not CSV: {error}") from error
            if not _has_prompts(head):
                raise UsageError(f"{self.path.name} has no column called prompt in its first line")
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield BrokenRow(line, f"it is not CSV: {error}")
                    continue
                if not any(cells):
                    continue
                if len(cells) != len(head):
                    counts = f"{len(cells)} cells under {len(head)} names"
                    yield BrokenRow(line, f"it has {counts}")
                    continue
                filled = {n: c for n, c in zip(head, cells, strict=True) if n and c}
                yield _from_fields(cast("dict[str, object]", filled), line)

    def _open(self, newline: str) -> io.TextIOWrapper:
        # `replace` is for Windows files with the five bytes that cp1252 does not define.
        errors = "replace" if self.encoding == "cp1252" else "strict"
        return self.path.open(encoding=self.encoding, errors=errors, newline=newline)


def _name(cell: str) -> str:
    return cell.strip().strip('"').strip().lower()


def _has_prompts(head: Iterable[str]) -> bool:
    return any(_name(cell) in _PROMPT_NAMES for cell in head)


def open_prompts(path: Path) -> PromptFile:
    """Look through a file once: its digest, encoding and kind. Raises NotFound, UsageError."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            encoding = _encoding_of(head)
            # A Unicode file that is not whole falls back to what every byte can be.
            decoder = codecs.getincrementaldecoder(encoding)()
            digest, size, is_valid = sha256(), 0, True
            chunk = head
            while chunk:
                digest.update(chunk)
                size += len(chunk)
                try:
                    if is_valid:
                        decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_valid = False
                chunk = file.read(1 << 20)
            try:
                if is_valid:
                    decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                is_valid = False
    except FileNotFoundError as error:
        raise NotFound("file", str(path)) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not is_valid and encoding != "utf-8":
        raise UsageError(f"{path.name} begins as {encoding} and is not whole")
    is_csv = path.suffix.lower() in {".csv", ".tsv"}
    return PromptFile(path, encoding if is_valid else "cp1252", digest.hexdigest(), size, is_csv)


def _encoding_of(head: bytes) -> str:
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if len(head) >= 4:
        # No mark, but every second byte zero: UTF-16 as some programs write it.
        if head[1::2].count(0) > len(head) // 3:
            return "utf-16-le"
        if head[::2].count(0) > len(head) // 3:
            return "utf-16-be"
    return "utf-8"


def _from_json(line: str, number: int) -> Prompt | BrokenRow:
    try:
        value = cast("object", json.loads(line))
    except json.JSONDecodeError as error:
        return BrokenRow(number, f"it is not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError):
        return BrokenRow(number, "it is not JSON that can be read")
    if isinstance(value, str):
        value = {"prompt": value}
    if not isinstance(value, dict):
        return BrokenRow(number, "it is neither a text nor an object")
    return _from_fields(cast("dict[str, object]", value), number)


def _from_fields(row: dict[str, object], line: int) -> Prompt | BrokenRow:
    identity = row.get("id", str(line))
    if isinstance(identity, bool) or not isinstance(identity, str | int) or identity == "":
        return BrokenRow(line, "its id is neither a text nor a number")
    system = row.get("system")
    if system is not None and not isinstance(system, str):
        return BrokenRow(line, "its system prompt is not a text")
    meta = cast("dict[str, Json]", {k: v for k, v in row.items() if k not in _OWN_NAMES})
    if "messages" in row:
        found = _from_messages(row["messages"])
        if isinstance(found, str):
            return BrokenRow(line, found)
        inner_system, messages = found
        return Prompt(str(identity), line, messages, system or inner_system, meta)
    text = next((row[name] for name in _PROMPT_NAMES if name in row), None)
    if not isinstance(text, str) or not text.strip():
        return BrokenRow(line, "it has no prompt")
    return Prompt(str(identity), line, ((Role.USER, text),), system, meta)


def _from_messages(value: object) -> tuple[str | None, tuple[tuple[Role, str], ...]] | str:
    """Read a history as chat APIs write it; return why not, where it is none."""
    system: str | None = None
    messages: list[tuple[Role, str]] = []
    if not isinstance(value, list):
        return "its messages are not a list"
    for item in cast("list[object]", value):
        fields = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        role, content = fields.get("role"), fields.get("content")
        if not isinstance(content, str):
            return "one of its messages has no text"
        if role in {"system", "developer"} and not messages:
            system = content if system is None else f"{system}\n\n{content}"
        elif role in {"user", "assistant"}:
            messages.append((Role(str(role)), content))
        else:
            return "the role of one of its messages is not user, assistant or system"
    if not messages or messages[-1][0] is not Role.USER or not messages[-1][1].strip():
        return "its messages do not end with the user's words"
    return system, tuple(messages)

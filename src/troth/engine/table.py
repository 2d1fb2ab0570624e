"""Rows as CSV that pandas, DuckDB and spreadsheets read alike, and that no spreadsheet runs.

A reply may begin with `=HYPERLINK(...)`, and a spreadsheet that opens the file would act on it.
The rule (after OWASP, "CSV Injection", read November 2026): a text cell that begins with one of
`= + - @`, tab, a line's end, or a full-width `＝ ＋ － ＠`, also behind apostrophes, gets an
apostrophe in front. Numbers are left alone. To have the text as it came, take one apostrophe away
from cells that match `^'+[=+\\-@\\t\\r\\n＝＋－＠]`; the JSON lines hold every text exactly.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from troth.domain.model import Json

_ACTIVE = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def csv_text(fields: Sequence[str], rows: Iterable[Mapping[str, Json]]) -> str:
    """Return RFC 4180 CSV with a head row: nested fields as JSON, null as nothing."""
    text = io.StringIO(newline="")
    _write(text, fields, rows)
    return text.getvalue()


def write_csv(target: Path, fields: Sequence[str], rows: Iterable[Mapping[str, Json]]) -> None:
    """Write CSV as `csv_text` makes it, in UTF-8, in one step and in bounded memory."""
    fresh = target.with_name(target.name + ".new")
    with fresh.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        _write(file, fields, rows)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)


def _write(file: io.TextIOBase, fields: Sequence[str], rows: Iterable[Mapping[str, Json]]) -> None:
    writer = csv.writer(file)
    writer.writerow(fields)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in fields])


def _cell(value: Json) -> str | int | float:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(value, str):
        return f"'{value}" if _ACTIVE.match(value) else value
    return "" if value is None else value

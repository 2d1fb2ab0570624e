"""Rows as CSV that pandas, DuckDB and spreadsheets read alike."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from troth.domain.model import Json


def write_rows(target: Path, fields: Sequence[str], rows: Iterable[Mapping[str, Json]]) -> None:
    """Write CSV (UTF-8, RFC 4180) in one step: nested fields as JSON, null as nothing.

    Texts are written as they came. A spreadsheet may take one that begins with `=` for a formula.
    """
    fresh = target.with_name(target.name + ".new")
    with fresh.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(fields)
        for row in rows:
            writer.writerow([_cell(row.get(name)) for name in fields])
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)


def _cell(value: Json) -> str | int | float:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return "" if value is None else value

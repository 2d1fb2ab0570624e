"""Gemini from Google Takeout as HTML (`MyActivity.html`), which is what Takeout gives by default.

Every record is one `outer-cell`: the prompt, a line with the time, the reply. The page is cut at
those cells as it is read, so that its size does not matter. Times are written for people, in the
account's language; those that cannot be read leave their record without a time.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from troth.transfer.chats import Reason, Setting
from troth.transfer.gemini import Activity, activity_from
from troth.transfer.html_words import html_to_words
from troth.transfer.loose import moment
from troth.transfer.records import ByteStream

CHUNK_BYTES = 128 << 10
MAX_CELL_BYTES = 8 << 20
_CELL = b'class="outer-cell'
_BODY = re.compile(r'<div class="[^"]*mdl-typography--body-1[^"]*">(.*)', re.DOTALL)
_BODY_END = '<div class="content-cell'
_HEADER = re.compile(r'mdl-typography--title">([^<]{0,200})')
_BREAK = re.compile(r"<br\s*/?>")
_TAG = re.compile(r"<[^>]{0,2000}>")
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})\s?(?P<half>[AP]M)?"
    r"\s*(?P<zone>[A-Z]{2,5}|(?:GMT|UTC)[+-]\d{1,2}(?::?\d{2})?)?\s*$",
)
_MONTH_FIRST = re.compile(r"(?P<month>[A-Z][a-z]{2,8})\.? (?P<day>\d{1,2}), (?P<year>\d{4})")
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})\.? (?P<month>[A-Z][a-z]{2,8})\.? (?P<year>\d{4})")
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})[./-]\s?(?P<month>\d{1,2})[./-]\s?(?P<day>\d{1,2})")
_DOTTED = re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})")
_MONTHS = {
    month: place
    for place, month in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_ZONES = {
    "UTC": 0, "GMT": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2,
    "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12,
    "NZDT": 13, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "BRT": -3, "ART": -3,
}  # fmt: skip


def is_activity_page(head: bytes) -> bool:
    """Whether a file that begins so is a page of My Activity."""
    low = head.lower()
    return b"<html" in low and (b"outer-cell" in low or b"my activity" in low or b"mdl-" in low)


def read_activity_page(stream: ByteStream, setting: Setting) -> Iterator[Activity | Reason]:
    """Yield each record, or why one is skipped."""
    for cell in _cells(stream):
        yield cell if isinstance(cell, Reason) else _parse(cell, setting)


def _cells(stream: ByteStream) -> Iterator[bytes | Reason]:
    content = bytearray()
    has_begun = is_too_large = False
    while chunk := stream.read(CHUNK_BYTES):
        content += chunk
        while (end := content.find(_CELL, 1)) >= 0:
            if has_begun:
                yield Reason.TOO_LARGE if is_too_large else bytes(content[:end])
            has_begun, is_too_large = True, False
            del content[:end]
        if len(content) > MAX_CELL_BYTES:
            is_too_large = True
            del content[: -len(_CELL)]
    if has_begun:
        yield Reason.TOO_LARGE if is_too_large else bytes(content)


def _parse(cell: bytes, setting: Setting) -> Activity | Reason:
    page = cell.decode("utf-8", "replace")
    header = _HEADER.search(page)
    if header is None or not re.search("gemini|bard", header.group(1), re.IGNORECASE):
        return Reason.OTHER_ACTIVITY
    body = _BODY.search(page)
    if body is None:
        return Reason.FOREIGN
    lines = _BREAK.split(body.group(1).split(_BODY_END, 1)[0])
    at, place = None, len(lines)
    for number, line in enumerate(lines):
        plain = html.unescape(_TAG.sub("", line)).replace("\u202f", " ").strip()
        if len(plain) < 60 and (clock := _CLOCK.search(plain)):
            at, place = _time(plain, clock), number
            break
    asked = "\n".join(html.unescape(_TAG.sub("", line)) for line in lines[:place])
    reply = html_to_words("<br>".join(lines[place + 1 :]))
    known = None if at is None else moment(at.isoformat(), setting.now)
    return activity_from(asked.replace("\xa0", " "), reply, known) or Reason.OTHER_ACTIVITY


def _time(line: str, clock: re.Match[str]) -> datetime | None:
    date = next(
        filter(None, (p.search(line) for p in (_MONTH_FIRST, _DAY_FIRST, _YEAR_FIRST, _DOTTED))),
        None,
    )
    if date is None:
        return None
    month = date["month"]
    hour = int(clock["hour"])
    if clock["half"]:
        hour = hour % 12 + (12 if clock["half"] == "PM" else 0)
    try:
        return datetime(
            int(date["year"]),
            int(month) if month.isdigit() else _MONTHS.get(month[:3].lower(), 0),
            int(date["day"]),
            hour,
            int(clock["minute"]),
            int(clock["second"]),
            tzinfo=_zone(clock["zone"] or ""),
        )
    except ValueError:
        return None


def _zone(written: str) -> timezone:
    """Return the zone that an abbreviation mostly means; UTC for an unknown one."""
    if found := re.fullmatch(r"(?:GMT|UTC)([+-])(\d{1,2}):?(\d{2})?", written):
        sign, hours, minutes = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(offset if sign == "+" else -offset) if offset < timedelta(days=1) else UTC
    return timezone(timedelta(hours=_ZONES.get(written, 0)))

"""Times as a page of Google Takeout writes them for people, in the account's language.

Unicode's date formats of the languages that Takeout speaks most (https://cldr.unicode.org, read
November 2026): `Mar 3, 2026, 6:25:05 AM PDT`, `3 mars 2026, 18:25:05 CET`, `2026. 3. 3. 오후
6:25:05 KST`. A time in a language that is not known here is none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

MAX_LINE = 60
_CLOCK = re.compile(
    r"(?P<before>오전|오후|上午|下午|午前|午後)?\s?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})[:.](?P<second>\d{2})"
    r"\s?(?P<after>[AaPp]\.?\s?[Mm]\.?)?"
    r"\s*(?P<zone>(?:GMT|UTC)[+\u2212-]\d{1,2}(?::?\d{2})?|[A-Z]{2,5})?\s*$",
)
_AFTERNOON = ("오후", "下午", "午後", "p")
_NUMBERED = (
    re.compile(r"(?P<year>\d{4})\s?[./年-]\s?(?P<month>\d{1,2})\s?[./月-]\s?(?P<day>\d{1,2})"),
    re.compile(r"(?P<day>\d{1,2})[./-](?P<month>\d{1,2})[./-](?P<year>\d{4})"),
)
_NAMED = (
    re.compile(r"(?P<month>[^\W\d_]{3,12})\.? (?P<day>\d{1,2}), (?P<year>\d{4})"),
    re.compile(r"(?P<day>\d{1,2})\.?(?: de)? (?P<month>[^\W\d_]{3,12})\.?(?: de)? (?P<year>\d{4})"),
)
_MONTHS = (
    "jan ene gen янв sty oca tammi",
    "feb fév fev фев lut şub helmi",
    "mar mär mrt мар maalis",
    "apr abr avr апр kwi nis huhti",
    "may mai mag mei maj май мая touko",
    "jun giu juin июн cze haz kesä",
    "jul lug juil июл lip tem heinä",
    "aug ago aoû авг sie ağu elo",
    "sep set сен wrz eyl syys",
    "oct okt ott out окт paź eki loka",
    "nov ноя lis kas marras",
    "dec dez dic déc дек gru ara joulu",
)
"""How the names of each month begin: English, German, French, Spanish, Italian, Portuguese, Dutch,
Swedish, Danish, Russian, Polish, Turkish, Finnish."""
_ZONES = {
    "UTC": 0, "GMT": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2,
    "EET": 2, "EEST": 3, "MSK": 3, "TRT": 3, "IST": 5.5, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "BRT": -3, "ART": -3,
}  # fmt: skip


def is_time_line(line: str) -> bool:
    """Whether a line of a record is the one with its time; the reply follows it."""
    return len(line) < MAX_LINE and _CLOCK.search(line.strip()) is not None


def parse_time_line(line: str) -> datetime | None:
    """Read the time; None for a language or a date that is not known."""
    line = line.strip()
    clock = _CLOCK.search(line)
    date = _date(line)
    if clock is None or date is None:
        return None
    hour = int(clock["hour"])
    if half := clock["before"] or clock["after"]:
        hour = hour % 12 + (12 if half.lower().startswith(_AFTERNOON) else 0)
    try:
        zone = _zone(clock["zone"] or "", line)
        return datetime(*date, hour, int(clock["minute"]), int(clock["second"]), tzinfo=zone)
    except ValueError:
        return None


def _date(line: str) -> tuple[int, int, int] | None:
    for pattern in _NUMBERED:
        if found := pattern.search(line):
            return int(found["year"]), int(found["month"]), int(found["day"])
    for pattern in _NAMED:
        if (found := pattern.search(line)) and (month := _month(found["month"].lower())):
            return int(found["year"]), month, int(found["day"])
    return None


def _month(written: str) -> int:
    """Return 1 to 12, 0 for an unknown name; the longest beginning that fits counts."""
    fits = [
        (len(beginning), number)
        for number, beginnings in enumerate(_MONTHS, 1)
        for beginning in beginnings.split()
        if written.startswith(beginning)
    ]
    return max(fits, default=(0, 0))[1]


def _zone(written: str, line: str) -> timezone:
    """Return the zone that an abbreviation mostly means; UTC for an unknown one."""
    if found := re.fullmatch(r"(?:GMT|UTC)([+\u2212-])(\d{1,2}):?(\d{2})?", written):
        sign, hours, minutes = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(offset if sign == "+" else -offset) if offset < timedelta(days=1) else UTC
    if written == "CST" and "年" in line:
        return timezone(timedelta(hours=8))  # China's, not Chicago's
    return timezone(timedelta(hours=_ZONES.get(written, 0)))

"""Gemini from Google Takeout as HTML (`MyActivity.html`), which is what Takeout gives by default.

Every record is one `outer-cell`: the prompt, a line with the time, the reply. The page is cut at
those cells as it is read, so that its size does not matter. Times are written for people, in the
account's language; those that cannot be read leave their record without a time.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from troth.transfer.chats import Reason, Setting
from troth.transfer.gemini import Activity, activity_from
from troth.transfer.html_words import html_to_words
from troth.transfer.loose import moment, name
from troth.transfer.page_times import is_time_line, parse_time_line
from troth.transfer.records import ByteStream

CHUNK_BYTES = 128 << 10
MAX_CELL_BYTES = 8 << 20
_CELL = b'class="outer-cell'
_BOX = re.compile(r'<div class="([^"]*+)">')
_BODY = "mdl-typography--body-1"
_BODY_END = '<div class="content-cell'
_HEADER = re.compile(r'mdl-typography--title">([^<]{0,200})')
_BREAK = re.compile(r"<br\s*/?>")
_TAG = re.compile(r"<[^<>]{0,2000}>")
"""No `<` inside: a row of a million of them must not be gone along from each of them."""
_LINKED = re.compile(r'(?:href|src)="([^":/?#]{1,300})"')
"""A file that lies beside the page: an address without a scheme or a folder."""


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
    body = next((box for box in _BOX.finditer(page) if _BODY in box[1]), None)
    if body is None:
        return Reason.FOREIGN
    lines = _BREAK.split(page[body.end() :].split(_BODY_END, 1)[0])
    said = next((n for n, line in enumerate(lines) if is_time_line(_plain(line))), len(lines))
    at = parse_time_line(_plain(lines[said])) if said < len(lines) else None
    known = None if at is None else moment(at.isoformat(), setting.now)
    files = {
        html.unescape(linked): name(_plain(line).strip(" -"))
        for line in lines[:said]
        for linked in _LINKED.findall(line)
    }
    asked = "\n".join(_plain(line) for line in lines[:said] if not _LINKED.search(line))
    reply = html_to_words("<br>".join(lines[said + 1 :]))
    return activity_from(asked, reply, known, files) or Reason.OTHER_ACTIVITY


def _plain(line: str) -> str:
    return html.unescape(_TAG.sub("", line)).replace("\xa0", " ").replace("\u202f", " ")

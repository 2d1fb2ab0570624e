"""Find out what a file holds, by its content and not by its name, and read the chats in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from troth.domain.error import ImportRefused
from troth.transfer import chatgpt, claude, gemini, own_json
from troth.transfer.activity_page import is_activity_page, read_activity_page
from troth.transfer.assets import Assets
from troth.transfer.chats import Kind, ReadChat, Reading, Reason, Setting, Skipped
from troth.transfer.database import MAGIC, Database, opened_database
from troth.transfer.files import Export, Member, readable
from troth.transfer.llm_logs import is_llm, read_llm
from troth.transfer.loose import mapping, sequence
from troth.transfer.records import ByteStream, Record, read_records
from troth.transfer.terminal_chats import is_elia, is_oterm, read_elia, read_oterm

HEAD_BYTES = 64 << 10
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_WIDE = re.compile(rb"\x00{1,3}[\[{<]|[\[{<]\x00")
"""JSON or HTML with two or four bytes to a character, and no mark that says so."""

OnBytes = Callable[[int], None]
"""Told how many bytes more were read."""


def read_export(
    export: Export,
    setting: Setting,
    *,
    kind: Kind | None = None,
    only_looks: bool = False,
    on_bytes: OnBytes = lambda _: None,
) -> Reading:
    """Yield every chat of an export, and what was skipped.

    `kind` names what the user says that it is: then nothing else is taken for a chat. With
    `only_looks` images are found and not read. Raises ImportRefused when no file in it can be read;
    a bad file among others is skipped.
    """
    assets = Assets(export, only_looks=only_looks)
    if not export.members:
        raise ImportRefused(str(export.path), "it holds no file that Troth knows chats from")
    refused: list[tuple[Member, ImportRefused]] = []
    for member in export.members:
        try:
            yield from _read_member(member, assets, setting, kind, on_bytes)
        except ImportRefused as error:
            refused.append((member, error))
    if len(refused) == len(export.members):
        raise refused[0][1]
    for member, _ in refused:
        yield Skipped(member.place, Reason.DAMAGED)


def _read_member(
    member: Member, assets: Assets, setting: Setting, kind: Kind | None, on_bytes: OnBytes
) -> Reading:
    head = member.head(HEAD_BYTES)
    if head.startswith(MAGIC):
        yield from _read_database(member, setting, kind)
        on_bytes(member.size_bytes)
        return
    if head.startswith(_WIDE_MARKS) or _WIDE.match(head):
        raise ImportRefused(member.place, "it is not written in UTF-8; save it so")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    with readable(member.place), member.open() as stream:
        counted = _Counting(stream, on_bytes)
        if start.startswith((b"{", b"[")):
            yield from _read_json(member, counted, assets, setting, kind)
        elif is_activity_page(head):
            yield from _read_page(member, counted, assets, setting, kind)
        elif not start:
            raise ImportRefused(member.place, "it is empty")
        else:
            raise ImportRefused(
                member.place,
                "it is neither JSON nor a database nor a page of Google Takeout",
            )


class _Counting:
    """A stream that says how much of it was read."""

    def __init__(self, stream: ByteStream, on_bytes: OnBytes) -> None:
        self._stream = stream
        self._on_bytes = on_bytes

    def read(self, size: int = -1, /) -> bytes:
        content = self._stream.read(size)
        self._on_bytes(len(content))
        return content


def _read_json(
    member: Member, stream: ByteStream, assets: Assets, setting: Setting, kind: Kind | None
) -> Reading:
    grouping = gemini.Grouping(setting, assets)
    for record in read_records(stream):
        place = f"{member.place}, record {record.number}"
        if record.fault is not None:
            yield Skipped(place, record.fault)
        elif gemini.is_activity(record.value) and kind in {None, Kind.GEMINI}:
            activity = gemini.parse_activity(record.value, setting)
            if activity is None:
                yield Skipped(place, Reason.OTHER_ACTIVITY)
            else:
                yield from grouping.add(activity)
        else:
            for value in _unwrapped(record):
                yield _read_record(value, place, assets, setting, kind)
    yield from grouping.close()


def _unwrapped(record: Record) -> Iterator[object]:
    """Yield the chats of a record that is itself a list or `{"conversations": [...]}`."""
    inner = sequence(record.value) or sequence(mapping(record.value).get("conversations"))
    yield from inner if inner else [record.value]


def _read_record(
    value: object, place: str, assets: Assets, setting: Setting, kind: Kind | None
) -> ReadChat | Skipped:
    try:
        if own_json.is_own(value) and kind in {None, Kind.TROTH}:
            chat = own_json.read_own(value, setting)
        elif chatgpt.is_chatgpt(value) and kind in {None, Kind.CHATGPT}:
            chat = chatgpt.read_chatgpt(value, setting, assets)
        elif claude.is_claude(value) and kind in {None, Kind.CLAUDE}:
            chat = claude.read_claude(value, setting)
        elif gemini.is_conversation(value) and kind in {None, Kind.GEMINI}:
            chat = gemini.read_conversation(value, setting)
        else:
            return Skipped(place, Reason.FOREIGN)
    except own_json.NotOurs:
        return Skipped(place, Reason.FOREIGN)
    return chat or Skipped(place, Reason.EMPTY)


def _read_page(
    member: Member, stream: ByteStream, assets: Assets, setting: Setting, kind: Kind | None
) -> Reading:
    if kind not in {None, Kind.GEMINI}:
        yield Skipped(member.place, Reason.FOREIGN)
        return
    grouping = gemini.Grouping(setting, assets)
    for number, found in enumerate(read_activity_page(stream, setting), 1):
        if isinstance(found, Reason):
            yield Skipped(f"{member.place}, record {number}", found)
        else:
            yield from grouping.add(found)
    yield from grouping.close()


_DATABASES: tuple[
    tuple[
        Kind,
        Callable[[Database], bool],
        Callable[[Database, Setting], Iterator[ReadChat | Skipped]],
    ],
    ...,
] = (
    (Kind.LLM, is_llm, read_llm),
    (Kind.OTERM, is_oterm, read_oterm),
    (Kind.ELIA, is_elia, read_elia),
)


def _read_database(member: Member, setting: Setting, kind: Kind | None) -> Reading:
    if member.path is None:
        raise ImportRefused(member.place, "a database is read as a file of its own, not in a zip")
    with opened_database(member.path) as database:
        for known, is_it, read in _DATABASES:
            if kind in {None, known} and is_it(database):
                yield from read(database, setting)
                return
    raise ImportRefused(member.place, "it is a database, but of no program that Troth knows")

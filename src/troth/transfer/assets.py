"""Images and documents that lie beside the chats of an export, found by the ids that chats use.

ChatGPT names a file by an id (`file-service://file-abc`, `sediment://file_00ab`); the export holds
it as `file-abc-photo.png`, or as `file_00ab.dat` with its own name in a list of names
(`conversation_asset_file_names.json`, exports from 2026 on). Gemini's records name files that lie
in the same folder.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import cast

from troth.domain.error import ImportRefused
from troth.domain.message import Blob, BlobPart
from troth.transfer.chats import ReadBytes
from troth.transfer.files import Export, Member, is_gemini_folder, readable
from troth.transfer.loose import mapping, name, text

MAX_BLOB_BYTES = 64 << 20
MAX_NAMES_BYTES = 16 << 20
_ID = re.compile(r"file[-_][A-Za-z0-9]{4,}")
_POINTER = re.compile(r"^[a-z-]+://")
_NAME_LIST = "conversation_asset_file_names"
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}


def asset_id(pointer: str) -> str:
    """Return the id that a pointer, or a file's name, begins with; "" for none."""
    match = _ID.match(_POINTER.sub("", pointer))
    return match.group() if match else ""


def media_type_of(content: bytes, claimed: str = "") -> str:
    """Return what bytes are. A claim makes no image: what is not recognised as one is none."""
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] in _RIFF:
        return _RIFF[content[8:12]]
    if re.fullmatch(r"[a-z]+/[a-z0-9.+-]{1,80}", claimed) and not claimed.startswith("image/"):
        return claimed
    return "application/octet-stream"


def document(title: str, content: str, media_type: str = "text/plain") -> tuple[BlobPart, bytes]:
    """Return a text that came with a message as a document, and its bytes."""
    encoded = content.encode("utf-8", "replace")
    blob = Blob(hashlib.sha256(encoded).hexdigest(), media_type, len(encoded), title)
    return BlobPart(blob, content), encoded


class Assets:
    """The files of one export. With `only_looks` nothing is read: enough for a preview."""

    def __init__(self, export: Export, *, only_looks: bool = False) -> None:
        self._only_looks = only_looks
        self._by_id: dict[str, Member] = {}
        for member in export.others:
            if id_ := asset_id(member.name):
                self._by_id.setdefault(id_, member)
        self._beside = {m.name: m for m in export.others if is_gemini_folder(m.folder)}
        self._names = _names_of(export.others)
        self._known: dict[str, tuple[BlobPart, ReadBytes] | None] = {}

    def find(
        self, pointer: str, claimed_name: str = "", claimed_type: str = ""
    ) -> tuple[BlobPart, ReadBytes] | None:
        """Return the file that a chat points to; None when the export does not hold it."""
        return self._found(self._by_id.get(asset_id(pointer)), claimed_name, claimed_type)

    def beside(self, stored: str, shown: str = "") -> tuple[BlobPart, ReadBytes] | None:
        """Return the file of this name in a folder of Gemini's; None when the export lacks it."""
        return self._found(self._beside.get(stored), shown, "")

    def _found(
        self, member: Member | None, claimed_name: str, claimed_type: str
    ) -> tuple[BlobPart, ReadBytes] | None:
        if member is None or not 0 < member.size_bytes <= MAX_BLOB_BYTES:
            return None
        if member.place not in self._known:
            self._known[member.place] = self._describe(member, claimed_name, claimed_type)
        return self._known[member.place]

    def _describe(
        self, member: Member, claimed_name: str, claimed_type: str
    ) -> tuple[BlobPart, ReadBytes] | None:
        shown = name(self._names.get(member.name) or claimed_name) or member.name
        if self._only_looks:
            return BlobPart(Blob("", claimed_type, member.size_bytes, shown)), bytes
        try:
            content = _read(member)
        except ImportRefused:
            return None  # counted as missing by who asked
        media_type = media_type_of(content, claimed_type)
        sha256 = hashlib.sha256(content).hexdigest()
        return BlobPart(Blob(sha256, media_type, len(content), shown)), lambda: _read(member)


def _read(member: Member) -> bytes:
    with readable(member.place), member.open() as stream:
        content = stream.read(MAX_BLOB_BYTES + 1)
    if len(content) > MAX_BLOB_BYTES:
        raise ImportRefused(member.place, "it is larger than it says")
    return content


def _names_of(members: Iterable[Member]) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for member in members:
        if member.name.startswith(_NAME_LIST) and member.size_bytes <= MAX_NAMES_BYTES:
            try:
                listed = cast("object", json.loads(member.head(MAX_NAMES_BYTES)))
            except (ValueError, RecursionError, ImportRefused):
                continue
            names |= {key: text(value) for key, value in mapping(listed).items()}
    return names

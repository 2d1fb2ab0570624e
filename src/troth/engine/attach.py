"""From a file on disk to a part of a message. Reading is done in a thread, and of PDFs in a child
process; nothing is uploaded."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from troth.domain.error import NotFound, UsageError
from troth.domain.message import BlobPart, Part, TextPart
from troth.engine.assembly import describe_blob
from troth.engine.pdf_text import pdf_text
from troth.engine.unwaited import in_unwaited_thread
from troth.settings import typed_path

MAX_ATTACHMENT_BYTES = 32 << 20
"""The largest request that the big vendors take is 20 to 50 MB (PROVIDERS, November 2026)."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def is_folder(path: Path) -> bool:
    """Whether it is a folder, else a file; raise NotFound, and UsageError where no look is let."""
    try:
        return stat.S_ISDIR(os.stat(typed_path(path)).st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound("file", str(path)) from error
    except ValueError as error:
        raise UsageError(f"{str(path)!r} is no path: {error}") from error
    except OSError as error:  # a folder that is closed to us, a name that is too long
        raise UsageError(f"it cannot be read ({error.strerror}): {path}") from error


async def read_attachment(path: Path) -> tuple[BlobPart, bytes]:
    """Read a file; raise NotFound or UsageError (too large, a folder, not readable)."""
    part, content = await in_unwaited_thread(partial(_read, path))
    if part.blob.media_type == "application/pdf":
        # Now, though this model may read PDFs: the next one of the conversation may not.
        part = replace(part, extracted_text=await pdf_text(content))
    return part, content


def attachment_from(content: bytes, name: str) -> BlobPart:
    """Describe bytes by what they are, not by what their name claims."""
    media_type = _media_type(content, name)
    is_picture = media_type.startswith("image/") and media_type != "image/svg+xml"
    text = None if is_picture or media_type == "application/pdf" else _text_of(content)
    if text is not None and media_type == "application/octet-stream":
        media_type = "text/plain"
    return BlobPart(describe_blob(content, media_type, name), text)


def _read(path: Path) -> tuple[BlobPart, bytes]:
    path = typed_path(path)
    if is_folder(path):
        raise UsageError(f"{path} is a folder")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ATTACHMENT_BYTES + 1)  # a pipe or a device tells no size
    except FileNotFoundError as error:
        raise NotFound("file", str(path)) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_ATTACHMENT_BYTES:
        raise UsageError(f"{path.name} is larger than {MAX_ATTACHMENT_BYTES >> 20} MB")
    if not content:
        raise UsageError(f"{path.name} is empty")
    return attachment_from(content, path.name), content


def _media_type(content: bytes, name: str) -> str:
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    # A name alone makes no image: what we cannot recognise is sent as a document or not at all.
    return (
        guessed
        if not guessed.startswith("image/") or guessed == "image/svg+xml"
        else ("application/octet-stream")
    )


def _text_of(content: bytes) -> str | None:
    """Return the text of a text file; None for anything else (a NUL byte is never text)."""
    if b"\x00" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def as_parts(parts: Sequence[Part] | str) -> tuple[Part, ...]:
    """Return the parts of a message that may be given as bare text."""
    return (TextPart(parts),) if isinstance(parts, str) else tuple(parts)

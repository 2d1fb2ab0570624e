"""From the bytes of a picture to a few pixels. The bytes are foreign: a model, a server or a file.

Four formats, a ceiling on pixels before any is decoded, and whatever is wrong with the bytes is the
same answer: not to be shown. Slow: never on the event loop. Pillow is imported with the first one.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from troth.tui.widgets.transcript_picture import Box, Preview

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_BYTES = 64 << 20
MOST_PIXELS = 50_000_000
"""Of the whole picture: 200 MB while it is decoded."""
_MOST_SCANS = 100
"""Of a JPEG. Each of them may touch every pixel again; cameras and programs write about ten."""
_ORIENTATION = 0x0112
_BAD_BYTES = (
    OSError, SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, EOFError,
    AttributeError, RuntimeError, MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""All that Pillow's readers are known to raise for bytes that are broken or made to break them."""


def read_preview(content: bytes, box: Box) -> Preview | None:
    """Return a picture made small enough for a room; None for what cannot be shown."""
    if len(content) > MOST_BYTES or (
        content.count(b"\xff\xda") > _MOST_SCANS and _is_jpeg(content)
    ):
        return None
    if _webp_pixels(content) > MOST_PIXELS:
        return None  # Pillow's reader takes the room for it when it opens it
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # its own ceiling warns on stderr; ours is below
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if not 0 < width * height <= MOST_PIXELS:
                return None
            is_turned = image.getexif().get(_ORIENTATION, 1) in {5, 6, 7, 8}
            room = (box.columns, 2 * box.rows)
            if is_turned:
                width, height, room = height, width, (room[1], room[0])
            image.draft("RGB", (2 * room[0], 2 * room[1]))  # a JPEG is decoded small at once
            small = image.convert("L") if image.mode.startswith("I;16") else image
            if small.mode not in {"L", "RGB", "RGBA"}:
                small = small.convert("RGBA")
            small.thumbnail(room, reducing_gap=2.0)
            kind = image.format or ""
            small = ImageOps.exif_transpose(small).convert("RGBA")
    except _BAD_BYTES:
        return None
    return Preview(kind, width, height, small.width, small.height, small.tobytes())


def _is_jpeg(content: bytes) -> bool:
    return content.startswith(b"\xff\xd8")


def _webp_pixels(content: bytes) -> int:
    """Return how many pixels a WebP says it has; 0 for what is none.

    RFC 9649, sections 2.5 to 2.7: the size stands in the first chunk, in one of three ways.
    """
    head = content[:30]
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return 0
    if head[12:16] == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    elif head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width * height

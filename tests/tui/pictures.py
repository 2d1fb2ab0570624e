"""Pictures for tests, made here, and a scripted reply that carries them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from io import BytesIO

from PIL import Image

from servers import Answer


def quarters(width: int = 64, height: int = 64, form: str = "PNG") -> bytes:
    """Return a picture in four colours: red, green, blue, white."""
    image = Image.new("RGB", (width, height))
    colours = ((200, 0, 0), (0, 200, 0), (0, 0, 200), (255, 255, 255))
    for at, colour in enumerate(colours):
        left, top = (at % 2) * width // 2, (at // 2) * height // 2
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    written = BytesIO()
    image.save(written, form, **({"lossless": True} if form == "WEBP" else {}))
    return written.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """Return a small file that says it is a huge picture, and inflates to it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", head),
            (b"IDAT", zlib.compress(bytes(1 << 22))),
            (b"IEND", b""),
        )
    )


def image_reply(text: str, *images: bytes, media_type: str = "image/png") -> Answer:
    """Answer as a chat model does that returns images beside its text."""
    urls = [f"data:{media_type};base64,{base64.b64encode(image).decode()}" for image in images]
    delta = {
        "content": text,
        "images": [{"type": "image_url", "image_url": {"url": url}} for url in urls],
    }
    choices = [{"index": 0, "delta": delta}], [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    lines = [f"data: {json.dumps({'id': 'c', 'choices': choice})}\n\n" for choice in choices]
    steps = (*(line.encode() for line in lines), b"data: [DONE]\n\n")
    return Answer(200, (("content-type", "text/event-stream"),), steps, "chunked")

"""Writing a file that the person asked for: never over another, and for its owner's eyes alone."""

from __future__ import annotations

import asyncio
import os

from troth.settings import typed_path


async def save_words(path: str, content: bytes) -> str:
    """Write a new file where `path` says and return the sentence about how that went."""
    return await asyncio.to_thread(_save, path, content)


def _save(path: str, content: bytes) -> str:
    target = typed_path(path).absolute()
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except OSError:
            target.unlink()  # half a file, that would stand in the way of the next try
            raise
    except FileExistsError:
        return f"{target} is there already; nothing was written."
    except OSError as error:
        return f"{target} cannot be written: {error.strerror}"
    return f"Written to {target}."

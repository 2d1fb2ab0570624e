"""Files and folders that go along with a question, and what is said of a folder's files."""

from __future__ import annotations

import asyncio
from pathlib import Path

from troth.cli.output import Console
from troth.domain.message import BlobPart
from troth.engine.attach import is_folder
from troth.engine.engine import Engine

_NAMED = 20


async def attached(engine: Engine, path: Path, console: Console) -> list[BlobPart]:
    """Read a file, or the text files of a folder; say which. Raises NotFound or UsageError."""
    if not await asyncio.to_thread(is_folder, path):
        return [await engine.attach(path)]
    from troth.explain import folder_words, left_behind_words

    taken = await engine.attach_folder(path)
    size = f"{max(1, round(taken.size_bytes / 1000)):,} KB"
    console.note(f"troth: {folder_words(taken.name, len(taken.parts), size)}")
    names = [part.blob.name for part in taken.parts]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    console.note(f"troth: {', '.join(names[:_NAMED])}{more}.")
    if left := left_behind_words(taken.left, hidden=taken.hidden, ignored=taken.ignored):
        console.note(f"troth: {left}")
    return taken.parts


def refuse_missing(files: list[Path]) -> None:
    """Raise NotFound or UsageError for a file that cannot be had, before anything is asked for."""
    for file in files:
        is_folder(file)

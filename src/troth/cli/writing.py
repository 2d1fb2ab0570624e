"""Files that a person asks for: for their owner's eyes alone, in folders that are there."""

from __future__ import annotations

import os
from pathlib import Path

from troth.domain.error import NotWritten, UsageError
from troth.settings import typed_path, write_private


def write_file(file: Path, content: bytes) -> None:
    """Write a file, or replace it in one step; raise UsageError or NotWritten.

    Its folder must be there: one of a misspelt name, made in silence, is where nobody looks.
    """
    parent = typed_path(file).absolute().parent
    if not os.path.isdir(parent):  # of a name that is too long, too
        raise UsageError(f"there is no folder {parent}", step="Make it first, or write elsewhere.")
    write_private(file, content)


def make_folder(folder: Path) -> None:
    """Make a folder that a person names for files, unless it is there.

    Raises NotWritten, and UsageError for `~NAME` that is nobody's: made as it is written, the
    folder would lie where nobody looks for it.
    """
    path = typed_path(folder)
    if path.parts[:1] and path.parts[0].startswith("~") and not os.path.isdir(path.parts[0]):
        raise UsageError(
            f"nobody here is called {path.parts[0][1:]!r}",
            step=f"Write ./{path} if you mean a folder of that name.",
        )
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritten(str(folder), error.strerror or type(error).__name__) from error

"""Files that another program is to show. They hold what the vault keeps, so each is for its owner's
eyes alone, lies in memory where the system has such a place, and is gone at the lock and the end.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from troth.private import environment_for_child
from troth.tui.editor import PREFIX, memory_folder

_SOON_S = 5.0
"""An opener that finds no viewer has said so by then."""
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif"}


class ShownFiles:
    """One folder (0700) with the files that were opened since the last lock."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    async def show(self, content: bytes, kind: str) -> bool:
        """Open a picture of a known kind with the system's viewer; False: there is no viewer.

        Nothing foreign is in the file's name. Raises OSError where it cannot be written.
        """
        file = self._write(content, _SUFFIXES[kind])
        return await asyncio.to_thread(_open, file)

    def _write(self, content: bytes, suffix: str) -> Path:
        if self._folder is None:
            # Named as a draft's folder is: what a kill leaves, the next start removes.
            prefix = f"{PREFIX}{os.getpid()}-"
            self._folder = Path(tempfile.mkdtemp(prefix=prefix, dir=memory_folder()))  # 0700
        descriptor, name = tempfile.mkstemp(suffix, "picture-", self._folder)  # 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        return Path(name)

    def forget(self) -> None:
        """Remove them all, also while a viewer still shows them."""
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)  # a viewer on Windows may hold a file open


def _open(file: Path) -> bool:
    """Start the program that the system has for a file, and let it run on its own."""
    if sys.platform == "win32":
        os.startfile(file)  # noqa: S606
        return True
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        return False
    started = subprocess.Popen(  # noqa: S603
        [opener, str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=environment_for_child(os.environ),
    )
    try:
        return started.wait(_SOON_S) == 0
    except subprocess.TimeoutExpired:
        return True  # some openers stay as long as the viewer

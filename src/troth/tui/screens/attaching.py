"""Files that go along with the next message: reading them, showing them, taking them off again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from textual.worker import Worker, WorkerCancelled

from troth.domain.error import TrothError
from troth.domain.message import BlobPart
from troth.engine.attach import is_folder
from troth.engine.engine import Engine
from troth.engine.unwaited import in_unwaited_thread
from troth.explain import explain, folder_words, left_behind_words
from troth.tui.screens.entries import attachment_lines, written_bytes
from troth.tui.widgets.notice_bar import Words

if TYPE_CHECKING:
    from troth.tui.screens.chat import ChatScreen

_TICK_S = 1.0


class Attaching:
    """What is attached to the prompt of one chat screen."""

    def __init__(
        self, screen: ChatScreen, engine: Engine, measure: Callable[[], Awaitable[None]]
    ) -> None:
        self._screen = screen
        self._engine = engine
        self._measure = measure
        self.parts: list[BlobPart] = []
        self._reading: Worker[Words | None] | None = None
        self._name = ""
        self._began_at = 0.0

    @property
    def is_reading(self) -> bool:
        """Whether a file is being read: a PDF may take its time."""
        return self._reading is not None

    async def attach(self, path: Path) -> None:
        """Add a file, or the text files of a folder, to the next message."""
        if self.is_reading:
            self.say_still_reading()
            return
        before = len(self.parts)
        self._name, self._began_at = path.name or str(path), monotonic()
        reading = self._reading = self._screen.run_worker(self._read(path), group="attach")
        timer = self._screen.set_interval(_TICK_S, self.say_still_reading)
        self._screen.draw_frame()
        try:
            said = await reading.wait()
        except WorkerCancelled:
            said = Words(f"{self._name} was not attached.")
        finally:
            timer.stop()
            reading.cancel()
            self._reading = None
            self._screen.draw_frame()
        self._screen.say(said)
        if len(self.parts) > before:
            await self._measure()  # has the last word: that it is too long, or stays behind

    async def _read(self, path: Path) -> Words | None:
        """Read it; return what is to be said of it."""
        try:
            if not await in_unwaited_thread(partial(is_folder, path)):
                self.take([await self._engine.attach(path)])
                return None
            taken = await self._engine.attach_folder(path)
        except TrothError as error:
            words = explain(error)
            return Words(words.title, words.detail, words.next_step, tone="bad")
        self.take(taken.parts)
        title = folder_words(taken.name, len(taken.parts), written_bytes(taken.size_bytes))
        left = left_behind_words(taken.left, hidden=taken.hidden, ignored=taken.ignored)
        return Words(title, next_step=left, tone="warn" if taken.left else "plain")

    def stop(self) -> None:
        """Give up the file that is being read."""
        if self._reading is not None:
            self._reading.cancel()

    def say_still_reading(self) -> None:
        """Say what is being read, for how long, and how that ends."""
        key = self._screen.keymap.first("attach.stop")
        seconds = monotonic() - self._began_at
        self._screen.say(Words(f"Reading {self._name}, {seconds:.0f} s.", f"{key} stops it."))

    def take(self, parts: Iterable[BlobPart]) -> None:
        """Add what was read before."""
        self.parts += parts
        self.draw()

    async def detach(self) -> None:
        """Take all of it off again, and what was said of it."""
        self.clear()
        self._screen.say(None)
        await self._measure()

    def clear(self) -> None:
        """Let nothing go along."""
        self.stop()
        self.parts.clear()
        self.draw()

    def draw(self) -> None:
        self._screen.draw_attached(attachment_lines([part.blob for part in self.parts]))

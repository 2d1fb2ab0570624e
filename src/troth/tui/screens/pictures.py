"""What is done with pictures: bring them to a transcript, and in the chat open and save them.

Bytes come from the engine alone. No address is ever fetched here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING

from troth.domain.error import ConfigError, TrothError
from troth.domain.message import Blob, Message
from troth.domain.verdict import Check, Outcome
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.tui.safe import clean_line
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.entries import is_picture
from troth.tui.screens.saving import save_words
from troth.tui.widgets.notice_bar import Words
from troth.tui.widgets.transcript import Transcript
from troth.tui.widgets.transcript_picture import Box, PictureKey, Preview

if TYPE_CHECKING:
    from troth.tui.application import TrothApp
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.talking import Talking


class PictureReader:
    """Reads the pictures of one chat and makes them small for whoever draws them."""

    def __init__(
        self,
        engine: Engine,
        chat: Callable[[], Chat | None],
        say_error: Callable[[TrothError], None],
    ) -> None:
        self._engine = engine
        self._chat = chat
        self._say_error = say_error
        self._turn = asyncio.Lock()
        """One is decoded at a time: it may take a few hundred megabytes."""

    async def bring(self, page: Transcript, key: PictureKey) -> None:
        """Give a transcript a picture that came into view."""
        async with self._turn:
            content = await self.content(key.sha256)
            preview = await _preview(content, key.box) if content is not None else None
        page.give_picture(key, preview)

    async def content(self, sha256: str) -> bytes | None:
        """Return a picture's bytes; None where they are not here."""
        chat = self._chat()
        if chat is None:
            return None
        try:
            return await self._engine.blob(chat, sha256)
        except TrothError as error:  # a damaged vault says so; the rest of the chat stands
            self._say_error(error)
            return None


class Pictures:
    """The pictures of the chat on screen."""

    def __init__(self, app: TrothApp, screen: ChatScreen, talking: Talking) -> None:
        self._app = app
        self._screen = screen
        self._engine = talking.engine
        self._reader = PictureReader(talking.engine, lambda: talking.chat, screen.say_error)

    def of(self, message: Message | None) -> list[Blob]:
        """Return the pictures of a message."""
        return [blob for blob in message.blobs if is_picture(blob)] if message is not None else []

    def want(self, key: PictureKey) -> None:
        """Bring a picture that came into view."""
        bringing = self._reader.bring(self._screen.page, key)
        self._screen.run_worker(bringing, group="pictures")

    async def open(self, blob: Blob) -> None:
        """Show a picture with the system's own viewer, from a file that is gone at the lock."""
        content = await self._reader.content(blob.sha256)
        preview = await _preview(content, Box(1, 1)) if content is not None else None
        if content is None or preview is None:
            self._screen.announce("This is no picture that can be shown; s saves it.")
            return
        try:
            is_open = await self._app.shown_files.show(content, preview.kind)
        except OSError as error:
            self._screen.announce(f"It cannot be opened: {error.strerror}")
            return
        said = (
            "Opened from a private copy that is removed when Troth locks or ends."
            if is_open
            else "No program for pictures was found on this computer; s saves it."
        )
        origin = await self._origin(content)
        self._say(f"{said} {origin.detail if origin else ''}".rstrip(), origin)

    async def tell_origin(self, blob: Blob, beside: Words | None) -> None:
        """Say who signed a picture that was attached, or that it was altered; unsigned ones, which
        most are, pass in silence. `beside` was said of the message that it goes with, and stays."""
        content = await self._reader.content(blob.sha256) if is_picture(blob) else None
        origin = await self._origin(content) if content is not None else None
        if origin is not None and origin.outcome is not Outcome.NOT_COVERED:
            told = f"{clean_line(blob.name)}: {origin.detail}"
            if beside is None:
                self._say(told, origin)
                return
            tone = "bad" if origin.outcome is Outcome.FAILED else beside.tone
            rest = " ".join(filter(None, beside[:3]))
            self._screen.say(Words(told, next_step=rest, tone=tone))

    async def _origin(self, content: bytes) -> Check | None:
        """Return what a picture's own bytes prove of where it came from."""
        try:
            return (await self._engine.proofs.picture(content)).check
        except ConfigError:
            return None  # each reply says what is wrong with the trust file

    def _say(self, text: str, origin: Check | None) -> None:
        if origin is not None and origin.outcome is Outcome.FAILED:
            self._screen.say(Words(text, tone="bad"))  # until the next thing happens
        else:
            self._screen.announce(text)

    def save(self, blob: Blob, path: str = "") -> None:
        """Write a picture to a new file; ask where, unless that is said."""
        if path:
            self._screen.run_worker(self._save(blob, path), group="save")
            return
        name = PurePath(clean_line(blob.name).replace("\\", "/")).name
        self._screen.ask(
            TextDialog("Save to a file, not encrypted", name or "picture"),
            lambda path: self._screen.run_worker(self._save(blob, path), group="save"),
        )

    async def _save(self, blob: Blob, path: str) -> None:
        content = await self._reader.content(blob.sha256)
        if content is None:
            self._screen.announce("The picture is not here; nothing was written.")
        else:
            self._screen.announce(await save_words(path, content))

    def resize(self, step: int) -> None:
        """Draw pictures larger or smaller."""
        if not self._screen.page.resize_pictures(step):
            size = "largest" if step > 0 else "smallest"
            self._screen.announce(f"Pictures have their {size} size.")


async def _preview(content: bytes, box: Box) -> Preview | None:
    from troth.tui.picture import read_preview

    return await asyncio.to_thread(read_preview, content, box)

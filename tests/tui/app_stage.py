"""The real app on a real engine over a scripted provider, for pilot tests and snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.pilot import Pilot

from servers import Answer, RecordedRequest, ScriptedServer, json_answer, openai_chat_stream, routes
from troth.tui.application import TrothApp
from troth.tui.screens.chat import ChatScreen
from troth.tui.screens.desk import Desk

if TYPE_CHECKING:
    from troth.tui.first_frame import Kind

Script = Answer | Sequence[Answer] | Callable[[RecordedRequest], Answer]

MODELS = {"object": "list", "data": [{"id": "alpha"}, {"id": "beta"}]}
CONFIG = """default_model = "scripted/alpha"
lock_after_minutes = 0
{more}
[providers.scripted]
wire = "openai-chat"
base_url = "{url}/v1"
needs_key = false
title = "Scripted"
"""


@dataclass(slots=True)
class Stage:
    """An app that runs, and the server that answers it."""

    app: TrothApp
    pilot: Pilot[int]
    server: ScriptedServer

    @property
    def screen(self) -> ChatScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, ChatScreen)
        return screen

    @property
    def desk(self) -> Desk:
        assert self.screen.desk is not None
        return self.screen.desk

    async def until(self, holds: Callable[[], object], what: str = "", limit_s: float = 15) -> None:
        """Let the app work until `holds` says so; fail loudly when it never does."""
        loop = asyncio.get_running_loop()
        end = loop.time() + limit_s
        while not holds():
            assert loop.time() < end, f"never came true: {what or holds}"
            await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type letters one by one, as a person would."""
        names = {" ": "space", "/": "slash", ".": "full_stop", "\n": "ctrl+j", "\\": "backslash"}
        await self.pilot.press(*(names.get(letter, letter) for letter in text))

    async def say(self, text: str) -> None:
        """Type a message, send it, and wait until its reply is in."""
        before = self.settled
        await self.type(text)
        await self.pilot.press("enter")
        await self.until(lambda: self.settled >= before + 2, f"reply to {text!r}")

    @property
    def settled(self) -> int:
        """How many messages of the path are in the vault, while nothing arrives."""
        chat = self.desk.talking.chat
        return 0 if chat is None or chat.is_replying else len(chat.path)

    @property
    def text(self) -> str:
        """What stands on the screen, line by line."""
        width, height = self.app.size
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text[:width].rstrip() for strip in lines[:height])


@asynccontextmanager
async def run_app(
    home: Path,
    script: Script | None = None,
    *,
    size: tuple[int, int] = (80, 24),
    kind: Kind = "chat",
    config: str = "",
    environ: dict[str, str] | None = None,
    with_provider: bool = True,
) -> AsyncIterator[Stage]:
    """Run the app in memory below `home`; `config` goes into config.toml before its tables."""
    answers = script if script is not None else openai_chat_stream(["Hello", " there."])
    table = {"POST /v1/chat/completions": answers, "GET /v1/models": json_answer(MODELS)}
    async with ScriptedServer(routes(table)) as server:
        folder = home / "config"
        folder.mkdir(parents=True, exist_ok=True)
        if with_provider:
            text = CONFIG.format(url=server.url, more=config)
            (folder / "config.toml").write_text(text, "utf-8")
        app = TrothApp(kind, environ={"TROTH_HOME": str(home), **(environ or {})})
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, pilot, server)
            if kind == "chat":
                await stage.until(lambda: _is_seated(app), "the chat screen has its engine")
            yield stage
        await app.seal()


def _is_seated(app: TrothApp) -> bool:
    screen = app.screen_stack[0]
    return isinstance(screen, ChatScreen) and screen.is_seated

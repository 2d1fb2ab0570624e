"""A real engine over memory and a scripted provider, as the faces hold it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine import attested_setting
from servers import Answer, RecordedRequest, ScriptedServer
from troth.domain.model import Endpoint, ModelRef
from troth.engine.engine import Engine
from troth.settings import find_paths

Script = Answer | Sequence[Answer] | Callable[[RecordedRequest], Answer]
Opener = Callable[..., Awaitable[tuple[Engine, ScriptedServer]]]

MODEL = ModelRef("scripted", "scripted-1")


@pytest.fixture
async def open_engine(tmp_path: Path) -> AsyncIterator[Opener]:
    """Return a function that opens an engine whose provider `scripted` follows a script."""
    async with AsyncExitStack() as stack:

        async def opener(
            script: Script, *, wire: str = "openai-chat", environ: dict[str, str] | None = None
        ) -> tuple[Engine, ScriptedServer]:
            server = await stack.enter_async_context(ScriptedServer(script))
            home = {"TROTH_HOME": str(tmp_path), **(environ or {})}
            engine = await Engine.open(paths=find_paths(home), environ=home)
            await stack.enter_async_context(engine)
            await engine.providers.add_endpoint(
                Endpoint("scripted", wire, server.url + "/v1", needs_key=False)
            )
            return engine, server

        yield opener


@pytest.fixture
async def open_setting(tmp_path: Path) -> AsyncIterator[attested_setting.Opener]:
    """Return a function that opens an engine and a machine that proves itself to it."""
    async with AsyncExitStack() as stack:
        yield attested_setting.opener_in(tmp_path, stack)

"""Programs of their own that ask something and wait to be killed, and how a test starts them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from troth.domain.event import TextDelta
from troth.domain.model import Endpoint, ModelRef
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.settings import find_paths
from troth.vault.vault import Vault


async def start_child(
    script: str, home: Path, **order: str
) -> tuple[asyncio.subprocess.Process, str]:
    """Start a program of this folder with its order; return it and the chat that it then names."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name(script)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    places = {"home": str(home), "directory": str(home / "data")}
    child.stdin.write(json.dumps({**places, **order}).encode() + b"\n")
    return child, (await child.stdout.readline()).decode().strip()


async def ask_until_half_came(
    home: str, directory: str, recovery_words: str, url: str
) -> tuple[Engine, Chat]:
    """Open an engine over a vault on disk and ask; return once the first words of a reply came."""
    environ = {"TROTH_HOME": home}
    vault = await Vault.open(Path(directory), recovery_words=recovery_words)
    engine = await Engine.open(paths=find_paths(environ), vault=vault, environ=environ)
    await engine.providers.add_endpoint(Endpoint("scripted", "openai-chat", url, needs_key=False))
    chat = await engine.new_chat(model=ModelRef("scripted", "scripted-1"))
    reply = await engine.send(chat, "are you there")
    async for event in reply.follow():
        if isinstance(event, TextDelta):
            break
    return engine, chat

"""A process that lets messages wait for a reply, and waits to be killed.

stdin: one JSON line {home, directory, recovery_words, url, file}. stdout: the chat, once all is
in the vault.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from troth.domain.event import TextDelta
from troth.domain.message import TextPart
from troth.domain.model import Endpoint, ModelRef
from troth.engine.engine import Engine
from troth.settings import find_paths
from troth.vault.vault import Vault


async def run(home: str, directory: str, recovery_words: str, url: str, file: str) -> None:
    environ = {"TROTH_HOME": home}
    vault = await Vault.open(Path(directory), recovery_words=recovery_words)
    engine = await Engine.open(paths=find_paths(environ), vault=vault, environ=environ)
    await engine.providers.add_endpoint(Endpoint("scripted", "openai-chat", url, needs_key=False))
    chat = await engine.new_chat(model=ModelRef("scripted", "scripted-1"))
    reply = await engine.send(chat, "are you there")
    async for event in reply.follow():
        if isinstance(event, TextDelta):
            break
    await engine.waiting.put(chat, "first")
    await engine.waiting.put(chat, [TextPart("with this"), await engine.attach(Path(file))])
    print(chat.id, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(**json.loads(sys.stdin.readline())))

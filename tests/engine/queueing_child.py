"""A process that lets messages wait for a reply, and waits to be killed.

stdin: one JSON line {home, directory, recovery_words, url, file}. stdout: the chat, once all is
in the vault.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from engine.children import ask_until_half_came
from troth.domain.message import TextPart


async def run(home: str, directory: str, recovery_words: str, url: str, file: str) -> None:
    engine, chat = await ask_until_half_came(home, directory, recovery_words, url)
    await engine.waiting.put(chat, "first")
    await engine.waiting.put(chat, [TextPart("with this"), await engine.attach(Path(file))])
    print(chat.id, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(**json.loads(sys.stdin.readline())))

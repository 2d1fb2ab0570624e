"""A process that asks, locks its vault while the reply arrives, and waits to be killed.

stdin: one JSON line {home, directory, recovery_words, url}. stdout: the chat, once it is locked.
"""

from __future__ import annotations

import asyncio
import json
import sys

from engine.children import ask_until_half_came


async def run(home: str, directory: str, recovery_words: str, url: str) -> None:
    engine, chat = await ask_until_half_came(home, directory, recovery_words, url)
    await engine.lock()
    print(chat.id, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(**json.loads(sys.stdin.readline())))

"""A process that writes into a vault until it is killed: run by the kill and two-process tests.

stdin: one JSON line {directory, recovery_words, name, count}. stdout: the id of each message, after
`append` has returned.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from troth.vault.vault import Vault
from vault.samples import chat, exchange, said


async def write(directory: str, recovery_words: str, name: str, count: int) -> None:
    vault = await Vault.open(Path(directory), recovery_words=recovery_words)
    if await vault.conversation(name) is None:
        await vault.add_conversation(chat(name))
    known = await vault.conversation(name)
    assert known is not None
    parent = known.head_id
    for number in range(known.message_count, known.message_count + count):
        message = said(f"{name}-{number}", f"kept {number} " * 40, parent=parent, chat_id=name)
        await vault.append(message, exchange=exchange(b"r" * 20_000) if number % 3 == 0 else None)
        parent = message.id
        print(message.id, flush=True)
    await vault.close()
    print("closed", flush=True)


if __name__ == "__main__":
    asyncio.run(write(**json.loads(sys.stdin.readline())))

"""A process that takes an import back until it is killed: run by the kill test.

stdin: one JSON line {directory, recovery_words, batch}. stdout: how many messages went, after each
slice; `done` at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from troth.vault.vault import Vault


async def undo(directory: str, recovery_words: str, batch: str) -> None:
    vault = await Vault.open(Path(directory), recovery_words=recovery_words)
    await vault.intake.withdraw(
        batch, on_progress=lambda went, _total: print(went.messages, flush=True)
    )
    await vault.close()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(undo(**json.loads(sys.stdin.readline())))

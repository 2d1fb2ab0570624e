"""How fast an export comes in, and how much memory that takes.

    python benchmarks/import_speed.py [--megabytes 200] [--read-only]

Writes a ChatGPT export of that size and imports it in a process of its own: once reading only,
once into an encrypted vault on disk. The ceiling is memory beyond what the empty program takes; it
must not grow with the file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

CEILING_MB = 200
WORDS = [f"word{number}" for number in range(4_000)] + ["été", "日本語", 'a "quoted" one', "x\n\ny"]


def write_export(path: Path, megabytes: int) -> int:
    """Write conversations of 2 to 60 messages until the file has its size; return how many."""
    chance = random.Random(7)
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        while file.tell() < megabytes << 20:
            file.write(",\n" if count else "")
            json.dump(_conversation(chance, count), file)
            count += 1
        file.write("]")
    return count


def _conversation(chance: random.Random, number: int) -> dict[str, object]:
    length = chance.randint(2, 60)
    mapping = {
        f"{number}-{place}": {
            "id": f"{number}-{place}",
            "parent": f"{number}-{place - 1}" if place else None,
            "children": [f"{number}-{place + 1}"] if place + 1 < length else [],
            "message": {
                "author": {"role": "assistant" if place % 2 else "user", "metadata": {}},
                "create_time": 1.7e9 + number * 1000 + place,
                "content": {
                    "content_type": "text",
                    "parts": [" ".join(chance.choices(WORDS, k=chance.randint(5, 240)))],
                },
                "status": "finished_successfully",
                "metadata": {"model_slug": "gpt-4o", "finish_details": {"type": "stop"}},
                "recipient": "all",
            },
        }
        for place in range(length)
    }
    return {
        "title": f"Conversation {number}",
        "create_time": 1.7e9 + number * 1000,
        "conversation_id": f"conversation-{number}",
        "current_node": f"{number}-{length - 1}",
        "mapping": mapping,
    }


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def read_only(path: Path) -> int:
    from troth.transfer.chats import ReadChat, Setting
    from troth.transfer.files import opened_export
    from troth.transfer.reading import read_export

    now = datetime.now(UTC)
    with opened_export(path) as export:
        found = read_export(export, Setting(now, now))
        return sum(len(chat.messages) for chat in found if isinstance(chat, ReadChat))


async def into_vault(path: Path, home: Path) -> int:
    from troth.engine.engine import Engine
    from troth.engine.import_values import ImportPreview
    from troth.engine.importing import run_import
    from troth.settings import find_paths
    from troth.vault.vault import Vault

    environ = {"TROTH_HOME": str(home)}
    paths = find_paths(environ)
    created = await Vault.create(paths.vault_dir, "benchmark", memory_kib=65_536)
    async with await Engine.open(paths=paths, vault=created.vault, environ=environ) as engine:
        preview = ImportPreview((path,), None, (), (), 0, 0, 0)  # the look is timed on its own
        return (await run_import(engine, preview)).messages


def child(way: str, path: Path) -> None:
    """Do one of the two and print its numbers as JSON."""
    import troth.engine.engine
    import troth.engine.importing
    import troth.vault.vault  # noqa: F401 - the empty program

    before_mb, cpu, wall = peak_mb(), time.process_time(), time.perf_counter()
    if way == "read":
        messages = read_only(path)
    else:
        with tempfile.TemporaryDirectory() as home:
            messages = asyncio.run(into_vault(path, Path(home)))
    numbers = {
        "messages": messages,
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "memory_mb": peak_mb() - before_mb,
    }
    print(json.dumps(numbers))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--child", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], Path(given.child[1]))
        return 0
    is_low = True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conversations.json"
        count = write_export(path, given.megabytes)
        size_mb = path.stat().st_size / 1e6
        print(f"{size_mb:,.0f} MB, {count:,} conversations")
        for way in ("read",) if given.read_only else ("read", "vault"):
            words = [sys.executable, __file__, "--child", way, str(path)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            numbers = json.loads(done.stdout)
            is_low &= numbers["memory_mb"] < CEILING_MB
            print(
                f"{way:>5}: {numbers['messages']:,} messages, {size_mb / numbers['cpu_s']:.1f} MB/s"
                f" and {numbers['messages'] / numbers['cpu_s']:,.0f} messages/s of CPU,"
                f" {numbers['wall_s']:.1f} s by the clock,"
                f" {numbers['memory_mb']:.0f} MB of memory (ceiling {CEILING_MB})"
            )
    return 0 if is_low else 1


if __name__ == "__main__":
    sys.exit(main())

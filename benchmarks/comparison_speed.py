"""Measure comparisons below the screen: wall time, columns behind their servers, batch memory.

    python benchmarks/comparison_speed.py [--seconds 3] [--rows 10000]

A server of its own (another process) talks at a given speed and writes into each token when it
went. Prints one line a number with its bar: a comparison lasts no longer than 1.05 times its
slowest column, no column falls more than 200 ms behind, and a batch of 10,000 rows needs no more
memory than one of 1,000 (but for its keys). Exit code 1 where one is missed. On a busy machine the
lags are those of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from board import Board

from troth.domain.event import ReplyEnded, TextDelta
from troth.domain.model import Endpoint, ModelRef
from troth.engine.batch import Batch
from troth.engine.batch_manifest import BatchPlan
from troth.engine.batch_prompts import open_prompts
from troth.engine.comparison import Column, Comparison
from troth.engine.comparison_state import ColumnSpec
from troth.engine.engine import Engine
from troth.settings import find_paths

STAMP = re.compile(r"@(\d+)")
SPEEDS = (500, 500, 400, 300, 500, 450, 350, 500)


# the server


def _frame(delta: dict[str, str], finish: str | None = None, usage: int | None = None) -> bytes:
    chunk: dict[str, object] = {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip
    if usage is not None:
        chunk["usage"] = {"prompt_tokens": 9, "completion_tokens": usage, "total_tokens": usage}
    line = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(line), line)


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The model id says what to do: `RATE-TOKENS`; a rate of 0 is as fast as it can."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        found = re.search(r"(?i)content-length: *(\d+)", head)
        body = json.loads(await reader.readexactly(int(found.group(1)) if found else 0))
        rate, count = map(int, body["model"].split("-"))
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        began, sent = time.monotonic(), 0
        while sent < count:
            due = min(count, int((time.monotonic() - began) * rate) + 1) if rate else count
            while sent < due:
                writer.write(_frame({"content": f"word @{time.monotonic_ns()} "}))
                sent += 1
            await writer.drain()
            if rate and sent < count:
                await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
        done = b"data: [DONE]\n\n"
        writer.write(_frame({}, "stop", count) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_serve_one, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


# the measurements


BOARD = Board()


def report(name: str, value: float, limit: float | None = None) -> None:
    BOARD.note(name, value)
    if limit is not None:
        BOARD.bar(name, limit)


async def _alone(engine: Engine, spec: ColumnSpec) -> float:
    """Seconds for the same prompt to one model, in an ordinary chat."""
    chat = await engine.new_chat(model=spec.model)
    began = time.monotonic()
    await (await engine.send(chat, "bench")).wait()
    return time.monotonic() - began


async def _lags(column: Column) -> tuple[list[float], float]:
    """Milliseconds between each token's leaving and its being seen here; when the reply ended."""
    while column.reply is None:
        await asyncio.sleep(0)
    lags: list[float] = []
    ended = 0.0
    async for batch in column.reply.batches():
        now = time.monotonic_ns()
        for event in batch:
            if isinstance(event, TextDelta) and (stamp := STAMP.search(event.text)):
                lags.append((now - int(stamp.group(1))) / 1e6)
            elif isinstance(event, ReplyEnded):
                ended = now / 1e9
    return lags, ended


async def measure_columns(engine: Engine, count: int, seconds: float) -> None:
    """Time one comparison of `count` columns at about 500 tokens a second each."""
    specs = [
        ColumnSpec(ModelRef("mock", f"{rate}-{int(rate * seconds) - index}"))
        for index, rate in enumerate(SPEEDS[:count])
    ]
    chat = await engine.new_chat()
    began = time.monotonic()
    comparison: Comparison = await engine.comparisons.start(chat, "bench", specs)
    seen = await asyncio.gather(*map(_lags, comparison.columns))
    wall = max(ended for _, ended in seen) - began
    lags = [lags for lags, _ in seen]
    await comparison.wait()
    alone = [await _alone(engine, spec) for spec in specs]
    everything = sorted(lag for column in lags for lag in column)
    report(f"{count} columns: wall / slowest one alone", wall / max(alone), 1.05)
    report(f"{count} columns: token lag p95 ms", everything[len(everything) * 95 // 100])
    report(f"{count} columns: token lag, worst ms", everything[-1], 200)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def measure_batch(engine: Engine, folder: Path, rows: int) -> None:
    """Watch memory while `rows` prompts are asked for."""
    prompts = folder / "prompts.jsonl"
    with prompts.open("w", encoding="utf-8") as file:
        for number in range(rows):
            file.write(json.dumps({"id": f"p{number}", "prompt": f"question {number} " * 20}))
            file.write("\n")
    plan = BatchPlan((ColumnSpec(ModelRef("mock", "0-20")),), concurrency=8)
    early = max(rows // 10, 1)
    seen: dict[str, float] = {}
    began = time.monotonic()

    def watch(progress: object) -> None:
        done = batch.progress.answered
        if done >= early:
            seen.setdefault("early", resident_mb())
        seen["peak"] = max(seen.get("peak", 0.0), resident_mb()) if done % 50 == 0 else seen["peak"]

    seen["peak"] = resident_mb()
    results = folder / "r.jsonl"
    batch = Batch(engine, plan, open_prompts(prompts), results, on_progress=watch)
    await batch.run()
    report(f"batch: rows a second, of {rows:,}", rows / (time.monotonic() - began))
    report(f"batch: memory after {early:,} rows, MB", seen["early"])
    report(f"batch: peak over {rows:,} rows, MB", seen["peak"])
    growth = (seen["peak"] - seen["early"]) / max(rows - early, 1) * 1000
    report("batch: growth a 1,000 rows, MB", growth, 1)
    began = time.monotonic()
    again = Batch(engine, plan, open_prompts(prompts), results)
    await again.run()
    report("batch: resume with nothing left, s", time.monotonic() - began)


async def main(arguments: argparse.Namespace) -> None:
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    try:
        with tempfile.TemporaryDirectory() as home:
            environ = {"TROTH_HOME": home}
            async with await Engine.open(paths=find_paths(environ), environ=environ) as engine:
                url = f"http://127.0.0.1:{port}/v1"
                await engine.providers.add_endpoint(
                    Endpoint("mock", "openai-chat", url, needs_key=False)
                )
                await engine.warm_up(ModelRef("mock", "0-1"))
                for count in (4, 8):
                    await measure_columns(engine, count, arguments.seconds)
                await measure_batch(engine, Path(home), arguments.rows)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(_serve())
    asyncio.run(main(chosen))
    BOARD.print()
    raise SystemExit(0 if BOARD.is_met() else 1)

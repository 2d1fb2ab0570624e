"""Measure the embedded model: start, first token, speed, stopping, and what it costs when idle.

    python benchmarks/local_model.py [MODELS_DIR] [--runs N]

MODELS_DIR is a folder in which `troth local install` has put the model (default: the user's own).
Prints one line a number: name, median, worst, and the goal from the design notes. Linux only for
the processor times; they are read from /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from troth.domain.exchange import HttpRequest
from troth.local.process import LocalServer, RunningModel
from troth.local.shelf import InstalledModel
from troth.local.weights import EMBEDDED, installed_models
from troth.settings import find_paths
from troth.transport import Transport

SYSTEM = "You are a helpful assistant. Answer briefly and factually."
STORY = "Tell a long story about a lighthouse."
LONG_PROMPT = "word " * 6000
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass
class Numbers:
    """What was measured, by name, in the order of first measurement."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def report(self, goals: dict[str, str]) -> None:
        width = max(map(len, self.values))
        print(f"{'':{width}}  {'median':>9} {'lowest':>9} {'highest':>9}  goal")
        for name, values in self.values.items():
            row = statistics.median(values), min(values), max(values)
            print(f"{name:{width}}  " + " ".join(f"{v:9.3f}" for v in row), end="")
            print(f"  {goals.get(name, '')}")


GOALS = {
    "spawn to ready, s": "about 1",
    "first token, s": "0.06-0.4",
    "tokens/s alone": "23-45",
    "tokens/s each of two": "about 15",
    "stop while writing to idle, s": "< 0.2",
    "stop while reading to idle, s": "< 1 and a batch (43 with the default batch)",
    "idle processor, %": "< 1",
    "memory, MB": "about 330 with 8,192 tokens of context",
}


def request(running: RunningModel, prompt: str, max_tokens: int) -> HttpRequest:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    body = {"model": running.name, "stream": True, "messages": messages, "max_tokens": max_tokens}
    return HttpRequest(
        "POST",
        f"{running.base_url}/chat/completions",
        (("content-type", "application/json"),),
        json.dumps({**body, "ignore_eos": True, "temperature": 0}).encode(),
        (("authorization", f"Bearer {running.key}"),),
    )


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def reply(transport: Transport, running: RunningModel, tokens: int) -> tuple[float, float]:
    """Return seconds to the first token, and tokens per second after it."""
    started = time.perf_counter()
    stamps: list[float] = []
    async with transport.stream(request(running, STORY, tokens), purpose="benchmark") as answer:
        async for received in answer.chunks():
            stamps += [time.perf_counter()] * received.count(b'"delta":{"content":"')
    return stamps[0] - started, (len(stamps) - 1) / (stamps[-1] - stamps[0])


async def idle_after(pid: int, stop: Callable[[], Awaitable[None]]) -> float:
    """Return how long after `stop` the child still burned processor time."""
    await stop()
    stopped = last_busy = time.perf_counter()
    used = processor_s(pid)
    while time.perf_counter() - last_busy < 0.5:
        await asyncio.sleep(0.01)
        if (now_used := processor_s(pid)) > used + TICK_S:
            used, last_busy = now_used, time.perf_counter()
    return last_busy - stopped


async def stop_writing(transport: Transport, running: RunningModel) -> float:
    async with (
        transport.stream(request(running, STORY, 4000), purpose="benchmark") as answer,
        aclosing(answer.chunks()) as chunks,
    ):
        for _ in range(20):
            await anext(chunks)
    return await idle_after(running.pid, lambda: asyncio.sleep(0))


async def stop_reading(transport: Transport, running: RunningModel, run: int) -> float:
    async def ask() -> None:
        # Another beginning each time: a prompt that was read before comes from the cache.
        asked = request(running, f"{run} {LONG_PROMPT}", 10)
        async with transport.stream(asked, purpose="benchmark") as answer:
            async for _ in answer.chunks():
                pass

    task = asyncio.create_task(ask())
    before = processor_s(running.pid)
    while processor_s(running.pid) < before + 1:
        await asyncio.sleep(0.01)

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return await idle_after(running.pid, stop)


async def measure(model: InstalledModel, runs: int) -> Numbers:
    numbers = Numbers()
    transport = Transport(use_environment=False)
    await transport.warm_up()
    for run in range(runs):
        server = LocalServer()
        started = time.perf_counter()
        running = await server.start(model)
        numbers.add("spawn to ready, s", time.perf_counter() - started)
        first_s, speed = await reply(transport, running, 120)
        numbers.add("first token, s", first_s)
        numbers.add("tokens/s alone", speed)
        for _, each in await asyncio.gather(*(reply(transport, running, 80) for _ in range(2))):
            numbers.add("tokens/s each of two", each)
        numbers.add("stop while writing to idle, s", await stop_writing(transport, running))
        numbers.add("stop while reading to idle, s", await stop_reading(transport, running, run))
        used = processor_s(running.pid)
        await asyncio.sleep(5)
        numbers.add("idle processor, %", (processor_s(running.pid) - used) / 5 * 100)
        numbers.add("memory, MB", memory_mb(running.pid))
        started = time.perf_counter()
        await server.stop()
        numbers.add("quit, s", time.perf_counter() - started)
    await transport.close()
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models_dir", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    models_dir = options.models_dir or find_paths(os.environ).models_dir
    model = next((m for m in installed_models(models_dir) if m.name == EMBEDDED), None)
    if model is None:
        sys.exit(f"{EMBEDDED} is not in {models_dir}: run `troth local install` first")
    asyncio.run(measure(model, options.runs)).report(GOALS)


if __name__ == "__main__":
    main()

"""Several models at once in the real app: typing, columns behind their servers, wall time.

    python benchmarks/compare_app.py [--seconds 8] [--runs 2] [--only 4,8]

The app runs in a pseudo-terminal of 240x50, where four columns stand side by side. A server in a
process of its own says 500 tokens a second to each column and writes into some of them when they
went; how far a column is behind is read off the terminal. Goals: with four columns typing echo
p95 <= 50 ms and no column more than 200 ms behind; with eight p95 <= 130 ms; wall time <= 1.05
times the slowest column. Let nothing else run.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from board import Board
from mock_model import SECTION, TOKEN, answer, frame
from pty_app import HERE, SOURCE, TROTH, free_port, write_config
from pty_probe import Probe, run_first

RATE = 500
SIZE = (240, 50)
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MARK = re.compile(rb"qz(\d)z([0-9a-z]+)zq")
"""Column and CLOCK_MONOTONIC in tenths of a millisecond: a word that wraps nowhere."""


def written(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = DIGITS[rest] + digits
    return digits or "0"


# the server


def pieces(count: int) -> list[str]:
    """Return `count` tokens of Markdown; "\\0" stands where a mark goes."""
    found: list[str] = []
    number = 1
    while len(found) < count:
        for line in SECTION.format(i=number).split("\n"):
            found += TOKEN.findall(line)
            if line and line[0] not in "|`>#" and not line.startswith(" "):
                found.append("\0")
            found.append("\n")
        number += 1
    return found[:count]


async def stream(writer: asyncio.StreamWriter, model: str) -> None:
    """Talk as the model id says: `NUMBER-RATE-TOKENS`; any other model says three words."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n"
    )
    column, rate, count = map(int, model.split("-")) if "-" in model else (0, 1000, 3)
    said = pieces(count)
    began, at = time.monotonic(), 0
    while at < count:
        due = min(count, int((time.monotonic() - began) * rate) + 1)
        for token in said[at:due]:
            mark = f" qz{column}z{written(int(time.monotonic() * 10_000))}zq "
            writer.write(frame({"content": mark if token == "\0" else token}))
        await writer.drain()
        at = due
        if at < count:
            await asyncio.sleep(max(0.0, began + at / rate - time.monotonic()))
    writer.write(frame({"content": f"\n\nENDMARK{column}\n"}))
    done = b"data: [DONE]\n\n"
    writer.write(frame({}, "stop", count) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))
    await writer.drain()


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
        length = re.search(r"(?i)content-length: *(\d+)", head)
        body = await reader.readexactly(int(length.group(1))) if length else b""
        if " /v1/chat/completions " in head:
            await stream(writer, str(json.loads(body)["model"]))
        else:
            answer(writer, {"object": "list", "data": [{"id": "mock"}]})
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def serve(port: int) -> None:
    server = await asyncio.start_server(handle, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


# the person at the terminal


class Seen(NamedTuple):
    """One mark on the terminal."""

    column: int
    behind_ms: float


class Watcher(Probe):
    """Notes how old each mark is when it is first written to the terminal."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.marks: list[Seen] = []
        self._known: set[bytes] = set()
        super().__init__([*TROTH, "--memory"], environ, size=SIZE)

    def _take(self, received: bytes, now: float) -> None:
        before = len(self.received)
        super()._take(received, now)
        for found in MARK.finditer(self.received, max(0, before - 20)):
            if found.group() not in self._known:
                self._known.add(found.group())
                sent = int(found.group(2), 36) / 10_000
                self.marks.append(Seen(int(found.group(1)), 1000 * (now - sent)))


def begin(probe: Watcher, columns: int, seconds: float) -> float:
    """Ask one question, put it to all columns, and return when that was."""
    probe.wait_for("memory only")
    probe.wait_until_idle()
    probe.send("hello")
    probe.pump_until(time.monotonic() + 0.3)
    probe.send("\r")
    probe.wait_for("ENDMARK0")
    probe.wait_until_idle()
    models = [f"bench/{at + 1}-{RATE}-{int(RATE * seconds) - at}" for at in range(columns)]
    for word in ("/compare", *models):
        probe.send(f"{word} ")
        probe.pump_until(time.monotonic() + 0.1)
    probe.wait_until_idle()
    probe.forget()
    return probe.send("\r")


def measure(board: Board, environ: dict[str, str], columns: int, seconds: float) -> None:
    probe = Watcher(environ)
    name, note = f"{columns} columns at {RATE}/s", board.note
    try:
        began = begin(probe, columns, seconds)
        probe.wait_for(f"of {columns} answering")
        probe.send("i")
        probe.pump_until(time.monotonic() + 0.5)
        before, typed_at = probe.cpu_s(), time.monotonic()
        echoes = probe.type_letters(count=int(30 * (seconds - 2.5)))
        used = (probe.cpu_s() - before) / (time.monotonic() - typed_at)
        shown = probe.wait_for(f"{columns} models", 60)
        by_column: dict[int, list[float]] = {}
        for mark in probe.marks:
            by_column.setdefault(mark.column, []).append(mark.behind_ms)
        note(f"{name}: echo p50 ms", echoes.p50)
        note(f"{name}: echo p95 ms", echoes.p95)
        note(f"{name}: lost letters", echoes.lost)
        note(f"{name}: columns seen", len(by_column))
        note(f"{name}: marks seen of each, least", min(map(len, by_column.values())))
        everything = sorted(behind for found in by_column.values() for behind in found)
        note(f"{name}: behind p95 ms", everything[len(everything) * 95 // 100])
        note(f"{name}: behind, worst ms", everything[-1])
        note(f"{name}: wall / slowest", (shown - began) / seconds)
        note(f"{name}: % of a core", 100 * used)
    finally:
        probe.close()
    board.bar(f"{name}: echo p95 ms", 50 if columns <= 4 else 130)
    board.bar(f"{name}: lost letters", 0)
    board.bar(f"{name}: wall / slowest", 1.05)
    if columns <= 4:
        board.bar(f"{name}: behind, worst ms", 200)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", default="4,8")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    run_first()  # whoever reads the terminal late, or talks late, would measure itself
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    compileall.compile_dir(str(SOURCE), quiet=1)
    board, failures = Board(), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        write_config(home, port)
        environ = {"TROTH_HOME": str(home), "PYTHONPATH": str(SOURCE), "LC_ALL": "C.UTF-8"}
        command = [sys.executable, str(HERE / "compare_app.py"), "--serve", str(port)]
        server = subprocess.Popen(command)
        try:
            for run in range(options.runs):
                for columns in map(int, options.only.split(",")):
                    print(f"run {run + 1}: {columns} columns", flush=True)
                    try:
                        measure(board, environ, columns, options.seconds)
                    except (TimeoutError, RuntimeError) as error:
                        failures.append(f"{columns} columns: {error}")
        finally:
            server.terminate()
            server.wait()
    if board.values:
        board.print()
    print("\n".join(failures))
    return 0 if not failures and board.is_met() else 1


if __name__ == "__main__":
    raise SystemExit(main())

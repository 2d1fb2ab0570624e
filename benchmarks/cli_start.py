"""Measure what `troth ask` costs before its request leaves, and what it imports for that.

    python benchmarks/cli_start.py [--runs 15] [--modules]

A small server on 127.0.0.1 takes the request and, at that moment, reads how much processor time
the client has used: interpreter, imports, settings, engine, connection. Beside it stand two floors,
taken in turn with it so that a machine whose speed drifts moves all three: a bare interpreter, and
one that imports asyncio and httpx, which every client on httpx pays. The goal is 0.25 s on a quiet
machine; the ratios hold on any. Exit code 1 above the goal. Linux only.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pty_probe import cpu_clock_s

SOURCE = Path(__file__).resolve().parent.parent / "src"
GOAL_S = 0.25
FLOORS = {"bare interpreter": "pass", "asyncio and httpx": "import asyncio, httpx"}
EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hello."}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(EVENTS), EVENTS)
)


def read_request(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    wanted = int(length[1]) if length else 0
    while len(body) < wanted:
        body += connection.recv(65_536)


def ask_once(listener: socket.socket, environ: dict[str, str], *options: str) -> tuple[float, str]:
    """Run `troth ask` once; return its processor time at the request, and its stderr."""
    asking = subprocess.Popen(
        [sys.executable, *options, "-m", "troth", "ask", "-m", "bench/model", "hello"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    )
    connection, _ = listener.accept()
    with connection:
        read_request(connection)
        seconds = cpu_clock_s(asking.pid)
        connection.sendall(ANSWER)
    _, errors = asking.communicate(timeout=60)
    if asking.returncode != 0:
        raise SystemExit(errors)
    return seconds, errors


def floor_s(code: str, environ: dict[str, str]) -> float:
    """Return the processor time of a program that imports what it is told and ends."""
    running = subprocess.Popen([sys.executable, "-c", code], env=environ)
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != 0:
        raise SystemExit(f"{code!r} failed")
    return used.ru_utime + used.ru_stime


def show_modules(listener: socket.socket, environ: dict[str, str]) -> None:
    """Print how many modules of each package are imported, and what their own code costs."""
    _, errors = ask_once(listener, environ, "-X", "importtime")
    costs: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for line in errors.splitlines():
        found = re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", line)
        if found:
            package = found[2].split(".")[0]
            costs[package] += int(found[1])
            counts[package] += 1
    for package, microseconds in costs.most_common(15):
        print(f"  {package:<16} {counts[package]:>4} modules {microseconds / 1000:>8.1f} ms")


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--modules", action="store_true", help="show what is imported")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as home, socket.create_server(("127.0.0.1", 0)) as listener:
        environ = dict(os.environ, TROTH_HOME=home, PYTHONPATH=str(SOURCE))
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling is what an installer does
        config = Path(home) / "config" / "config.toml"
        config.parent.mkdir()
        port = listener.getsockname()[1]
        config.write_text(
            f'[providers.bench]\nwire = "openai-chat"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
        )
        ask_once(listener, environ)  # once for the byte code
        asked: list[float] = []
        floors: dict[str, list[float]] = {name: [] for name in FLOORS}
        for _ in range(arguments.runs):
            asked.append(ask_once(listener, environ)[0])
            for name, code in FLOORS.items():
                floors[name].append(floor_s(code, environ))
        seconds = statistics.median(asked)
        print(f"{'troth ask, until its request arrived':<40} {seconds:.3f} s CPU, goal {GOAL_S}")
        for name, taken in floors.items():
            ratio = statistics.median(a / floor for a, floor in zip(asked, taken, strict=True))
            print(f"{name:<40} {statistics.median(taken):.3f} s CPU, so {ratio:.2f} of these")
        if arguments.modules:
            show_modules(listener, environ)
    return 0 if seconds <= GOAL_S else 1


if __name__ == "__main__":
    raise SystemExit(main())

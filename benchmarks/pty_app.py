"""How fast the app is to a person, beside a bare Textual app in the same run.

    python benchmarks/pty_app.py [--runs 5] [--only start,type,stream,open,chats,styles]

Prints each number, its ratio to the floor, and the bar that it has to stay under: ok, OVER, or ????
where its floor was not among the scenarios. Exit code 1 for an OVER or a scenario that failed. The
vault is in memory, locked, or made for the run in a temporary folder; the model is a server on
127.0.0.1. Let nothing else run.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from board import Board
from pty_probe import Probe

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
PASSPHRASE = "forest lamp quiet nine river"
BARE = [sys.executable, str(HERE / "bare_textual.py")]
TROTH = [sys.executable, "-m", "troth"]


class Bench:
    """One home folder, one model server, and the scenarios."""

    def __init__(self, home: Path, port: int, board: Board) -> None:
        self._home = home
        self._port = port
        self._board = board
        self.environ = {"TROTH_HOME": str(home), "PYTHONPATH": str(SOURCE), "LC_ALL": "C.UTF-8"}

    # -- helpers

    def control(self, **settings: object) -> None:
        self._http("/_ctl", settings)

    def log(self) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self._http("/_log")
        return next(row for row in rows if row["is_bench"])

    def _http(self, path: str, body: object = None) -> Any:
        url = f"http://127.0.0.1:{self._port}{path}"
        sent = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, sent), timeout=30) as answer:
            return json.load(answer)

    @contextmanager
    def troth(self, *arguments: str, ready: str = "memory only") -> Iterator[Probe]:
        probe = Probe([*TROTH, *arguments], self.environ)
        try:
            probe.wait_for(ready)
            probe.wait_until_idle()
            yield probe
        finally:
            probe.close()

    def unlocked(self) -> Any:
        return _unlocked(self.environ)

    # -- scenarios

    def start(self) -> None:
        """From the command to the first paint, and to a typed letter on the screen."""
        note, bar = self._board.note, self._board.bar
        for name, command in (
            ("bare", BARE),
            ("memory", [*TROTH, "--memory"]),
            ("locked", TROTH),
            ("10,000 chats", TROTH),
        ):
            home = self._home / "locked" if name == "locked" else self._home
            is_locked = name in {"locked", "10,000 chats"}
            probe = Probe(command, {**self.environ, "TROTH_HOME": str(home)})
            try:
                probe.wait_for("READY-BARE" if name == "bare" else "troth")
                if is_locked:
                    shown = _first_bullet(probe)
                else:
                    shown = probe.first_echo()
                assert probe.first_paint_at is not None
                note(f"first paint, {name} ms", 1000 * (probe.first_paint_at - probe.started_at))
                note(f"typed letter, {name} ms", 1000 * (shown - probe.started_at))
                if not is_locked:
                    probe.pump_until(time.monotonic() + 3)
                    note(f"memory, {name} MB", probe.memory_mb())
                    self._note_idle(f"idle, {name} % CPU", probe)
            finally:
                probe.close()
        for name in ("memory", "locked"):
            bar(f"first paint, {name} ms", 0.25, of="first paint, bare ms")
            bar(f"typed letter, {name} ms", 1.3, of="typed letter, bare ms")
        bar("typed letter, 10,000 chats ms", 1.15, of="typed letter, locked ms")
        bar("idle, memory % CPU", 1.0)
        bar("memory, memory MB", 2.5, of="memory, bare MB")

    def type(self) -> None:
        """Typing while nothing else happens."""
        probe = Probe(BARE, self.environ)
        probe.wait_for("READY-BARE")
        probe.wait_until_idle()
        self._note_echo("echo idle, bare", probe)
        probe.close()
        with self.troth("--memory") as probe:
            self._note_echo("echo idle, troth", probe)

    def _note_echo(self, name: str, probe: Probe) -> None:
        echoes = probe.type_letters()
        self._board.note(f"{name} p50 ms", echoes.p50)
        self._board.note(f"{name} p95 ms", echoes.p95)
        if echoes.lost:
            self._board.note(f"{name} lost letters", echoes.lost)
            self._board.bar(f"{name} lost letters", 0)

    def _note_idle(self, name: str, probe: Probe) -> None:
        before, began = probe.cpu_s(), time.monotonic()
        probe.pump_until(began + 4)
        self._board.note(name, 100 * (probe.cpu_s() - before) / (time.monotonic() - began))

    def stream(self) -> None:
        """One reply at several speeds and lengths; typing while it arrives."""
        for rate, count in ((500, 5_000), (5_000, 20_000), (0, 50_000), (0, 10_000)):
            self._stream(f"{rate or 'all'}/s x {count:,}", rate, count)
        board = self._board
        board.bar("CPU a 10k tokens, 500/s x 5,000 s", 6.0)
        board.bar(
            "CPU a 10k tokens, all/s x 50,000 s", 1.25, of="CPU a 10k tokens, all/s x 10,000 s"
        )
        for rate in (500, 5_000):
            with self.troth("--memory") as probe:
                self.control(rate=rate, tokens=rate * 8, style="full")
                probe.send("bench\r")
                probe.wait_for("Section")
                self._note_echo(f"echo at {rate}/s", probe)
        board.bar("echo at 500/s p95 ms", 2.0, of="echo idle, bare p95 ms")
        board.bar("echo at 5000/s p95 ms", 50.0)

    def styles(self) -> None:
        """One endless code block, list or table."""
        for style in ("code", "list", "table"):
            for count in (10_000, 50_000):
                self._stream(f"{style} x {count:,}", 0, count, style)
            name = f"CPU a 10k tokens, {style} x"
            self._board.bar(f"{name} 50,000 s", 1.25, of=f"{name} 10,000 s")

    def _stream(self, name: str, rate: int, count: int, style: str = "full") -> None:
        with self.troth("--memory") as probe:
            self.control(rate=rate, tokens=count, style=style)
            probe.forget()
            probe.send("bench")
            probe.pump_until(time.monotonic() + 0.4)
            before = probe.cpu_s()
            sent = probe.send("\r")
            shown = probe.wait_for(f"ENDMARK{count}", 180)
            used = probe.cpu_s() - before
            log = self.log()
            note, bar = self._board.note, self._board.bar
            note(f"submit to request, {name} ms", 1000 * (log["requested_at"] - sent))
            note(f"last token to screen, {name} ms", 1000 * (shown - log["last_at"]))
            note(f"CPU a 10k tokens, {name} s", used * 10_000 / count)
            bar(f"submit to request, {name} ms", 50)
            if rate:
                bar(f"last token to screen, {name} ms", 67)

    def open(self) -> None:
        """A chat of 10 messages, and one of 10,000: from its end, then up to its first message."""
        note, bar = self._board.note, self._board.bar
        for count in (10, 10_000):
            with self.unlocked() as probe:
                probe.send("\x0e")  # an empty chat: what is left costs the same both times
                probe.wait_until_idle()
                ms = self._find(probe, f"LASTOF{count}X", f"Chat holding {count} messages")
                note(f"open {count:,} messages ms", ms)
                self._note_echo(f"echo with {count:,} open", probe)
                note(f"memory with {count:,} open MB", probe.memory_mb())
                probe.wait_until_idle()
                self._note_idle(f"idle with {count:,} open % CPU", probe)
                ms = self._find(probe, f"FIRSTOF{count}X", f"FIRSTOF{count}X")
                note(f"to the first of {count:,} ms", ms)
                self._note_echo(f"echo with {count:,} read", probe)
                note(f"memory with {count:,} read MB", probe.memory_mb())
            bar(f"memory with {count:,} open MB", 2.5, of="memory, bare MB")
            bar(f"memory with {count:,} read MB", 2.5, of="memory, bare MB")
            bar(f"idle with {count:,} open % CPU", 1.0)
        bar("open 10,000 messages ms", 200)
        bar("open 10,000 messages ms", 1.5, of="open 10 messages ms")
        bar("to the first of 10,000 ms", 200)
        bar("echo with 10,000 open p95 ms", 1.5, of="echo idle, bare p95 ms")
        bar("echo with 10,000 read p95 ms", 1.5, of="echo idle, bare p95 ms")

    def _find(self, probe: Probe, word: str, shown: str) -> float:
        """Search for `word` and open its one hit; return the ms until `shown` is there."""
        probe.send("\x06")
        probe.wait_for("words in any chat")
        probe.send(word)
        probe.wait_for("found")
        probe.wait_until_idle()
        probe.forget()
        sent = probe.send("\r")
        moment = probe.wait_for(shown)
        probe.wait_until_idle()
        return 1000 * (moment - sent)

    def chats(self) -> None:
        """The list of 10,000 chats: opened, and filtered while typing."""
        with self.unlocked() as probe:
            probe.forget()
            sent = probe.send("\x02")
            shown = probe.wait_for("10,002")
            self._board.note("list of 10,000 chats ms", 1000 * (shown - sent))
            probe.wait_until_idle()
            probe.send("/")
            probe.pump_until(time.monotonic() + 0.3)
            self._note_echo("filter echo, 10,000 chats", probe)
        self._board.bar("filter echo, 10,000 chats p95 ms", 30)


@contextmanager
def _unlocked(environ: dict[str, str]) -> Iterator[Probe]:
    probe = Probe(TROTH, environ)
    try:
        probe.wait_for("Passphrase")
        probe.wait_until_idle()
        probe.send(PASSPHRASE + "\r")
        probe.wait_for("unlocked")
        probe.wait_until_idle()
        yield probe
    finally:
        probe.close()


def _first_bullet(probe: Probe) -> float:
    """A passphrase is shown as bullets: type until there is one more of them."""
    probe.forget()
    for _ in range(800):
        probe.send("x")
        stop = time.monotonic() + 0.025
        while time.monotonic() < stop:
            probe.pump(stop - time.monotonic())
            if "•".encode() in probe.received:
                return probe.last_read_at
    raise TimeoutError("no bullet was ever shown")


async def fill_vault(folder: Path) -> None:
    """Make a vault of 10,000 chats, and two whose lengths are to be compared."""
    from troth.domain.conversation import Conversation
    from troth.domain.message import Finish, Message, Role, TextPart
    from troth.domain.model import ModelRef
    from troth.vault.vault import Vault

    made = await Vault.create(folder, PASSPHRASE, memory_kib=65_536)
    vault, start = made.vault, datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(10_000):
        moment = start + timedelta(minutes=number)
        title = f"Chat {number} about topic {number % 97}"
        await vault.add_conversation(
            Conversation(f"c{number:05}", title, moment, moment, is_titled=True)
        )
    for count in (10, 10_000):
        name, moment = f"big{count}", start + timedelta(days=30)
        title = f"Chat holding {count} messages"
        await vault.add_conversation(Conversation(name, title, moment, moment, is_titled=True))
        for number in range(count):
            role = Role.ASSISTANT if number % 2 else Role.USER
            text = f"Message {number}: **words** and `code`.\n\n- one\n- two\n"
            mark = f" LASTOF{count}X" if number == count - 1 else ""
            await vault.append(
                Message(
                    f"{name}-{number:05}",
                    name,
                    f"{name}-{number - 1:05}" if number else None,
                    role,
                    moment + timedelta(seconds=number),
                    (TextPart(f"{text}{mark}" if number else f"FIRSTOF{count}X {text}"),),
                    model=ModelRef("bench", "mock") if role is Role.ASSISTANT else None,
                    finish=Finish.STOP if role is Role.ASSISTANT else None,
                )
            )
    await vault.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(home: Path, port: int) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text(
        f'default_model = "bench/mock"\nlock_after_minutes = 0\n[providers.bench]\n'
        f'wire = "openai-chat"\nbase_url = "http://127.0.0.1:{port}/v1"\nneeds_key = false\n',
        "utf-8",
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="start,type,stream,open,chats,styles")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(SOURCE))
    compileall.compile_dir(str(SOURCE), quiet=1)
    board, wanted = Board(), options.only.split(",")
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        write_config(home, port)
        server = subprocess.Popen([sys.executable, str(HERE / "mock_model.py"), str(port)])
        try:
            if {"start", "open", "chats"} & set(wanted):
                print("filling a vault with 10,000 chats ...", flush=True)
                asyncio.run(fill_vault(home / "data"))
            if "start" in wanted:
                asyncio.run(make_locked(home / "locked" / "data"))
            bench = Bench(home, port, board)
            for run in range(options.runs):
                for name in wanted:
                    print(f"run {run + 1}: {name}", flush=True)
                    scenario: Callable[[], None] = getattr(bench, name)
                    try:
                        scenario()
                    except (TimeoutError, RuntimeError) as error:
                        failures.append(f"run {run + 1}, {name}: {error}")
        finally:
            server.terminate()
            server.wait()
    board.print()
    if options.json:
        options.json.write_text(json.dumps(board.values, indent=1), "utf-8")
    print("\n".join(failures))
    return 0 if not failures and board.is_met() else 1


async def make_locked(folder: Path) -> None:
    from troth.vault.vault import Vault

    made = await Vault.create(folder, PASSPHRASE, memory_kib=65_536)
    await made.vault.close()


if __name__ == "__main__":
    raise SystemExit(main())

"""The child process that serves local models, and its life: start, share, stop, start again.

Why a process: loading a model freezes the loop for up to seconds, a crash in native code would take
the screen along, and killing it is the one stop that always works. The key travels through a pipe:
never on argv, in the environment or on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from troth.domain.error import ChildDied, LocalModelMissing, PlatformUnsupported
from troth.local.shelf import InstalledModel
from troth.local.weights import EMBEDDED, has_runtime

SLOTS = 4
"""Replies written at once; more wait in line."""
READY_S = 60.0
"""Models of many gigabytes on slow disks take their time; the embedded one is ready in a second."""
EXIT_S = 2.0
DEATH_S = 1.0
KEPT_ERRORS = 4096

EMBEDDED_SAMPLING = {"temp": 0.2, "top_p": 0.9, "penalty_repeat": 1.1}
"""135 million parameters wander when warm and go round in circles without a penalty."""

# What an interpreter and a numeric runtime need to start. Everything else, the user's keys for
# instance, is nothing that a child has to know.
_PASSED = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH"}
    | {"DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "TMPDIR", "USERPROFILE"}
    | {"OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"}
)


@dataclass(frozen=True, slots=True)
class RunningModel:
    """Where a model answers in the OpenAI style, until its process ends."""

    name: str
    base_url: str
    """`http://127.0.0.1:PORT/v1`."""
    key: str = field(repr=False)
    pid: int
    context_tokens: int


class LocalServer:
    """One child process for each model in use, started when first asked for and shared after that.

    A process that has died is replaced at the next `start`. Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._children: dict[Path, _Child] = {}
        self._locks: dict[Path, asyncio.Lock] = {}

    async def start(self, model: InstalledModel) -> RunningModel:
        """Return the running model, starting or replacing its process if need be (about 1 s).

        Raises LocalModelMissing, PlatformUnsupported or ChildDied.
        """
        async with self._locks.setdefault(model.path, asyncio.Lock()):
            child = self._children.get(model.path)
            if child is not None and child.is_alive:
                return child.running
            if child is not None:
                await child.stop()
            self._children.pop(model.path, None)
            child = self._children[model.path] = await _Child.spawn(model)
            return child.running

    async def stop(self) -> None:
        """End every process and wait until it is gone; `start` may be called again."""
        await asyncio.gather(*(self._stop(path) for path in list(self._locks)))

    async def _stop(self, path: Path) -> None:
        # The lock makes it wait for a start under way, which would outlive it otherwise.
        async with self._locks[path]:
            child = self._children.pop(path, None)
            if child is not None:
                await child.stop()

    def is_running(self, running: RunningModel) -> bool:
        """Whether the process behind `running` still lives: why a stream broke off."""
        return any(child.running == running and child.is_alive for child in self._children.values())

    async def has_died(self, name: str) -> bool:
        """Whether the process of a model has ended: why a stream of it broke off."""
        for child in list(self._children.values()):
            if child.running.name == name:
                return await child.has_died()
        return False


class _Child:
    def __init__(
        self,
        process: asyncio.subprocess.Process,
        running: RunningModel,
        draining: asyncio.Task[str],
    ) -> None:
        self.running = running
        self._process = process
        self._draining = draining

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def has_died(self) -> bool:
        """The socket of a killed process breaks a moment before the system tells of its end."""
        try:
            async with asyncio.timeout(DEATH_S):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    @classmethod
    async def spawn(cls, model: InstalledModel) -> _Child:
        if not model.path.is_file():
            raise LocalModelMissing("the file is gone", name=model.name)
        if not has_runtime() or not sys.executable:
            raise PlatformUnsupported("xllamacpp is not installed", name=model.name)
        key = secrets.token_urlsafe(32)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                str(Path(__file__).with_name("child.py")),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_child_environment(),
                # A ctrl+c in the terminal is meant for the app, which may only stop a reply.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError as error:
            raise ChildDied(f"cannot be started: {error.strerror}", name=model.name) from error
        assert process.stderr is not None
        draining = asyncio.create_task(_keep_end(process.stderr))
        order: dict[str, object] = {
            "model": str(model.path),
            "name": model.name,
            "key": key,
            "context_tokens": model.context_tokens,
            "slots": SLOTS,
            "sampling": EMBEDDED_SAMPLING if model.name == EMBEDDED else {},
        }
        try:
            port = await _hand_over(process, order)
        except BaseException as error:
            errors = await _end(process, draining)
            if isinstance(error, ChildDied):
                raise ChildDied(error.detail or errors, name=model.name) from error
            raise
        base_url = f"http://127.0.0.1:{port}/v1"
        running = RunningModel(model.name, base_url, key, process.pid, model.context_tokens)
        return cls(process, running, draining)

    async def stop(self) -> None:
        await _end(self._process, self._draining)


async def _hand_over(process: asyncio.subprocess.Process, order: dict[str, object]) -> int:
    """Give the child its order and wait for its port; raise ChildDied if none comes."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
    except TimeoutError as error:
        raise ChildDied(f"not ready after {READY_S:g} s") from error
    except OSError as error:
        raise ChildDied from error
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise ChildDied from error
    match answer:
        case {"port": int(port)}:
            return port
        case {"failed": str(reason)}:
            raise ChildDied(reason)
        case _:
            raise ChildDied("an answer that makes no sense")


async def _end(process: asyncio.subprocess.Process, draining: asyncio.Task[str]) -> str:
    """End the child: politely by EOF, then by force. Return the end of what it said."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(EXIT_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return await draining


async def _keep_end(stream: asyncio.StreamReader) -> str:
    """Read to the end, so that the child never blocks on a full pipe; keep the last line."""
    kept = b""
    while received := await stream.read(4096):
        kept = (kept + received)[-KEPT_ERRORS:]
    lines = kept.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def _child_environment() -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if name.upper() in _PASSED}
    # OpenMP threads that spin while they wait starve each other: 1-3 tokens/s in place of 40.
    return passed | {"OMP_WAIT_POLICY": "passive"}

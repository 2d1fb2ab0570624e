"""Power cuts: each write of a working vault is logged, and disks as a cut may leave them are made.

After a cut a file holds all that was synced, and of what was written since any part, in any order,
torn at any sector. Whatever the disk looks like, each message whose `append` had returned is there.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from troth.vault import conversations, messages, opening
from troth.vault.check import check
from troth.vault.opening import Access
from troth.vault.store import checkpoint, written
from vault.samples import MadeVault, chat, exchange, said, unlocked
from vault.test_faults import ROUNDS

SECTOR = 512


@dataclass
class DiskLog:
    """What happened to the files, in order."""

    events: list[tuple[str, str, int, bytes]] = field(default_factory=list)

    def add(self, kind: str, path: str, offset: int = 0, content: bytes = b"") -> None:
        self.events.append((kind, Path(path).name, offset, content))


class LoggedFile(apsw.VFSFile):
    def __init__(self, log: DiskLog, name: object, flags: list[int]) -> None:
        self.log = log
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("unix", name, flags)  # type: ignore[arg-type]

    def xWrite(self, data: bytes, offset: int) -> None:
        self.log.add("write", self.name, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self.log.add("truncate", self.name, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self.log.add("sync", self.name)
        super().xSync(flags)


class LoggedDisk(apsw.VFS):
    """SQLite's own file layer with a log of every write; the encryption lies above it."""

    def __init__(self, name: str, log: DiskLog) -> None:
        self.log = log
        super().__init__(name, "unix", maxpathname=0)

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:
        return LoggedFile(self.log, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.log.add("delete", filename)
        super().xDelete(filename, syncdir)


class File:
    """One file on the imagined disk: what is safe, and what was written since."""

    def __init__(self, content: bytes = b"") -> None:
        self.safe = bytearray(content)
        self.pending: list[tuple[str, int, bytes]] = []

    def sync(self) -> None:
        for change in self.pending:
            apply(self.safe, *change)
        self.pending.clear()

    def after_cut(self, rng: random.Random) -> bytes:
        content = bytearray(self.safe)
        survivors = [change for change in self.pending if rng.random() < 0.6]
        rng.shuffle(survivors)
        for kind, offset, data in survivors:
            if kind == "write" and rng.random() < 0.3:
                keep = rng.randrange(0, len(data) // SECTOR + 1) * SECTOR
                data = data[:keep] if rng.random() < 0.5 else data
            apply(content, kind, offset, data)
        return bytes(content)


def apply(content: bytearray, kind: str, offset: int, data: bytes) -> None:
    if kind == "truncate":
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def work(access: Access, log: DiskLog, seen: Path) -> None:
    """Use a vault for a while: appends, edits, checkpoints; note each promise in the log."""
    store = opening.open_writer(access)
    written(conversations.add)(store, chat())
    parent = None
    for number in range(40):
        message = said(f"m{number}", f"text {number} " * 60, parent=parent)
        sent = exchange(bytes([number]) * 20_000) if number % 4 == 0 else None
        written(messages.append)(store, message, sent, {}, makes_head=True)
        log.add("promise", f"m{number}", 0, seen.read_bytes())
        parent = message.id
        if number % 9 == 8:
            checkpoint(store)
            log.add("sidecar", "vault.seen", 0, seen.read_bytes())
    opening.close_writer(store)
    log.add("sidecar", "vault.seen", 0, seen.read_bytes())


def test_no_promise_is_broken_by_a_power_cut(made: MadeVault, tmp_path: Path) -> None:
    log = DiskLog()
    disk = LoggedDisk("logged-disk", log)
    access = unlocked(made)
    start = {name: (made.directory / name).read_bytes() for name in ("vault.db", "vault.seen")}
    access.vfs = "multipleciphers-logged-disk"
    work(access, log, made.directory / "vault.seen")
    disk.unregister()
    access.vfs = None
    rng = random.Random(3)
    cuts = [rng.randrange(len(log.events)) for _ in range(50 * ROUNDS)]
    for cut in sorted(cuts):
        image = tmp_path / "image"
        shutil.rmtree(image, ignore_errors=True)
        image.mkdir()
        promises = lay_out(image, log, cut, start, rng)
        access.path = image / "vault.db"
        access.notices.clear()
        store = opening.open_writer(access)
        stored = {message.id for message in messages.whole_tree(store, "chat")} if promises else ()
        assert promises <= set(stored), f"cut after event {cut}"
        assert check(store).is_sound, f"cut after event {cut}"
        opening.close_writer(store)


def lay_out(
    image: Path, log: DiskLog, cut: int, start: dict[str, bytes], rng: random.Random
) -> set[str]:
    """Write the files as a cut after event `cut` may leave them; return what was promised."""
    files = {"vault.db": File(start["vault.db"])}
    sidecars = [start["vault.seen"]]
    promises: set[str] = set()
    for kind, name, offset, content in log.events[:cut]:
        if kind == "promise":
            promises.add(name)
            sidecars.append(content)
        elif kind == "sidecar":
            sidecars.append(content)
        elif kind == "delete":
            files.pop(name, None)
        elif kind == "sync":
            files.setdefault(name, File()).sync()
        else:
            files.setdefault(name, File()).pending.append((kind, offset, content))
    for name, file in files.items():
        if not name.endswith("-shm"):
            (image / name).write_bytes(file.after_cut(rng))
    (image / "vault.seen").write_bytes(rng.choice(sidecars[-5:]))
    return promises


@pytest.fixture(autouse=True)
def _only_on_unix() -> None:
    if "unix" not in apsw.vfs_names():
        pytest.skip("the logging file layer is written for the unix one")

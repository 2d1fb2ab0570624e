"""Where the files of a vault lie, and what is odd about the place."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from troth.vault.files import sync_folder

NETWORK_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs",
     "fuse.sshfs", "fuse.rclone", "fuse.gvfsd-fuse", "davfs", "fuse.davfs2", "ncpfs", "lustre")
)  # fmt: skip
"""File systems whose locks or shared memory a write-ahead log cannot rely on."""

INBOX = "vault.inbox"
"""Folder beside the vault: replies that ended while it was locked."""

SYNC_MARKERS = (".stfolder", ".dropbox", ".dropbox.cache", ".owncloudsync.log", ".sync_folder")
SYNC_NAMES = (
    "dropbox",
    "onedrive",
    "google drive",
    "googledrive",
    "my drive",
    "mobile documents",
    "icloud drive",
    "nextcloud",
    "owncloud",
    "pcloud",
    "syncthing",
    "mega",
    "box sync",
)


@dataclass(frozen=True, slots=True)
class Places:
    """The files in one vault folder."""

    folder: Path

    @property
    def header(self) -> Path:
        return self.folder / "vault.json"

    @property
    def header_backup(self) -> Path:
        return self.folder / "vault.json.bak"

    @property
    def database(self) -> Path:
        return self.folder / "vault.db"

    @property
    def log(self) -> Path:
        """The write-ahead log: what was committed and is not yet in `database`."""
        return self.folder / "vault.db-wal"

    @property
    def shared_memory(self) -> Path:
        return self.folder / "vault.db-shm"

    @property
    def fresh_database(self) -> Path:
        """A database that is whole and waits to take the place of `database`."""
        return self.folder / "vault.db.new"

    @property
    def unchecked_database(self) -> Path:
        """A copy that is being written or read back; it becomes `fresh_database` after that."""
        return self.folder / "vault.db.part"

    def take_fresh_database(self) -> None:
        """Put the fresh database in place; a log of the old one must never meet it."""
        self.log.unlink(missing_ok=True)
        self.shared_memory.unlink(missing_ok=True)
        self.fresh_database.replace(self.database)
        sync_folder(self.folder)

    def leftovers(self) -> tuple[Path, ...]:
        """Return what a killed replacement may have left: never the only copy of anything."""
        names = (
            "vault.json.new",
            "vault.json.bak.new",
            "vault.db.new-journal",
            "vault.db.part",
            "vault.db.part-journal",
        )
        return tuple(path for path in (self.folder / name for name in names) if path.exists())

    @property
    def seen(self) -> Path:
        return self.folder / "vault.seen"


def is_on_network(folder: Path) -> bool:
    """Whether `folder` lies on a network file system. False where it cannot be told cheaply."""
    if sys.platform == "win32":
        return str(folder.resolve()).startswith("\\\\")
    try:
        mounts = Path("/proc/mounts").read_text("utf-8", "replace")
    except OSError:
        return False
    target = os.path.realpath(folder)
    best, system = "", ""
    for line in mounts.splitlines():
        _, mount, kind, *_ = line.split(" ")
        mount = mount.replace("\\040", " ")
        inside = target == mount or target.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, system = mount, kind
    return system in NETWORK_SYSTEMS


def sync_folder_above(folder: Path) -> Path | None:
    """Return the folder of a file synchroniser that `folder` lies in; None when there is none.

    A synchroniser copies the database and its log at different moments: such a copy does not open,
    or opens as older than it was.
    """
    for above in (folder, *folder.parents):
        name = above.name.lower()
        if any(name == known or name.startswith(f"{known} ") for known in SYNC_NAMES):
            return above
        if name.startswith("onedrive -") or any((above / mark).exists() for mark in SYNC_MARKERS):
            return above
    return None

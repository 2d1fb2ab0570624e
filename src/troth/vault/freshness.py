"""`vault.seen`: how far the vault had come when it was last used on this machine.

| offset | length | meaning                                                    |
|--------|--------|------------------------------------------------------------|
| 0      | 8      | `TROTHSN1`                                                 |
| 8      | 8      | commit number, big-endian                                  |
| 16     | 32     | head hash at that commit                                   |
| 48     | 8      | size in bytes of `vault.db` as we left it, 0 while unknown |
| 56     | 8      | its modification time in ns, 0 while unknown               |
| 64     | 32     | HMAC(freshness key, all of the above)                      |

It lies beside the vault and says nothing about its contents. A vault that is behind it was rolled
back, restored, or lost its write-ahead log; that is told, never passed over. Size and time are a
hint, not a proof: a file that somebody else has touched is checked whole before it opens.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from troth.vault.files import make_private_file
from troth.vault.kdf import is_same, mac

_LAYOUT = struct.Struct(">8sQ32sQQ")
_MAGIC = b"TROTHSN1"
_RECORD_BYTES = _LAYOUT.size + 32


@dataclass(frozen=True, slots=True)
class Seen:
    """What the sidecar says."""

    sequence: int
    head: bytes
    size_bytes: int = 0
    modified_ns: int = 0


class SeenFile:
    """The sidecar, held open: one small write after each commit, no fsync.

    A crash may leave it behind the vault, which is harmless; it is never ahead, because it is
    written after the commit is on disk.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key
        self._descriptor: int | None = None
        self._left: tuple[int, int] = (0, 0)

    def read(self) -> Seen | None:
        """Return the record; None when there is none or it is not ours (both are told)."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        if len(content) != _RECORD_BYTES:
            return None
        record, tag = content[: _LAYOUT.size], content[_LAYOUT.size :]
        magic, sequence, head, size_bytes, modified_ns = _LAYOUT.unpack(record)
        if magic != _MAGIC or not is_same(tag, mac(self._key, record)):
            return None
        self._left = (size_bytes, modified_ns)
        return Seen(sequence, head, size_bytes, modified_ns)

    def write(self, sequence: int, head: bytes, database: Path | None = None) -> None:
        """Record a commit; with `database`, also how its file looks now that we have written it."""
        if database is not None:
            status = database.stat()
            self._left = (status.st_size, status.st_mtime_ns)
        else:
            self.read()  # another process may have moved its log into the database meanwhile
        record = _LAYOUT.pack(_MAGIC, sequence, head, *self._left)
        descriptor = self._open()
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, record + mac(self._key, record))

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            if not self.path.exists():
                make_private_file(self.path)
            flags = os.O_RDWR | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(self.path, flags)
            if os.fstat(self._descriptor).st_size != _RECORD_BYTES:
                os.ftruncate(self._descriptor, 0)
        return self._descriptor

"""Where the files of a vault lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
    def fresh_database(self) -> Path:
        """A database that is whole and waits to take the place of `database`."""
        return self.folder / "vault.db.new"

    @property
    def seen(self) -> Path:
        return self.folder / "vault.seen"

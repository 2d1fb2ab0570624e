"""What an import is before, while and after it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from troth.transfer.chats import Kind, Reason
from troth.vault.intake import Withdrawn


@dataclass(frozen=True, slots=True)
class ChatPreview:
    """One chat of a file, beside what the vault already holds of it."""

    id: str
    kind: Kind
    title: str
    messages: int
    new_messages: int
    first_at: datetime
    last_at: datetime
    files: int = 0
    """Images and documents that belong to its messages."""
    is_known: bool = False
    """It is in the vault already; `new_messages` came since."""
    is_trashed: bool = False
    """The user deleted it here: it stays deleted."""


@dataclass(frozen=True, slots=True)
class SkippedCount:
    """What is left out for one reason, with the first places for people to look at."""

    reason: Reason
    count: int
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What an import would do. Nothing has been written."""

    paths: tuple[Path, ...]
    kind: Kind | None
    chats: tuple[ChatPreview, ...]
    skipped: tuple[SkippedCount, ...]
    broken_messages: int
    missing_files: int
    """Images and documents that chats name and the export does not hold."""
    total_bytes: int

    @property
    def new_chats(self) -> int:
        return sum(not chat.is_known for chat in self.chats)

    @property
    def new_messages(self) -> int:
        return sum(chat.new_messages for chat in self.chats)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(sorted({chat.kind for chat in self.chats}))


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come."""

    done_bytes: int
    total_bytes: int
    chats: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `batch_id` undoes it; None when there was nothing new."""

    batch_id: str | None
    new_chats: int = 0
    grown_chats: int = 0
    known_chats: int = 0
    trashed_chats: int = 0
    messages: int = 0
    broken_messages: int = 0
    missing_files: int = 0
    skipped: tuple[SkippedCount, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """An import of the past. One that is not finished was cut; its whole chats are here."""

    batch_id: str
    at: datetime
    files: tuple[str, ...]
    chats: int
    messages: int
    is_finished: bool
    folders: tuple[str, ...] = ()
    """Folders that it made."""


OnProgress = Callable[[ImportProgress], None]
OnUndone = Callable[[Withdrawn, int], None]
"""Hears what an undo has deleted so far, and how many messages there were in all."""

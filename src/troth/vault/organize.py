"""Folders, tags and how long chats are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from troth.domain.error import NotFound, UsageError
from troth.vault.rows import line_field
from troth.vault.store import Store


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of the chat list. `keep_days` None keeps its chats for ever."""

    name: str
    conversations: int
    keep_days: int | None = None


def folders(store: Store) -> list[Folder]:
    rows = store.all(
        tuple[str, int, int | None],
        "SELECT f.name, (SELECT count(*) FROM conversation c WHERE c.folder_id = f.id"
        " AND c.trashed_at IS NULL), f.keep_days FROM folder f ORDER BY f.name",
    )
    return [Folder(*row) for row in rows]


def set_folder(store: Store, conversation_ids: Sequence[str], name: str | None) -> None:
    """Put chats into a folder, made if new; None takes them out of theirs."""
    folder_id = None if name is None else _folder_id(store, name)
    for ulid in conversation_ids:
        if not store.run("UPDATE conversation SET folder_id = ? WHERE ulid = ?", (folder_id, ulid)):
            raise NotFound("chat", ulid)


def set_keep_days(store: Store, name: str, days: int | None) -> None:
    """Say how long a folder keeps its chats after their last message."""
    if days is not None and days < 1:
        raise UsageError("a chat is kept for a day at least")
    store.run("UPDATE folder SET keep_days = ? WHERE id = ?", (days, _folder_id(store, name)))


def remove_folder(store: Store, name: str) -> None:
    """Remove a folder; its chats stay, without one."""
    if not store.run("DELETE FROM folder WHERE name = ?", (name,)):
        raise NotFound("folder", name, [folder.name for folder in folders(store)])


def folder_of(store: Store) -> dict[str, str]:
    """Return the folder of each chat that is in one."""
    return dict(
        store.all(
            tuple[str, str],
            "SELECT c.ulid, f.name FROM conversation c JOIN folder f ON f.id = c.folder_id",
        )
    )


def add_tag(store: Store, conversation_ids: Sequence[str], name: str) -> None:
    tag = _name(name)
    for ulid in conversation_ids:
        row = store.one(tuple[int], "SELECT id FROM conversation WHERE ulid = ?", (ulid,))
        if row is None:
            raise NotFound("chat", ulid)
        store.run("INSERT INTO tag VALUES (?, ?) ON CONFLICT DO NOTHING", (row[0], tag))


def remove_tag(store: Store, conversation_ids: Sequence[str], name: str) -> None:
    for ulid in conversation_ids:
        store.run(
            "DELETE FROM tag WHERE name = ? AND conversation_id ="
            " (SELECT id FROM conversation WHERE ulid = ?)",
            (name, ulid),
        )


def tags_of(store: Store) -> dict[str, tuple[str, ...]]:
    """Return the tags of each chat that has any, in order of name."""
    found: dict[str, list[str]] = {}
    for ulid, name in store.all(
        tuple[str, str],
        "SELECT c.ulid, t.name FROM tag t JOIN conversation c ON c.id = t.conversation_id"
        " ORDER BY t.name",
    ):
        found.setdefault(ulid, []).append(name)
    return {ulid: tuple(names) for ulid, names in found.items()}


def _folder_id(store: Store, name: str) -> int:
    name = _name(name)
    row = store.one(tuple[int], "SELECT id FROM folder WHERE name = ?", (name,))
    return store.insert("INSERT INTO folder(name) VALUES (?)", (name,)) if row is None else row[0]


def _name(name: str) -> str:
    name = line_field(name.strip())
    if not name:
        raise UsageError("a folder or a tag needs a name")
    return name

"""Taking in what people already have elsewhere: look first, then write, and take it back if asked.

The chats of a file are read one by one in a thread and written one transaction each, so that a
file of any size needs the memory of one chat, and an import that was cut leaves only whole chats:
running it again goes on, undoing it removes them. Contacts nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from troth.domain.error import ImportRefused, NotFound, UsageError
from troth.engine.import_batch import ImportBatch, parse_record
from troth.engine.import_values import (
    ChatPreview,
    ImportPreview,
    ImportProgress,
    ImportRecord,
    ImportReport,
    OnProgress,
    OnUndone,
    SkippedCount,
)
from troth.explain import skipped_words
from troth.transfer.chats import Kind, ReadChat, Reading, Reason, Setting, Skipped
from troth.transfer.files import opened_export
from troth.transfer.reading import read_export
from troth.vault.intake import KnownChat, Withdrawn

if TYPE_CHECKING:
    from troth.engine.engine import Engine

MAX_PLACES = 20
"""How many skipped places are named for each reason; all are counted."""


async def preview_import(
    engine: Engine,
    paths: Sequence[Path],
    *,
    kind: Kind | None = None,
    on_progress: OnProgress = lambda _: None,
) -> ImportPreview:
    """Read `paths` (files, zips, folders) and say what importing them would do.

    `kind` is what the user says that they are; by default their content tells. Nothing is written
    and images are not read. Raises ImportRefused where a path holds no chat at all.
    """
    tray = _Tray(paths, kind, only_looks=True)
    chats: dict[str, ChatPreview] = {}
    async with aclosing(tray.chats(on_progress)) as found:
        async for chat in found:
            seen = _look(chat, await engine.vault.intake.known(chat.conversation.id))
            before = chats.get(seen.id)
            if before is None or before.messages < seen.messages:
                chats[seen.id] = seen
    return ImportPreview(
        tuple(paths),
        kind,
        tuple(chats.values()),
        tray.skipped(),
        tray.broken_messages,
        tray.missing_files,
        tray.total_bytes,
    )


async def run_import(
    engine: Engine, preview: ImportPreview, on_progress: OnProgress = lambda _: None
) -> ImportReport:
    """Take in what was looked at: one transaction a chat, nothing twice.

    Replies are marked as imported, and their verdict says so. Raises VaultError when the vault
    cannot go on (a full disk); what was written until then are whole chats under a batch of their
    own, which a second run completes and `undo_import` removes.
    """
    tray = _Tray(preview.paths, preview.kind, only_looks=False)
    batch = ImportBatch(engine, preview.paths, tray.now)
    try:
        async with aclosing(tray.chats(on_progress)) as found:
            async for chat in found:
                try:
                    await batch.take(chat)
                except (ImportRefused, UsageError, NotFound):
                    name = chat.conversation.title or chat.conversation.id
                    tray.skip(Skipped(name, Reason.DAMAGED))
        await batch.finish()
    finally:
        engine.housekeeping.list_changed()
    return replace(
        batch.report,
        broken_messages=tray.broken_messages,
        missing_files=tray.missing_files,
        skipped=tray.skipped(),
    )


async def undo_import(
    engine: Engine, batch_id: str, on_progress: OnUndone = lambda _went, _total: None
) -> Withdrawn:
    """Delete for good what one import wrote, but for what the user has gone on from.

    Goes in slices; cancelling stops after one, and the import stays listed with the rest, to be
    undone later. Raises NotFound for an unknown batch.
    """
    made = [
        name for kept in await imports(engine) if kept.batch_id == batch_id for name in kept.folders
    ]
    went = Withdrawn()

    def tell(so_far: Withdrawn, total: int) -> None:
        nonlocal went
        went = so_far
        on_progress(so_far, total)

    try:
        return await engine.vault.intake.withdraw(batch_id, folders=made, on_progress=tell)
    finally:
        engine.housekeeping.list_changed(went.removed_chats)


async def imports(engine: Engine) -> tuple[ImportRecord, ...]:
    """Return the imports that can be undone, newest first; one that wrote nothing cannot.

    One whose undoing was stopped is listed with what is left of it.
    """
    found = await engine.vault.intake.records()
    return tuple(parse_record(kept) for kept in reversed(found) if kept.chats)


async def _next(reading: Reading) -> ReadChat | Skipped | None:
    """Read on in a thread. A caller that is cancelled waits for it: the file is about to close."""
    work = asyncio.ensure_future(asyncio.to_thread(next, reading, None))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


class _Tray:
    """Hands out the chats of all files one by one and counts what was left out."""

    def __init__(self, paths: Sequence[Path], kind: Kind | None, *, only_looks: bool) -> None:
        self._paths = tuple(paths)
        self._kind = kind
        self._only_looks = only_looks
        self._skipped: dict[Reason, SkippedCount] = {}
        self._done_bytes = 0
        self.now = datetime.now(UTC)
        self.total_bytes = 0
        self.broken_messages = 0
        self.missing_files = 0

    async def chats(self, on_progress: OnProgress) -> AsyncGenerator[ReadChat, None]:
        """Yield the chats; raises ImportRefused for a path without any."""
        count = 0
        for path in self._paths:
            with ExitStack() as stack:
                reading = await asyncio.to_thread(self._open, path, stack)
                before = count
                while (found := await _next(reading)) is not None:
                    if isinstance(found, Skipped):
                        self.skip(found)
                        continue
                    count += 1
                    self.broken_messages += found.broken_messages
                    self.missing_files += found.missing_files
                    yield found
                    title = found.conversation.title
                    on_progress(ImportProgress(self._done_bytes, self.total_bytes, count, title))
                if count == before:
                    raise ImportRefused(str(path), self._why_nothing())

    def _open(self, path: Path, stack: ExitStack) -> Reading:
        export = stack.enter_context(opened_export(path))
        self.total_bytes += sum(member.size_bytes for member in export.members)
        reading = read_export(
            export,
            Setting(self.now, min(export.made_at, self.now)),
            kind=self._kind,
            only_looks=self._only_looks,
            on_bytes=self._count_bytes,
        )
        stack.callback(reading.close)
        return reading

    def _count_bytes(self, count: int) -> None:
        self._done_bytes += count

    def skip(self, found: Skipped) -> None:
        known = self._skipped.get(found.reason, SkippedCount(found.reason, 0, ()))
        places = known.places
        if len(places) < MAX_PLACES:
            places = (*places, found.place)
        self._skipped[found.reason] = SkippedCount(found.reason, known.count + found.count, places)

    def skipped(self) -> tuple[SkippedCount, ...]:
        return tuple(self._skipped.values())

    def _why_nothing(self) -> str:
        if not self._skipped:
            return "there is no chat in it"
        worst = max(self._skipped.values(), key=lambda skipped: skipped.count)
        return f"no chat in it can be read: {skipped_words(worst.reason)} ({worst.places[0]})"


def _look(chat: ReadChat, known: KnownChat | None) -> ChatPreview:
    ids = known.message_ids if known is not None else frozenset[str]()
    is_trashed = known is not None and known.is_trashed
    return ChatPreview(
        id=chat.conversation.id,
        kind=chat.kind,
        title=chat.conversation.title,
        messages=len(chat.messages),
        new_messages=0 if is_trashed else sum(m.id not in ids for m in chat.messages),
        first_at=min(message.created_at for message in chat.messages),
        last_at=max(message.created_at for message in chat.messages),
        files=sum(len(message.blobs) for message in chat.messages),
        is_known=known is not None,
        is_trashed=is_trashed,
    )

"""One import as it is written: chat by chat, each whole, and remembered for an undo."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from troth.domain.error import VaultDamaged
from troth.domain.exchange import HttpRequest
from troth.domain.message import Message, Role
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.engine.comparison_export import imported_comparison
from troth.engine.comparison_state import COMPARISON_KEY
from troth.engine.ids import new_ulid
from troth.engine.import_values import ImportRecord, ImportReport
from troth.transfer.chats import Kind, ReadBytes, ReadChat
from troth.vault.intake import Arrival, Kept

if TYPE_CHECKING:
    from troth.engine.engine import Engine

_UNKNOWN_REQUEST = HttpRequest("GET", "about:imported")
"""An export holds the answers that a verdict was reached with, not what was asked for them."""


class _LateBytes(Mapping[str, bytes]):
    """Bytes by SHA-256 that are read when they are written, one after the other."""

    def __init__(self, readers: Mapping[str, ReadBytes]) -> None:
        self._readers = readers

    def __getitem__(self, sha256: str) -> bytes:
        return self._readers[sha256]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


class ImportBatch:
    """One import as it is written."""

    def __init__(self, engine: Engine, paths: Sequence[Path], now: datetime) -> None:
        self._engine = engine
        self._files = [path.name for path in paths]
        self._now = now
        self._verdict: Verdict | None = None
        self._new_folders: list[str] = []
        self.report = ImportReport(None)

    async def take(self, chat: ReadChat) -> None:
        """Write what is new of one chat."""
        report = self.report
        known = await self._engine.vault.intake.known(chat.conversation.id)
        if known is not None and known.is_trashed:
            self.report = replace(report, trashed_chats=report.trashed_chats + 1)
            return
        ids = known.message_ids if known is not None else frozenset[str]()
        fresh = [message for message in chat.messages if message.id not in ids]
        if not fresh:
            self.report = replace(report, known_chats=report.known_chats + 1)
            return
        batch_id = report.batch_id or await self._begin()
        conversation = chat.conversation
        if known is None and chat.kind is not Kind.TROTH:
            conversation = replace(conversation, model=self._engine.providers.default_model())
        elif known is not None and known.head_id not in {None, *known.imported_ids}:
            conversation = replace(conversation, head_id=known.head_id)  # the user went on here
        arrivals = (self._arrival(chat, message) for message in fresh)
        folder = await self._folder(chat.folder) if known is None else None
        count = await self._engine.vault.intake.append_many(
            conversation,
            arrivals,
            batch_id=batch_id,
            is_new=known is None,
            folder=folder,
            tags=chat.tags,
        )
        if known is None and (columns := imported_comparison(chat.comparison)):
            await self._engine.vault.set_state(COMPARISON_KEY + conversation.id, columns)
        self.report = replace(
            self.report,
            new_chats=report.new_chats + (known is None),
            grown_chats=report.grown_chats + (known is not None),
            messages=report.messages + count,
        )

    async def _folder(self, wanted: str) -> str | None:
        """Return the folder that a chat goes into; one that this import makes goes with its undo.

        None for a folder that deletes by age here: an old chat would be gone with the next sweep.
        """
        if not wanted or wanted in self._new_folders:
            return wanted or None
        listed = {folder.name: folder for folder in await self._engine.vault.folders.listed()}
        if wanted in listed:
            return wanted if listed[wanted].keep_days is None else None
        self._new_folders.append(wanted)
        if self.report.batch_id is not None:
            await self._remember(self.report.batch_id, is_finished=False)
        return wanted

    async def finish(self) -> None:
        if self.report.batch_id is not None:
            await self._remember(self.report.batch_id, is_finished=True)

    async def _begin(self) -> str:
        batch_id = new_ulid()
        await self._remember(batch_id, is_finished=False)
        self.report = replace(self.report, batch_id=batch_id)
        return batch_id

    async def _remember(self, batch_id: str, *, is_finished: bool) -> None:
        record = {
            "at": self._now.isoformat(),
            "files": self._files,
            "folders": self._new_folders,
            "is_finished": is_finished,
        }
        await self._engine.vault.intake.set_record(batch_id, json.dumps(record))

    def _arrival(self, chat: ReadChat, message: Message) -> Arrival:
        wanted = {blob.sha256 for blob in message.blobs}
        blobs = {sha256: chat.blobs[sha256] for sha256 in wanted if sha256 in chat.blobs}
        answers = chat.evidence.get(message.id, {})
        return Arrival(
            message,
            chat.exchanges.get(message.id),
            _LateBytes(blobs),
            self._verdict_on(chat, message) if message.role is Role.ASSISTANT else None,
            {name: (_UNKNOWN_REQUEST, answer) for name, answer in answers.items()},
        )

    def _verdict_on(self, chat: ReadChat, message: Message) -> Verdict:
        if self._verdict is None:
            from troth.verifiers import plain
            from troth.verifiers.trust import Trust

            self._verdict = plain.imported(self._now, Trust())
        claim = chat.claims.get(message.id)
        if claim is None or claim.state is State.IMPORTED:
            return self._verdict
        said = f"The file says {claim.state.value} ({claim.scheme}); that was not checked here."
        check = Check("claim", Outcome.NOT_COVERED, said)
        return replace(self._verdict, checks=(*self._verdict.checks, check))


def parse_record(kept: Kept) -> ImportRecord:
    """Read what a batch remembered of itself. Raises VaultDamaged."""
    try:
        found = cast("dict[str, object]", json.loads(kept.record))
        return ImportRecord(
            kept.batch_id,
            datetime.fromisoformat(str(found["at"])),
            tuple(str(name) for name in cast("list[object]", found["files"])),
            kept.chats,
            kept.messages,
            found["is_finished"] is True,
            tuple(str(name) for name in cast("list[object]", found.get("folders", []))),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise VaultDamaged(detail="the record of an import is damaged") from error

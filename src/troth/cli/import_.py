"""`troth import`: take in the chats of other programs, after a look at what they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from troth.cli.chats import local_time
from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import NotFound, UsageError
from troth.domain.model import Json
from troth.engine.engine import Engine
from troth.engine.import_values import (
    ImportPreview,
    ImportProgress,
    ImportRecord,
    ImportReport,
    SkippedCount,
)
from troth.explain import skipped_words
from troth.settings import typed_path

_KINDS = ("chatgpt", "claude", "gemini", "llm", "oterm", "elia", "troth")
_SHOWN_CHATS = 20
_SOURCES = """\
what can be read (by default its content tells what it is):
  chatgpt  Settings, Data controls, Export: the zip, its folder, or conversations*.json
           (a zip that holds zips: unpack that one and give the folder)
  claude   Settings, Privacy, Export data: the zip or conversations.json
  gemini   takeout.google.com, My Activity, Gemini Apps: the zip, its folder, or the .json or
           .html file in it, in any language
  llm      logs.db (`llm logs path`)
  oterm    store.db (`oterm --db`)
  elia     elia.sqlite
  troth    what `troth export --format json` wrote

Chats come in with their files; projects, memories, group chats and settings stay where they are.
Nothing comes in twice: importing a newer export adds what is new. `troth import --undo`
takes the last import back.
"""


def configure(parser: Parser) -> None:
    parser.epilog = f"{_SOURCES}\n{parser.epilog}"
    parser.add_argument("files", nargs="*", metavar="FILE", help="export, zip, folder or database")
    parser.add_argument(
        "--from", dest="kind", choices=_KINDS, help="take it for this and nothing else"
    )
    parser.add_argument("--preview", action="store_true", help="say what would come in, and stop")
    parser.add_argument("--list", action="store_true", help="list the imports that can be undone")
    parser.add_argument(
        "--undo",
        nargs="?",
        const="",
        metavar="ID",
        help="delete what an import brought in (the last one without ID)",
    )
    add_json_flag(parser)
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    files = _paths(arguments.texts("files"))
    undone = arguments.maybe_text("undo")
    ways = [bool(files), undone is not None, arguments.flag("list")]
    if ways.count(True) != 1:
        raise UsageError("give files to import, or --undo, or --list")
    async with opened_engine(console, VaultUse.REQUIRED) as engine:
        if undone is not None:
            return await _undo(engine, console, undone)
        if arguments.flag("list"):
            return await _list(engine, console)
        return await _import(engine, console, files, arguments)


def _paths(written: Sequence[str]) -> list[Path]:
    return [typed_path(file) for file in written]


async def _import(
    engine: Engine, console: Console, files: Sequence[Path], arguments: Arguments
) -> int:
    from troth.engine.importing import preview_import, run_import
    from troth.transfer.chats import Kind

    kind = arguments.text("kind")
    looking = _Progress(console, "looking")
    preview = await preview_import(
        engine, files, kind=Kind(kind) if kind else None, on_progress=looking
    )
    if arguments.flag("preview"):
        _show_preview(console, preview)
        return ExitCode.OK
    report = await run_import(engine, preview, _Progress(console, "importing"))
    _show_report(console, report)
    return ExitCode.OK


class _Progress:
    """Shows how far it is; only when the percentage has changed."""

    def __init__(self, console: Console, verb: str) -> None:
        self._console = console
        self._verb = verb
        self._last = ""

    def __call__(self, progress: ImportProgress) -> None:
        part = progress.done_bytes / progress.total_bytes if progress.total_bytes else 1.0
        shown = f"{self._verb}: {min(part, 1.0):.0%}"
        if shown != self._last:
            self._last = shown
            self._console.status(f"{shown}, {progress.chats:,} chats")


def _show_preview(console: Console, preview: ImportPreview) -> None:
    if console.is_json:
        console.json(_preview_json(preview))
        return
    console.rows(
        (
            "known" if chat.is_known and not chat.new_messages else f"+{chat.new_messages}",
            str(chat.messages),
            local_time(chat.first_at)[:10],
            local_time(chat.last_at)[:10],
            chat.kind.value,
            chat.title,
        )
        for chat in preview.chats[:_SHOWN_CHATS]
    )
    if (rest := len(preview.chats) - _SHOWN_CHATS) > 0:
        console.note(f"... and {rest:,} more (--json shows them all).")
    first = min(chat.first_at for chat in preview.chats)
    last = max(chat.last_at for chat in preview.chats)
    console.note(
        f"{_count(preview.new_chats, 'new chat')} and {_count(preview.new_messages, 'message')}"
        f" would come in, of {_count(len(preview.chats), 'chat')} between"
        f" {local_time(first)[:10]} and {local_time(last)[:10]}."
    )
    trashed = sum(chat.is_trashed for chat in preview.chats)
    _note_rest(console, preview.skipped, preview.broken_messages, preview.missing_files, trashed)


def _show_report(console: Console, report: ImportReport) -> None:
    if console.is_json:
        console.json(_report_json(report))
        return
    if report.batch_id is None:
        console.note("There was nothing new in it.")
    else:
        new = f" in {_count(report.new_chats, 'new chat')}" if report.new_chats else ""
        grown = f"; {_count(report.grown_chats, 'known chat')} grew" if report.grown_chats else ""
        console.note(
            f"Imported {_count(report.messages, 'message')}{new}{grown}."
            f" `troth import --undo {report.batch_id}` takes it back."
        )
    if report.known_chats:
        console.note(f"{_count(report.known_chats, 'chat')} held nothing new.")
    _note_rest(
        console,
        report.skipped,
        report.broken_messages,
        report.missing_files,
        report.trashed_chats,
    )


def _note_rest(
    console: Console, skipped: Sequence[SkippedCount], broken: int, missing: int, trashed: int
) -> None:
    for item in skipped:
        console.note(
            f"Left out: {skipped_words(item.reason)}, {item.count:,} in all; the first at"
            f" {item.places[0]}."
        )
    if broken:
        console.note(f"Left out: {_count(broken, 'broken message')} inside chats.")
    if missing:
        console.note(
            f"{_count(missing, 'attached file')} that chats name are not in the export; their"
            " messages say so."
        )
    if trashed:
        console.note(f"{_count(trashed, 'chat')} that you deleted here stayed deleted.")


async def _undo(engine: Engine, console: Console, batch_id: str) -> int:
    from troth.engine.importing import imports, undo_import
    from troth.vault.intake import Withdrawn

    if not batch_id:
        known = await imports(engine)
        if not known:
            raise NotFound("import", "last")
        batch_id = known[0].batch_id
    went = Withdrawn()

    def show(so_far: Withdrawn, total: int) -> None:
        nonlocal went
        went = so_far
        gone = so_far.messages + so_far.kept_messages
        console.status(f"undoing: {gone / max(total, 1):.0%}, {gone:,} of {total:,} messages")

    try:
        undone = await undo_import(engine, batch_id, show)
    except asyncio.CancelledError:
        console.clear_status()
        console.note(
            f"troth: stopped; {_count(went.messages, 'message')} deleted for good. What is left is"
            f" still there: `troth import --undo {batch_id}` goes on."
        )
        raise
    console.clear_status()
    if console.is_json:
        console.json(
            {
                "batch": batch_id,
                "messages": undone.messages,
                "removed_chats": list(undone.removed_chats),
                "kept_messages": undone.kept_messages,
            }
        )
        return ExitCode.OK
    console.note(
        f"Deleted {_count(undone.messages, 'message')} and"
        f" {_count(len(undone.removed_chats), 'chat')} for good."
    )
    if undone.kept_messages:
        console.note(
            f"{_count(undone.kept_messages, 'message')} stayed: you have gone on from there."
        )
    return ExitCode.OK


async def _list(engine: Engine, console: Console) -> int:
    from troth.engine.importing import imports

    known = await imports(engine)
    if console.is_json:
        console.json([_record_json(record) for record in known])
        return ExitCode.OK
    console.rows(
        (
            record.batch_id,
            local_time(record.at),
            _count(record.chats, "chat"),
            _count(record.messages, "message"),
            ", ".join(record.files) + ("" if record.is_finished else " (was cut)"),
        )
        for record in known
    )
    if not known:
        console.note("There are no imports.")
    return ExitCode.OK


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _preview_json(preview: ImportPreview) -> Json:
    return {
        "new_chats": preview.new_chats,
        "new_messages": preview.new_messages,
        "broken_messages": preview.broken_messages,
        "missing_files": preview.missing_files,
        "skipped": _skipped_json(preview.skipped),
        "chats": [
            {
                "id": chat.id,
                "kind": chat.kind.value,
                "title": chat.title,
                "messages": chat.messages,
                "new_messages": chat.new_messages,
                "first_at": chat.first_at.isoformat(),
                "last_at": chat.last_at.isoformat(),
                "is_known": chat.is_known,
                "is_trashed": chat.is_trashed,
            }
            for chat in preview.chats
        ],
    }


def _report_json(report: ImportReport) -> Json:
    return {
        "batch": report.batch_id,
        "new_chats": report.new_chats,
        "grown_chats": report.grown_chats,
        "known_chats": report.known_chats,
        "trashed_chats": report.trashed_chats,
        "messages": report.messages,
        "broken_messages": report.broken_messages,
        "missing_files": report.missing_files,
        "skipped": _skipped_json(report.skipped),
    }


def _record_json(record: ImportRecord) -> Json:
    return {
        "batch": record.batch_id,
        "at": record.at.isoformat(),
        "files": list(record.files),
        "chats": record.chats,
        "messages": record.messages,
        "is_finished": record.is_finished,
    }


def _skipped_json(skipped: Sequence[SkippedCount]) -> Json:
    return [
        {"reason": item.reason.value, "count": item.count, "places": list(item.places)}
        for item in skipped
    ]

"""What an import screen says: before, while and after chats are taken in. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath

from troth.engine.import_values import (
    ChatPreview,
    ImportPreview,
    ImportProgress,
    ImportRecord,
    ImportReport,
    SkippedCount,
)
from troth.explain import skipped_words
from troth.tui.widgets.row_list import Row
from troth.tui.widgets.sidebar import written_time
from troth.vault.intake import Withdrawn

SOURCES = (
    "From ChatGPT, Claude, Gemini Takeout, llm, oterm, elia or Troth: the zip as it came, its "
    "folder, the JSON file in it, or the database. Nothing leaves this computer, and nothing "
    "comes in twice."
)
_KINDS = {
    "chatgpt": "ChatGPT",
    "claude": "Claude",
    "gemini": "Gemini",
    "llm": "llm",
    "oterm": "oterm",
    "elia": "elia",
    "troth": "Troth",
}
_BAR_CELLS = 24


def counted(number: int, thing: str, things: str = "") -> str:
    """Write a count as people do: `1 chat`, `1,204 messages`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def bar_words(verb: str, share: float, rest: str = "") -> str:
    """Write how far something is, with a bar that needs no colour."""
    full = round(min(1.0, max(0.0, share)) * _BAR_CELLS)
    bar = "█" * full + "░" * (_BAR_CELLS - full)
    return f"{verb}  {bar}  {min(1.0, share):.0%}  {rest}".rstrip()


def progress_words(verb: str, progress: ImportProgress) -> str:
    """Write how far a look or an import is."""
    share = progress.done_bytes / progress.total_bytes if progress.total_bytes else 0.0
    return bar_words(verb, share, counted(progress.chats, "chat"))


def preview_words(preview: ImportPreview) -> str:
    """Say what was found, what is new here, and what would be left out."""
    kinds = " and ".join(_KINDS.get(kind.value, kind.value) for kind in preview.kinds)
    chats = preview.chats
    messages = sum(chat.messages for chat in chats)
    files = sum(chat.files for chat in chats)
    found = f"{kinds}: {counted(len(chats), 'chat')}, {counted(messages, 'message')}"
    if files:
        found += f", {counted(files, 'image or file', 'images and files')}"
    first = min(chat.first_at for chat in chats)
    last = max(chat.last_at for chat in chats)
    lines = [f"{found}, {_day(first)} to {_day(last)}."]
    if not preview.new_messages:
        lines.append("All of it is here already: there is nothing to take in.")
    elif preview.new_messages < messages:
        lines.append(
            f"New here: {counted(preview.new_chats, 'chat')}, "
            f"{counted(preview.new_messages, 'message')}."
        )
    trashed = sum(chat.is_trashed for chat in chats)
    lines += _left_out(preview.skipped, preview.broken_messages, preview.missing_files, trashed)
    return "\n".join(lines)


def preview_rows(chats: Sequence[ChatPreview], now: datetime) -> list[Row]:
    """Write each chat of a file: its title, how much is new, and when it was."""
    return [_preview_row(place, chat, now) for place, chat in enumerate(chats)]


def _preview_row(place: int, chat: ChatPreview, now: datetime) -> Row:
    if chat.is_trashed:
        amount = "deleted"
    elif not chat.is_known:
        amount = counted(chat.messages, "message")
    else:
        amount = f"{chat.new_messages:,} new" if chat.new_messages else "here already"
    when = written_time(chat.last_at, now)
    return Row(str(place), chat.title or "(no title)", cells=(amount, when))


def report_words(report: ImportReport) -> str:
    """Say what came in and what did not."""
    if report.batch_id is None:
        lines = ["There was nothing new in it."]
    else:
        new = f" in {counted(report.new_chats, 'new chat')}" if report.new_chats else ""
        grown = f"; {counted(report.grown_chats, 'known chat')} grew" if report.grown_chats else ""
        lines = [
            f"{counted(report.messages, 'message')}{new}{grown}. They stand in the list of chats "
            "(ctrl+b), their replies marked imported: nobody can check those."
        ]
    if report.known_chats:
        lines.append(f"{counted(report.known_chats, 'chat')} held nothing new.")
    lines += _left_out(
        report.skipped, report.broken_messages, report.missing_files, report.trashed_chats
    )
    return "\n".join(lines)


def undone_words(undone: Withdrawn) -> str:
    """Say what taking an import back has deleted."""
    words = (
        f"Taken back: {counted(undone.messages, 'message')} and "
        f"{counted(len(undone.removed_chats), 'chat')} are deleted for good."
    )
    if undone.kept_messages:
        stayed = counted(undone.kept_messages, "message")
        words += f" {stayed} stayed, because you have gone on from there."
    return words


def undo_progress_words(went: Withdrawn, total: int) -> str:
    """Write how far taking an import back is."""
    gone = went.messages + went.kept_messages
    return bar_words("Taking back", gone / max(total, 1), f"{gone:,} of {total:,} messages")


def undo_stopped_words(went: Withdrawn) -> str:
    """Say what a taking back that was stopped has deleted, and how it goes on."""
    if not went.messages:
        return "Stopped before anything was taken back."
    return (
        f"Stopped. {counted(went.messages, 'message')} and "
        f"{counted(len(went.removed_chats), 'chat')} are deleted for good; the rest is still "
        "there. Take it back again to go on, now or later from the earlier imports."
    )


def record_row(record: ImportRecord) -> Row:
    """Write one import of the past."""
    amount = f"{counted(record.chats, 'chat')}, {counted(record.messages, 'message')}"
    cut = "" if record.is_finished else ", was stopped"
    when = record.at.astimezone()
    name = ", ".join(record.files)
    return Row(record.batch_id, f"{_day(when)} {when:%H:%M}  {name}", cells=(f"{amount}{cut}",))


def _left_out(
    skipped: Sequence[SkippedCount], broken: int, missing: int, trashed: int
) -> list[str]:
    lines = [
        f"Left out: {skipped_words(item.reason)}, {item.count:,} in all; the first at "
        f"{PurePath(item.places[0]).name}."
        for item in skipped
    ]
    if broken:
        lines.append(f"Left out: {counted(broken, 'broken message')} inside chats.")
    if missing:
        are = "is" if missing == 1 else "are"
        lines.append(
            f"{counted(missing, 'file')} that chats name {are} not in the export; the messages say "
            "so."
        )
    if trashed:
        lines.append(f"{counted(trashed, 'chat')} that you deleted here will stay deleted.")
    return lines


def _day(moment: datetime) -> str:
    local = moment.astimezone()
    return f"{local.day} {local:%b %Y}"

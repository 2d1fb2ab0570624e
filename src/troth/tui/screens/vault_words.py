"""What the vault's screen says of it. Pure."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from troth.engine.vault_care import VaultFacts
from troth.explain import notice_words
from troth.tui.safe import clean_line
from troth.tui.screens.entries import short_path, written_bytes
from troth.tui.screens.import_words import counted
from troth.tui.widgets.row_list import Row
from troth.vault.check import CheckReport
from troth.vault.transfer import Backup

_ABOUT_AGE = frozenset({"never-seen-here", "older-accepted", "changed-outside", "damage-accepted"})
"""Notices that belong to how fresh the vault is."""

_STEPS = {
    "pages": "the pages of the file",
    "rows": "every row",
    "messages": "every message",
    "blobs": "images and files",
    "keys": "kept keys",
    "index": "the search index",
    "done": "the search index",
}
_MAX_SHOWN = 8


def status_words(facts: VaultFacts, lock_after_minutes: int) -> Content:
    """Write what the vault is, one fact a line."""
    status = facts.status
    age = [notice_words(slug) for slug in facts.notices if slug in _ABOUT_AGE]
    other = [notice_words(slug) for slug in facts.notices if slug not in _ABOUT_AGE]
    backup = "never, as far as this vault knows"
    if facts.last_backup is not None:
        when = facts.last_backup.at.astimezone()
        backup = f"{when.day} {when:%b %Y %H:%M}, in {short_path(Path(facts.last_backup.folder))}"
    idle = f"after {counted(lock_after_minutes, 'minute')} without a key, and with f12"
    lines = [
        (
            "Where",
            f"{short_path(status.directory / 'vault.db')}, {written_bytes(status.database_bytes)}",
        ),
        ("Opens with", _openers(facts)),
        ("Last backup", backup),
        ("Freshness", " ".join(age) or "as new as when it was last used here"),
        ("Locks", idle if lock_after_minutes else "only with f12 or /lock"),
    ]
    lines += [("Note", words) for words in other]
    pieces: list[str | tuple[str, str]] = []
    for name, value in lines:
        pieces += [f"{name:<13}", (clean_line(value), "bold" if name == "Note" else ""), "\n"]
    return Content.assemble(*pieces)


def _openers(facts: VaultFacts) -> str:
    cost = facts.status.memory_kib // 1024
    openers = [f"passphrase (each guess costs {cost} MiB of memory)"]
    if facts.has("recovery"):
        openers.append("recovery words")
    if facts.has("keyring"):
        openers.append("this computer's keychain")
    return ", ".join(openers)


def action_rows(facts: VaultFacts) -> list[Row]:
    """Write what can be done about it."""
    rows = [
        Row("check", "Check it now", "read all of it and say what is damaged"),
        Row("backup", "Back it up now", "an encrypted copy in a folder, read back"),
        Row("passphrase", "Change the passphrase", "backups keep the old one"),
        Row("words", "Make new recovery words", "the old ones end"),
    ]
    if facts.has("keyring"):
        rows.append(Row("keyring-off", "Keychain: on", "⏎ turns it off: always ask again"))
    else:
        rows.append(Row("keyring-on", "Keychain: off", "⏎ lets this computer open it unasked"))
    rows.append(Row("lock", "Lock now", "close it and clear the screen"))
    if "read-only" in facts.notices:
        rows = [row for row in rows if row.id in {"check", "backup", "lock"}]
    return rows


def step_words(step: str) -> str:
    """Say what a check reads now."""
    return _STEPS.get(step, step)


def check_words(report: CheckReport) -> str:
    """Say what a check has found."""
    read = (
        f"{counted(report.conversations, 'chat')}, {counted(report.messages, 'message')} and "
        f"{counted(report.blobs, 'file')} were read"
    )
    if report.is_sound:
        return f"{read}: all is as it was written."
    lines = [f"DAMAGED. {read}, and {counted(len(report.problems), 'fault was', 'faults were')} "
             "found:"]  # fmt: skip
    lines += [f"  {problem.kind}: {problem.detail}" for problem in report.problems[:_MAX_SHOWN]]
    if (more := len(report.problems) - _MAX_SHOWN) > 0:
        lines.append(f"  and {more:,} more: `troth vault check` lists them")
    lines.append("Back it up as it is, then `troth vault restore` an older backup beside it.")
    return "\n".join(lines)


def backup_words(backup: Backup) -> str:
    """Say what was written, and what opens it."""
    return (
        f"{counted(backup.messages, 'message')}, {written_bytes(backup.size_bytes)}, read back and "
        f"right: {backup.folder}\nThe passphrase or the recovery words of today open it, here or "
        "on another computer: `troth vault restore`."
    )

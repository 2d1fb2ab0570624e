"""Why something of an import was skipped, in words."""

from __future__ import annotations

_SKIPPED = {
    "not-json": "broken records",
    "not-utf-8": "records that are not in UTF-8 (save the file as UTF-8)",
    "too-deep": "records nested too deep",
    "too-large": "records too large for one chat",
    "cut": "records cut off in the middle",
    "foreign": "records that are no chats",
    "empty": "chats in which nothing is said",
    "damaged": "parts that cannot be read",
    "other-activity": "records of other activity",
}


def skipped_words(reason: str) -> str:
    """Return what was skipped for `reason`, in the plural."""
    return _SKIPPED.get(reason, reason.replace("-", " "))

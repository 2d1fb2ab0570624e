"""What of a folder goes along with a message, and what stays behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_REASONS = {
    "binary": "not text",
    "empty": "empty",
    "large": "too large",
    "full": "too much together",
    "link": "links",
    "unreadable": "cannot be read",
}
_NAMED = 3
"""Files of a reason that are named; the others are counted."""


def folder_words(name: str, count: int, size: str) -> str:
    """Say how much of a folder goes along."""
    files = "1 text file" if count == 1 else f"{count:,} text files"
    return f"{files} of {name} {'goes' if count == 1 else 'go'} along, {size}."


def left_behind_words(left: Sequence[tuple[str, str]], *, hidden: int, ignored: int) -> str:
    """Say what of a folder stays behind and why: `left` holds paths and reasons. "" for nothing."""
    counts = Counter(reason for _, reason in left)
    pieces: list[str] = []
    for reason, count in counts.items():
        names = [path for path, why in left if why == reason][:_NAMED]
        more = f" and {count - len(names):,} more" if count > len(names) else ""
        pieces.append(f"{', '.join(names)}{more} ({_REASONS.get(reason, reason)})")
    if hidden:
        pieces.append(f"{hidden:,} hidden")
    if ignored:
        pieces.append(f"{ignored:,} named by .gitignore")
    return f"Left behind: {'; '.join(pieces)}." if pieces else ""

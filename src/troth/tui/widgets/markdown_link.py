"""Addresses in Markdown: where one ends, and whether a click on it may do anything."""

from __future__ import annotations

import re

_BARE = re.compile(r"https?://[^\s<>\"`|\\^{}\u3000-\u303f\uff00-\uffef]+")
_DESTINATION = re.compile(
    r"""\(\s*
    (?:<(?P<angled>[^<>\n]*)>|(?P<plain>[^\s()<][^\s()]*(?:\([^\s()]*\)[^\s()]*)*)?)
    (?:\s+(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\)))?
    \s*\)""",
    re.VERBOSE,
)
_UNFINISHED = re.compile(r"\(<?([^\s()<>]*)\Z")
_CLICKABLE = re.compile(r"(?:https?://|mailto:)\S+\Z", re.IGNORECASE)
URL_START = re.compile(r"https?://")
_TRAILING = ".,:;!?*_~'\""


def is_clickable(url: str) -> bool:
    """Return whether a click may offer to open it: the web and mail, nothing that runs or reads."""
    return _CLICKABLE.match(url) is not None


def bare_url(text: str, start: int) -> str:
    """Return the address that begins at `start` in a sentence, without the sentence's marks."""
    found = _BARE.match(text, start)
    if not found or (start and text[start - 1].isalnum()):
        return ""
    url = found.group().rstrip(_TRAILING)
    for opening, closing in ("()", "[]"):
        while url.endswith(closing) and url.count(closing) > url.count(opening):
            url = url[:-1].rstrip(_TRAILING)
    return url if url.partition("://")[2] else ""


def destination_after(text: str, start: int) -> tuple[str, int] | None:
    """Read `(address "title")` behind a link's text; return the address and where it ends."""
    found = _DESTINATION.match(text, start)
    if not found:
        return None
    url = found.group("angled") or found.group("plain") or ""
    return url.replace("\\", ""), found.end()


def unfinished_destination(text: str, start: int) -> tuple[str, int] | None:
    """Read the beginning of `(address` at the very end of a text that is still arriving."""
    found = _UNFINISHED.match(text, start)
    return (found.group(1), found.end()) if found else None

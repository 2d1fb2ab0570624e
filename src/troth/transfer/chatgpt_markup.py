"""What ChatGPT's website draws round the words of a reply, back to words.

Chips are written in private-use characters: U+E200, a kind, U+E202 and a field (more than once),
U+E201. Most only name a search result; an `entity` and a `url` hold words of the sentence that
they stand in. A letter or an essay stands between `:::writing{...}` and `:::`. Seen in public
readers of exports of 2025 and 2026, November 2026.
"""

from __future__ import annotations

import json
import re
from typing import cast

from troth.transfer.loose import name, sequence

_CHIP = re.compile("\ue200([^\ue200\ue201]*+)\ue201")
_FIELD = "\ue202"
_MARKS = re.compile("[\ue200-\ue206]")
_WRITING = re.compile(r":::writing\{[^}]{0,500}\}\s*")


def plain_words(body: str) -> str:
    """Return the words of a reply without the website's marks."""
    body = _MARKS.sub("", _CHIP.sub(_words_of, body))
    return _without_frames(body) if ":::writing{" in body else body


def _without_frames(body: str) -> str:
    lines: list[str] = []
    is_framed = False
    for line in body.split("\n"):
        if _WRITING.fullmatch(line):
            is_framed = True
        elif is_framed and line.strip() == ":::":
            is_framed = False
        else:
            lines.append(line)
    return "\n".join(lines)


def _words_of(chip: re.Match[str]) -> str:
    kind, *fields = chip.group(1).split(_FIELD)
    if kind == "entity" and fields:
        return _entity(fields[0])
    if kind == "url" and len(fields) > 1 and fields[1].startswith(("https://", "http://")):
        return f"[{fields[0]}]({fields[1]})"
    return ""


def _entity(written: str) -> str:
    """Return what a chip `["city", "Lisbon", ...]` calls the thing."""
    try:
        found = sequence(cast("object", json.loads(written)))
    except (ValueError, RecursionError):
        return ""
    return name(found[1]) if len(found) > 1 else ""

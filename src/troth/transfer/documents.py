"""Documents that a model wrote beside a chat (canvas, artifacts), set into the words of its reply.

As text they are found by search, drawn with colours and given to the next model, which is what a
person who carries a chat over wants of them.
"""

from __future__ import annotations

import re

_LANGUAGE = re.compile(r"[A-Za-z0-9+#.-]{1,30}")


def fenced(title: str, content: str, language: str = "") -> str:
    """Return a Markdown code block under its title; its fence is longer than any inside."""
    ticks = "```"
    while ticks in content:
        ticks += "`"
    info = language if _LANGUAGE.fullmatch(language) else ""
    heading = f"**{title.replace('*', '')}**\n\n" if title else ""
    return f"{heading}{ticks}{info}\n{content.rstrip(chr(10))}\n{ticks}\n"

"""How the beginnings of Markdown blocks look: CommonMark 0.31.2, chapters 4 and 5, and GitHub's.

A line's containers and up to three spaces are taken off before these are tried on it.
"""

from __future__ import annotations

import re

from troth.tui.widgets.markdown_blocks import Kind

HEADING = re.compile(r"(#{1,6})(?:[ \t]+|\Z)")
FENCE = re.compile(r"(`{3,})([^`]*)\Z|(~{3,})(.*)\Z")
FENCE_STARTS = ("`", "~", " ", "\t")
RULE = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})\Z")
SETEXT = re.compile(r"(?:=+|-+)[ \t]*\Z")
ITEM = re.compile(r"([-+*]|\d{1,9}[.)])(?=[ \t]|\Z)")
TASK = re.compile(r"\[([ xX])\](?=[ \t])")
HTML = re.compile(
    r"<(?:!--|/?(?:address|article|aside|blockquote|body|center|details|dialog|div|dl|fieldset"
    r"|figure|footer|form|h[1-6]|head|header|hr|html|iframe|li|main|nav|ol|p|pre|script|section"
    r"|style|summary|svg|table|tbody|td|tfoot|th|thead|tr|ul|video)(?:[ \t/>]|\Z))",
    re.IGNORECASE,
)
CONTAINER_STARTS = frozenset(">-+*0123456789")
SPECIAL_STARTS = frozenset("#>-+*_=~`<|:$\\0123456789 \t")
UNCLEAR = re.compile(r"[ \t>]*+(?:[-+*_=#|:. \t]*|\d{1,9}[.)]?[ \t]*|`+[^`]*|~+.*|\$\$?|\\)\Z")
"""An unfinished line that could still become another kind of block: it is not shown yet."""
SENTENCE_END = re.compile(r".*[.!?:;。！？]\s", re.DOTALL)
BULLETS = "•◦‣"
AIRY = {Kind.HEADING, Kind.CODE, Kind.TABLE, Kind.RULE}
"""Blocks that stand apart even where the source has no empty line."""

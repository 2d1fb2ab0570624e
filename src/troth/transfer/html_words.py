"""From HTML that a service shows its replies in to the Markdown that they were made of, roughly.

Only words and simple structure come out: no address is followed, and scripts, styles and whatever
else is not words are dropped with all that they hold.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(("p", "div", "section", "article", "tr", "table", "ul", "ol", "blockquote"))
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*"}
_UNSPOKEN = frozenset({"script", "style", "template", "svg", "head"})
_ASIDE = re.compile(r"<[!?][^<>]*+>")
_NO_TAG = re.compile(r"<(?!/?[A-Za-z][^<>]*+>)")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_GAPS = re.compile(r"\n{3,}")
MAX_NESTED_LISTS = 8


def html_to_words(html: str) -> str:
    """Return the words of a piece of HTML as Markdown."""
    reader = _Words()
    reader.feed(_without_loose_ends(html))
    reader.close()
    return _GAPS.sub("\n\n", "".join(reader.pieces)).strip()


def _without_loose_ends(html: str) -> str:
    """Drop comments and make each `<` that begins no whole tag a sign of the text.

    The parser looks for the end of what is never ended up to the end of the file, from each place
    anew: 30 KB of it took 8 s. Here every place is looked at once.
    """
    first, *others = html.split("<!--")
    cuts = (piece.partition("-->") for piece in others)
    spoken = [first, *(after if end else said for said, end, after in cuts)]
    return _NO_TAG.sub("&lt;", _ASIDE.sub("", "".join(spoken)))


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unspoken = 0
        self._is_code_block = False
        self._counters: list[int | None] = []
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSPOKEN:
            self._unspoken += 1
        elif tag == "pre":
            self._is_code_block = True
            self.pieces.append("\n\n```\n")
        elif tag == "code" and not self._is_code_block:
            self.pieces.append("`")
        elif tag == "br":
            self.pieces.append("\n")
        elif tag == "li":
            self._begin_item()
        elif tag in _HEADINGS:
            self.pieces.append(f"\n\n{_HEADINGS[tag]}")
        elif tag in _MARKS:
            self.pieces.append(_MARKS[tag])
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")
            self.pieces.append("[")
        elif tag in {"td", "th"}:
            self.pieces.append(" | ")
        elif tag in _BLOCKS:
            if tag in {"ul", "ol"}:
                self._counters.append(0 if tag == "ol" else None)
            self.pieces.append("\n" if self._counters else "\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSPOKEN:
            self._unspoken = max(0, self._unspoken - 1)
        elif tag == "pre" and self._is_code_block:
            self._is_code_block = False
            self.pieces.append("\n```\n\n")
        elif tag == "code" and not self._is_code_block:
            self.pieces.append("`")
        elif tag in _MARKS:
            self.pieces.append(_MARKS[tag])
        elif tag == "a" and self._links:
            self._end_link(self._links.pop())
        elif tag in _BLOCKS or tag in _HEADINGS:
            if tag in {"ul", "ol"} and self._counters:
                self._counters.pop()
            self.pieces.append("\n" if self._counters else "\n\n")

    def handle_data(self, data: str) -> None:
        if self._unspoken:
            return
        if self._is_code_block:
            self.pieces.append(data)
        elif spaced := _SPACES.sub(" ", data.replace("\xa0", " ")):
            ends_line = not self.pieces or self.pieces[-1].endswith("\n")
            self.pieces.append(spaced.lstrip(" ") if ends_line else spaced)

    def _begin_item(self) -> None:
        indent = "  " * min(max(0, len(self._counters) - 1), MAX_NESTED_LISTS)
        number = self._counters[-1] if self._counters else None
        if number is not None:
            self._counters[-1] = number + 1
        self.pieces.append(f"\n{indent}{'-' if number is None else f'{number + 1}.'} ")

    def _end_link(self, address: str) -> None:
        if address.startswith(("https://", "http://")) and not re.search(r"[\s()<>]", address):
            self.pieces.append(f"]({address})")
        else:
            self.pieces.append("]")

"""Read what stands inside a paragraph: emphasis, code, links. Pure, and bounded by its input.

CommonMark 0.31.2, chapter 6 (spec.commonmark.org, read 2026-11-22), and GitHub's strikethrough.
Each run of text knows where it came from, which no library's tokens say; LaTeX and HTML stay as
written, and a character that was spelled as an entity passes the sanitiser like any other.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from troth.tui.safe import clean
from troth.tui.widgets.markdown_link import (
    bare_url,
    destination_after,
    is_clickable,
    unfinished_destination,
)
from troth.tui.widgets.markdown_references import LABEL, Links, normalised

BOLD, ITALIC, STRIKE, CODE, LINK, MATH, ADDRESS = 1, 2, 4, 8, 16, 32, 64

_SPECIAL = re.compile(r"[\\`*_~\[\]<&$]|!\[|https?://")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)>")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_DOLLARS = re.compile(r"\$\$(?=\S).+?\$\$|\$(?=[^\s$])(?:[^$\n]*[^\s$\\])?\$(?!\d)", re.DOTALL)
_BACKSLASH_MATH = re.compile(r"\\\(.+?\\\)|\\\[.+?\\\]", re.DOTALL)


class Run(NamedTuple):
    """A piece of text in one look."""

    text: str
    look: int
    """BOLD, ITALIC, STRIKE, CODE, LINK, MATH and ADDRESS, added up."""
    start: int
    """Where it stands in what was read; -1 for text that stands nowhere (a link's address)."""
    link: str = ""


@dataclass(slots=True)
class _Node:
    """A run in the making; one made of `*`, `_` or `~` may yet become emphasis."""

    text: str
    start: int
    look: int = 0
    link: str = ""
    mark: str = ""
    opens: bool = False
    closes: bool = False
    length: int = 0
    """Marks that are still to be paired."""
    run: int = 0
    """Marks there were: the rule of three goes by these."""


@lru_cache(maxsize=512)
def parse_inline(text: str, links: Links = ()) -> tuple[Run, ...]:
    """Return the runs of a paragraph, in order; a line break in it stays in the runs.

    `links` are the definitions that `[text][label]` may refer to.
    """
    return _InlineParser(text, links).parse()


@lru_cache(maxsize=64)
def parse_unfinished(text: str, links: Links = ()) -> tuple[Run, ...]:
    """Return the runs of a paragraph that is still arriving.

    An opened `**`, `~~` or code span counts up to the end, and marks at the very end, which may be
    half of something, are not shown yet: so nothing flickers while the other half is on its way.
    """
    return _InlineParser(text.rstrip("*_~`"), links, is_open_ended=True).parse()


class _InlineParser:
    def __init__(self, text: str, links: Links, *, is_open_ended: bool = False) -> None:
        self._text = text
        self._addresses = dict(links)
        self._is_open_ended = is_open_ended
        self._nodes: list[_Node] = []
        self._brackets: list[int] = []
        self._has_math = "$" in text

    def parse(self) -> tuple[Run, ...]:
        text, at = self._text, 0
        while special := _SPECIAL.search(text, at):
            start = special.start()
            if start > at:
                self._nodes.append(_Node(text[at:start], at))
            at = self._take_special(special.group(), start)
        if at < len(text):
            self._nodes.append(_Node(text[at:], at))
        self._pair_emphasis(0)
        if self._is_open_ended:
            self._close_emphasis()
        return tuple(self._merged())

    def _take_special(self, found: str, start: int) -> int:
        """Add nodes for what begins at `start`; return where reading goes on."""
        match found:
            case "\\":
                return self._take_backslash(start)
            case "`":
                return self._take_code(start)
            case "*" | "_" | "~":
                return self._take_emphasis(found, start)
            case "[" | "![":
                self._brackets.append(len(self._nodes))
                return self._add(found, start)
            case "]":
                return self._take_bracket_end(start)
            case "<":
                return self._take_autolink(start)
            case "&":
                return self._take_entity(start)
            case "$":
                return self._take_math(_DOLLARS, start, "$")
            case _:
                url = bare_url(self._text, start)
                if not url:
                    return self._add(found, start)
                return self._add(url, start, look=LINK, link=url)

    def _add(self, text: str, start: int, *, look: int = 0, link: str = "") -> int:
        self._nodes.append(_Node(text, start, look, link))
        return start + len(text)

    def _take_backslash(self, start: int) -> int:
        following = self._text[start + 1 : start + 2]
        closing = {"(": "\\)", "[": "\\]"}.get(following)
        if closing and self._text.find(closing, start) > 0:
            end = self._take_math(_BACKSLASH_MATH, start, "")
            if end > start:
                return end
        if following in _PUNCTUATION and following:
            self._add(following, start + 1)
            return start + 2
        return self._add("\\", start)

    def _take_math(self, pattern: re.Pattern[str], start: int, otherwise: str) -> int:
        """Keep mathematics as written: its `_` and `*` are no emphasis."""
        if math := pattern.match(self._text, start):
            return self._add(math.group(), start, look=MATH)
        return self._add(otherwise, start) if otherwise else start

    def _take_code(self, start: int) -> int:
        text = self._text
        end = start
        while end < len(text) and text[end] == "`":
            end += 1
        ticks = text[start:end]
        closing = re.compile(rf"(?<!`){ticks}(?!`)").search(text, end)
        if not closing and self._is_open_ended:
            return self._add(text[end:].replace("\n", " "), end, look=CODE)
        if not closing:
            return self._add(ticks, start)
        code, code_start = text[end : closing.start()], end
        if code.startswith(" ") and code.endswith(" ") and code.strip():
            code, code_start = code[1:-1], end + 1
        self._add(code.replace("\n", " "), code_start, look=CODE)
        return closing.end()

    def _take_emphasis(self, mark: str, start: int) -> int:
        text, end = self._text, start
        while end < len(text) and text[end] == mark:
            end += 1
        before, after = text[start - 1 : start] if start else " ", text[end : end + 1] or " "
        opens, closes = _flanks(before, after, mark)
        if mark == "~" and end - start > 2:
            opens = closes = False
        node = _Node(text[start:end], start, mark=mark, opens=opens, closes=closes)
        node.length = node.run = end - start
        self._nodes.append(node)
        return end

    def _take_autolink(self, start: int) -> int:
        found = _AUTOLINK.match(self._text, start)
        if not found:
            return self._add("<", start)
        address = found.group(1)
        url = address if ":" in address else f"mailto:{address}"
        if is_clickable(url):
            self._add(address, start + 1, look=LINK, link=url)
        else:
            self._add(found.group(), start)
        return found.end()

    def _take_entity(self, start: int) -> int:
        found = _ENTITY.match(self._text, start)
        if not found:
            return self._add("&", start)
        # An entity can spell what was cleaned away: a bidi override, an escape.
        self._add(clean(unescape(found.group())).replace("\n", " "), start)
        return found.end()

    def _take_bracket_end(self, start: int) -> int:
        if not self._brackets:
            return self._add("]", start)
        opening = self._brackets.pop()
        target = self._target_behind(opening, start)
        if target is None:
            return self._add("]", start)
        url, end = target
        bracket = self._nodes[opening]
        is_image = bracket.text == "!["
        self._pair_emphasis(opening + 1)
        shown = "".join(node.text for node in self._nodes[opening + 1 :])
        is_link = is_clickable(url)
        for node in self._nodes[opening + 1 :]:
            node.mark = ""
            if is_link and not node.link:
                node.look, node.link = node.look | LINK, url
        bracket.text = "image: " if is_image else ""
        bracket.start = -1
        if url and shown != url and f"mailto:{shown}" != url:
            address = f" ({url})" if shown else url
            self._nodes.append(_Node(address, -1, ADDRESS, url if is_link else ""))
        if not is_image:
            self._brackets.clear()  # A link holds no other link.
        return end

    def _target_behind(self, opening: int, start: int) -> tuple[str, int] | None:
        """Return the address of a link's text that ends at `start`, and where the link ends."""
        text = self._text
        target = destination_after(text, start + 1)
        if target is None and self._is_open_ended and text.startswith("(", start + 1):
            target = unfinished_destination(text, start + 1)
        if target is not None or not self._addresses:
            return target
        if behind := LABEL.match(text, start + 1):  # `[text][label]`
            label, end = behind.group(1), behind.end()
        else:  # `[label][]` or `[label]`
            bracket = self._nodes[opening]
            label = text[bracket.start + len(bracket.text) : start]
            end = start + (3 if text.startswith("[]", start + 1) else 1)
        url = self._addresses.get(normalised(label))
        return (url, end) if url is not None else None

    # --- emphasis ---------------------------------------------------------------------------

    def _pair_emphasis(self, bottom: int) -> None:
        """Match closing marks with the nearest opening ones (the specification's appendix)."""
        nodes = self._nodes
        floors: dict[tuple[str, bool, int], int] = {}
        closer = bottom
        while closer < len(nodes):
            node = nodes[closer]
            if not (node.mark and node.closes and node.length):
                closer += 1
                continue
            key = (node.mark, node.opens, node.run % 3)
            opener = self._opener_of(node, closer, max(bottom, floors.get(key, bottom)))
            if opener is None:
                floors[key] = closer
                closer += 1
                continue
            self._join(opener, closer)
            if not node.length:
                closer += 1

    def _close_emphasis(self) -> None:
        """Take `**` and `~~` that wait for their other half as if it came at the end."""
        for index, node in enumerate(self._nodes):
            if node.opens and node.mark and node.length == 2 and node.mark != "_":
                look = STRIKE if node.mark == "~" else BOLD
                node.text = ""
                for following in self._nodes[index + 1 :]:
                    following.look |= look

    def _opener_of(self, closer: _Node, index: int, floor: int) -> int | None:
        for candidate in range(index - 1, floor - 1, -1):
            node = self._nodes[candidate]
            if node.mark != closer.mark or not node.opens or not node.length:
                continue
            if closer.mark == "~":
                if node.length == closer.length:
                    return candidate
                continue
            is_odd = (node.closes or closer.opens) and (node.run + closer.run) % 3 == 0
            if not is_odd or (node.run % 3 == 0 and closer.run % 3 == 0):
                return candidate
        return None

    def _join(self, opener: int, closer: int) -> None:
        nodes = self._nodes
        first, last = nodes[opener], nodes[closer]
        if first.mark == "~":
            used, look = first.length, STRIKE
        else:
            used = 2 if first.length >= 2 and last.length >= 2 else 1
            look = BOLD if used == 2 else ITALIC
        for node in nodes[opener + 1 : closer]:
            node.look |= look
            node.opens = node.closes = False  # What was passed over pairs with nothing.
        first.length -= used
        first.text = first.text[:-used]
        last.length -= used
        last.text = last.text[used:]
        last.start += used

    def _merged(self) -> list[Run]:
        """Return the runs, neighbours of one look made one."""
        runs: list[Run] = []
        for node in self._nodes:
            if not node.text:
                continue
            if runs:
                last = runs[-1]
                is_next = last.start >= 0 and last.start + len(last.text) == node.start
                if last.look == node.look and last.link == node.link and is_next:
                    runs[-1] = Run(last.text + node.text, last.look, last.start, last.link)
                    continue
            runs.append(Run(node.text, node.look, node.start, node.link))
        return runs


def _flanks(before: str, after: str, mark: str) -> tuple[bool, bool]:
    """Return whether a run of marks can open and close emphasis (6.2, flanking rules)."""
    is_space_before, is_space_after = before.isspace(), after.isspace()
    is_mark_before, is_mark_after = _is_punctuation(before), _is_punctuation(after)
    is_left = not is_space_after and (not is_mark_after or is_space_before or is_mark_before)
    is_right = not is_space_before and (not is_mark_before or is_space_after or is_mark_after)
    if mark == "_":
        return (
            is_left and (not is_right or is_mark_before),
            is_right and (not is_left or is_mark_after),
        )
    return is_left, is_right


def _is_punctuation(character: str) -> bool:
    return character in _PUNCTUATION or unicodedata.category(character)[0] in "PS"

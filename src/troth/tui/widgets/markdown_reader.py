"""Read Markdown line by line into blocks; what is read is final, so a stream costs what is new.

CommonMark 0.31.2 block structure with GitHub's tables and task lists (spec.commonmark.org, read
2026-11-22), except: raw HTML and LaTeX stay as written. Nothing depends on how the text was cut,
and no later line changes a block given out: what a label stands for is looked up when one is drawn.
"""

from __future__ import annotations

from copy import copy

from troth.tui.widgets import markdown_grammar as grammar
from troth.tui.widgets.markdown_blocks import Block, Container, Kind, Line
from troth.tui.widgets.markdown_columns import indent_at, is_table_rule
from troth.tui.widgets.markdown_containers import Rest, match_containers, opening_at
from troth.tui.widgets.markdown_leaf import Leaf
from troth.tui.widgets.markdown_outlet import Outlet
from troth.tui.widgets.markdown_references import (
    UNCLEAR,
    References,
    begins_definition,
    definition_in,
    is_title,
)

LONGEST_LINE = 2048
"""Characters; a longer line is read in pieces, cut at the end of a sentence or a word."""


class BlockReader:
    """Turns text that arrives in pieces into blocks."""

    def __init__(self, *, is_plain: bool = False) -> None:
        """`is_plain` knows only code fences: for what a person typed, which stays as typed."""
        self._is_plain = is_plain
        self._pending = ""
        self._offset = 0
        self._is_inside_line = False
        self._containers: list[Container] = []
        self._leaf: Leaf | None = None
        self._outlet = Outlet()
        self._code_count = 0
        self.references = References()
        """The link reference definitions read so far; they are in no block."""

    def feed(self, text: str) -> list[Block]:
        """Take more text; return the blocks that are final by now."""
        text = self._pending + text
        start = 0
        end = len(text)
        while start < end:
            newline = text.find("\n", start, start + LONGEST_LINE + 1)
            if newline >= 0:
                self._take(text[start:newline], self._offset + start)
                self._is_inside_line = False
                start = newline + 1
            elif end - start > LONGEST_LINE:
                cut = start + _cut_of(text[start : start + LONGEST_LINE])
                self._take(text[start:cut], self._offset + start)
                self._part_long_line()
                start = cut
            else:
                break
        self._pending = text[start:]
        self._offset += start
        return self._outlet.collected()

    def preview(self) -> list[Block]:
        """Return the blocks that are not final, as if the text ended here; change nothing."""
        ahead = copy(self)
        ahead._containers = self._containers.copy()
        ahead._leaf = self._leaf.copy() if self._leaf else None
        ahead._outlet = self._outlet.ahead()
        ahead.references = References()
        if self._is_unclear():
            ahead._pending = ""
        return ahead.close()

    def close(self) -> list[Block]:
        """End the text; return the blocks that were still open."""
        if self._pending:
            self._take(self._pending, self._offset)
            self._pending = ""
        self._close_containers(0)
        return self._outlet.collected()

    def _is_unclear(self) -> bool:
        if self._is_inside_line or not self._pending:
            return False
        if self._leaf and self._leaf.kind is Kind.CODE:
            return not self._pending.strip(" \t`~>")
        if self._is_plain:
            return False
        if grammar.UNCLEAR.match(self._pending) is not None:
            return True
        return self._may_define() and UNCLEAR.match(self._pending) is not None

    def _may_define(self) -> bool:
        """Whether a definition may stand here: only where a paragraph could begin (4.7)."""
        leaf = self._leaf
        return leaf is None or (leaf.kind is Kind.TEXT and not leaf.is_paragraph)

    # --- one line ---------------------------------------------------------------------------

    def _take(self, text: str, offset: int) -> None:
        leaf = self._leaf
        is_code = leaf is not None and leaf.is_open_code and not self._containers
        if leaf and is_code and not self._is_inside_line and text[:1] not in grammar.FENCE_STARTS:
            leaf.lines.append(Line(text, offset))
            self._freeze()
            return
        if self._is_inside_line or (
            leaf
            and leaf.kind is Kind.TEXT
            and not self._containers
            and text
            and (text[0] not in grammar.SPECIAL_STARTS or (self._is_plain and not text.isspace()))
            and not (self._is_plain and text.lstrip().startswith(("```", "~~~")))
        ):
            self._add_text(Line(text, offset, self._is_inside_line))
        else:
            self._take_rest(text, offset, match_containers(text, self._containers))

    def _take_rest(self, text: str, offset: int, rest: Rest) -> None:
        matched, at, spare = rest
        leaf = self._leaf
        is_inside = matched == len(self._containers)
        line = Line(" " * spare + text[at:], offset + at - spare)
        if leaf and is_inside and leaf.is_verbatim:
            if leaf.takes(line):
                self._freeze()
                return
            self._close_leaf()
            if leaf.fence or (leaf.is_math and line.text.strip()):
                return
        start, indent = indent_at(text, at, at)
        indent += spare
        has_opened = False
        while start < len(text):
            if text[start] not in grammar.CONTAINER_STARTS or indent > 3 or self._is_plain:
                break
            is_paragraph = self._leaf is not None and self._leaf.is_paragraph and is_inside
            outer = self._containers[:matched]
            opening = opening_at(text, start, indent, outer, is_paragraph=is_paragraph)
            if opening is None:
                break
            self._close_containers(matched)
            self._containers.append(opening.container)
            has_opened, is_inside = True, True
            matched, at, spare = matched + 1, opening.at, opening.spare
            start, indent = indent_at(text, at, at)
            indent += spare
        else:
            if not has_opened:
                self._take_blank(matched)
            return
        line = Line(text[start:], offset + start)
        if self._start_leaf(line, " " * spare + text[at:], indent, matched):
            return
        leaf = self._leaf
        is_lazy = leaf is not None and (
            leaf.is_paragraph or (leaf.awaits_title and is_title(line.text))
        )
        if not is_inside and not is_lazy:
            self._close_containers(matched)
        self._add_text(Line(text[at:], offset + at) if self._is_plain else line)

    def _take_blank(self, matched: int) -> None:
        """An empty line ends a paragraph, a quote, an item with nothing in it yet."""
        while matched < len(self._containers) and not self._containers[matched].is_quote:
            matched += 1
        chain = tuple(self._containers)
        if chain and matched == len(chain) and not self._leaf and not self._outlet.was_drawn(chain):
            matched -= 1
        self._close_containers(matched)
        self._outlet.has_blank = True

    def _close_containers(self, kept: int) -> None:
        """End the open block and all containers but the outer `kept`."""
        self._close_leaf()
        while len(self._containers) > kept:
            chain = tuple(self._containers)
            if not chain[-1].is_quote and not self._outlet.was_drawn(chain):
                self._outlet.give(Kind.TEXT, (), chain)
            self._containers.pop()

    # --- leaves -----------------------------------------------------------------------------

    def _start_leaf(self, line: Line, shown: str, indent: int, matched: int) -> bool:
        """Start or finish another block than a paragraph, if this line is one."""
        text = line.text
        is_inside = matched == len(self._containers)
        paragraph = self._leaf if self._leaf and self._leaf.is_paragraph else None
        if indent > 3:
            if paragraph or self._is_plain:
                return False
            self._close_containers(matched)
            self._code_count += 1
            code = self._leaf = Leaf(Kind.CODE, level=self._code_count)
            code.takes(Line(shown, line.offset + len(text) - len(shown)))
            return True
        if text[0] not in grammar.SPECIAL_STARTS and not (is_inside and self._leaf):
            return False
        if fence := grammar.FENCE.match(text):
            self._close_containers(matched)
            mark, info = fence.group(1) or fence.group(3), fence.group(2) or fence.group(4) or ""
            self._code_count += 1
            number, info = self._code_count, info.strip()
            self._leaf = Leaf(Kind.CODE, level=number, info=info, fence=mark, indent=indent)
            return True
        if self._is_plain:
            return False
        if is_inside and self._extend_table_or_heading(line, paragraph):
            return True
        return self._start_short_leaf(line, matched)

    def _start_short_leaf(self, line: Line, matched: int) -> bool:
        text = line.text
        if heading := grammar.HEADING.match(text):
            self._close_containers(matched)
            words = text[heading.end() :].rstrip()
            bare = words.rstrip("#")
            if not bare or (bare != words and bare[-1] in " \t"):  # `## Title ##`
                words = bare.rstrip()
            title = Line(words, line.offset + heading.end())
            self._give(Kind.HEADING, (title,), level=len(heading.group(1)))
            return True
        if grammar.RULE.match(text):
            self._close_containers(matched)
            self._give(Kind.RULE, (line,))
            return True
        if grammar.HTML.match(text) or text.startswith(("$$", "\\[")):
            self._close_containers(matched)
            self._leaf = Leaf(Kind.VERBATIM, is_math=text[0] != "<")
            if not self._leaf.takes(line):
                self._close_leaf()
            return True
        return False

    def _extend_table_or_heading(self, line: Line, paragraph: Leaf | None) -> bool:
        """Handle the lines that depend on what is open: table rows, rules under a line."""
        leaf = self._leaf
        if leaf and leaf.kind is Kind.TABLE:
            if "|" in line.text:
                leaf.lines.append(line)
                self._freeze()
                return True
            self._close_leaf()
            return False
        if not paragraph or not paragraph.lines:
            return False
        header = paragraph.lines[-1]
        if is_table_rule(line.text, header.text):
            del paragraph.lines[-1]
            self._close_leaf()
            self._leaf = Leaf(Kind.TABLE)
            self._leaf.lines += [header, line]
            return True
        if grammar.SETEXT.match(line.text):
            level = 1 if line.text[0] == "=" else 2
            self._leaf = None
            self._give(Kind.HEADING, tuple(paragraph.lines), level=level)
            return True
        return False

    def _add_text(self, line: Line) -> None:
        if self._leaf is None or (self._is_inside_line and self._leaf.kind is Kind.TABLE):
            self._close_leaf()
            self._leaf = Leaf(Kind.TEXT)
        if self._is_plain or line.is_rest or not self._defines(self._leaf, line.text):
            self._leaf.lines.append(line)
            self._freeze()

    def _defines(self, leaf: Leaf, text: str) -> bool:
        """Take a line of a link reference definition out of the text; False for any other."""
        if leaf.kind is not Kind.TEXT or leaf.part or len(leaf.lines) > 1:
            return False
        awaits_title, leaf.awaits_title = leaf.awaits_title, False
        if awaits_title and is_title(text):
            return True
        if leaf.lines:
            if not begins_definition(leaf.lines[0].text):
                return False
            text = f"{leaf.lines[0].text}\n{text}"
        elif not text.startswith("["):
            return False
        definition = definition_in(text)
        if definition is None:
            return False
        leaf.lines.clear()
        leaf.awaits_title = not definition.has_title
        self.references.define(definition)
        return True

    def _part_long_line(self) -> None:
        """Give out the first piece of a line that is too long; the rest is text or code."""
        self._is_inside_line = True
        if self._leaf and self._leaf.kind is Kind.TEXT and self._leaf.lines:
            self._give_part(self._leaf)

    def _freeze(self) -> None:
        if self._leaf and self._leaf.is_full():
            self._give_part(self._leaf)

    def _give_part(self, leaf: Leaf) -> None:
        self._outlet.give_leaf(leaf, tuple(self._containers))
        leaf.start_part(tuple(leaf.lines))

    def _close_leaf(self) -> None:
        leaf, self._leaf = self._leaf, None
        if leaf and (leaf.lines or (leaf.fence and not leaf.part)):
            self._outlet.give_leaf(leaf, tuple(self._containers))

    def _give(self, kind: Kind, lines: tuple[Line, ...], *, level: int = 0) -> None:
        self._outlet.give(kind, lines, tuple(self._containers), level=level)


def _cut_of(text: str) -> int:
    """Return where to cut a line that is too long: after a sentence, a word, or anywhere."""
    half = LONGEST_LINE // 2
    if sentence := grammar.SENTENCE_END.match(text, half):
        return sentence.end()
    space = text.rfind(" ", half)
    return space + 1 if space >= 0 else len(text)

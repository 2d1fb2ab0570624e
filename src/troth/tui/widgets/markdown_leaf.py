"""A block that is still open: it takes lines, and says when a part of it should be given out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from troth.tui.widgets.markdown_blocks import Kind, Line
from troth.tui.widgets.markdown_columns import skip_columns

CODE_PART_LINES = (32, 64)
"""A part of a code block ends at an empty line after so many lines, or at so many in any case."""
CODE_PART_LETTERS = 4096
TABLE_PART_ROWS = 40
TEXT_PART_LETTERS = (1500, 3000)
"""A part of a paragraph ends at the end of a sentence after so many, or at so many at a line."""
FEWEST_LINES = min(CODE_PART_LINES[0], TABLE_PART_ROWS)
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "。", "！", "？", "”", '"', ")")


@dataclass(slots=True)
class Leaf:
    """What an open paragraph, code block, table or verbatim block has so far."""

    kind: Kind
    level: int = 0
    info: str = ""
    fence: str = ""
    """The marks that opened a fenced code block; "" for an indented one."""
    indent: int = 0
    """Columns before the opening fence: as many are taken off each line."""
    is_math: bool = False
    lines: list[Line] = field(default_factory=list[Line])
    blanks: list[Line] = field(default_factory=list[Line])
    """Empty lines of indented code: they count only if more code follows."""
    awaits_title: bool = False
    """Whether the line before was a link reference definition, whose title may follow."""
    part: int = 0
    before: tuple[Line, ...] = ()

    def copy(self) -> Leaf:
        return replace(self, lines=self.lines.copy(), blanks=self.blanks.copy())

    @property
    def is_paragraph(self) -> bool:
        """Whether a line of text would go on with it: not after definitions alone."""
        return self.kind is Kind.TEXT and bool(self.lines or self.part)

    @property
    def is_verbatim(self) -> bool:
        """Whether lines go in unread: code, HTML, mathematics."""
        return self.kind is Kind.CODE or self.kind is Kind.VERBATIM

    @property
    def is_open_code(self) -> bool:
        """Whether this is a fenced block whose fence stands at the margin."""
        return self.kind is Kind.CODE and self.indent == 0 and self.fence != ""

    def takes(self, line: Line) -> bool:
        """Take a line, or return False: the block is over (a closing mark is swallowed)."""
        if self.kind is Kind.VERBATIM:
            return self._takes_verbatim(line)
        if self.fence:
            return self._takes_fenced(line)
        return self._takes_indented(line)

    def _takes_fenced(self, line: Line) -> bool:
        text, offset, _ = line
        stripped = text.strip(" \t")
        if stripped.startswith(self.fence) and not stripped.strip(self.fence[0]):
            return False
        if self.indent:
            at, _, spare = skip_columns(text, 0, 0, self.indent)
            line = Line(" " * spare + text[at:], offset + at - spare)
        self.lines.append(line)
        return True

    def _takes_indented(self, line: Line) -> bool:
        text, offset, _ = line
        if not text.strip():
            self.blanks.append(Line("", offset + len(text)))
            return True
        at, column, spare = skip_columns(text, 0, 0, 4)
        if column < 4:
            return False
        self.lines += self.blanks
        self.blanks.clear()
        self.lines.append(Line(" " * spare + text[at:], offset + at - spare))
        return True

    def _takes_verbatim(self, line: Line) -> bool:
        text = line.text.strip()
        if not text:
            return False
        is_first = not self.lines
        self.lines.append(line)
        if not self.is_math:
            return True
        mark = "$$" if self.lines[0].text.startswith("$") else "\\]"
        return not text.endswith(mark) or (is_first and text == mark)

    def is_full(self) -> bool:
        """Return whether so much is here that it should be given out as a part."""
        lines = self.lines
        count = len(lines)
        if not count:
            return False
        text, offset, _ = lines[-1]
        letters = offset + len(text) - lines[0][1]
        if count < FEWEST_LINES and letters < TEXT_PART_LETTERS[0]:
            return False
        if self.is_verbatim:
            few, many = CODE_PART_LINES
            is_long = count >= many or letters >= CODE_PART_LETTERS
            return is_long or (count >= few and not text.strip())
        if self.kind is Kind.TABLE:
            return count >= TABLE_PART_ROWS or letters >= CODE_PART_LETTERS
        few, many = TEXT_PART_LETTERS
        return letters >= many or (letters >= few and text.rstrip().endswith(_SENTENCE_ENDS))

    def start_part(self, given: tuple[Line, ...]) -> None:
        """Go on with an empty next part after `given`."""
        if self.kind is Kind.TABLE:
            self.before = self.before or given
        elif self.kind is Kind.CODE:
            self.before = given
        self.part += 1
        self.lines = []

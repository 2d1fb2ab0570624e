"""A message's text on its way to blocks: foreign text in pieces, cleaned, read, kept.

What is settled stays as it is; only the unfinished end is read again. A long text is read slice by
slice, so that whoever shows it can draw and take keys in between.
"""

from __future__ import annotations

from troth.tui.safe import Cleaner
from troth.tui.widgets.markdown_blocks import Block
from troth.tui.widgets.markdown_reader import BlockReader
from troth.tui.widgets.markdown_references import References

SLICE_LETTERS = 16_384
SLICE_LINES = 300
"""What is read at one go: 10 ms at most (a list: 36 microseconds a line)."""
_LETTERS_A_ROW = 40


class TextFlow:
    """Cleaned and read text: settled blocks, and a tail that is not final while more may come."""

    __slots__ = (
        "_at", "_cleaner", "_raw", "_reader", "_show_hidden", "_tail", "_waiting", "is_closed",
        "is_ended", "settled",
    )  # fmt: skip

    def __init__(self, *, is_plain: bool = False, show_hidden: bool = False) -> None:
        self._raw: list[str] = []
        self._show_hidden = show_hidden
        self._cleaner = Cleaner(show_hidden=show_hidden)
        self._reader = BlockReader(is_plain=is_plain)
        self._tail: list[Block] | None = None
        self._waiting = ""
        self._at = 0
        """How much of what waits has been read."""
        self.settled: list[Block] = []
        self.is_ended = False
        """Whether no more text will come."""
        self.is_closed = False
        """Whether all of it has been read, too."""

    def feed(self, text: str) -> None:
        """Take more text as received; a slice of it is read now, the rest by `read_on`."""
        self._raw.append(text)
        self._waiting = self._waiting[self._at :] + text
        self._at = 0
        self.read_on()

    def close(self) -> None:
        """End the text: once everything is read, everything is settled."""
        self.is_ended = True
        self._settle_end()

    @property
    def references(self) -> References:
        """What the labels in the blocks stand for, as far as it was read."""
        return self._reader.references

    @property
    def has_more(self) -> bool:
        """Whether some of the text is still to be read."""
        return self._at < len(self._waiting)

    @property
    def rows_to_come(self) -> int:
        """Guess the height of what is still to be read."""
        return (len(self._waiting) - self._at) // _LETTERS_A_ROW

    def read_on(self) -> None:
        """Read the next slice. Where the text is cut changes nothing in what is read."""
        text, at = self._waiting, self._at
        end = min(len(text), at + SLICE_LETTERS)
        if text.count("\n", at, end) > SLICE_LINES:
            end = at
            for _ in range(SLICE_LINES):
                end = text.index("\n", end) + 1
        self._tail = None
        self.settled += self._reader.feed(self._cleaner.feed(text[at:end]))
        self._at = end
        if end == len(text):
            self._waiting, self._at = "", 0
            self._settle_end()

    def read_all(self) -> None:
        """Read what is left, however long it takes."""
        while self.has_more:
            self.read_on()

    def _settle_end(self) -> None:
        if self.is_closed or self.has_more or not self.is_ended:
            return
        self.is_closed = True
        self._tail = None
        self.settled += self._reader.feed(self._cleaner.close())
        self.settled += self._reader.close()

    @property
    def tail(self) -> list[Block]:
        """The blocks behind the settled ones, as if the text ended here."""
        if self.is_closed:
            return []
        if self._tail is None:
            self._tail = self._reader.preview()
        return self._tail

    @property
    def raw(self) -> str:
        """The text as received."""
        if len(self._raw) > 1:
            self._raw = ["".join(self._raw)]
        return self._raw[0] if self._raw else ""

    @property
    def source(self) -> str:
        """The text that the blocks' places refer to: cleaned, not otherwise changed."""
        cleaner = Cleaner(show_hidden=self._show_hidden)
        return cleaner.feed(self.raw) + cleaner.close()

"""A message's text on its way to blocks: foreign text in pieces, cleaned, read, kept.

What is settled stays as it is; only the unfinished end is read again.
"""

from __future__ import annotations

from troth.tui.safe import Cleaner
from troth.tui.widgets.markdown_blocks import Block
from troth.tui.widgets.markdown_reader import BlockReader


class TextFlow:
    """Cleaned and read text: settled blocks, and a tail that is not final while more may come."""

    __slots__ = ("_cleaner", "_raw", "_reader", "_show_hidden", "_tail", "is_closed", "settled")

    def __init__(self, *, is_plain: bool = False, show_hidden: bool = False) -> None:
        self._raw: list[str] = []
        self._show_hidden = show_hidden
        self._cleaner = Cleaner(show_hidden=show_hidden)
        self._reader = BlockReader(is_plain=is_plain)
        self._tail: list[Block] | None = None
        self.settled: list[Block] = []
        self.is_closed = False

    def feed(self, text: str) -> None:
        """Take more text as received."""
        self._raw.append(text)
        self._tail = None
        self.settled += self._reader.feed(self._cleaner.feed(text))

    def close(self) -> None:
        """End the text: everything is settled."""
        if self.is_closed:
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

"""Where finished blocks go out: each with what it shares with the block before it."""

from __future__ import annotations

from troth.tui.widgets import markdown_grammar as grammar
from troth.tui.widgets.markdown_blocks import Block, Container, Kind, Line
from troth.tui.widgets.markdown_leaf import Leaf

Chain = tuple[Container, ...]


class Outlet:
    """Collects blocks. Knows the one before, for gaps and for markers that are drawn once."""

    __slots__ = ("_finished", "_previous", "_previous_kind", "has_blank")

    def __init__(self) -> None:
        self.has_blank = False
        """Whether an empty line came since the last block."""
        self._previous: Chain | None = None
        self._previous_kind = Kind.TEXT
        self._finished: list[Block] = []

    def ahead(self) -> Outlet:
        """Return an outlet that goes on from here with nothing collected."""
        outlet = Outlet()
        outlet.has_blank = self.has_blank
        outlet._previous, outlet._previous_kind = self._previous, self._previous_kind
        return outlet

    def collected(self) -> list[Block]:
        """Return the blocks since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def was_drawn(self, chain: Chain) -> bool:
        """Return whether the innermost container has a block already, which shows its marker."""
        previous = self._previous or ()
        return len(previous) >= len(chain) and previous[len(chain) - 1] is chain[-1]

    def give_leaf(self, leaf: Leaf, chain: Chain) -> None:
        """Give out what a leaf holds, as one part of its block."""
        shared, has_gap = self._next(leaf.kind, chain)
        lines = tuple(leaf.lines)
        gap = has_gap and not leaf.part
        self._finished.append(
            Block(
                leaf.kind, lines, chain, shared, gap, leaf.level, leaf.info, leaf.part, leaf.before
            )
        )

    def give(self, kind: Kind, lines: tuple[Line, ...], chain: Chain, *, level: int = 0) -> None:
        """Give out a block that was complete with its line."""
        shared, has_gap = self._next(kind, chain)
        self._finished.append(Block(kind, lines, chain, shared, has_gap, level))

    def _next(self, kind: Kind, chain: Chain) -> tuple[int, bool]:
        """Return how many containers are shared with the block before, and whether air is due."""
        previous, previous_kind = self._previous, self._previous_kind
        had_blank = self.has_blank
        self._previous, self._previous_kind, self.has_blank = chain, kind, False
        if previous is None:
            return 0, False
        shared = 0
        for ours, theirs in zip(chain, previous, strict=False):
            if ours is not theirs:
                break
            shared += 1
        is_after_heading = previous_kind is Kind.HEADING
        is_airy = kind in grammar.AIRY or previous_kind in grammar.AIRY or had_blank
        return shared, kind in grammar.AIRY or (is_airy and not is_after_heading)

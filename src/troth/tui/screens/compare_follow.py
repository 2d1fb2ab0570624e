"""Follows the replies of all columns at once and feeds each to the place where it is shown.

A batch is fed, then the follower rests: what comes meanwhile is one larger batch. Columns that
are not on screen rest longer, so that eight fast streams cost little more than those in sight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from time import monotonic

from textual.screen import Screen

from troth.domain.event import ReplyEvent, TextDelta, ThinkingDelta, VerdictReady
from troth.engine.comparison import Comparison
from troth.engine.reply import Reply
from troth.tui.screens.compare_column import ColumnPage

_SHOWN_S = 1 / 30
_HIDDEN_S = 0.15


class ColumnFollowing:
    """The replies that arrive in one comparison."""

    def __init__(
        self,
        screen: Screen[None],
        comparison: Comparison,
        page_of: Callable[[Reply], ColumnPage | None],
        changed: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._comparison = comparison
        self._page_of = page_of
        self._changed = changed
        self._began_at: dict[str, float] = {}
        """By reply id."""
        self._said: dict[str, tuple[list[str], list[str]]] = {}

    def begin(self) -> None:
        """Watch every reply that runs and is not watched yet."""
        for column in self._comparison.columns:
            reply = column.reply
            if reply is None or reply.id in self._began_at or not _is_live(reply):
                continue
            self._began_at[reply.id] = monotonic()
            self._screen.run_worker(self._watch(reply), group=f"column {reply.id}")

    def elapsed_s(self, reply: Reply | None) -> float | None:
        """Return how long a running reply has been watched."""
        if reply is None or not reply.is_running or reply.id not in self._began_at:
            return None
        return monotonic() - self._began_at[reply.id]

    def said(self, reply: Reply) -> tuple[str, str]:
        """Return the text and the thinking of a reply that were taken from it so far."""
        text, thinking = self._said.get(reply.id, ([], []))
        return "".join(text), "".join(thinking)

    async def _watch(self, reply: Reply) -> None:
        text, thinking = self._said.setdefault(reply.id, ([], []))
        async for batch in reply.batches():
            page = self._page_of(reply)
            for kind, run in _runs(batch):
                # A page that does not hold the reply yet gets all of it with its entry.
                (text if kind is TextDelta else thinking).append(run)
                if page is not None and kind is TextDelta:
                    page.feed_text(reply.id, run)
                elif page is not None:
                    page.feed_thinking(reply.id, run)
            for event in batch:
                if isinstance(event, VerdictReady):
                    self._comparison.chat.verdicts[event.message_id] = event.verdict
            if any(not isinstance(event, (TextDelta, ThinkingDelta)) for event in batch):
                self._changed()
            is_shown = page is not None and page.is_on_screen
            await asyncio.sleep(_SHOWN_S if is_shown else _HIDDEN_S)
        self._said.pop(reply.id, None)
        self._changed()


def _is_live(reply: Reply) -> bool:
    return reply.is_running or reply.is_judging


def _runs(batch: Sequence[ReplyEvent]) -> Iterator[tuple[type[ReplyEvent], str]]:
    """Join deltas of one kind that follow each other."""
    deltas = [event for event in batch if isinstance(event, (TextDelta, ThinkingDelta))]
    for kind, run in groupby(deltas, key=type):
        yield kind, "".join(event.text for event in run)

"""Follows the replies of all columns at once and feeds each to the place where it is shown.

What arrives is gathered; one pulse feeds all columns together, so that one repaint shows them all.
Then it rests, the longer the more the last pulses cost: eight fast streams leave time for keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from time import monotonic, thread_time

from textual.screen import Screen

from troth.domain.event import ReplyEvent, TextDelta, ThinkingDelta, VerdictReady
from troth.engine.comparison import Comparison
from troth.engine.reply import Reply
from troth.tui.screens.compare_column import ColumnPage
from troth.tui.widgets.transcript_entry import Entry

_SHORTEST_S, _LONGEST_S = 1 / 30, 0.12
_HIDDEN_EVERY = 5
"""Columns that are not on screen are fed with every fifth pulse."""
_SHARE = 0.55
"""Of the time, what drawing and all else may take before the pulse slows down."""


class Pulse:
    """How long to rest between two repaints. Says numbers, reads no clock itself."""

    def __init__(self) -> None:
        self.rest_s = _SHORTEST_S

    def take(self, busy_s: float, elapsed_s: float) -> None:
        """Learn how long the last pulse and its rest took, and how much of it was work."""
        late_s = elapsed_s - self.rest_s
        share = max(busy_s, late_s) / elapsed_s if elapsed_s > 0 else 0.0
        wanted = self.rest_s * max(0.7, min(1.5, share / _SHARE))
        self.rest_s = max(_SHORTEST_S, min(_LONGEST_S, wanted))


class _Arrival:
    """A reply that is watched: what was taken from it, and what of that is not shown yet."""

    __slots__ = ("began_at", "reply", "said", "unshown")

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.began_at = monotonic()
        self.said: dict[type[ReplyEvent], list[str]] = {TextDelta: [], ThinkingDelta: []}
        self.unshown: list[tuple[type[ReplyEvent], str]] = []

    def take(self, batch: Sequence[ReplyEvent]) -> None:
        for kind, run in _runs(batch):
            self.said[kind].append(run)
            self.unshown.append((kind, run))

    def show_on(self, page: ColumnPage) -> None:
        """Feed what was not shown yet, joined where it is of one kind."""
        for kind, runs in groupby(self.unshown, key=lambda one: one[0]):
            feed = page.feed_text if kind is TextDelta else page.feed_thinking
            feed(self.reply.id, "".join(run for _, run in runs))
        self.unshown.clear()


class ColumnFollowing:
    """The replies that arrive in one comparison."""

    def __init__(
        self,
        screen: Screen[str | None],
        comparison: Comparison,
        page_of: Callable[[Reply], ColumnPage | None],
        changed: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._comparison = comparison
        self._page_of = page_of
        self._changed = changed
        self._known: set[str] = set()
        """Ids of all replies that were watched."""
        self._arriving: dict[str, _Arrival] = {}
        self._has_news = asyncio.Event()

    def begin(self) -> None:
        """Watch every reply that runs and is not watched yet."""
        for column in self._comparison.columns:
            reply = column.reply
            if reply is None or reply.id in self._known or not _is_live(reply):
                continue
            if not self._arriving:
                self._screen.run_worker(self._pulse(), group="pulse", exclusive=True)
            self._known.add(reply.id)
            self._arriving[reply.id] = _Arrival(reply)
            self._screen.run_worker(self._watch(reply), group=f"column {reply.id}")

    def elapsed_s(self, reply: Reply | None) -> float | None:
        """Return how long a running reply has been watched."""
        if reply is None or not reply.is_running or reply.id not in self._arriving:
            return None
        return monotonic() - self._arriving[reply.id].began_at

    def arriving(self, page: ColumnPage, fresh: Entry) -> Entry:
        """Return what a page shall show of a reply that arrives: what it shows, else all there is.

        `fresh` is its entry without a word. A page that has it grows by deltas alone.
        """
        known = page.entry(fresh.id)
        if known is not None and replace(known, text="", thinking="") == fresh:
            return known
        arrival = self._arriving.get(fresh.id)
        if arrival is None:
            return fresh
        arrival.unshown.clear()
        text, thinking = ("".join(arrival.said[kind]) for kind in (TextDelta, ThinkingDelta))
        return replace(fresh, text=text, thinking=thinking)

    async def _watch(self, reply: Reply) -> None:
        arrival = self._arriving[reply.id]
        async for batch in reply.batches():
            arrival.take(batch)
            self._has_news.set()
            for event in batch:
                if isinstance(event, VerdictReady):
                    self._comparison.chat.verdicts[event.message_id] = event.verdict
            if any(not isinstance(event, (TextDelta, ThinkingDelta)) for event in batch):
                self._changed()
            await asyncio.sleep(_SHORTEST_S)
        del self._arriving[reply.id]
        self._has_news.set()
        self._changed()

    async def _pulse(self) -> None:
        """Show what has arrived, in all columns at once; rest; again."""
        pulse, count = Pulse(), 0
        while self._arriving:
            await self._has_news.wait()
            self._has_news.clear()
            began, worked = monotonic(), thread_time()
            count += 1
            self._show(takes_hidden=count % _HIDDEN_EVERY == 0)
            await asyncio.sleep(pulse.rest_s)
            pulse.take(thread_time() - worked, monotonic() - began)

    def _show(self, *, takes_hidden: bool) -> None:
        for arrival in self._arriving.values():
            if not arrival.unshown:
                continue
            if not arrival.reply.is_running:
                arrival.unshown.clear()  # it is sealed: all of it comes with its entry
                continue
            page = self._page_of(arrival.reply)
            # A page that does not hold the reply yet gets all of it with its entry.
            if page is not None and (takes_hidden or page.is_on_screen):
                arrival.show_on(page)


def _is_live(reply: Reply) -> bool:
    return reply.is_running or reply.is_judging


def _runs(batch: Sequence[ReplyEvent]) -> Iterator[tuple[type[ReplyEvent], str]]:
    """Join deltas of one kind that follow each other."""
    deltas = [event for event in batch if isinstance(event, (TextDelta, ThinkingDelta))]
    for kind, run in groupby(deltas, key=type):
        yield kind, "".join(event.text for event in run)

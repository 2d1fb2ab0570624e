"""Watches one reply and feeds it to the transcript. The reply belongs to the engine: leaving the
chat only stops the watching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from textual.timer import Timer

from troth.domain.event import (
    Notice,
    ReplyEnded,
    ReplyEvent,
    RequestSent,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
    VerdictReady,
)
from troth.domain.message import Message
from troth.engine.chat import Chat
from troth.engine.reply import Reply
from troth.explain import explain_failure, notice_words
from troth.tui.widgets.notice_bar import Words
from troth.tui.widgets.transcript_entry import Entry

if TYPE_CHECKING:
    from troth.tui.screens.chat import ChatScreen


class Following:
    """The reply that is on screen while it arrives."""

    def __init__(
        self,
        screen: ChatScreen,
        entry_of: Callable[[Chat, Message], Entry],
        ended: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._entry_of = entry_of
        self._ended = ended
        self._chat: Chat | None = None
        self._countdown: Timer | None = None
        self._began_at = 0.0

    def begin(self, chat: Chat, reply: Reply) -> None:
        """Watch this reply instead of the one before."""
        self._chat = chat
        self._screen.run_worker(self._watch(chat, reply), group="follow", exclusive=True)

    def await_verdict(self, chat: Chat, reply: Reply) -> None:
        """Show the verdict of a reply that is sealed already: it ended while nobody looked."""
        self._chat = chat
        self._screen.run_worker(self._settle_once_judged(chat, reply), group="follow")

    async def _settle_once_judged(self, chat: Chat, reply: Reply) -> None:
        await reply.closed()
        if self._chat is chat and (message := chat.tree.get(reply.id)) is not None:
            if reply.verdict is not None:
                chat.verdicts[reply.id] = reply.verdict
            self._screen.page.settle(self._entry_of(chat, message))
            self._screen.draw_frame()

    def leave(self) -> None:
        """Watch nothing: another chat is shown."""
        self._chat = None
        self._end_countdown()

    async def _watch(self, chat: Chat, reply: Reply) -> None:
        """Feed one reply to the transcript until its verdict is in, or the chat is left."""
        self._began_at = monotonic()
        self._screen.draw_frame()
        async for batch in reply.batches():
            if self._chat is not chat:
                return
            self._take_batch(chat, reply, batch)
        self._end_countdown()
        if reply.message is not None and reply.verdict is None:
            self._screen.page.settle(self._entry_of(chat, reply.message))  # it got no verdict
        self._screen.draw_frame()

    def _take_batch(self, chat: Chat, reply: Reply, batch: Sequence[ReplyEvent]) -> None:
        """Join deltas of one kind, so that a fast stream costs one call a batch."""
        page = self._screen.page
        kind: type[TextDelta] | type[ThinkingDelta] | None = None
        run: list[str] = []

        def flush() -> None:
            if run and kind is TextDelta:
                page.feed_text(reply.id, "".join(run))
            elif run:
                page.feed_thinking(reply.id, "".join(run))
            run.clear()

        for event in batch:
            if chat.is_held and isinstance(event, (TextDelta, ThinkingDelta)):
                continue  # shown once its verdict is in
            if isinstance(event, (TextDelta, ThinkingDelta)):
                if type(event) is not kind:
                    flush()
                    kind = type(event)
                run.append(event.text)
            else:
                flush()
                self._take_event(chat, reply, event)
        flush()

    def _take_event(self, chat: Chat, reply: Reply, event: ReplyEvent) -> None:
        match event:
            case ReplyEnded(message):
                self._end_countdown()
                if not (chat.is_held and reply.is_judging):
                    self._screen.page.settle(self._entry_of(chat, message))
                self._screen.draw_frame()
                self._screen.ring_after(monotonic() - self._began_at)
                self._ended()
            case VerdictReady(message_id, verdict):
                chat.verdicts[message_id] = verdict
                if (judged := chat.tree.get(message_id)) is not None:
                    self._screen.page.settle(self._entry_of(chat, judged))
            case RetryScheduled(attempt, delay_s, failure):
                self._begin_countdown(attempt, delay_s, explain_failure(failure).title)
            case RequestSent():
                self._end_countdown()
            case Notice(notice, detail):
                self._screen.say(Words(notice_words(notice, detail), tone="warn"))
            case _:
                return

    def tick(self) -> None:
        """Show how long the reply has taken so far."""
        if self._chat is not None and self._chat.is_replying:
            self._screen.page.tick(f"{monotonic() - self._began_at:.0f} s")

    def _begin_countdown(self, attempt: int, delay_s: float, title: str) -> None:
        self._end_countdown()
        left = max(1, round(delay_s))

        def tick() -> None:
            nonlocal left
            detail = f"Trying again in {left} s (try {attempt}). Esc stops."
            self._screen.say(Words(title, detail, tone="warn"))
            left = max(0, left - 1)

        tick()
        self._countdown = self._screen.set_interval(1.0, tick)

    def _end_countdown(self) -> None:
        if self._countdown is not None:
            self._countdown.stop()
            self._countdown = None
            self._screen.say(None)

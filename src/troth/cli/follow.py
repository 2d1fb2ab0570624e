"""Follow one reply to its end: print its text as it comes, and let ctrl+c stop it and keep it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from troth.cli.output import Console, silence_stdout
from troth.cli.signals import stopping_on_signals
from troth.domain.error import OutputFailed
from troth.domain.event import (
    Notice,
    ReplyEnded,
    ReplyEvent,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
)
from troth.domain.message import Message
from troth.domain.verdict import Verdict
from troth.engine.reply import Reply


@dataclass(slots=True)
class Outcome:
    """How a reply ended for the one who asked."""

    message: Message
    verdict: Verdict | None
    signal_number: int = 0
    """The signal that stopped it; 0 when none did."""
    unsaved: str = ""
    """The kind of error that kept it out of the vault; "" when it is kept as it should be."""


class Follower:
    """Prints one reply. In JSON mode it only waits."""

    def __init__(
        self,
        console: Console,
        reply: Reply,
        *,
        shows_thinking: bool = False,
        is_held: bool = False,
    ) -> None:
        self._console = console
        self._reply = reply
        self._shows_thinking = shows_thinking and not is_held
        self._is_held = is_held
        """Whether nothing is printed before the verdict: whoever asks prints it then."""
        self._countdown: asyncio.Task[None] | None = None
        self._has_reader = True
        self._is_thinking = False
        self._unsaved = ""
        self._unwritten: OutputFailed | None = None

    async def run(self) -> Outcome:
        """Print until the reply is sealed and checked. Raises OutputFailed after that."""
        console, reply = self._console, self._reply
        message: Message | None = None
        with stopping_on_signals(reply.stop) as caught:
            console.status(f"{reply.model} is asked ...")
            async for batch in reply.batches():
                self._end_countdown()
                for event in batch:
                    if isinstance(event, ReplyEnded):
                        message = event.message
                    else:
                        self._show(event)
            self._end_countdown()
            console.clear_status()
        if message is None:
            raise asyncio.CancelledError
        self._end_text()
        signal_number = caught[0] if caught else 0
        return Outcome(message, reply.verdict, signal_number, self._unsaved)

    def _show(self, event: ReplyEvent) -> None:
        match event:
            case TextDelta(text):
                self._end_thinking()
                self._print(text)
            case ThinkingDelta(text):
                if self._shows_thinking and not self._console.is_json:
                    self._is_thinking = True
                    self._console.think(text)
                else:
                    self._console.status(f"{self._reply.model} is thinking ...")
            case RetryScheduled(attempt, delay_s, failure):
                from troth.explain import explain_failure

                words = explain_failure(failure, "shell")
                self._count_down(f"{words.title}; try {attempt}", delay_s)
            case Notice(kind, detail):
                from troth.explain import notice_words

                self._console.note(f"troth: {notice_words(kind, detail)}")
                if kind == "not_saved":
                    self._unsaved = detail
            case _:
                pass  # counts, sources and raw items are in the sealed message

    def _print(self, text: str) -> None:
        if self._is_held:
            self._console.status(f"{self._reply.model} answers; held until it is verified ...")
            return
        if self._console.is_json or not self._has_reader:
            return
        try:
            self._console.write(text)
        except BrokenPipeError:
            # Its reader has enough (`| head`): keep what came and leave without a word.
            self._has_reader = False
            silence_stdout()
            self._reply.stop()
        except OutputFailed as error:
            self._has_reader, self._unwritten = False, error
            self._reply.stop()

    def _end_text(self) -> None:
        self._end_thinking()
        if self._has_reader and not self._console.is_json:
            try:
                self._console.end_text()
            except BrokenPipeError:
                silence_stdout()
        if self._unwritten is not None:
            raise self._unwritten

    def _end_thinking(self) -> None:
        if self._is_thinking:
            self._is_thinking = False
            self._console.end_thinking()

    def _count_down(self, words: str, delay_s: float) -> None:
        if not self._console.is_interactive:
            self._console.note(f"{words} in {math.ceil(delay_s)} s.")
            return
        self._countdown = asyncio.create_task(self._tick(words, delay_s))

    async def _tick(self, words: str, delay_s: float) -> None:
        for left in range(math.ceil(delay_s), 0, -1):
            self._console.status(f"{words} in {left} s (ctrl+c stops)")
            await asyncio.sleep(1)

    def _end_countdown(self) -> None:
        if self._countdown is not None:
            self._countdown.cancel()
            self._countdown = None
            self._console.clear_status()

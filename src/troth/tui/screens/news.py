"""The news of the engine for one chat screen: what changed here, and what another window wrote."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from troth.domain.error import TrothError
from troth.engine.feed import Change, ChatChanged, ChatGrew, ChatRemoved, ListChanged, ReplyBegan
from troth.explain import notice_words

if TYPE_CHECKING:
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.talking import Talking

_LOOK_ELSEWHERE_S = 3.0
_TIDY_S = 3600.0
_FAR = timedelta(days=90)
"""A clock that is less far ahead was only not looked at for some weeks: nothing to tell."""


class News:
    """Hears what changes, and looks now and then whether another process has written."""

    def __init__(self, screen: ChatScreen, talking: Talking) -> None:
        self._screen = screen
        self._talking = talking
        self._engine = talking.engine

    def begin(self) -> None:
        """Listen from now on, and tidy up."""
        self._screen.run_worker(self._listen(), group="feed", exclusive=True)
        self._screen.set_interval(_LOOK_ELSEWHERE_S, self._look_elsewhere)
        self._screen.set_interval(_TIDY_S, self._tidy)
        self._tidy()

    # -- keeping house

    def _look_elsewhere(self) -> None:
        """Notice what `troth ask` in another window has written, while this screen is seen."""
        if self._screen.is_current and not self._engine.is_locked:
            self._keep_house(self._engine.housekeeping.look_elsewhere)

    def _tidy(self) -> None:
        """Delete for good what is past its time."""
        if not self._engine.is_locked:
            self._keep_house(self._delete_expired)

    async def _delete_expired(self) -> None:
        house = self._engine.housekeeping
        before = house.clock_leap
        await house.tidy(datetime.now(UTC))
        if before is None and house.clock_leap is not None and house.clock_leap > _FAR:
            from troth.tui.widgets.notice_bar import Words

            text = notice_words("clock-ahead", f"{house.clock_leap.days:,}")
            self._screen.say(Words("Clock", text, tone="warn"))

    def _keep_house(self, work: Callable[[], Awaitable[object]]) -> None:
        async def carry_out() -> None:
            with suppress(TrothError):  # a busy disk, a lock that came between: the next time
                await work()

        self._screen.run_worker(carry_out(), group="housekeeping")

    # -- changes

    async def _listen(self) -> None:
        async for change in self._engine.changes():
            await self._take(change)

    async def _take(self, change: Change) -> None:
        talking = self._talking
        chat = talking.chat
        match change:
            case ReplyBegan(conversation_id, reply):
                if chat is not None and chat.id == conversation_id:
                    if chat.reply is reply:  # else a column's: the comparison shows it
                        talking.redraw()
                        self._screen.page.scroll_to_tail()
                        talking.following.begin(chat, reply)
                    if not chat.conversation.is_incognito:
                        await talking.remember(conversation_id)
            case ChatChanged(conversation_id):
                if chat is not None and chat.id == conversation_id:
                    self._screen.draw_frame()
                self._screen.chats_changed()
            case ChatGrew(conversation_id):
                if chat is not None and chat.id == conversation_id:
                    talking.redraw()
                    await talking.measure()
                self._screen.chats_changed()
            case ListChanged():
                self._screen.chats_changed()
            case ChatRemoved(conversation_id):
                self._screen.chats_changed()
                if chat is not None and chat.id == conversation_id:
                    await talking.lose()
            case _:
                return

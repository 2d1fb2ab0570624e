"""The verification pane over the chat: which reply it shows, and what can be done there.

It follows the message under the reader's eye, else the newest reply; a failed reply comes first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from troth.domain.error import TrothError
from troth.domain.message import Message, Role
from troth.engine.boundary import falls_short
from troth.tui.screens.verification_actions import VerificationActions
from troth.tui.screens.verification_look import words_about, words_without_bytes
from troth.tui.screens.verification_words import (
    arriving_words,
    checking_words,
    nothing_words,
)
from troth.tui.widgets.verification_banner import VerificationBanner
from troth.tui.widgets.verification_lines import PaneWords
from troth.tui.widgets.verification_pane import VerificationPane

if TYPE_CHECKING:
    from troth.engine.chat import Chat
    from troth.engine.reply import Reply
    from troth.tui.application import TrothApp
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.talking import Talking

DOCKED_FROM = 120
"""Columns beside the list of chats from which the pane stands at the right."""
_WHOLE_BELOW = 18
"""Rows below which an open drawer takes the transcript's place."""


class Verifying:
    """Shows what is proven of one reply of the open chat."""

    def __init__(self, app: TrothApp, screen: ChatScreen, talking: Talking) -> None:
        self._app = app
        self._screen = screen
        self._talking = talking
        self.banner = VerificationBanner()
        self.pane: VerificationPane | None = None
        self.actions = VerificationActions(app, screen, talking, self)
        self._walked_to = ""
        """The reply that the person chose in the pane; "" follows the chat."""
        self._shown = ""
        self._last_reply: Reply | None = None
        self._failed: tuple[str, ...] = ()

    # -- open and close

    @property
    def is_open(self) -> bool:
        return self.pane is not None and self.pane.display

    @property
    def has_focus(self) -> bool:
        return self.pane is not None and self.pane.has_focus

    async def toggle(self) -> None:
        """Open the pane and go there; close it when it has the focus already."""
        if self.has_focus:
            self.close()
            return
        was_open = self.is_open
        pane = await self._mounted()
        pane.display = True
        is_reading = self._screen.is_reading
        if not was_open:
            self.arrange()
            if not is_reading and self._failed:
                self.show(self._failed[-1])
                self._screen.page.go_to(self._failed[-1])
        # A reader goes on reading, and the pane follows; a second press goes there.
        if was_open or not is_reading or not pane.has_class("-docked"):
            if is_reading:
                self._walked_to = self._screen.page.current_id
            pane.focus()
        self.follow()
        self._screen.draw_frame()

    async def go_to_failed(self) -> None:
        """Open the pane at the newest reply that failed."""
        if not self.is_open:
            await self.toggle()
        elif self._failed:
            self.show(self._failed[-1])
            self._screen.page.go_to(self._failed[-1])

    def close(self) -> None:
        """Hide the pane and go back to the prompt."""
        if self.pane is not None:
            self.pane.display = False
        self._walked_to = ""
        self.arrange()
        self._screen.leave_reading()
        self._screen.draw_frame()

    def leave(self) -> None:
        """Go back to the prompt; a drawer, which lies over the chat, closes."""
        if self.pane is not None and self.pane.has_class("-docked"):
            self._walked_to = ""
            self._screen.leave_reading()
            self.follow()
        else:
            self.close()

    async def _mounted(self) -> VerificationPane:
        if self.pane is None:
            self.pane = VerificationPane()
            self.pane.add_class("beside")
            self.pane.display = False
            await self._screen.mount(self.pane, after=self._screen.page)
        return self.pane

    def arrange(self) -> None:
        """Dock the pane where the screen is wide; let it have all of a very small one."""
        if self.pane is None:
            return
        width, height = self._screen.size
        sidebar = 32 if self._screen.has_class("-sidebar") else 0
        is_docked = width - sidebar >= DOCKED_FROM
        is_whole = not is_docked and height < _WHOLE_BELOW
        self.pane.set_class(is_docked, "-docked")
        self.pane.set_class(is_whole, "-whole")
        self.pane.border_title = "" if is_docked else " Verification "
        self._screen.page.display = not (is_whole and self.is_open)

    # -- which reply

    @property
    def chat(self) -> Chat | None:
        return self._talking.chat

    def message(self) -> Message | None:
        """Return the reply that is shown: chosen here, read, or the newest."""
        chat = self.chat
        if chat is None:
            return None
        wanted = self._screen.page.current_id if self._screen.is_reading else self._walked_to
        replies = self.replies()
        chosen = next((reply for reply in replies if reply.id == wanted), None)
        if chosen is not None:
            return chosen
        if wanted and (asked := self._answer_to(chat, wanted)) is not None:
            return asked
        return replies[-1] if replies else None

    @staticmethod
    def _answer_to(chat: Chat, message_id: str) -> Message | None:
        """Return the reply to a question under the eye."""
        path = chat.path
        place = next((at for at, message in enumerate(path) if message.id == message_id), None)
        after = path[place + 1 :] if place is not None else []
        return next((message for message in after if message.role is Role.ASSISTANT), None)

    def replies(self) -> list[Message]:
        """Return the replies of the shown path, oldest first."""
        path = self.chat.path if self.chat is not None else []
        return [message for message in path if message.role is Role.ASSISTANT]

    def show(self, message_id: str) -> None:
        """Show one reply until the person goes on reading or writing."""
        self._walked_to = message_id
        self.follow()

    def step(self, by: int) -> None:
        """Show the reply before or after the one that is shown."""
        ids = [reply.id for reply in self.replies()]
        shown = self.message()
        if shown is None or shown.id not in ids:
            return
        at = ids.index(shown.id) + by
        if 0 <= at < len(ids):
            self._walked_to = ids[at]
            self._screen.page.go_to(ids[at])
            self.follow()

    def scroll(self, by: int) -> None:
        """Scroll the pane."""
        if self.pane is not None:
            self.pane.scroll_relative(y=by, animate=False)

    def scroll_pages(self, pages: float) -> bool:
        """Scroll the pane by pages and say so, where the keys are in it."""
        if self.pane is None or not self.pane.has_focus:
            return False
        self.scroll(round(pages * self.pane.scrollable_content_region.height))
        return True

    def facts(self) -> set[str]:
        """Say what holds of the reply that is shown."""
        if not self.is_open or self.chat is None:
            return set()
        message = self.message()
        verdict = self.chat.verdicts.get(message.id) if message is not None else None
        if verdict is None:
            return {"pane"}
        is_short = falls_short(verdict, self.chat.conversation.policy)
        return {"pane", "judged", "rejected"} if is_short else {"pane", "judged"}

    # -- drawing

    def follow(self) -> None:
        """Draw what holds now: banner and count always, the pane where it is open."""
        self._count_failed()
        chat = self.chat
        if chat is not None and chat.reply is not self._last_reply:
            self._last_reply, self._walked_to = chat.reply, ""  # a new reply: follow the chat again
        if self.is_open:
            drawing: Callable[[], Awaitable[None]] = self._draw
            self._screen.run_worker(drawing, group="verification", exclusive=True)

    def _count_failed(self) -> None:
        chat = self.chat
        found = chat.verdicts.items() if chat else ()
        loud = {id for id, verdict in found if verdict.is_loud}
        self._failed = tuple(m.id for m in chat.path if m.id in loud) if chat and loud else ()
        self._screen.title_bar.alarm = f"✗ {len(self._failed)} FAILED" if self._failed else ""
        self.banner.say(_banner_words(self._failed, self._app.keymap.first("verification.toggle")))

    async def _draw(self) -> None:
        chat, pane = self.chat, self.pane
        if chat is None or pane is None:
            return
        reply = chat.reply
        if reply is not None and self._is_newest_wanted(reply):
            say = checking_words if reply.is_judging else arriving_words
            self._say(pane, say(reply.model.model), reply.id)
            return
        message = self.message()
        if message is None:
            self._say(pane, nothing_words(), "")
            return
        words = await self._words(chat, message)
        if self.chat is chat:
            self._say(pane, words, message.id)

    def _is_newest_wanted(self, reply: Reply) -> bool:
        """Whether to speak of the reply that is still on its way."""
        is_on_its_way = reply.is_running or reply.is_judging
        return is_on_its_way and not self._walked_to and not self._screen.is_reading

    async def _words(self, chat: Chat, message: Message) -> PaneWords:
        try:
            return await words_about(self._talking.engine, chat, message)
        except TrothError as error:
            self._screen.say_error(error)
            return words_without_bytes(self._talking.engine, chat, message)

    def _say(self, pane: VerificationPane, words: PaneWords, message_id: str) -> None:
        pane.say(words, is_same_reply=message_id == self._shown)
        self._shown = message_id


def _banner_words(failed: Sequence[str], key: str) -> str:
    if not failed:
        return ""
    count = "1 reply" if len(failed) == 1 else f"{len(failed)} replies"
    them = "it" if len(failed) == 1 else "the newest"
    return f"! {count} in this chat FAILED verification. {key or '/verify'} goes to {them}."

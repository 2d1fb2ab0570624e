"""What the chat screen does with the engine: show a chat, send, keep the draft.

Events go one way: engine -> here -> transcript.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.timer import Timer

from troth.domain.error import NotFound, TrothError
from troth.domain.message import BlobPart, Message, Part, TextPart
from troth.domain.model import ModelRef
from troth.domain.verdict import Verdict
from troth.engine.boundary import falls_short
from troth.engine.chat import Chat
from troth.engine.endpoints import DEMO_PROVIDER
from troth.engine.engine import Engine
from troth.tui.screens.attaching import Attaching
from troth.tui.screens.crossing import CrossingScreen
from troth.tui.screens.entries import (
    CHECKING,
    HELD,
    arriving_entry,
    entry_of,
    model_name,
)
from troth.tui.screens.following import Following
from troth.tui.screens.measuring import Meter
from troth.tui.widgets.notice_bar import Words
from troth.tui.widgets.transcript_entry import Entry

if TYPE_CHECKING:
    from troth.tui.screens.chat import ChatScreen

NEWEST = 200
"""Messages that a chat opens with; the older ones come when the reader goes up."""
LONG = 2_000
"""A chat of more messages brings the older ones only near the first that is here: each takes 1 KB
beside its text."""

_DRAFT_DELAY_S = 0.4
LAST_CHAT = "tui:last_chat"
_BARE = (None, 0, 1, False)
"""How most messages look: no verdict, no variants, nothing to fold."""


class Talking:
    """The conversation between one chat screen and the engine."""

    def __init__(self, screen: ChatScreen, engine: Engine) -> None:
        self._screen = screen
        self.engine = engine
        self.chat: Chat | None = None
        self._draft_timer: Timer | None = None
        self._entries: dict[str, Entry] = {}
        self._looks: dict[str, tuple[Verdict | None, int, int, bool]] = {}
        """What an entry was made with, where that is more than the message."""
        self._is_loading = False
        self.meter = Meter(screen, engine)
        self.attaching = Attaching(screen, engine, self.measure)
        self.following = Following(screen, self._entry, self.measure_soon)

    @property
    def attached(self) -> list[BlobPart]:
        """What goes along with the next message."""
        return self.attaching.parts

    # -- which chat

    async def begin(self) -> None:
        """Go back to the chat of last time, else begin an empty one."""
        last = await self.engine.vault.state(LAST_CHAT)
        try:
            chat = await self.engine.open_chat(last, newest=NEWEST) if last else None
        except NotFound:
            chat = None
        if chat is None:
            chat = await self.engine.new_chat()
            chat.draft = await self.engine.vault.draft("")
        await self.show(chat)
        self._screen.set_interval(1.0, self.following.tick)

    async def new(self, *, is_incognito: bool = False, persona: str = "") -> None:
        """Leave this chat for an empty one, with the same model."""
        model = self.chat.conversation.model if self.chat is not None else None
        if model is not None and model.provider == DEMO_PROVIDER:
            model = None  # a demonstration is asked for each time
        chat = await self.engine.new_chat(
            model=None if persona else model, persona=persona, is_incognito=is_incognito
        )
        await self.show(chat)

    async def begin_new(self, *, is_incognito: bool = False, persona: str = "") -> None:
        """Leave this chat for an empty one, ready to be written in; raise NotFound."""
        await self.new(is_incognito=is_incognito, persona=persona)
        self._screen.leave_reading()

    async def lose(self) -> None:
        """Leave a chat that is gone."""
        self.chat = None
        await self.new()

    async def open(
        self, conversation_id: str, *, message_id: str = "", words: Sequence[str] = ()
    ) -> None:
        """Show another chat; a reply that arrives in this one goes on unseen."""
        if self.chat is None or self.chat.id != conversation_id:
            try:
                chat = await self.engine.open_chat(conversation_id, newest=NEWEST)
            except TrothError as error:
                self._screen.say_error(error)
                return
            await self.show(chat)
        if message_id and self.chat is not None:
            await self._go_to(self.chat, message_id, words)

    async def _go_to(self, chat: Chat, message_id: str, words: Sequence[str]) -> None:
        if all(message.id != message_id for message in chat.path):
            await chat.load_rest()
            if all(message.id != message_id for message in chat.path):
                await self.engine.select_variant(chat, message_id)
            self.redraw()
        self._screen.page.go_to(message_id, words)

    async def show(self, chat: Chat) -> None:
        """Put a chat on the screen: its newest messages, its draft, its queue."""
        await self.save_draft()
        old, self.chat = self.chat, chat
        if old is not None and old is not chat:
            await self.engine.close_chat(old)
        self.attaching.clear()
        self._entries.clear()
        self._looks.clear()
        self.following.leave()
        self._screen.prompt.set_text(chat.draft)
        self._screen.prompt.earlier = self.engine.recent_prompts()
        self._screen.say(None)
        reply = chat.reply
        is_drawn_unjudged = reply is not None and (reply.is_running or reply.is_judging)
        self._screen.page.show_chat(self._path_entries(chat))
        self._screen.chat_shown(chat.id)
        self._screen.draw_frame()
        if not chat.conversation.is_incognito:
            await self.remember(chat.id if chat.is_stored else "")
        if reply is not None and reply.is_running:
            self.following.begin(chat, reply)
        elif reply is not None and is_drawn_unjudged:
            self.following.await_verdict(chat, reply)
        await self.measure()
        if chat.is_stored and await chat.holds_comparison():
            self._screen.say(Words("This chat holds a comparison.", "ctrl+s opens it."))

    async def remember(self, chat_id: str) -> None:
        """Let the next start begin with this chat."""
        if not self.engine.vault.is_read_only:
            await self.engine.vault.set_state(LAST_CHAT, chat_id)

    async def load_what_is_near(self) -> None:
        """Bring the older messages when the reader leaves the end; of a very long chat not yet."""
        if self.chat is not None and self.chat.conversation.message_count <= LONG:
            await self.load_older()

    async def load_older(self) -> None:
        """Bring the older messages, when the reader goes up: a long chat opens with its newest."""
        chat = self.chat
        if chat is None or chat.is_whole or self._is_loading:
            return
        self._is_loading = True
        try:
            await chat.load_rest()
        finally:
            self._is_loading = False
        if self.chat is chat:
            self.redraw()

    def redraw(self) -> None:
        """Give the transcript the path as it is now."""
        if self.chat is not None:
            self._screen.page.update_path(self._path_entries(self.chat))
            self._screen.draw_frame()

    def _path_entries(self, chat: Chat) -> list[Entry]:
        entries = [self._entry(chat, message) for message in chat.path]
        if chat.is_replying and chat.reply is not None:
            notes = (HELD,) if chat.is_held else ()
            entries.append(arriving_entry(chat.reply.id, model_name(chat.reply.model), notes))
        return entries

    def _entry(self, chat: Chat, message: Message) -> Entry:
        """Return the entry of a message, made once for each verdict and number of variants."""
        at, ids = chat.variants(message.id)
        if chat.reply is not None and chat.reply.id == message.id and chat.reply.is_judging:
            entry = entry_of(message, variant=(at + 1, len(ids)) if len(ids) > 1 else None)
            if chat.is_held:
                return replace(
                    entry,
                    badge=CHECKING,
                    text="",
                    thinking="",
                    lead_notes=(HELD,),
                    attachments=(),
                    pictures=(),
                )
            return replace(entry, badge=CHECKING)
        verdict = chat.verdicts.get(message.id)
        is_short = verdict is not None and falls_short(verdict, chat.conversation.policy)
        look = (verdict, at, len(ids), is_short)
        known = self._entries.get(message.id)
        if known is None or self._looks.get(message.id, _BARE) != look:
            variant = (at + 1, len(ids)) if len(ids) > 1 else None
            known = entry_of(message, verdict=verdict, variant=variant, falls_short=is_short)
            self._entries[message.id] = known
            self._looks.pop(message.id, None)
            if look != _BARE:
                self._looks[message.id] = look
        return known

    # -- sending

    async def submit(self, text: str) -> None:
        """Send what was written, or let it wait while a reply arrives."""
        chat = self.chat
        if chat is None:
            self._screen.prompt.give_back(text)
            return
        if self.attaching.is_reading:
            self.attaching.say_still_reading()
            self._screen.prompt.give_back(text)
            return
        parts: list[Part] = [*self.attached]
        if text.strip():
            parts.insert(0, TextPart(text.removeprefix("/") if text.startswith("//") else text))
        if chat.is_replying:
            try:
                await self.engine.waiting.put(chat, parts)
            except TrothError as error:
                self._screen.say_error(error)
                self._screen.prompt.give_back(text)
                return
            self._sent()
            return
        if await self.attempt(self.engine.send(chat, parts)):
            self._sent()
        else:
            self._screen.prompt.give_back(text)

    async def attempt(self, sending: object) -> bool:
        """Wait for something that starts a reply; say what is wrong where it cannot start."""
        assert asyncio.iscoroutine(sending)
        if not await self._may_cross():
            sending.close()
            return False
        try:
            await sending
        except TrothError as error:
            self._screen.say_error(error)
            return False
        return True

    async def _may_cross(self) -> bool:
        """Ask what becomes of protected messages before a plain provider gets any of them."""
        chat = self.chat
        if chat is None or chat.conversation.model is None:
            return True
        try:
            plan = await self.engine.plan(chat)
        except TrothError:
            return True  # sending says what is wrong
        if plan.crossing is None:
            return True
        name = plan.endpoint.title or plan.endpoint.name
        choice = await self._screen.ask_and_wait(
            CrossingScreen(plan.crossing, name, plan.model.ref.model)
        )
        if choice is None:
            self._screen.announce("Nothing was sent.")
            return False
        await self.engine.proofs.cross(chat, plan.crossing, sends=choice == "send")
        return True

    def _sent(self) -> None:
        self.attaching.clear()
        self._screen.prompt.earlier = self.engine.recent_prompts()
        self._screen.say(None)
        self._screen.draw_frame()
        self.measure_soon()

    def stop(self) -> None:
        """End the running reply; what has come is kept."""
        if self.chat is not None and self.chat.reply is not None:
            self.chat.reply.stop()

    async def send_waiting(self) -> None:
        """Let the first waiting message go now."""
        chat = self.chat
        if chat is None or not chat.queue:
            return
        if await self.attempt(self.engine.waiting.send(chat, chat.queue[0].id)):
            self._screen.say(None)
            self._screen.draw_frame()

    async def take_back(self, place: int = -1) -> None:
        """Bring a waiting message back into the prompt, with its attachments."""
        chat = self.chat
        if chat is None or not -len(chat.queue) <= place < len(chat.queue):
            return
        queued, prompt = chat.queue[place], self._screen.prompt
        written = prompt.text
        prompt.set_text(f"{queued.text}\n{written}" if written.strip() else queued.text)
        try:
            # The draft first: whatever happens in between, the words are in one of the two.
            await self.save_draft()
            taken = await self.engine.waiting.take(chat, queued.id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        if taken is None:
            prompt.set_text(written)  # it was sent meanwhile
            return
        self.attaching.take(part for part in taken.parts if isinstance(part, BlobPart))
        self._screen.draw_frame()

    async def drop(self, place: int = -1) -> None:
        """Throw a waiting message away."""
        chat = self.chat
        if chat is not None and -len(chat.queue) <= place < len(chat.queue):
            await self.engine.waiting.take(chat, chat.queue[place].id)
            self._screen.draw_frame()

    # -- model and draft

    async def use_model(self, ref: ModelRef) -> None:
        """Let another model answer from the next message on; the draft stays."""
        chat = self.chat
        if chat is None:
            return
        await self.engine.update_chat(chat, model=ref)
        self._screen.draw_frame()
        # A model on this computer takes a second to start: while the next words are typed.
        self._screen.run_worker(self.engine.warm_up(ref), group="warm up", exclusive=True)
        await self.meter.measure(chat, self.attached, is_switch=True)

    async def measure(self) -> None:
        """Count again what the next message would carry."""
        if self.chat is not None:
            await self.meter.measure(self.chat, self.attached)

    def measure_soon(self) -> None:
        self._screen.run_worker(self.measure(), group="meter", exclusive=True)

    def draft_changed(self) -> None:
        """Keep the draft soon, and count it."""
        if self._draft_timer is None:
            self._draft_timer = self._screen.set_timer(_DRAFT_DELAY_S, self._draft_rested)

    def _draft_rested(self) -> None:
        self._draft_timer = None
        self.meter.draw()
        self._screen.run_worker(self.save_draft(), group="draft", exclusive=True)

    async def save_draft(self) -> None:
        """Keep what is in the prompt with its chat."""
        chat, text = self.chat, self._screen.prompt.text
        if chat is None or chat.draft == text:
            return
        try:
            await self.engine.save_draft(chat, text)
        except TrothError as error:
            self._screen.say_error(error)

"""What the chat screen gains when the engine is there: transcript, notices, and who carries out
which command. One table says it: a command of the registry that is missing here is a bug that a
test finds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from textual.widgets import Static

from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.tui.commands import Scope
from troth.tui.keys import footer_items
from troth.tui.safe import clean_line
from troth.tui.screens.compare_visit import Comparing
from troth.tui.screens.entries import model_name
from troth.tui.screens.listing import Listing
from troth.tui.screens.news import News
from troth.tui.screens.page import Page
from troth.tui.screens.pictures import Pictures
from troth.tui.screens.queue_words import queued_words, waiting_note
from troth.tui.screens.reading import Reading
from troth.tui.screens.talking import Talking
from troth.tui.screens.verification import Verifying
from troth.tui.screens.visits import Visits
from troth.tui.widgets.notice_bar import NoticeBar
from troth.tui.widgets.queue_bar import QueueBar
from troth.tui.widgets.sidebar import Sidebar
from troth.tui.widgets.slash_menu import SlashMenu

if TYPE_CHECKING:
    from troth.tui.application import TrothApp
    from troth.tui.screens.chat import ChatScreen

Handler = Callable[[str], "Awaitable[None] | None"]


class Desk:
    """Transcript and controllers of one chat screen."""

    def __init__(self, app: TrothApp, screen: ChatScreen, engine: Engine) -> None:
        self.app = app
        self._screen = screen
        self.engine = engine
        self.notice = NoticeBar()
        self._queue = QueueBar()
        self._attached = Static("", markup=False, id="attached")
        self._menu = SlashMenu()
        self.page = Page()
        self.page.opens_thinking = engine.settings.show_thinking
        self.talking = Talking(screen, engine)
        self.pictures = Pictures(app, screen, self.talking)
        self.reading = Reading(app, screen, self.talking, self.pictures)
        self.listing = Listing(app, screen, self.talking)
        self.visits = Visits(app, screen, self.talking, self.pictures)
        self.verifying = Verifying(app, screen, self.talking)
        self.comparing = Comparing(app, screen, self.talking)
        self.handlers: dict[str, Handler] = self._handlers()

    async def settle_in(self) -> None:
        """Mount what the first paint did without, and show the chat."""
        screen = self._screen
        typed = screen.prompt.text
        place = screen.query_one("#place")
        await screen.mount_all([self.verifying.banner, self.page], before=place)
        await screen.mount_all(
            [self.notice, self._queue, self._attached, self._menu], before=screen.prompt
        )
        await place.remove()
        for widget in (self.page, self.notice, self._queue, self._attached, screen.title_bar):
            widget.add_class("beside")
        self._menu.add_class("beside")
        screen.prompt.menu = self._menu
        screen.prompt.area.keys = self.app.keymap.keys
        await self.talking.begin()
        News(screen, self.talking).begin()
        if typed:
            screen.prompt.set_text(screen.prompt.text + typed)
        self.visits.say_problems()

    # -- facts and drawing

    def facts(self) -> frozenset[str]:
        """Say what holds now."""
        chat = self.talking.chat
        facts = {"idle"} if chat is None or not chat.is_replying else {"streaming"}
        if not self.engine.vault.is_memory:
            facts.add("vault")
        if chat is not None and chat.conversation.head_id is not None:
            facts.add("chat")
        if self.talking.attached:
            facts.add("attached")
        if self.talking.attaching.is_reading:
            facts.add("attaching")
        if chat is not None and chat.queue:
            facts.add("queue")
        if self.listing.deeds.has_trash:
            facts.add("trash")
        if self.listing.is_open:
            facts.add("list")
        return frozenset(facts | self.reading.facts() | self.verifying.facts())

    def draw_frame(self) -> None:
        """Draw title, queue and footer."""
        screen, chat = self._screen, self.talking.chat
        facts = self.facts()
        screen.prompt.facts = facts
        title = screen.title_bar
        if chat is not None:
            conversation = chat.conversation
            title.chat_title = conversation.title or "New chat"
            model = conversation.model
            title.model = model_name(model) if model is not None else "no model yet"
            title.state = self._state_words(is_incognito=conversation.is_incognito)
            self._draw_queue(chat)
        self.verifying.follow()
        screen.footer.items = tuple(footer_items(self.app.keymap, facts, *self._scopes()))

    def _draw_queue(self, chat: Chat) -> None:
        queue, first = self._queue, self.app.keymap.first
        queue.texts = tuple(queued_words(queued) for queued in chat.queue)
        queue.note = waiting_note(chat)
        send = f"{first('queue.send')} send  " if queue.note else ""
        queue.hint = f"{send}{first('queue.edit')} edit  {first('queue.remove')} drop"

    def _state_words(self, *, is_incognito: bool) -> str:
        if is_incognito:
            return "incognito"
        vault = self.engine.vault
        return (
            "memory only" if vault.is_memory else "read-only" if vault.is_read_only else "unlocked"
        )

    def _scopes(self) -> tuple[Scope, ...]:
        focused = self._screen.focused
        if focused is not None and any(isinstance(node, Sidebar) for node in focused.ancestors):
            return ("sidebar", "app")
        if self.page.has_focus:
            return ("reading", "app")
        if self.verifying.has_focus:
            return ("verification", "app")
        return ("prompt", "chat", "app")

    def draw_attached(self, lines: Sequence[str]) -> None:
        """Show what goes along with the next message."""
        self._attached.set_class(bool(lines), "-some")
        self._attached.update("\n".join(f" with  {clean_line(line)}" for line in lines))

    # -- who carries out what

    def _handlers(self) -> dict[str, Handler]:
        return {
            **self._prompt_handlers(),
            **self._chat_handlers(),
            **self._reading_handlers(),
            **self._verification_handlers(),
            **self._sidebar_handlers(),
            **self._app_handlers(),
        }

    def _prompt_handlers(self) -> dict[str, Handler]:
        talking, page, screen = self.talking, self.page, self._screen
        return {
            "prompt.send": lambda _: screen.prompt.accept(),
            "prompt.newline": lambda _: screen.prompt.insert_text("\n"),
            "prompt.earlier": lambda _: screen.prompt.walk(-1),
            "prompt.later": lambda _: screen.prompt.walk(1),
            "prompt.complete": lambda _: screen.prompt.complete(),
            "prompt.editor": lambda _: self.visits.edit_outside(),
            "prompt.attach": self.visits.attach,
            "prompt.detach": lambda _: talking.attaching.detach(),
            "attach.stop": lambda _: talking.attaching.stop(),
            "reading.enter": lambda _: page.enter(),
            "reply.stop": lambda _: talking.stop(),
            "queue.send": lambda _: talking.send_waiting(),
            "queue.edit": lambda _: talking.take_back(),
            "queue.remove": lambda _: talking.drop(),
            "view.up": lambda _: self._scroll_pages(-0.9),
            "view.down": lambda _: self._scroll_pages(0.9),
            "view.end": lambda _: page.scroll_to_tail(),
            "reading.leave": lambda _: screen.leave_reading(),
        }

    def _scroll_pages(self, pages: float) -> None:
        """Scroll what has the keys: the pane while it is read, else the chat."""
        if not self.verifying.scroll_pages(pages):
            self.page.scroll_pages(pages)

    def _chat_handlers(self) -> dict[str, Handler]:
        talking, listing, visits = self.talking, self.listing, self.visits
        deeds = listing.deeds
        return {
            "model.pick": visits.pick_model,
            "compare.open": self.comparing.open,
            "find.open": visits.find,
            "sidebar.toggle": lambda _: listing.toggle(),
            "chat.new": lambda persona: talking.begin_new(persona=persona),
            "chat.incognito": lambda _: talking.begin_new(is_incognito=True),
            "chat.rename": lambda title: deeds.rename(title=title),
            "chat.settings": lambda _: visits.settings(),
            "chat.pin": lambda _: deeds.pin(),
            "chat.archive": lambda _: deeds.archive(),
            "chat.tag": deeds.tag,
            "chat.folder": deeds.put,
            "chat.delete": lambda _: deeds.delete(),
            "chat.undelete": lambda _: deeds.undelete(),
            "import.open": visits.take_in,
            "chat.save": self.reading.save_chat,
            "chat.earlier": lambda _: listing.step(-1),
            "chat.later": lambda _: listing.step(1),
        }

    def _reading_handlers(self) -> dict[str, Handler]:
        reading, page = self.reading, self.page
        return {
            "reading.next": lambda _: reading.next(),
            "reading.previous": lambda _: reading.previous(),
            "reading.first": lambda _: reading.first(),
            "reading.last": lambda _: reading.last(),
            "reading.copy": lambda _: reading.copy(),
            "reading.code": reading.code,
            "reading.link": reading.link,
            "reading.fold": lambda _: page.toggle_fold(),
            "reading.quote": lambda _: reading.quote(),
            "reading.edit": lambda _: reading.edit(),
            "reading.regenerate": lambda _: reading.regenerate(),
            "reading.continue": lambda _: reading.go_on(),
            "reading.fork": lambda _: reading.fork(),
            "reading.older": lambda _: reading.walk(-1),
            "reading.newer": lambda _: reading.walk(1),
            "reading.save": reading.save,
            "picture.larger": lambda _: self.pictures.resize(1),
            "picture.smaller": lambda _: self.pictures.resize(-1),
            "reading.keys": lambda _: self.visits.help(),
            "reading.verdict": lambda _: reading.details(),
        }

    def _verification_handlers(self) -> dict[str, Handler]:
        verifying, actions = self.verifying, self.verifying.actions
        return {
            "verification.toggle": lambda _: verifying.toggle(),
            "verification.again": lambda _: actions.check_again(),
            "verification.bytes": lambda _: actions.show_bytes(),
            "verification.key": lambda _: actions.key_and_trust(),
            "verification.evidence": lambda _: actions.show_evidence(),
            "verification.receipt": actions.export_receipt,
            "verification.copy": lambda _: actions.copy_fingerprint(),
            "verification.allow": lambda _: actions.allow(),
            "verification.older": lambda _: verifying.step(-1),
            "verification.newer": lambda _: verifying.step(1),
            "verification.down": lambda _: verifying.scroll(2),
            "verification.up": lambda _: verifying.scroll(-2),
            "verification.leave": lambda _: verifying.leave(),
        }

    def _sidebar_handlers(self) -> dict[str, Handler]:
        listing, deeds = self.listing, self.listing.deeds
        return {
            "sidebar.open": lambda _: listing.open_selected(),
            "sidebar.filter": lambda _: listing.focus_filter(),
            "sidebar.rename": lambda _: deeds.rename(from_list=True),
            "sidebar.pin": lambda _: deeds.pin(from_list=True),
            "sidebar.archive": lambda _: deeds.archive(from_list=True),
            "sidebar.archived": lambda _: listing.toggle_archive(),
            "sidebar.delete": lambda _: deeds.delete(from_list=True),
            "sidebar.undelete": lambda _: deeds.undelete(),
            "sidebar.select": lambda _: listing.pick(),
            "sidebar.all": lambda _: listing.pick_all(),
            "sidebar.move": lambda _: deeds.put(from_list=True),
            "sidebar.tag": lambda _: deeds.tag(from_list=True),
            "sidebar.down": lambda _: listing.move(1),
            "sidebar.up": lambda _: listing.move(-1),
            "sidebar.first": lambda _: listing.move_to_end(-1),
            "sidebar.last": lambda _: listing.move_to_end(1),
            "sidebar.leave": lambda _: listing.step_back(),
            "folder.list": lambda _: listing.folders(),
        }

    def _app_handlers(self) -> dict[str, Handler]:
        visits = self.visits
        return {
            "theme.pick": visits.pick_theme,
            "provider.add": lambda _: visits.set_up(),
            "vault.open": lambda _: visits.vault(),
            "provider.login": visits.log_in,
            "demo.start": visits.demo,
            "network.open": lambda _: visits.network(),
            "app.lock": lambda _: self.app.lock(),
            "app.help": lambda _: visits.help(),
            "app.suspend": lambda _: self.app.action_suspend_process(),
            "app.quit": lambda _: self.app.action_quit(),
            "palette.open": lambda _: visits.palette(),
        }

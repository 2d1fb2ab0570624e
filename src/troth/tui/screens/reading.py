"""Reading mode: what can be done with the message under the reader's eye.

Copies are always the message's source, never painted cells, with control characters taken out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from troth.domain.error import TrothError
from troth.domain.message import Message, Role
from troth.settings import typed_path
from troth.tui.clipboard import words_after_copy
from troth.tui.safe import clean, clean_line
from troth.tui.screens.dialogs import DetailsScreen, TextDialog
from troth.tui.screens.entries import chat_markdown
from troth.tui.widgets.notice_bar import Words

if TYPE_CHECKING:
    from troth.engine.chat import Chat
    from troth.tui.application import TrothApp
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.pictures import Pictures
    from troth.tui.screens.talking import Talking

Waiting = Literal["", "code", "link", "save"]


class Reading:
    """The commands of reading mode. Those without a message under the eye take the last one."""

    def __init__(
        self, app: TrothApp, screen: ChatScreen, talking: Talking, pictures: Pictures
    ) -> None:
        self._app = app
        self._screen = screen
        self._talking = talking
        self._pictures = pictures
        self.waits_for: Waiting = ""
        """What the next digit chooses."""
        self.edited_id = ""
        """The message that the prompt's text will stand beside when it is sent."""
        self._unsent = ""
        """What was being written when the edit began: it comes back after it."""

    # -- which message

    @property
    def _chat(self) -> Chat | None:
        return self._talking.chat

    def message(self, role: Role | None = None) -> Message | None:
        """Return the message under the eye in reading mode, else the last one of that role."""
        chat = self._chat
        if chat is None:
            return None
        current = chat.tree.get(self._screen.page.current_id) if self._screen.is_reading else None
        if current is not None and (role is None or current.role is role):
            return current
        # On a reply, "edit" means the question that it answers.
        below = current.id if current is not None and role is Role.USER else None
        path = chat.tree.path(below) if below is not None else chat.path
        return next((m for m in reversed(path) if role is None or m.role is role), None)

    def facts(self) -> set[str]:
        """Say what holds of the message under the eye."""
        message = self.message()
        if message is None:
            return set()
        facts = {"picture"} if self._pictures.of(message) else set[str]()
        if self._screen.is_reading:
            facts |= {"message", "own" if message.role is Role.USER else "reply"}
        if message.is_partial:
            facts.add("partial")
        if self._chat is not None and len(self._chat.variants(message.id)[1]) > 1:
            facts.add("variants")
        if "```" in message.text or "~~~" in message.text:
            facts.add("code")
        return facts

    # -- walking

    # Each begins to read first: they are called from the prompt, too.

    async def first(self) -> None:
        """Go to the very first message, with the older ones brought."""
        self._screen.page.enter()
        await self._talking.load_older()
        self._screen.page.select_first()

    def last(self) -> None:
        """Go to the newest message."""
        self._screen.page.enter()
        self._screen.page.select_last()

    def next(self) -> None:
        """Go one message down."""
        self._screen.page.enter()
        self._screen.page.select_next()

    async def previous(self) -> None:
        """Go one message up; near the top the older ones are brought."""
        self._screen.page.enter()
        before = self._screen.page.current_id
        self._screen.page.select_previous()
        if self._screen.page.current_id == before:
            await self._talking.load_older()
            self._screen.page.select_previous()

    # -- copying and opening

    def copy(self) -> None:
        """Copy the message's Markdown source."""
        if (
            message := self.message(None if self._screen.is_reading else Role.ASSISTANT)
        ) is not None:
            self._copy(message.text, "The message's source")

    def code(self, number: str = "") -> None:
        """Copy a code block: the only one at once, else the one whose number comes next."""
        message = self.message(None if self._screen.is_reading else Role.ASSISTANT)
        blocks = self._screen.page.code_blocks(message.id) if message is not None else ()
        if not blocks:
            self._screen.announce("There is no code block in this message.")
        elif number or len(blocks) == 1:
            self._copy_block(blocks, number or "1")
        else:
            self.waits_for = "code"
            self._screen.announce(f"Which one? 1 to {min(9, len(blocks))}")

    def _copy_block(self, blocks: Sequence[str], number: str) -> None:
        place = int(number) - 1 if number.isdigit() else -1
        if 0 <= place < len(blocks):
            self._copy(blocks[place], f"Code block {number}")
        else:
            self._screen.announce(f"There are {len(blocks)} code blocks.")

    async def link(self, number: str = "") -> None:
        """Open a picture or a link of the message: the only one at once, else by number."""
        message = self.message()
        pictures = self._pictures.of(message)
        found = web_links(self._screen.page.links(message.id)) if message is not None else []
        names = [*(blob.name for blob in pictures), *found]
        if not names:
            self._screen.announce("There is no link and no picture in this message.")
        elif (place := self._choice(names, number, "link")) is None:
            return
        elif place < len(pictures):
            await self._pictures.open(pictures[place])
        else:
            self.open_address(found[place - len(pictures)])

    def _choice(self, names: Sequence[str], number: str, waiting: Waiting) -> int | None:
        """Return which one is meant: the only one, or that of the number; None asks for it."""
        if number or len(names) == 1:
            place = int(number or "1") - 1 if (number or "1").isdigit() else -1
            return place if 0 <= place < len(names) else None
        self.waits_for = waiting
        listed = "  ".join(f"{at}: {clean_line(name)}" for at, name in enumerate(names[:9], 1))
        self._screen.announce(f"Which one? {listed}")
        return None

    def open_address(self, address: str) -> None:
        """Show an address in full and open it after a yes: its text may say something else."""
        if web_links([address]):
            self._screen.ask(
                TextDialog("Open this address?", address, is_question=True),
                self._app.open_url,
            )

    async def digit(self, number: str) -> None:
        """Take a digit: it chooses what was asked for, else a code block."""
        waiting, self.waits_for = self.waits_for, ""
        if waiting == "link":
            await self.link(number)
        elif waiting == "save":
            self.save(number=number)
        else:
            self.code(number)

    def _copy(self, text: str, what: str) -> None:
        kept = clean(text)
        if not kept.strip():
            self._screen.announce("There is no text in this message to copy.")
            return
        is_secret = self._chat is not None and self._chat.conversation.is_incognito
        seconds = self._app.seconds_on_clipboard(is_secret=is_secret)
        self._app.copy_to_clipboard(kept, clear_after_s=seconds)
        self._screen.announce(words_after_copy(what, kept, seconds))

    # -- changing the conversation

    def quote(self) -> None:
        """Put the message into the prompt as a quotation, and go there."""
        if (message := self.message()) is None:
            return
        quoted = "\n".join(f"> {line}" for line in clean(message.text).strip().split("\n"))
        written = self._screen.prompt.text
        self._screen.prompt.set_text(
            f"{written}\n{quoted}\n\n" if written.strip() else f"{quoted}\n\n"
        )
        self._screen.leave_reading()

    def edit(self) -> None:
        """Put the user's message into the prompt; sending it makes a variant beside the old one."""
        if (message := self.message(Role.USER)) is None:
            return
        if not self._is_editing:
            self._unsent = self._screen.prompt.text
        self.edited_id = message.id
        self._screen.prompt.set_text(message.text)
        self._screen.leave_reading()
        send = self._app.keymap.first("prompt.send")
        self._screen.say(
            Words("Editing.", f"{send} sends this wording beside the old one; esc gives it up.")
        )

    @property
    def _is_editing(self) -> bool:
        """Whether the edited message is one of the chat that is shown."""
        chat = self._chat
        return chat is not None and chat.tree.get(self.edited_id) is not None

    def give_up_edit(self) -> bool:
        """Stop editing an earlier message; returns whether one was being edited."""
        was_editing = self._is_editing
        if was_editing:
            self.edited_id = ""
            self._screen.prompt.set_text(self._unsent)
            self._screen.say(None)
        return was_editing

    async def resend(self, text: str) -> bool:
        """Send the edited wording, where one is being edited; returns whether it was."""
        chat = self._chat
        if not self._is_editing or chat is None:
            return False
        sending = self._talking.engine.edit_and_resend(chat, self.edited_id, text)
        if await self._talking.attempt(sending):
            self.edited_id = ""
            self._screen.say(None)
            if self._unsent:
                self._screen.prompt.give_back(self._unsent)
        else:
            self._screen.prompt.give_back(text)
        return True

    async def regenerate(self) -> None:
        """Ask for another reply beside the one under the eye."""
        chat, message = self._chat, self.message()
        if chat is not None and message is not None:
            await self._talking.attempt(self._talking.engine.regenerate(chat, message.id))

    async def go_on(self) -> None:
        """Let the model go on where its reply ended."""
        chat, message = self._chat, self.message(Role.ASSISTANT)
        if chat is not None and message is not None:
            await self._talking.attempt(self._talking.engine.continue_reply(chat, message.id))

    async def fork(self) -> None:
        """Begin a new chat that has everything up to this message; the old one stays as it is."""
        chat, message = self._chat, self.message()
        if chat is None or message is None:
            return
        try:
            forked = await self._talking.engine.fork_chat(chat, message.id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        await self._talking.show(forked)
        self._screen.leave_reading()
        self._screen.announce("A new chat with everything up to here; the old one is unchanged.")

    async def walk(self, step: int) -> None:
        """Show the variant before or after the one under the eye."""
        chat, message = self._chat, self.message()
        if chat is None or message is None:
            return
        at, ids = chat.variants(message.id)
        if not 0 <= at + step < len(ids):
            return
        wanted = ids[at + step]
        try:
            await self._talking.engine.select_variant(chat, wanted)
        except TrothError as error:
            self._screen.say_error(error)
            return
        self._talking.redraw()
        self._screen.page.select(wanted)

    # -- details and files

    def details(self) -> None:
        """Show the numbers of a reply and what was checked about it."""
        chat, message = self._chat, self.message(Role.ASSISTANT)
        if chat is not None and message is not None:
            self._app.push_screen(DetailsScreen(message, chat.verdicts.get(message.id)))

    def save(self, path: str = "", *, number: str = "") -> None:
        """Write the message or one of its pictures to a file; of several things one is chosen."""
        if (message := self.message()) is None:
            return
        pictures = self._pictures.of(message)
        texts = ["the text"] if message.text.strip() or not pictures else []
        names = [*(blob.name for blob in pictures), *texts]
        if path and texts:
            self._screen.run_worker(self._write(message.text, path), group="save")
        elif (place := self._choice(names, number, "save")) is None:
            return
        elif place < len(pictures):
            self._pictures.save(pictures[place], path)
        else:
            self._save(message.text, "message.md")

    def save_chat(self, path: str = "") -> None:
        """Write the whole chat as Markdown."""
        chat = self._chat
        if chat is None:
            return
        title = re.sub(r"[^\w-]+", "-", chat.conversation.title).strip("-").lower() or "chat"
        text = chat_markdown(chat.conversation, chat.path)
        if path:
            self._screen.run_worker(self._write(text, path), group="save")
        else:
            self._save(text, f"{title[:40]}.md")

    def _save(self, text: str, name: str) -> None:
        self._screen.ask(
            TextDialog("Save to a file, not encrypted", name),
            lambda path: self._screen.run_worker(self._write(text, path), group="save"),
        )

    async def _write(self, text: str, path: str) -> None:
        target = _target(path)
        try:
            await asyncio.to_thread(_write_new, target, clean(text))
        except FileExistsError:
            self._screen.announce(f"{target} is there already; nothing was written.")
        except OSError as error:
            self._screen.announce(f"{target} cannot be written: {error.strerror}")
        else:
            self._screen.announce(f"Saved to {target}")


def _target(path: str) -> Path:
    return typed_path(path).absolute()


def _write_new(target: Path, text: str) -> None:
    with target.open("x", encoding="utf-8") as file:
        file.write(text if text.endswith("\n") else text + "\n")


def web_links(links: Iterable[str]) -> list[str]:
    """Return the addresses that may be opened: http and https, nothing else ever."""
    return [link for link in links if link.startswith(("https://", "http://"))]
